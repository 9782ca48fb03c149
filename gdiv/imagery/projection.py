"""Scale of a map projection, and the direction of true north on it.

UTM has scale errors of up to 0.1 %, polar stereographic grids of 4 % at 60 degrees latitude. True
north deviates from grid north by a few degrees in UTM, and by any angle on polar grids.
"""

from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Proj, Transformer
from scipy.interpolate import RegularGridInterpolator

from gdiv.imagery.grid import grid_crs
from gdiv.images.arrays import Image

__all__ = ["map_scale", "meridian_convergence"]

#: Spacing in pixels of the points at which the projection is computed, with interpolation between.
STEP = 64


def map_scale(grid: GeoBox) -> xr.DataArray:
    """Compute the scale of the projection at each pixel of a grid.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Grid in a conformal projection, such as UTM or polar stereographic.

    Returns
    -------
    xarray.DataArray
        Map distance per ground distance, ``(y, x)``, float32: the geometric mean of the scales
        along the meridian and along the parallel.

    Examples
    --------
    >>> from affine import Affine
    >>> utm = GeoBox((8, 8), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
    >>> round(float(map_scale(utm).mean()), 4)
    0.9996
    """
    x, y, factors = _projection_factors(grid)
    values = np.sqrt(factors.meridional_scale * factors.parallel_scale)
    return _on_grid(grid, x, y, values).assign_attrs(
        units="1", long_name="map distance per ground distance"
    )


def meridian_convergence(grid: GeoBox) -> xr.DataArray:
    """Compute the direction of true north at each pixel of a grid.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Grid in a conformal projection.

    Returns
    -------
    xarray.DataArray
        Angle from grid north to true north in degrees, positive anticlockwise, ``(y, x)``,
        float32.

    Examples
    --------
    On Greenland's polar grid, whose north is along 45° W, true north at 39.3° W is to the left:

    >>> from affine import Affine
    >>> polar = GeoBox((8, 8), Affine(100, 0, 200000, 0, -100, -2000000), "EPSG:3413")
    >>> round(float(meridian_convergence(polar).mean()), 1)
    5.7
    """
    x, y, factors = _projection_factors(grid)
    # Sine and cosine are interpolated, because the angle itself jumps from 180 to -180 degrees.
    angle = np.radians(factors.meridian_convergence)
    sine = _on_grid(grid, x, y, np.sin(angle))
    cosine = _on_grid(grid, x, y, np.cos(angle))
    angles = xr.DataArray(np.degrees(np.arctan2(sine, cosine)))
    return angles.assign_attrs(
        units="degree", long_name="angle from grid north to true north, anticlockwise"
    )


def _projection_factors(grid: GeoBox) -> tuple[Image, Image, Any]:
    """Coordinates of points over a grid, and pyproj's factors of the projection there."""
    columns, rows = (grid.coordinates[axis].values for axis in ("x", "y"))
    x = np.linspace(columns[0], columns[-1], max(len(columns) // STEP, 1) + 1)
    y = np.linspace(rows[0], rows[-1], max(len(rows) // STEP, 1) + 1)
    crs = grid_crs(grid).proj
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    return x, y, Proj(crs).get_factors(*to_degrees.transform(*np.meshgrid(x, y)))


def _on_grid(grid: GeoBox, x: Image, y: Image, values: Image) -> xr.DataArray:
    """Interpolate values at points to the pixels of a grid."""
    columns, rows = (grid.coordinates[axis].values for axis in ("x", "y"))
    pixels = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    interpolated = RegularGridInterpolator((y, x), values)(pixels).astype(np.float32)
    return xr.DataArray(interpolated, coords={"y": rows, "x": columns}, dims=("y", "x"))
