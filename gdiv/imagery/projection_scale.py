"""Scale of a map projection: metres on the map for a metre on the ground.

UTM is wrong by up to 0.1 %, polar stereographic grids by 4 % at 60 degrees of latitude.
"""

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Proj, Transformer
from scipy.interpolate import RegularGridInterpolator

from gdiv.imagery.grid import grid_crs

__all__ = ["map_scale"]

#: Pixels between the points at which the scale is computed; it is interpolated between them.
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
        Metres on the map for a metre on the ground, ``(y, x)``, float32: the geometric mean of the
        scales along the meridian and along the parallel.

    Examples
    --------
    >>> from affine import Affine
    >>> utm = GeoBox((8, 8), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32632")
    >>> round(float(map_scale(utm).mean()), 4)
    0.9996
    """
    x, y = (grid.coordinates[axis].values for axis in ("x", "y"))
    points_x, points_y = (
        np.linspace(axis[0], axis[-1], max(len(axis) // STEP, 1) + 1) for axis in (x, y)
    )
    crs = grid_crs(grid).proj
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    factors = Proj(crs).get_factors(*to_degrees.transform(*np.meshgrid(points_x, points_y)))
    values = np.sqrt(factors.meridional_scale * factors.parallel_scale)
    interpolate = RegularGridInterpolator((points_y, points_x), values)
    everywhere = interpolate(np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1))
    return xr.DataArray(
        everywhere.astype(np.float32),
        coords={"y": y, "x": x},
        dims=("y", "x"),
        attrs={"units": "1", "long_name": "metres on the map for a metre on the ground"},
    )
