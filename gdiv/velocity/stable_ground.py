"""Errors that stable ground shows: what registration and terrain leave in a pair."""

import numpy as np

from gdiv.images.arrays import Component, Mask, Series
from gdiv.images.statistics import nmad

__all__ = ["add_ground_error", "variance_beyond"]

#: Fewest pixels of stable ground from which an error is estimated.
MIN_STABLE = 100


def add_ground_error(component: Component, sigma: Component, ground: Mask) -> Component:
    """Add to the standard error of a match what stable ground shows beyond it.

    A match states how well it found the texture of the surface. Registration, orthorectification
    and relief displace the whole surface as well, and only ground of known displacement shows it.

    Parameters
    ----------
    component : ndarray, shape (H, W)
        One component of the displacement after registration, pixels.
    sigma : ndarray, shape (H, W)
        Its standard error as the match states it, pixels.
    ground : ndarray of bool, shape (H, W)
        Stable ground with a reliable match.

    Returns
    -------
    ndarray, shape (H, W)
        Standard error in pixels, at least `sigma`. With fewer than 100 pixels of stable ground it
        is `sigma`.

    Examples
    --------
    Ground that moves by 0.5 px where matches state 0.3 px has a further error of 0.4 px:

    >>> apparent = np.random.default_rng(0).normal(0, 0.5, (100, 100))
    >>> sigma = np.full((100, 100), 0.3)
    >>> round(float(add_ground_error(apparent, sigma, sigma > 0).mean()), 2)
    0.5
    """
    known = ground & np.isfinite(component) & np.isfinite(sigma)
    return np.sqrt(sigma**2 + np.float32(variance_beyond(component[known], sigma[known])))


def variance_beyond(apparent: Series, stated: Series) -> float:
    """Estimate the variance that stable ground shows beyond what matches state.

    Parameters
    ----------
    apparent : ndarray, shape (N,)
        Displacement of stable ground along one axis, pixels.
    stated : ndarray, shape (N,)
        Its standard errors, pixels.

    Returns
    -------
    float
        Squared pixels; 0 with fewer than 100 values.
    """
    if apparent.size < MIN_STABLE:
        return 0.0
    return max(nmad(apparent, 0) ** 2 - float(np.median(stated)) ** 2, 0.0)
