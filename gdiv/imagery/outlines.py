"""Glacier and stable-ground masks from outlines."""

import io
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio import features

from gdiv.files import read_text

MARGIN = (
    100.0  # metres: ice beyond an old outline, shaded rims and mixed pixels are not stable ground
)


def read_outline(place: str | Path, glacier, grid: GeoBox) -> gpd.GeoDataFrame:
    """Outlines within `grid` from a vector file or URL (zip archives too), in the grid's CRS.

    Where the file has Randolph Glacier Inventory ids, only the glacier's own polygon is kept if it is
    there, and all ice otherwise.

    Raises
    ------
    ValueError
        If nothing can be read, or no outline meets the grid.
    """
    location = (
        f"/vsizip//vsicurl/{place}"
        if str(place).startswith("http") and str(place).endswith(".zip")
        else place
    )
    try:
        outlines = read_vector(location, bbox=tuple(glacier.bbox))
    except Exception as error:
        raise ValueError(
            f"outline {place} could not be read ({error}); put an outline.geojson beside the scenes' items.json"
        ) from error
    if "RGIId" in outlines and glacier.rgi in set(outlines["RGIId"]):
        outlines = outlines[outlines["RGIId"] == glacier.rgi]
    outlines = outlines.to_crs(grid.crs.epsg)
    outlines = outlines[outlines.intersects(shapely.box(*grid.boundingbox))]
    if outlines.empty:
        raise ValueError(
            f"outline {place} has nothing within the study's box {list(glacier.bbox)}; check its CRS and place"
        )
    return outlines[["geometry"]]


def read_vector(place: str | Path, **options) -> gpd.GeoDataFrame:
    """Read a vector file; a GeoJSON may be in any encoding that `gdiv.files.read_text` reads."""
    if Path(place).suffix.lower() in (".json", ".geojson") and Path(place).is_file():
        return gpd.read_file(io.BytesIO(read_text(place).encode("utf-8")), **options)
    return gpd.read_file(place, **options)


def make_masks(outlines: gpd.GeoDataFrame, grid: GeoBox, margin: float = MARGIN) -> xr.Dataset:
    """`glacier`: pixel centre inside an outline; `stable`: over `margin` metres from any. Both bool `(y, x)`."""
    shape = outlines.union_all()

    def burn(geometry):
        return features.rasterize([geometry], grid.shape, transform=grid.affine).astype(bool)

    coords = {axis: grid.coordinates[axis].values for axis in ("y", "x")}
    attributes = {
        "glacier": "ice, by the outline",
        "stable": f"ground at least {margin:.0f} m from the ice",
    }
    data = {"glacier": burn(shape), "stable": ~burn(shape.buffer(margin))}
    return xr.Dataset(
        {
            name: (
                ("y", "x"),
                np.ascontiguousarray(data[name]),
                {"long_name": attributes[name], "units": "1"},
            )
            for name in data
        },
        coords=coords,
    )
