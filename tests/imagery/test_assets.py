"""Load assets: exact pixels of every archive, few requests."""

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from local_archive import make_source, relocate
from odc.geo.geobox import GeoBox
from places import file_source
from rasterio.windows import from_bounds
from stac_server import StacServer

from gdiv.catalog import load_catalog
from gdiv.imagery import archive, assets, placement
from gdiv.imagery.grid import grid_of_items

pytestmark = pytest.mark.usefixtures("short_waits")


def test_loaded_pixels_equal_the_pixels_of_the_file(twin):
    """Compared with rasterio for the image, and with odc-stac for the coarser mask."""
    grid = twin["grid"]
    item = next(
        i for i in twin["items"] if i["id"] == twin["table"].query("verdict == 'use'").id.iloc[0]
    )
    ours = assets.load_asset([item], twin["source"], "image", grid)[0].compute()
    with rasterio.open(item["assets"]["nir"]["href"]) as file:
        plain = file.read(
            1,
            window=from_bounds(*grid.boundingbox, transform=file.transform),
            boundless=True,
            fill_value=0,
        )
    assert np.array_equal(ours.values, plain)
    assert float(ours.x[0]) == grid.affine.c + 5 and float(ours.y[0]) == grid.affine.f - 5
    mask = assets.load_asset([item], twin["source"], "mask", grid)[0].compute()
    oracle = odc.stac.load(
        [pystac.Item.from_dict(item)], bands=["scl"], geobox=grid, resampling="nearest"
    )
    assert np.array_equal(mask.values, oracle.scl[0].values)


def test_newer_projection_fields_cause_no_resampling(twin):
    item = next(i for i in twin["items"] if "nir" in i["assets"])
    newer = item | {
        "properties": {k: v for k, v in item["properties"].items() if k != "proj:epsg"}
        | {"proj:code": "EPSG:32632"}
    }
    assert placement.read_epsg(newer) == 32632
    first, second = (
        assets.load_asset([i], twin["source"], "image", twin["grid"]).compute()
        for i in (item, newer)
    )
    assert np.array_equal(first.values, second.values)


def test_loading_fetches_few_bytes_with_a_small_graph(glacier, twin_folder, twin):
    """At most 10 % more bytes than odc-stac fetches for the same window."""
    with StacServer(twin_folder) as server:
        archive_items = archive.find_items(make_source(server), glacier, [2020])
        archive_items = [item for item in archive_items if "nir" in item["assets"]]
        grid = twin["grid"][32:160, 16:144]
        server.bytes = 0
        data = assets.load_asset(archive_items, make_source(server), "image", grid)
        assert len(data.__dask_graph__()) <= 4 * len(archive_items) + 10
        ours = data.compute().values
        fetched, server.bytes = server.bytes, 0
    with StacServer(twin_folder) as other:
        odc.stac.configure_rio(cloud_defaults=True)
        named = [pystac.Item.from_dict(item) for item in relocate(archive_items, server, other)]
        theirs = odc.stac.load(named, bands=["nir"], geobox=grid, groupby="id")
        limit = other.bytes
    assert np.array_equal(ours, theirs.nir.values)
    assert fetched <= 1.1 * limit


def test_real_scenes_are_loaded_exactly(real):
    """The grid has a nominal 6.08 m spacing, and its origin is not a multiple of it."""
    moreno = load_catalog().glaciers["perito-moreno"]
    source = file_source(real / "perito-moreno-2020" / "items.json")
    archive_items = archive.find_items(source, moreno, [2020])
    grid = grid_of_items(archive_items, "nir", moreno)
    ours = assets.load_asset(archive_items[:1], source, "image", grid)[0].compute().values
    with rasterio.open(archive_items[0]["assets"]["nir"]["href"]) as file:
        plain, transform = file.read(1), file.transform
    column, row = (
        round((transform.c - grid.affine.c) / 6.08),
        round((grid.affine.f - transform.f) / 6.08),
    )
    rows, columns = (
        min(plain.shape[0], ours.shape[0] - row),
        min(plain.shape[1], ours.shape[1] - column),
    )
    ours = np.nan_to_num(ours[row : row + rows, column : column + columns])
    assert np.array_equal(ours, plain[:rows, :columns])


def test_a_zone_counted_from_north_is_read_exactly_in_the_south(tmp_path):
    """Landsat uses northern zones in the south, and 10,000 km is not a multiple of 30 m."""
    numbers = np.arange(1, 1601, dtype=np.uint16).reshape(40, 40)
    left, top = 600015.0, 4500015.0
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=40, count=1, dtype="uint16",
        crs="EPSG:32618", transform=rasterio.Affine(30, 0, left, 0, -30, top - 1e7), nodata=0,
    ) as file:  # fmt: skip
        file.write(numbers, 1)
    item = {
        "id": "a",
        "type": "Feature",
        "stac_version": "1.0.0",
        "bbox": [-72, -50, -71, -49],
        "properties": {"datetime": "2020-01-01T14:00:00Z", "proj:epsg": 32618},
        "assets": {
            "nir": {"href": str(path), "proj:transform": [30, 0, left, 0, -30, top - 1e7],
                    "proj:shape": [40, 40]}
        },
        "links": [],
    }  # fmt: skip
    grid = GeoBox((20, 24), rasterio.Affine(30, 0, left + 120, 0, -30, top - 150), "EPSG:32718")
    source = load_catalog().sources["twin"]
    read = assets.load_asset([item], source, "image", grid)[0].values
    assert np.array_equal(read, numbers[5:25, 4:28])
