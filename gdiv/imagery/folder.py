"""An ItemCollection from a folder of GeoTIFFs with dates in their names, such as Planet's or one's own crops."""

import json
import re
from datetime import datetime
from pathlib import Path

import rasterio
import shapely
from rasterio.warp import transform_bounds

DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?:[T_]?(\d{2})(\d{2})(\d{2}))?"
)


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
        If there is no such file, or one that cannot be a scene.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".tif", ".tiff"))
    if not files:
        raise FolderError(f"{folder} holds no GeoTIFF (*.tif, *.tiff)")
    items = [_item(path, folder) for path in files]
    target, partial = folder / "items.json", folder / "items.part"
    partial.write_text(json.dumps({"type": "FeatureCollection", "features": items}, indent=1), encoding="utf-8")
    return partial.replace(target)


def _item(path, folder):
    name = path.relative_to(folder).as_posix()
    found = DATE.search(path.stem)
    try:
        when = found and datetime(*(int(part) for part in found.groups(default="0")))
    except ValueError:
        when = None
    if when is None:
        raise FolderError(f"{name} has no date in its name; call it something like scene_20200731.tif")
    with rasterio.open(path) as file:
        if file.count != 1:
            raise FolderError(f"{name} has {file.count} bands; take one out of it: gdal_translate -b N {name} one.tif")
        if file.dtypes[0] not in ("uint8", "uint16"):
            raise FolderError(
                f"{name} holds {file.dtypes[0]}, not whole numbers: gdal_translate -ot UInt16 -scale {name} new.tif"
            )
        if file.crs is None or not file.crs.to_epsg():
            raise FolderError(f"{name} has no projection with an EPSG code; gdalwarp -t_srs EPSG:326NN it")
        if file.nodata not in (None, 0):
            raise FolderError(f"{name} marks no data by {file.nodata:g}, not 0: gdalwarp -dstnodata 0 {name} new.tif")
        epsg, shape, transform = file.crs.to_epsg(), list(file.shape), list(file.transform)[:6]
        bounds = list(transform_bounds(file.crs, 4326, *file.bounds))
    image = {"href": f"./{name}", "type": "image/tiff; application=geotiff", "roles": ["data"]}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        "id": path.stem,
        "collection": folder.resolve().name,
        "geometry": shapely.geometry.mapping(shapely.box(*bounds)),
        "bbox": bounds,
        "properties": {"datetime": f"{when.isoformat()}Z", "proj:epsg": epsg},
        "links": [],
        "assets": {"nir": image | {"proj:shape": shape, "proj:transform": transform}},
    }
