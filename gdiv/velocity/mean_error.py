"""Errors of means over an area, from the spatial correlation of errors."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from gdiv.images.arrays import Mask
from gdiv.images.statistics import nmad

__all__ = ["MeanError", "correlation_length", "error_of_mean"]

#: Maximum lag of the correlation of errors along rows and columns, pixels.
MAX_LAG = 60
#: Robust standard deviations at which errors are clipped before they are correlated, since outliers
#: do not constrain the correlation length.
CLIP = 3
#: Fraction of the error variance of a pixel that is common to a whole area of any size. Chosen on
#: the twins of Argentière and Tasman.
COMMON = 0.1


class MeanError(NamedTuple):
    """Uncertainty of the mean over an area, m/yr.

    Attributes
    ----------
    random : float
        Random part, which decreases with the size of the area.
    systematic : float
        Systematic part, which does not.
    """

    random: float
    systematic: float

    @property
    def total(self) -> float:
        """Root sum of squares of both parts."""
        return float(np.hypot(*self))


def correlation_length(errors: xr.Dataset, where: Mask, max_lag: int = MAX_LAG) -> float:
    """Compute the distance in metres at which the correlation of errors falls below 1/e.

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
    max_lag = min(max_lag, *(size - 1 for size in errors.vx.shape))
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


def error_of_mean(
    sigma: npt.NDArray[np.floating], spacing: float, length: float, common: float = COMMON
) -> MeanError:
    """Compute the uncertainty of a mean over an area with spatially correlated errors.

    Parameters
    ----------
    sigma : ndarray
        One sigma of each pixel, m/yr. NaN is ignored.
    spacing : float
        Size of a pixel in metres.
    length : float
        Correlation length in metres, from `correlation_length`. A larger value gives a larger
        random part.
    common : float, optional
        Fraction of the variance common to all pixels. A larger value gives a larger systematic
        part.

    Returns
    -------
    MeanError
        Random and systematic part. For the random part, the number of independent values is the
        area divided by that of a disc of radius `length`, at least one.

    Examples
    --------
    >>> error = error_of_mean(np.full((100, 100), 2.0), spacing=10.0, length=100.0)
    >>> round(error.random, 2), round(error.systematic, 2), round(error.total, 2)
    (0.34, 0.63, 0.72)
    """
    finite = sigma[np.isfinite(sigma)]
    if not finite.size:
        return MeanError(float("nan"), float("nan"))
    independent = max(finite.size * spacing**2 / (np.pi * length**2), 1.0)
    mean_square = float(np.mean(finite**2))
    random = np.sqrt((1 - common) * mean_square / independent)
    return MeanError(float(random), float(np.sqrt(common * mean_square)))
