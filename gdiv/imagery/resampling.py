"""Find scenes whose pixels do not lie on the grid of the study, and describe the difference.

Pixels on the grid are cropped and never resampled. Others are resampled once, when they are read.
"""

from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from gdiv.imagery.grid import false_northing, grid_crs, same_zone
from gdiv.imagery.items import RESAMPLED
from gdiv.imagery.pixel_checks import crs_name
from gdiv.imagery.placement import read_epsg, read_transform
from gdiv.imagery.rasters import open_raster

__all__ = ["PixelError", "describe_difference", "is_resampled", "locate_pixels"]

#: Maximum offset from the grid that is ignored, pixels.
TOLERANCE = 0.01
#: Maximum pixel size relative to the grid; coarser pixels do not resolve the grid.
COARSEST = 1.5
#: Minimum relative size; cubic resampling would alias finer pixels.
FINEST = 1 / 8


class PixelError(ValueError):
    """The pixels of a scene cannot be resampled to a grid; the message is a short reason."""


def is_resampled(item: dict[str, Any]) -> bool:
    """Check whether an item is marked for resampling.

    Parameters
    ----------
    item : dict
        STAC item.

    Returns
    -------
    bool
        True if its pixels do not lie on the grid of the study.
    """
    return bool(item.get(RESAMPLED))


def locate_pixels(item: dict[str, Any], asset: str) -> tuple[CRS | None, Affine | None]:
    """Locate the pixels of an asset, from its file if it is local, otherwise from the item.

    Parameters
    ----------
    item : dict
        STAC item.
    asset : str
        Name of the asset.

    Returns
    -------
    crs, transform : CRS and Affine, or None
        Position of the pixels; None where the item does not state it.

    Raises
    ------
    PixelError
        If a local file cannot be read, has no CRS or contains complex numbers.
    """
    link = str(item["assets"][asset]["href"])
    if "://" not in link:
        return _locate_in_file(link)
    numbers = read_transform(item, asset)
    epsg = read_epsg(item)
    definition = epsg or item["properties"].get("proj:wkt2")
    return CRS(definition) if definition else None, Affine(*numbers) if numbers else None


def _locate_in_file(path: str) -> tuple[CRS, Affine]:
    """CRS and transform of a file that can be matched."""
    try:
        with open_raster(path) as file:
            crs, transform, dtype = file.crs, file.transform, file.dtypes[0]
    except rasterio.errors.RasterioIOError:
        raise PixelError(
            "could not be read: the file is missing, or is neither GeoTIFF nor JPEG 2000"
        ) from None
    if crs is None:
        raise PixelError("its file has no CRS")
    if dtype.startswith("complex"):
        raise PixelError("its file contains complex numbers")
    return CRS(crs), transform


def describe_difference(crs: CRS | None, transform: Affine | None, grid: GeoBox) -> str:
    """Describe how pixels differ from those of a grid.

    Parameters
    ----------
    crs : CRS or None
        Projection of the pixels.
    transform : Affine or None
        Their transform.
    grid : odc.geo.geobox.GeoBox
        Grid with a CRS.

    Returns
    -------
    str
        Description, such as "pixels of 12.5 m"; empty if the pixels lie on the grid or their
        position is unknown.

    Raises
    ------
    PixelError
        If the pixels are much coarser or finer than the grid.

    Examples
    --------
    >>> grid = GeoBox((10, 10), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
    >>> describe_difference(grid.crs, Affine(10, 0, 499980, 0, -10, 5000100), grid)
    ''
    >>> describe_difference(CRS(32633), Affine(10, 0, 0, 0, -10, 5000000), grid)
    'pixels of EPSG:32633'
    >>> describe_difference(grid.crs, Affine(10, 0, 499983, 0, -10, 5000100), grid)
    'pixels 0.30 px east and 0.00 px south of the grid'
    """
    here = grid_crs(grid)
    step = grid.affine.a
    size = None if transform is None else float(np.sqrt(abs(transform.determinant)))
    if crs is not None and not _same_projection(crs, here):
        if crs.projected and size is not None:
            _check_size(size, step)
        return f"pixels of {crs_name(GeoBox((1, 1), Affine.identity(), crs))}"
    if crs is None or transform is None or size is None:
        return ""
    _check_size(size, step)
    shape = (transform.a, transform.b, transform.d, transform.e)
    if not np.allclose(
        shape, (step, 0.0, 0.0, -step), rtol=0, atol=TOLERANCE * step / max(grid.shape)
    ):
        return f"pixels of {size:g} m" if abs(size / step - 1) > TOLERANCE else "rotated pixels"
    top = transform.f + false_northing(crs.epsg, here.epsg)
    right, below = ((transform.c - grid.affine.c) / step, (grid.affine.f - top) / step)
    east, south = (shift - round(shift) for shift in (right, below))
    if max(abs(east), abs(south)) > TOLERANCE:
        return f"pixels {east:.2f} px east and {south:.2f} px south of the grid"
    return ""


def _same_projection(one: CRS, other: CRS) -> bool:
    """Check whether two projections are equal, by their codes or definitions."""
    return one == other or same_zone(one.epsg, other.epsg) or one.proj.equals(other.proj)


def _check_size(size: float, step: float) -> None:
    """Raise an error if pixels are much coarser or finer than those of a grid."""
    if not FINEST <= size / step <= COARSEST:
        kind = "coarse" if size > step else "fine"
        raise PixelError(f"its pixels of {size:g} m are too {kind} for the study's of {step:g} m")
