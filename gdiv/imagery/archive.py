"""Find scenes: in an ItemCollection file, or by a STAC service that may be slow, busy or wrong."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pystac
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO
from urllib3 import Retry

from gdiv.files import read_text
from gdiv.imagery.items import day_of, moment_of

READS, PAUSE = (
    3,
    1.0,
)  # tries to read a file, beyond GDAL's own, and seconds before the next, doubled each time
# The budget of a request: the first try and four more, after 0, 2, 4 and 8 seconds or as long as the service asks
# for, each given up after 30 seconds without an answer.
TRIES, BACKOFF, TIMEOUT = 5, 1.0, 30.0
BUSY = (429, 500, 502, 503, 504)


class SceneError(RuntimeError):
    """Scenes are missing, or too few are usable; the message says what was found and what would do."""


def find_items(source, glacier, years: list[int]) -> list[dict]:
    """Items of `source` over the glacier in the seasons `years`, oldest first, with absolute links.

    Raises
    ------
    SceneError
        If the file or service cannot be read, or nothing lies in the seasons.
    """
    place = source.path or source.url
    try:
        items = (
            _items_of_file(source, glacier)
            if source.kind == "file"
            else _items_of_service(source, glacier, years)
        )
    except SceneError:
        raise
    except Exception as error:
        raise SceneError(f"{place} could not be read: {error}") from None
    found = [
        item for item in items if moment_of(item) and glacier.season.year_of(day_of(item)) in years
    ]
    if not found:
        spans = ", ".join("{} to {}".format(*glacier.season.dates(year)) for year in years)
        raise SceneError(
            f"{place} holds {len(items)} scenes over {glacier.label}, none of them within {spans}"
        )
    return sorted(found, key=lambda item: (day_of(item), item["id"]))


def _items_of_file(source, glacier):
    path = Path(source.path)
    collection = pystac.ItemCollection.from_dict(json.loads(read_text(path)))
    west, south, east, north = glacier.bbox
    items = []
    for item in collection.items:
        for asset in item.assets.values():
            if "://" not in asset.href:
                asset.href = str((path.parent / asset.href).resolve())
        # One that does not say where it lies is kept, to be judged and named.
        if not item.bbox or (
            item.bbox[0] < east
            and item.bbox[2] > west
            and item.bbox[1] < north
            and item.bbox[3] > south
        ):
            items.append(item.to_dict(include_self_link=False, transform_hrefs=False))
    return items


def _items_of_service(source, glacier, years):
    retry = Retry(
        total=TRIES - 1,
        backoff_factor=BACKOFF,
        backoff_max=30,
        status_forcelist=BUSY,
        allowed_methods=None,
    )
    client = Client.open(source.url, stac_io=StacApiIO(max_retries=retry, timeout=TIMEOUT))
    items = {}
    for year in years:
        first, last = glacier.season.dates(year)
        search = client.search(
            collections=[source.collection],
            bbox=glacier.bbox,
            datetime=f"{first}/{last}",
            limit=100,
        )
        for page in search.pages_as_dicts():
            new = {item["id"]: item for item in page["features"] if item["id"] not in items}
            if page["features"] and not new:
                raise SceneError(
                    f"{source.url} sends the same page again and again after {len(items)} scenes; "
                    f"try later, or another source of these scenes"
                )
            items |= new
    return list(items.values())


def retry(read: Callable[[], Any]) -> Any:
    """What `read()` gives, asked for again after a failure; the last failure is raised."""
    for number in range(READS):
        try:
            return read()
        except (OSError, RuntimeError):
            if number == READS - 1:
                raise
            time.sleep(PAUSE * 2**number)
