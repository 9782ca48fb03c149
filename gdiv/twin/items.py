"""STAC items and GeoTIFFs of the twin, in the format of Earth Search."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from odc.geo.geobox import GeoBox

from gdiv.catalog import Glacier
from gdiv.imagery.items import NOTICE, SYNTHETIC
from gdiv.twin.acquisitions import Acquisition, Offset
from gdiv.twin.imaging import TwinImage
from gdiv.twin.inputs import require_epsg
from gdiv.twin.rendering import BANDS, SCL

__all__ = ["TAGS", "write_scene"]

#: Tags of every GeoTIFF.
TAGS = {"TIFFTAG_IMAGEDESCRIPTION": NOTICE, "SYNTHETIC": "YES"}

SCALE = 0.0001  # reflectance per digital number, as in Sentinel-2's level 2A
NUMBERS_PER_REFLECTANCE = 10000  # its reciprocal
ADDED_NUMBER = 1000  # added by processing baselines since 04.00
OFFSET = -0.1  # reflectance that removes it
MAX_NUMBER = 65535  # of uint16; 0 is no data
BLOCK_SIZE = 256  # pixels, of the tiles of a GeoTIFF
PASS_TIME = "T10:25:59Z"  # of Sentinel-2 over the Alps
BASELINES: dict[Offset, str] = {"absent": "03.01", "removed": "05.10", "left-in": "04.00"}
DUPLICATE_BASELINE = "02.14"  # an earlier processing of the same acquisition
EXTENSIONS = (
    "eo/v1.1.0",
    "grid/v1.1.0",
    "projection/v1.1.0",
    "raster/v1.1.0",
    "sat/v1.0.0",
    "view/v1.0.0",
)


class _RasterBand(NamedTuple):
    """Grid and numbers of one asset."""

    geobox: GeoBox
    dtype: str
    scaling: dict[str, float]


def write_scene(
    folder: Path, glacier: Glacier, geobox: GeoBox, acquisition: Acquisition, image: TwinImage
) -> dict[str, Any]:
    """Write the GeoTIFFs of one scene and describe them.

    Parameters
    ----------
    folder : Path
        Folder of the twin. The scene is written to its own subfolder.
    glacier : Glacier
        Entry of the catalog.
    geobox : GeoBox
        Grid of the reflectance.
    acquisition : Acquisition
        Day and fault of the scene.
    image : TwinImage
        Reflectance, classification and position of the sun.

    Returns
    -------
    dict
        STAC item, with links relative to `folder`.
    """
    identifier = acquisition.identifier
    (folder / identifier).mkdir(exist_ok=True)
    # As in Earth Search, items state the offset even if it was removed from the numbers.
    offset = 0 if acquisition.offset == "absent" else OFFSET
    reflectance = _RasterBand(geobox, "uint16", {"scale": SCALE, "offset": offset})
    assets = {}
    numbers = _to_numbers(image.reflectance, acquisition.offset)
    for name, values in zip(BANDS, numbers, strict=True):
        if acquisition.kind == "missing-asset" and name == "nir":
            continue
        _write_cog(folder / identifier / f"{name}.tif", values, geobox, "AVERAGE")
        assets[name] = _asset(f"./{identifier}/{name}.tif", reflectance, name)
    classification = _RasterBand(geobox.zoom_out(2), "uint8", {})
    _write_cog(folder / identifier / "scl.tif", image.classes, classification.geobox, "MODE")
    assets["scl"] = _asset(f"./{identifier}/scl.tif", classification, None)
    return _item(glacier, geobox, acquisition, image) | {"links": [], "assets": assets}


def _to_numbers(
    reflectance: npt.NDArray[np.floating[Any]], offset: Offset
) -> npt.NDArray[np.uint16]:
    """Convert reflectance to digital numbers; 0 is reserved for no data."""
    added = ADDED_NUMBER if offset == "left-in" else 0
    numbers = np.round(reflectance * NUMBERS_PER_REFLECTANCE + added)
    return numbers.clip(1, MAX_NUMBER).astype(np.uint16)


def _item(
    glacier: Glacier, geobox: GeoBox, acquisition: Acquisition, image: TwinImage
) -> dict[str, Any]:
    """STAC item without links and assets."""
    outline = gpd.GeoSeries([geobox.extent.geom], crs=require_epsg(geobox))
    footprint = outline.to_crs(4326).iloc[0]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            f"https://stac-extensions.github.io/{name}/schema.json" for name in EXTENSIONS
        ],
        "id": acquisition.identifier,
        "collection": "gdiv-synthetic-twin",
        "geometry": shapely.geometry.mapping(footprint),
        "bbox": list(footprint.bounds),
        "properties": _properties(glacier, geobox, acquisition, image),
    }


def _properties(
    glacier: Glacier, geobox: GeoBox, acquisition: Acquisition, image: TwinImage
) -> dict[str, Any]:
    """Properties of a STAC item, in the order of Earth Search."""
    cloudy = float(np.isin(image.classes, [SCL["cloud"], SCL["cirrus"]]).mean())
    baseline = BASELINES[acquisition.offset]
    if acquisition.kind == "duplicate":
        baseline = DUPLICATE_BASELINE
    return {
        "datetime": f"{acquisition.day}{PASS_TIME}",
        "title": f"Synthetic scene of {glacier.label}, {acquisition.day}",
        "description": NOTICE,
        SYNTHETIC: True,
        "platform": "synthetic",
        "eo:cloud_cover": round(100 * cloudy, 2),
        "proj:epsg": require_epsg(geobox),
        **({"grid:code": f"MGRS-{glacier.tile}"} if glacier.tile else {}),
        "sat:relative_orbit": acquisition.orbit,
        "view:sun_azimuth": round(image.sun.azimuth, 2),
        "view:sun_elevation": round(image.sun.elevation, 2),
        "s2:processing_baseline": baseline,
        "earthsearch:boa_offset_applied": acquisition.offset == "removed",
    }


def _asset(href: str, raster: _RasterBand, band: str | None) -> dict[str, Any]:
    """STAC asset of one GeoTIFF; `band` is None for the classification."""
    geobox = raster.geobox
    resolution = int(abs(geobox.resolution.x))
    asset: dict[str, Any] = {
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data", "reflectance"] if band else ["data"],
        "gsd": resolution,
        "proj:shape": list(geobox.shape),
        "proj:transform": list(geobox.affine)[:6],
        "raster:bands": [
            {
                "nodata": 0,
                "data_type": raster.dtype,
                "spatial_resolution": resolution,
                **raster.scaling,
            }
        ],
    }
    if band:
        asset["eo:bands"] = [{"name": band, "common_name": band}]
    return asset


def _write_cog(
    path: Path,
    values: npt.NDArray[np.unsignedinteger[Any]],
    geobox: GeoBox,
    resampling: Literal["AVERAGE", "MODE"],
) -> None:
    """Write a cloud-optimized GeoTIFF whose overviews are resampled as given."""
    with rasterio.open(
        path,
        "w",
        driver="COG",
        crs=f"EPSG:{require_epsg(geobox)}",
        transform=geobox.affine,
        dtype=values.dtype,
        count=1,
        height=geobox.height,
        width=geobox.width,
        nodata=0,
        compress="deflate",
        predictor="yes",
        blocksize=BLOCK_SIZE,
        overview_resampling=resampling,
    ) as file:
        file.update_tags(**TAGS)
        file.write(values, 1)
