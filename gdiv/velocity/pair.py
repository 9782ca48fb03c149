"""Velocity between two images, with errors and quality, without a catalog or notebooks."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr

from gdiv.conventions import DAYS_PER_YEAR
from gdiv.flow.matchers.matching import Match, match_images
from gdiv.imagery.coregistration import MAX_SPREAD
from gdiv.imagery.shift import MIN_BLOCKS, measure_shift
from gdiv.images.arrays import Image
from gdiv.velocity.annual import MIN_QUALITY, speed
from gdiv.velocity.export import with_crs
from gdiv.velocity.products import STANDARD_NAMES
from gdiv.velocity.stable_ground import add_ground_error
from gdiv.velocity.uncertainty import speed_error
from gdiv.version import __version__

__all__ = ["velocity_from_pair"]


def velocity_from_pair(
    pair: xr.Dataset,
    matcher: str = "raft",
    *,
    min_quality: float = MIN_QUALITY,
    **options: Any,
) -> xr.Dataset:
    """Compute the velocity between the two images of a pair.

    The images are registered on stable ground, matched in both directions and converted to m/yr.

    Parameters
    ----------
    pair : xarray.Dataset
        Pair from `gdiv.open_pair`.
    matcher : str, optional
        Name of a matcher; `gdiv.list_matchers` lists them. ``"raft"`` needs PyTorch,
        ``"dis"`` is the fastest.
    min_quality : float, optional
        Minimum local correlation of a vector, 0 to 1; 0.3 by default. A larger value trades
        coverage for fewer outliers.
    **options
        Options of the matcher, as in `gdiv.match_images`.

    Returns
    -------
    xarray.Dataset
        On ``(y, x)``, with CF attributes and the CRS: ``vx``, ``vy``, ``v`` (m/yr: east, north
        and speed), ``vx_error``, ``vy_error``, ``v_error`` (1 sigma, m/yr), ``quality`` (0 to 1)
        and ``residual``, the forward-backward error (pixel).

    Raises
    ------
    UnknownMatcherError
        If no matcher has this name.
    MissingPackageError
        If the matcher needs a package that is not installed.

    Notes
    -----
    The error of a component is the standard error of the match, calibrated on cases with known
    displacement (`gdiv.flow.matchers.calibration`). The excess error on stable ground is added in
    quadrature. If the surface has changed more than in those cases, the errors are a lower bound.

    Examples
    --------
    A texture that moves two pixels to the right within one year:

    >>> from affine import Affine
    >>> from odc.geo.geobox import GeoBox
    >>> import gdiv
    >>> from gdiv.images.textures import fractal_texture
    >>> texture = fractal_texture(160, 1.3, seed=0)
    >>> grid = GeoBox((128, 128), Affine(10, 0, 340000, 0, -10, 5090000), "EPSG:32632")
    >>> pair = gdiv.open_pair(
    ...     texture[16:144, 16:144], texture[16:144, 14:142],
    ...     geobox=grid, dates=("2020-08-01", "2021-08-01"),
    ... )
    >>> velocity = velocity_from_pair(pair, matcher="dis")
    >>> round(float(velocity.vx.median())), velocity.vx.attrs["units"]
    (20, 'meter/year')
    """
    reference = pair.reference.values
    secondary = pair.secondary.values
    match = match_images(matcher, reference, secondary, check_consistency=True, **options)
    stable = pair.stable.values if "stable" in pair else np.zeros(reference.shape, bool)
    shift = measure_shift(reference, secondary, stable)
    if stable.any():
        _warn_if_unregistered(shift)
    u = match.u - np.float32(shift["shift_x"])
    v = match.v - np.float32(shift["shift_y"])
    ground = stable & (match.quality > MIN_QUALITY)
    factor = pair.attrs["spacing"] / _years_between(pair) / pair.map_scale.values
    components = {
        "vx": u * factor,
        "vy": -v * factor,  # rows increase southwards
        "vx_error": add_ground_error(u, match.sigma_u, ground) * factor,
        "vy_error": add_ground_error(v, match.sigma_v, ground) * factor,
    }
    velocity = _as_dataset(components, match, min_quality, pair)
    velocity.attrs = {
        "Conventions": "CF-1.8",
        "title": _title(pair),
        "date_start": pair.attrs["reference_date"],
        "date_end": pair.attrs["secondary_date"],
        "matcher": matcher,
        "source": f"gdiv {__version__}",
        "shift_x": float(shift["shift_x"]),
        "shift_y": float(shift["shift_y"]),
        "shift_spread": float(shift["shift_spread"]),
        "registration_blocks": int(shift["blocks"]),
    }
    return with_crs(_with_attributes(velocity), pair.attrs["crs"])


def _warn_if_unregistered(shift: dict[str, float]) -> None:
    """Warn if stable ground has no clear shift, so that `gdiv.register_pairs` would reject it."""
    blocks = int(shift["blocks"])
    if not blocks:
        warnings.warn(
            "no block of stable ground could be matched: the images are not registered, and the "
            "errors do not include misregistration",
            stacklevel=3,
        )
    elif blocks < MIN_BLOCKS or shift["shift_spread"] > MAX_SPREAD:
        warnings.warn(
            f"stable ground could not be registered ({blocks} blocks with a spread of "
            f"{shift['shift_spread']:.2f} px); its apparent motion is included in the errors",
            stacklevel=3,
        )


def _title(pair: xr.Dataset) -> str:
    """Title with the dates of both images."""
    start = pair.attrs["reference_date"][:10]
    end = pair.attrs["secondary_date"][:10]
    return f"Surface velocity, {start} to {end}"


def _as_dataset(
    components: dict[str, Image], match: Match, min_quality: float, pair: xr.Dataset
) -> xr.Dataset:
    """Velocity, its error, quality and residual on the grid of a pair; poor matches are removed."""
    good = match.quality >= min_quality
    axes = {axis: pair[axis].drop_vars("spatial_ref", errors="ignore") for axis in ("y", "x")}
    velocity = xr.Dataset(coords=axes)
    for name, values in components.items():
        kept = np.where(good, values, np.nan).astype(np.float32)
        velocity[name] = (("y", "x"), kept)
    velocity["quality"] = (("y", "x"), match.quality)
    velocity["residual"] = (("y", "x"), match.residual)
    velocity["v"] = speed(velocity).astype(np.float32)
    velocity["v_error"] = speed_error(velocity)
    return velocity


def _years_between(pair: xr.Dataset) -> float:
    """Time between the images in years."""
    start = pd.Timestamp(pair.attrs["reference_date"])
    end = pd.Timestamp(pair.attrs["secondary_date"])
    return (end - start).total_seconds() / 86400 / DAYS_PER_YEAR


def _with_attributes(velocity: xr.Dataset) -> xr.Dataset:
    """Add units, standard names and long names."""
    for name in ("vx", "vy", "v"):
        velocity[name].attrs = {"units": "meter/year", "standard_name": STANDARD_NAMES[name]}
        velocity[f"{name}_error"].attrs = {
            "units": "meter/year",
            "long_name": f"uncertainty (1 sigma) of {name}",
        }
    velocity["quality"].attrs = {"units": "1", "long_name": "local correlation after the match"}
    velocity["residual"].attrs = {"units": "pixel", "long_name": "forward-backward error"}
    attributes: dict[str, dict[str, npt.ArrayLike]] = {
        "x": {"standard_name": "projection_x_coordinate", "units": "m"},
        "y": {"standard_name": "projection_y_coordinate", "units": "m"},
    }
    return velocity.assign_coords(
        {name: velocity[name].assign_attrs(values) for name, values in attributes.items()}
    )
