"""Filters after matching: motion against the slope, and stripes along the track of the satellite.

Both are off by default: the paper uses neither, and both can remove real motion.
"""

import numpy as np
import numpy.typing as npt
import pyproj
import xarray as xr
from scipy import ndimage

from gdiv.images.arrays import Component, Image, Mask

__all__ = ["against_slope", "remove_stripes", "track_azimuth"]

#: Standard deviation of the smoothing of the terrain, m, since ice responds to the slope over
#: several ice thicknesses.
SMOOTHING = 300.0
#: Minimum slope with a well-defined direction, degrees.
MIN_SLOPE = 3.0
#: Minimum speed with a well-defined direction, in standard errors.
MIN_SIGNAL = 3.0
#: Maximum angle between motion and steepest descent, degrees.
MAX_ANGLE = 90.0
#: Inclination of the orbits of Sentinel-2 and Landsat, degrees.
INCLINATION = 98.5
#: Speed of the subsatellite point without Earth rotation, and speed of the equator, m/s.
GROUND_SPEED = 6770.0
EQUATOR_SPEED = 465.1
#: Pixels across the track over which a stripe is averaged, and minimum number on stable ground.
STRIPE_WIDTH = 5
MIN_PIXELS = 50


def against_slope(mosaic: xr.Dataset, elevation: Image, spacing: float) -> xr.DataArray:
    """Mark pixels that move uphill.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy`` (m/yr) and ``v_error`` on ``(y, x)``, with ``y`` to the north.
    elevation : ndarray, shape (H, W)
        Elevation in metres.
    spacing : float
        Side of a pixel, m.

    Returns
    -------
    xarray.DataArray
        True ``(y, x)`` where the motion deviates by more than 90° from the steepest descent of the
        terrain smoothed over 300 m, the slope is at least 3°, and the speed is at least three times
        its error.

    Examples
    --------
    Terrain slopes down to the east by 100 m/km, and the ice moves west:

    >>> falling = np.tile(1000 - np.arange(200.0), (200, 1))
    >>> zero = xr.DataArray(np.zeros((200, 200)), dims=("y", "x"))
    >>> west = xr.Dataset({"vx": zero - 30, "vy": zero, "v_error": zero + 2})
    >>> bool(against_slope(west, falling, 10.0)[100, 100])
    True
    """
    is_valid = np.isfinite(elevation)
    sigma = SMOOTHING / spacing
    weight = ndimage.gaussian_filter(is_valid.astype(float), sigma)
    smooth = ndimage.gaussian_filter(np.where(is_valid, elevation, 0.0), sigma)
    smooth = np.divide(smooth, weight, out=np.full(smooth.shape, np.nan), where=weight > 0)
    down, right = np.gradient(smooth, spacing)  # rows run to the south
    steep = np.degrees(np.arctan(np.hypot(down, right))) >= MIN_SLOPE
    speed = np.hypot(mosaic.vx, mosaic.vy)
    # The steepest descent is (-right, down) to the east and north.
    along = mosaic.vx * -right + mosaic.vy * down
    uphill = along < speed * np.hypot(down, right) * np.cos(np.radians(MAX_ANGLE))
    return uphill & steep & is_valid & (speed >= MIN_SIGNAL * mosaic.v_error)


def track_azimuth(longitude: float, latitude: float, crs: int | str) -> float:
    """Compute the direction on a map of the daytime ground track of a sun-synchronous satellite.

    The rotation of the Earth adds to the inclination of the orbit.

    Parameters
    ----------
    longitude, latitude : float
        Degrees.
    crs : int or str
        Projection of the map: its EPSG code, or WKT.

    Returns
    -------
    float
        Azimuth of the descending track in degrees, clockwise from grid north.

    Examples
    --------
    >>> round(track_azimuth(9.0, 45.9, 32632), 1)
    14.9
    """
    turning = EQUATOR_SPEED * np.cos(np.radians(latitude))
    sine = np.sin(np.radians(INCLINATION - 90)) / np.cos(np.radians(latitude))
    orbit = np.arcsin(min(sine, 1.0))
    eastward = GROUND_SPEED * np.sin(orbit) + turning
    azimuth = np.degrees(np.arctan2(eastward, GROUND_SPEED * np.cos(orbit)))
    factors = pyproj.Proj(crs).get_factors(longitude, latitude)
    return float(azimuth - factors.meridian_convergence)


def remove_stripes(displacement: xr.Dataset, stable: Mask, azimuth: float) -> xr.Dataset:
    """Subtract stripes along the track of the satellite from displacements.

    Misaligned detectors shift their part of the swath. Each stripe is the median of stable ground
    along the track, so stable ground on both sides of the ice is needed.

    Parameters
    ----------
    displacement : xarray.Dataset
        ``u`` and ``v`` (pixel) with dimensions ``(pair, y, x)``, from `gdiv.match_pairs`.
    stable : ndarray of bool, shape (H, W)
        Stable ground.
    azimuth : float
        Direction of the stripes, degrees clockwise from north: `track_azimuth`.

    Returns
    -------
    xarray.Dataset
        The displacement with stripes subtracted, and the stripes as ``stripe_u`` and ``stripe_v``
        (pixel). Where there is too little ground along the track, the stripe is interpolated from
        its neighbours.
    """
    across = _across_track(stable.shape, azimuth)
    if displacement.chunks:  # stripes are computed over the whole pair
        displacement = displacement.chunk(y=-1, x=-1)
    changed = {}
    for name in ("u", "v"):
        stripes = xr.apply_ufunc(
            lambda component: _stripes(component, stable, across),
            displacement[name],
            input_core_dims=[["y", "x"]],
            output_core_dims=[["y", "x"]],
            vectorize=True,
            dask="parallelized",
            output_dtypes=[np.float32],
        )
        changed[name] = (displacement[name] - stripes).assign_attrs(displacement[name].attrs)
        changed[f"stripe_{name}"] = stripes.assign_attrs(
            units="pixel", long_name=f"stripes along the track, subtracted from {name}"
        )
    return displacement.assign(changed).assign_attrs(destriped_azimuth=azimuth)


def _across_track(shape: tuple[int, ...], azimuth: float) -> npt.NDArray[np.intp]:
    """Index of the along-track line of each pixel."""
    rows, columns = np.indices(shape)
    angle = np.radians(azimuth)
    distance = columns * np.cos(angle) + rows * np.sin(angle)
    lines: npt.NDArray[np.intp] = np.round(distance - distance.min()).astype(np.intp)
    return lines


def _stripes(component: Component, stable: Mask, across: npt.NDArray[np.intp]) -> Component:
    """Stripe at every pixel, with zero median on stable ground."""
    ground = stable & np.isfinite(component)
    count = int(across.max()) + 1
    profile = np.full(count, np.nan)
    order = np.argsort(across[ground], kind="stable")
    lines, values = across[ground][order], component[ground][order]
    for line in range(count):
        first, last = np.searchsorted(
            lines, [line - STRIPE_WIDTH // 2, line + STRIPE_WIDTH // 2 + 1]
        )
        if last - first >= MIN_PIXELS:
            profile[line] = np.median(values[first:last])
    is_valid = np.flatnonzero(np.isfinite(profile))
    if not is_valid.size:
        return np.zeros(component.shape, np.float32)
    profile = np.interp(np.arange(count), is_valid, profile[is_valid]) - np.median(values)
    stripes: Component = profile[across].astype(np.float32)
    return stripes
