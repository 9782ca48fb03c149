"""Errors on stable ground due to residual registration and terrain errors of a pair."""

import numpy as np

from gdiv.images.arrays import Component, Mask, Series
from gdiv.images.statistics import nmad

__all__ = ["add_ground_error", "excess_variance"]

#: Minimum number of pixels of stable ground for estimating an error.
MIN_STABLE = 100


def add_ground_error(component: Component, sigma: Component, ground: Mask) -> Component:
    """Add the excess error on stable ground to the standard error of a match.

    The standard error of a match only describes the matching of texture. Registration,
    orthorectification and relief also displace the surface, which is only detectable on ground of
    known displacement.

    Parameters
    ----------
    component : ndarray, shape (H, W)
        One component of the displacement after registration, pixels.
    sigma : ndarray, shape (H, W)
        Standard error of the match, pixels.
    ground : ndarray of bool, shape (H, W)
        Stable ground with a reliable match.

    Returns
    -------
    ndarray, shape (H, W)
        Standard error in pixels, at least `sigma`; equal to `sigma` with fewer than 100 pixels of
        stable ground.

    Examples
    --------
    A spread of 0.5 px with a stated error of 0.3 px implies an excess error of 0.4 px:

    >>> apparent = np.random.default_rng(0).normal(0, 0.5, (100, 100))
    >>> sigma = np.full((100, 100), 0.3)
    >>> round(float(add_ground_error(apparent, sigma, sigma > 0).mean()), 2)
    0.5
    """
    is_valid = ground & np.isfinite(component) & np.isfinite(sigma)
    return np.sqrt(sigma**2 + np.float32(excess_variance(component[is_valid], sigma[is_valid])))


def excess_variance(apparent: Series, stated: Series) -> float:
    """Estimate the excess variance on stable ground over the stated errors.

    Parameters
    ----------
    apparent : ndarray, shape (N,)
        Displacement of stable ground along one axis, pixels.
    stated : ndarray, shape (N,)
        Stated standard errors, pixels.

    Returns
    -------
    float
        Variance in square pixels; 0 with fewer than 100 values.
    """
    if apparent.size < MIN_STABLE:
        return 0.0
    return max(nmad(apparent, 0) ** 2 - float(np.median(stated)) ** 2, 0.0)
