"""Uncertainty of a mosaic, estimated from a second mosaic and from stable ground.

All pairs in a mosaic compare the same two seasons, so they share whatever changed on the surface in
between. Neither the spread of the pairs nor stable ground, where the texture survives, reveals that
error. It is therefore estimated from the difference to an independent mosaic of another pair of
seasons. A true change in velocity between the years counts as error, which makes the estimate
conservative.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import xarray as xr

from gdiv.images.arrays import Image, Mask
from gdiv.images.statistics import nmad, pool_components

__all__ = [
    "add_errors",
    "correlation_length",
    "coverage",
    "error_of_mean",
    "repeat_error",
    "speed_error",
]

#: Bins of equal count, by the spread of the pairs.
BINS = 10
#: Fewest pixels per bin; with fewer, no uncertainty is estimated. Chosen by eye on the twin.
MIN_BIN_PIXELS = 20
#: Fewest pairs at a pixel whose spread is meaningful.
MIN_SPREAD_PAIRS = 3
#: Least speed to divide by, m/yr.
MIN_SPEED = 1e-6
#: Pixels along rows and columns up to which correlated errors are searched.
MAX_LAG = 60
#: Robust standard deviations at which errors are clipped before they are correlated: outliers
#: carry no information on how far errors reach.
CLIP = 3


def repeat_error(first: xr.Dataset, second: xr.Dataset, where: Mask) -> Image:
    """Uncertainty of a second mosaic that is as good as the first.

    Estimated from an independent mosaic of comparable quality: NMAD of the difference divided by
    √2, in bins of the spread of the pairs.

    Parameters
    ----------
    first, second : xarray.Dataset
        Mosaics of different seasons by one matcher, from `gdiv.velocity.annual.combine_pairs`.
    where : ndarray of bool, shape (H, W)
        Pixels to compare, usually ice.

    Returns
    -------
    ndarray, shape (H, W)
        One sigma of each component of `second`, m/yr; NaN if fewer than 200 pixels can be compared.
    """
    spread = _pooled_spread(second)
    curve = _error_curve(first, second, spread, where, 0.0)
    if curve is None:
        return np.full(spread.shape, np.nan)
    return np.interp(spread, *curve) / np.sqrt(2)


def add_errors(
    mosaic: xr.Dataset,
    ice: Mask,
    stable: Mask,
    repeat: xr.Dataset | None = None,
    repeat_sigma: Image | float = 0.0,
) -> xr.Dataset:
    """Add the uncertainty of each component and of the speed to a mosaic.

    On ice, the uncertainty is the NMAD of the difference to a second mosaic, minus the variance of
    that mosaic. Elsewhere it is the NMAD of the apparent velocity of stable ground. Pixels are
    grouped by the spread of their pairs, and values are interpolated between the groups.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``spread_x``, ``spread_y`` (m/yr) and ``count`` with dimensions ``(y, x)``,
        from `gdiv.velocity.annual.combine_pairs`.
    ice, stable : ndarray of bool, shape (H, W)
        Ice and stable ground.
    repeat : xarray.Dataset, optional
        Mosaic of another season pair, best by a matcher whose errors are independent. Without
        it, ice gets the standard error of the mean, combined with the spread on stable ground.
        Errors that all pairs share are then missing.
    repeat_sigma : ndarray of shape (H, W) or float, optional
        One sigma of `repeat`, m/yr, from `repeat_error`. A larger value gives lower uncertainties.

    Returns
    -------
    xarray.Dataset
        The mosaic with ``vx_error``, ``vy_error`` and ``v_error`` (1 sigma, m/yr); NaN where the
        mosaic is NaN or nothing is available to estimate them from.

    Raises
    ------
    ValueError
        If `repeat` or a mask is on another grid.

    Notes
    -----
    Uncertainty that varies with a predictor follows Hugonnet et al. (2022),
    https://doi.org/10.1109/JSTARS.2022.3188922; here an offset counts as error, too. Half as many
    pairs as there are count as independent, because pairs share scenes. The uncertainty of the
    speed follows by propagation: ``sqrt((sx * vx / v)**2 + (sy * vy / v)**2)``.

    Examples
    --------
    Eight pairs with a spread of 2 m/yr, of which four count as independent:

    >>> axes = ("y", "x")
    >>> names = ("vx", "vy", "spread_x", "spread_y")
    >>> mosaic = xr.Dataset({name: (axes, np.full((2, 2), 2.0)) for name in names})
    >>> mosaic["count"] = (axes, np.full((2, 2), 8))
    >>> ice = np.ones((2, 2), bool)
    >>> with_errors = add_errors(mosaic, ice, stable=~ice)
    >>> with_errors.vx_error.values[0].tolist()
    [1.0, 1.0]
    """
    _check_grids(mosaic, ice, stable, repeat)
    if repeat is not None:
        mosaic, repeat = xr.align(mosaic, repeat, join="exact")
    zero = xr.zeros_like(mosaic)
    pooled = _pooled_spread(mosaic)
    curves = [(~ice, _error_curve(mosaic, zero, pooled, stable, 0.0))]
    if repeat is not None:
        curves.append((ice, _error_curve(mosaic, repeat, pooled, ice, repeat_sigma)))
    result = mosaic.copy()
    for axis in "xy":
        spread = _component_spread(mosaic, axis)
        error = _sampling_error(mosaic, axis, spread, stable)
        for where, curve in curves:
            if curve is not None:
                error = np.where(where, np.interp(spread, *curve), error)
        valid = mosaic.vx.notnull() & (error > 0)
        error = np.where(valid, error, np.nan).astype(np.float32)
        attributes = {"units": "meter/year", "long_name": f"uncertainty (1 sigma) of v{axis}"}
        result[f"v{axis}_error"] = (("y", "x"), error, attributes)
    result["v_error"] = speed_error(result)
    return result


def _check_grids(mosaic: xr.Dataset, ice: Mask, stable: Mask, repeat: xr.Dataset | None) -> None:
    """Raise a ValueError unless masks and the second mosaic have the shape of the mosaic."""
    shapes = {"ice": ice.shape, "stable": stable.shape}
    if repeat is not None:
        shapes["repeat"] = repeat.vx.shape
    for name, shape in shapes.items():
        if shape != mosaic.vx.shape:
            raise ValueError(
                f"{name} is on a grid of {shape}, the mosaic on one of {mosaic.vx.shape}"
            )


def _sampling_error(mosaic: xr.Dataset, axis: str, spread: Image, stable: Mask) -> Image:
    """Standard error of the mean of one component, combined with its spread on stable ground."""
    independent = np.maximum(mosaic["count"].values / 2, 1)
    ground = nmad(mosaic[f"v{axis}"].values[stable], 0)
    return np.hypot(spread / np.sqrt(independent), 0 if np.isnan(ground) else ground)


def speed_error(mosaic: xr.Dataset) -> xr.DataArray:
    """Propagate the errors of the components to the speed.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``vx_error`` and ``vy_error`` in m/yr.

    Returns
    -------
    xarray.DataArray
        Error of the speed (1 sigma) in m/yr.
    """
    speed = np.maximum(np.hypot(mosaic.vx, mosaic.vy), MIN_SPEED)
    east = mosaic.vx_error * mosaic.vx / speed
    north = mosaic.vy_error * mosaic.vy / speed
    error = np.sqrt(east**2 + north**2).astype(np.float32)
    return error.assign_attrs(units="meter/year", long_name="uncertainty (1 sigma) of the speed")


def correlation_length(errors: xr.Dataset, where: Mask, max_lag: int = MAX_LAG) -> float:
    """Distance in metres at which the correlation of errors falls below 1/e.

    Parameters
    ----------
    errors : xarray.Dataset
        ``vx``, ``vy`` with dimensions ``(y, x)`` and coordinates in metres, such as the difference
        of two mosaics of different seasons.
    where : ndarray of bool, shape (H, W)
        Pixels to use.
    max_lag : int, optional
        Longest distance along rows and columns, in pixels; the result is at most that.

    Returns
    -------
    float
        Correlation length in metres; NaN if the errors have no spread.
    """
    spacing = abs(float(errors.x[1] - errors.x[0]))
    products = np.zeros(max_lag + 1)
    counts = np.zeros(max_lag + 1)
    for name in ("vx", "vy"):
        values = np.where(where, errors[name].values, np.nan)
        spread = nmad(values)
        if not spread > 0:
            return float("nan")
        values = np.clip((values - np.nanmedian(values)) / spread, -CLIP, CLIP)
        for lag in range(max_lag + 1):
            height, width = values.shape
            along_columns = values[lag:] * values[: height - lag]
            along_rows = values[:, lag:] * values[:, : width - lag]
            for product in (along_columns, along_rows):
                products[lag] += np.nansum(product)
                counts[lag] += np.isfinite(product).sum()
    correlation = products / np.maximum(counts, 1)
    below = np.nonzero(correlation < correlation[0] / np.e)[0]
    return float(spacing * (below[0] if below.size else max_lag))


def error_of_mean(sigma: npt.NDArray[np.floating], spacing: float, length: float) -> float:
    """Uncertainty of the mean over an area whose errors are spatially correlated.

    Parameters
    ----------
    sigma : ndarray
        One sigma of each pixel, m/yr. NaN is left out.
    spacing : float
        Size of a pixel in metres.
    length : float
        Correlation length in metres, from `correlation_length`. A larger value gives a larger
        uncertainty.

    Returns
    -------
    float
        One sigma of the mean, m/yr. As many values count as independent as discs of the radius
        `length` cover the area, at least one.

    Examples
    --------
    >>> round(error_of_mean(np.full((100, 100), 2.0), spacing=10.0, length=100.0), 2)
    0.35
    """
    finite = sigma[np.isfinite(sigma)]
    if not finite.size:
        return float("nan")
    independent = max(finite.size * spacing**2 / (np.pi * length**2), 1.0)
    return float(np.sqrt(np.mean(finite**2) / independent))


def coverage(error: npt.NDArray[np.floating], sigma: npt.NDArray[np.floating]) -> float:
    """Compute the fraction of errors within one sigma.

    Parameters
    ----------
    error : ndarray
        Errors; NaN is left out.
    sigma : ndarray
        Stated sigma of each error.

    Returns
    -------
    float
        0.68 if the sigmas are well calibrated; NaN without values.

    Examples
    --------
    >>> round(coverage(np.array([0.5, -0.5, 2.0, np.nan]), np.ones(4)), 2)
    0.67
    """
    valid = np.isfinite(error) & np.isfinite(sigma)
    if not valid.any():
        return float("nan")
    return float((np.abs(error[valid]) <= sigma[valid]).mean())


def _component_spread(mosaic: xr.Dataset, axis: str) -> Image:
    """Spread of one component over the pairs.

    Fewer than three vectors have no meaningful spread; they get the median of the other pixels.
    """
    enough = mosaic["count"] >= MIN_SPREAD_PAIRS
    spread = mosaic[f"spread_{axis}"]
    typical = float(spread.where(enough).median()) if bool(enough.any()) else 0.0
    return spread.where(enough, typical).values


def _pooled_spread(mosaic: xr.Dataset) -> Image:
    """Spread of both components over the pairs."""
    return np.asarray(
        pool_components(_component_spread(mosaic, "x"), _component_spread(mosaic, "y"))
    )


def _error_curve(
    mosaic: xr.Dataset, other: xr.Dataset, spread: Image, where: Mask, other_sigma: Image | float
) -> tuple[list[float], list[float]] | None:
    """Uncertainty as a function of the spread of the pairs.

    Returns the median spread and one sigma of each bin; None with too few pixels.
    """
    where = where & np.isfinite(spread) & (mosaic.vx - other.vx).notnull().values
    if where.sum() < MIN_BIN_PIXELS * BINS:
        return None
    edges = np.quantile(spread[where], np.linspace(0, 1, BINS + 1))
    other_variance = np.broadcast_to(other_sigma, spread.shape) ** 2
    spreads = []
    sigmas = []
    for low, high in pairwise(edges):
        inside = where & (spread >= low) & (spread <= high)
        difference = _pooled_difference(mosaic, other, inside)
        # A difference smaller than the uncertainty of the other mosaic is chance: at least a
        # quarter of its variance, half of its length, is attributed to this one.
        remaining = difference**2 - np.nanmean(other_variance[inside])
        spreads.append(float(np.median(spread[inside])))
        sigmas.append(float(np.sqrt(max(remaining, difference**2 / 4))))
    return spreads, sigmas


def _pooled_difference(first: xr.Dataset, second: xr.Dataset, where: Mask) -> float:
    """NMAD about zero of the difference of two mosaics, both components pooled."""
    x, y = (nmad((first[name] - second[name]).values[where], 0) for name in ("vx", "vy"))
    return float(pool_components(x, y))
