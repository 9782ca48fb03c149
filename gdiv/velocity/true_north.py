"""Velocity towards true east and north, for comparison with GPS and products on other grids."""

import numpy as np
import odc.geo.xr  # noqa: F401  (registers .odc)
import xarray as xr

from gdiv.imagery.projection import meridian_convergence
from gdiv.velocity.export import require_crs

__all__ = ["rotate_to_true_north"]


def rotate_to_true_north(velocity: xr.Dataset) -> xr.Dataset:
    """Add the components of the velocity to true east and true north.

    ``vx`` and ``vy`` follow the axes of the grid, as in ITS_LIVE. Grid north deviates from true
    north by a few degrees in UTM, and by any angle on polar grids.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx`` and ``vy`` (m/yr) on ``(y, x)``, with a CRS.

    Returns
    -------
    xarray.Dataset
        The dataset with ``v_east`` and ``v_north`` (m/yr) and, if it has ``vx_error`` and
        ``vy_error``, with ``v_east_error`` and ``v_north_error`` (1 sigma, assuming independent
        errors of both components).

    Raises
    ------
    ValueError
        If the dataset has no CRS.

    Examples
    --------
    Motion along the grid's x axis, at 39.3° W on Greenland's polar grid:

    >>> axes = {"y": -2000000.0 - 100 * np.arange(8), "x": 200000.0 + 100 * np.arange(8)}
    >>> vx = xr.DataArray(np.full((8, 8), 100.0), coords=axes, dims=("y", "x"))
    >>> velocity = xr.Dataset({"vx": vx, "vy": 0 * vx}).rio.write_crs("EPSG:3413")
    >>> rotated = rotate_to_true_north(velocity)
    >>> round(float(rotated.v_east.mean())), round(float(rotated.v_north.mean()))
    (100, -10)
    """
    velocity = require_crs(velocity)
    convergence = meridian_convergence(velocity.odc.geobox).variable
    cosine = np.cos(np.radians(convergence))
    sine = np.sin(np.radians(convergence))
    rotated = {
        "v_east": velocity.vx * cosine + velocity.vy * sine,
        "v_north": velocity.vy * cosine - velocity.vx * sine,
    }
    if "vx_error" in velocity:
        x_error, y_error = velocity.vx_error, velocity.vy_error
        rotated["v_east_error"] = np.hypot(x_error * cosine, y_error * sine)
        rotated["v_north_error"] = np.hypot(y_error * cosine, x_error * sine)
    added = {name: values.assign_attrs(_attributes(name)) for name, values in rotated.items()}
    # Arithmetic drops the reference to the CRS, which readers of the stored components need.
    return velocity.assign(added).rio.write_grid_mapping(velocity.rio.grid_mapping)


def _attributes(name: str) -> dict[str, str]:
    """CF attributes of a rotated component or its error."""
    if name.endswith("_error"):
        component = name.removesuffix("_error")
        return {"units": "meter/year", "long_name": f"uncertainty (1 sigma) of {component}"}
    direction = "east" if name == "v_east" else "north"
    return {"units": "meter/year", "long_name": f"velocity towards true {direction}"}
