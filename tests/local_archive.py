"""Search, judge and load scenes of a STAC service on this machine."""

import json

from stac_server import StacServer

from gdiv.catalog import load_catalog
from gdiv.imagery import archive, cube, scenes


def make_source(server, key="earth-search"):
    """Make the source `key` of the catalog with the URL of a server."""
    return load_catalog().sources[key].model_copy(update={"url": server.url})


def judge_from(server, glacier, twin, key="earth-search", years=(2020, 2021, 2022)):
    """Search and judge the scenes of a server; return source, items and scene table."""
    source = make_source(server, key)
    items = archive.find_items(source, glacier, list(years))
    masks = twin["masks"]
    table = scenes.judge_scenes(
        items, source, glacier, twin["grid"], masks.glacier.values, masks.stable.values
    )
    return source, items, table


def load_lazily(server, glacier, twin, folder):
    """Load a cube of `server` lazily; return it and its scene table.

    The scenes are judged on another server, so that GDAL has no cached blocks of the first.
    """
    with StacServer(folder) as first:
        source, items, table = judge_from(first, glacier, twin, years=(2020, 2021))
    return cube.load_cube(relocate(items, first, server), table, source, twin["grid"]), table


def relocate(items, first, second):
    """Make the links of items point to another server."""
    return [json.loads(json.dumps(item).replace(first.url, second.url)) for item in items]
