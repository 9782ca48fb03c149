"""An ItemCollection from a folder of GeoTIFFs with dates in their names, such as Planet's or one's own crops."""

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import rasterio
import shapely
from rasterio.warp import transform_bounds

from gdiv.imagery.items import short_message

# YYYYMMDD or YYYY-MM-DD, and a time after it if there is one; a Landsat path and row is no date.
DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T_]([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?!\d))?"
)
FIRST = 1982  # year of the first Landsat with bands as today's; earlier ones are some other number


class FolderError(ValueError):
    """A folder holds no scenes, or a file is none; the message names it and the cure."""


def write_items(folder: Path) -> Path:
    """Write `items.json` into `folder`, an item for each of its `*.tif`, with links relative to it.

    A file is one band of whole numbers (what gdiv matches, best near infrared) on square, north-up pixels, its date
    (and time, if there is one) in its name as YYYYMMDD, YYYY-MM-DD or YYYYMMDD_HHMMSS. No data is what the file says,
    else 0.

    Raises
    ------
    FolderError
        If there is no such file, one that cannot be a scene, or two of one date.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".tif", ".tiff"))
    if not files:
        raise FolderError(f"{folder} holds no GeoTIFF (*.tif, *.tiff)")
    items = [_item(path, folder) for path in files]
    by_date = Counter(item["properties"]["datetime"] for item in items)
    if twice := [date for date, count in by_date.items() if count > 1]:
        names = [
            item["assets"]["nir"]["href"]
            for item in items
            if item["properties"]["datetime"] == twice[0]
        ]
        raise FolderError(
            f"{', '.join(names)} are of one date: keep the one band that is to be matched"
        )
    target, partial = folder / "items.json", folder / "items.part"
    partial.write_text(
        json.dumps({"type": "FeatureCollection", "features": items}, indent=1), encoding="utf-8"
    )
    return partial.replace(target)


def _date(stem):
    """The first date in a name that can be one of a scene, with its time if that is told."""
    for found in DATE.finditer(stem):
        year, _, *rest = found.groups(default="0")
        try:
            when = datetime(int(year), *(int(part) for part in rest))
        except ValueError:
            continue
        if when.year >= FIRST:
            return when
    return None


def _item(path, folder):
    name = path.relative_to(folder).as_posix()
    when = _date(path.stem)
    if when is None:
        raise FolderError(
            f"{name} has no date in its name; call it something like scene_20200731.tif"
        )
    try:
        file = rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        raise FolderError(f"{name} cannot be read: {short_message(error)}") from None
    with file:
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
        epsg, shape, transform = file.crs.to_epsg(), list(file.shape), list(file.transform)[:6]
        bounds = list(transform_bounds(file.crs, 4326, *file.bounds))
    image = {"href": f"./{name}", "type": "image/tiff; application=geotiff", "roles": ["data"]}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        "id": path.relative_to(folder).with_suffix("").as_posix().replace("/", "-"),
        "collection": folder.resolve().name,
        "geometry": shapely.geometry.mapping(shapely.box(*bounds)),
        "bbox": bounds,
        "properties": {"datetime": f"{when.isoformat()}Z", "proj:epsg": epsg},
        "links": [],
        "assets": {"nir": image | {"proj:shape": shape, "proj:transform": transform}},
    }
