"""Make an ItemCollection from a folder of GeoTIFFs with dates in their names.

Such folders hold Planet scenes, crops of one's own, or anything that no service offers.
"""

import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import rasterio
import shapely
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds

from gdiv.files import short_message, write_json

__all__ = ["FolderError", "date_in_name", "write_items"]

#: YYYYMMDD or YYYY-MM-DD, followed by a time if there is one. Path and row of Landsat are no date.
DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T_]([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?!\d))?"
)
#: Year of the first Landsat with bands as today's; a smaller number in a name is no year.
FIRST_YEAR = 1982
#: Version of STAC and of its projection extension that the items follow.
STAC_VERSION = "1.1.0"
PROJECTION = "https://stac-extensions.github.io/projection/v1.1.0/schema.json"


class FolderError(ValueError):
    """A folder holds no scenes, or a file is none; the message names it and the cure."""


def write_items(folder: Path) -> Path:
    """Write ``items.json`` into a folder, with one item per GeoTIFF.

    Parameters
    ----------
    folder : Path
        Folder of files ``*.tif``, searched with its subfolders. Each file is one band of whole
        numbers (the one to be matched, best near infrared) on square, north-up pixels. Its name
        holds the date, and the time if there is one, as YYYYMMDD, YYYY-MM-DD or YYYYMMDD_HHMMSS.
        No data is 0.

    Returns
    -------
    Path
        The file written. Its links are relative to the folder.

    Raises
    ------
    FolderError
        If there is no such folder or file, one that cannot be a scene, or two of one date.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FolderError(f"the folder {folder} does not exist")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".tif", ".tiff"))
    if not paths:
        raise FolderError(f"{folder} holds no GeoTIFF (*.tif, *.tiff)")
    items = [_make_item(path, folder) for path in paths]
    counts = Counter(item["properties"]["datetime"] for item in items)
    repeated = [date for date, count in counts.items() if count > 1]
    if repeated:
        names = [
            item["assets"]["nir"]["href"]
            for item in items
            if item["properties"]["datetime"] == repeated[0]
        ]
        raise FolderError(
            f"{', '.join(names)} are of one date: keep the one band that is to be matched"
        )
    target = folder / "items.json"
    write_json(target, {"type": "FeatureCollection", "features": items})
    return target


def date_in_name(stem: str) -> datetime | None:
    """Find the first date in a name that can be that of a scene.

    Parameters
    ----------
    stem : str
        Name of a file without its suffix.

    Returns
    -------
    datetime or None
        With the time of day if the name has one; None without a date.

    Examples
    --------
    >>> date_in_name("20200731_142233_1003").isoformat()
    '2020-07-31T14:22:33'
    >>> date_in_name("scene_197012") is None
    True
    """
    for match in DATE.finditer(stem):
        year, _, *rest = match.groups(default="0")
        month, day, hour, minute, second = (int(part) for part in rest)
        try:
            moment = datetime(int(year), month, day, hour, minute, second)
        except ValueError:
            continue
        if moment.year >= FIRST_YEAR:
            return moment
    return None


def _make_item(path: Path, folder: Path) -> dict[str, Any]:
    """STAC item of one file."""
    name = path.relative_to(folder).as_posix()
    moment = date_in_name(path.stem)
    if moment is None:
        raise FolderError(
            f"{name} has no date in its name; call it something like scene_20200731.tif"
        )
    try:
        file = rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        raise FolderError(f"{name} cannot be read: {short_message(error)}") from None
    with file:
        _check_file(file, name)
        bounds = list(transform_bounds(file.crs, 4326, *file.bounds))
        image = {
            "href": f"./{name}",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "proj:shape": list(file.shape),
            "proj:transform": list(file.transform)[:6],
        }
        epsg = file.crs.to_epsg()
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [PROJECTION],
        "id": path.relative_to(folder).with_suffix("").as_posix().replace("/", "-"),
        "collection": folder.resolve().name,
        "geometry": shapely.geometry.mapping(shapely.box(*bounds)),
        "bbox": bounds,
        "properties": {"datetime": f"{moment.isoformat()}Z", "proj:epsg": epsg},
        "links": [],
        "assets": {"nir": image},
    }


def _check_file(file: DatasetReader, name: str) -> None:
    """Refuse a file that is no scene, with the command that mends it."""
    if file.count != 1:
        raise FolderError(
            f"{name} has {file.count} bands; take one out of it: gdal_translate -b N {name} one.tif"
        )
    if file.dtypes[0] not in ("uint8", "uint16"):
        raise FolderError(
            f"{name} holds {file.dtypes[0]}, not whole numbers: "
            f"gdal_translate -ot UInt16 -scale 0 1 1 10001 {name} new.tif"
        )
    if file.crs is None or not file.crs.to_epsg():
        raise FolderError(
            f"{name} has no projection with an EPSG code; gdalwarp -t_srs EPSG:326NN it"
        )
    if file.nodata not in (None, 0):
        raise FolderError(
            f"{name} marks no data by {file.nodata:g}, not 0: gdalwarp -dstnodata 0 {name} new.tif"
        )
