"""Find scenes in an ItemCollection file or a STAC service that may be slow, busy or faulty."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pystac
import requests
from urllib3 import Retry

from gdiv.catalog import Glacier, Source
from gdiv.files import read_text, redacted
from gdiv.imagery.items import PARTS, RESAMPLED, read_id, read_moment
from gdiv.imagery.placement import Box, box_polygon, read_box

if TYPE_CHECKING:
    from pystac_client import Client

__all__ = ["SceneError", "UnreachableError", "find_items", "local_path"]

#: Number of attempts per request. The pauses between them are 0, 2, 4 and 8 seconds, or as
#: requested by the service.
ATTEMPTS = 5
#: Factor of the pauses, seconds: urllib3 waits ``BACKOFF * 2**n`` from the second pause on.
BACKOFF = 1.0
#: Longest pause, seconds.
MAX_BACKOFF = 30
#: Seconds without a response after which an attempt is abandoned.
TIMEOUT = 30.0
#: HTTP status codes after which a request is repeated.
RETRY_STATUS = (429, 500, 502, 503, 504)
#: Items per page of a response.
PAGE_SIZE = 100


class SceneError(RuntimeError):
    """Scenes are missing, or too few are usable; the message gives both counts."""


class UnreachableError(SceneError):
    """A service does not respond."""


def find_items(source: Source, glacier: Glacier, years: list[int]) -> list[dict[str, Any]]:
    """Find the items of a source over a glacier in given seasons.

    Parameters
    ----------
    source : gdiv.catalog.Source
        File or service to search.
    glacier : gdiv.catalog.Glacier
        Glacier whose box and season are searched.
    years : list of int
        Season years.

    Returns
    -------
    list of dict
        Items, oldest first, with absolute links. Items without a valid date are at the end, where
        `gdiv.imagery.scenes.judge_scenes` drops them with a reason.

    Raises
    ------
    SceneError
        If the file or service cannot be read, or has no scenes in the seasons.
    UnreachableError
        If the service does not respond.
    """
    location = redacted(str(source.path or source.url))
    try:
        if source.kind == "file":
            items = _items_of_file(source, glacier)
        else:
            items = _items_of_service(source, glacier, years)
    except SceneError:
        raise
    except Exception as error:
        raise SceneError(f"{location} could not be read: {redacted(str(error))}") from None
    dated = []
    undated = []
    for item in items:
        try:
            day = read_moment(item).date()
            season_year = glacier.season.year_of(day)
        except ValueError:
            undated.append(item)
            continue
        if season_year in years:
            dated.append((day, read_id(item), item))
    if not dated:
        spans = ", ".join("{} to {}".format(*glacier.season.dates(year)) for year in years)
        raise SceneError(
            f"{location} has {len(items)} scenes over {glacier.label}, none of them within {spans}"
        )
    dated.sort(key=lambda entry: entry[:2])
    return _with_unique_ids([item for _, _, item in dated] + sorted(undated, key=read_id))


def _with_unique_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make the identifiers of items unique, since they serve as keys of results.

    Identifiers are only unique within a collection. Files may mix collections, or give all scenes
    the same identifier.
    """
    repeated = {name for name, count in Counter(map(read_id, items)).items() if count > 1}
    unique: dict[str, dict[str, Any]] = {}
    for item in items:
        name = read_id(item)
        if name in repeated:
            try:
                moment = f"{read_moment(item):%Y%m%dT%H%M%S}"
            except ValueError:
                moment = ""
            parts = (name, item.get("collection"), moment)
            name = "-".join(str(part) for part in parts if part)
            copies = sum(other == name or other.startswith(f"{name}--") for other in unique)
            name += f"--{copies + 1}" if copies else ""
        unique[name or f"--{len(unique)}"] = item | ({"id": name} if name else {})
    return list(unique.values())


def _items_of_file(source: Source, glacier: Glacier) -> list[dict[str, Any]]:
    """Items of an ItemCollection file over the glacier, with absolute links."""
    path = Path(str(source.path))
    collection = json.loads(read_text(path))
    if not isinstance(collection, dict) or not isinstance(collection.get("features"), list):
        raise ValueError("it is not an ItemCollection")
    items = []
    for feature in collection["features"]:
        if not isinstance(feature, dict):
            raise ValueError(f"its feature {feature!r} is not a STAC item")
        item = _migrated(feature)
        box = read_box(item)
        # An item without a box is kept, so that it is listed with a reason.
        if box is None or _overlap(box, glacier.bbox):
            _make_links_absolute(item, path.parent)
            items.append(item)
    return items


def _migrated(item: dict[str, Any]) -> dict[str, Any]:
    """Item in the current version of STAC, or unchanged where pystac cannot read it."""
    # These fields are reserved for scenes in memory; ignore them in archives.
    item = {key: value for key, value in item.items() if key not in (PARTS, RESAMPLED)}
    try:
        current = pystac.Item.from_dict(item)
        migrated = current.to_dict(include_self_link=False, transform_hrefs=False)
        return {"bbox": item.get("bbox")} | migrated  # pystac drops the box without a geometry
    except Exception:  # one faulty item must not end the study; it is judged unchanged
        return item


def _make_links_absolute(item: dict[str, Any], folder: Path) -> None:
    """Resolve the relative links of assets against the folder of their file, in place."""
    assets = item.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        link = asset.get("href") if isinstance(asset, dict) else None
        if isinstance(link, str) and ("://" not in link or link.startswith("file://")):
            asset["href"] = str(local_path(link, folder))


def local_path(link: str, folder: Path) -> Path:
    """Find the file of a local link.

    Parameters
    ----------
    link : str
        Path or ``file://`` URL. Escapes such as ``%20`` are decoded if no such file exists.
    folder : Path
        Folder to which the link is relative.

    Returns
    -------
    Path
        Absolute path.
    """
    plain = link.removeprefix("file://")
    # Symbolic links are kept; their target is the user's choice.
    path, decoded = (
        Path(os.path.normpath(folder.absolute() / each)) for each in (plain, unquote(plain))
    )
    return decoded if not path.exists() and decoded.exists() else path


def _overlap(box: Box, other: Box) -> bool:
    """Check whether two boxes overlap; both may cross 180 degrees."""
    west, south, east, north = box
    if east - west < 360:  # some archives use longitudes beyond 180 degrees
        west, east = (
            (side + 180) % 360 - 180 if abs(side) > 180 else side for side in (west, east)
        )
    shared = box_polygon((west, south, east, north)).intersection(box_polygon(other))
    return bool(shared.area > 0)


def _items_of_service(source: Source, glacier: Glacier, years: list[int]) -> list[dict[str, Any]]:
    """Items of a STAC service for the glacier's box and seasons, without duplicates."""
    location = redacted(str(source.url))
    client = _open_service(str(source.url))
    items: dict[str, dict[str, Any]] = {}
    for year in years:
        first, last = glacier.season.dates(year)
        search = client.search(
            collections=[source.collection],
            bbox=glacier.bbox,
            datetime=f"{first}/{last}",
            limit=PAGE_SIZE,
        )
        known_ids: set[str] = set()
        for page in search.pages_as_dicts():
            features = page.get("features")
            if not isinstance(features, list):
                raise SceneError(f"{location} returned no scenes: {redacted(str(page))[:200]}")
            page_items = {read_id(each): each for each in features if isinstance(each, dict)}
            new = {
                name: _migrated(each) for name, each in page_items.items() if name not in known_ids
            }
            # Some services link the last page to itself.
            if features and not new:
                raise SceneError(
                    f"{location} returns the same page repeatedly after {len(items)} scenes; "
                    f"try again later, or use another source of these scenes"
                )
            known_ids |= set(new)
            items |= new
    return list(items.values())


def _open_service(url: str) -> "Client":
    """Connect to a STAC service, repeating requests that fail."""
    # Importing pystac-client takes two seconds where all formats of jsonschema are installed.
    from pystac_client import Client
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO

    retry = Retry(
        total=ATTEMPTS - 1,
        backoff_factor=BACKOFF,
        backoff_max=MAX_BACKOFF,
        status_forcelist=RETRY_STATUS,
        allowed_methods=None,
    )
    try:
        return Client.open(url, stac_io=StacApiIO(max_retries=retry, timeout=TIMEOUT))
    except APIError as error:
        if not isinstance(error.__context__, requests.ConnectionError):
            raise
        raise UnreachableError(
            f"{redacted(url)} cannot be reached ({type(error.__context__).__name__}); check the "
            f"network, or choose another source"
        ) from None
