"""Robust statistics of displacements and velocities."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gdiv.images.arrays import Flow, Mask, Series

__all__ = ["along_flow_ratio", "nmad", "pool_components", "resample_blocks"]

#: Ratio of the standard deviation of a normal distribution to its median absolute deviation.
NORMAL_CONSISTENCY = 1.4826


def nmad(values: npt.NDArray[Any], centre: float | None = None) -> float:
    """Compute the normalised median absolute deviation, a robust standard deviation.

    Parameters
    ----------
    values : ndarray
        Values of any shape. NaN is ignored.
    centre : float, optional
        Value from which deviations are computed; the median by default. With zero, an offset
        common to all values counts as deviation.

    Returns
    -------
    float
        ``1.4826 * median(|values - centre|)``, in the unit of `values`; NaN without a value.

    Notes
    -----
    Höhle and Höhle (2009), https://doi.org/10.1016/j.isprsjprs.2009.02.003.

    Examples
    --------
    >>> round(nmad(np.array([1.0, 2.0, 3.0, 100.0])), 2)
    1.48
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan")
    middle = np.median(values) if centre is None else centre
    return float(NORMAL_CONSISTENCY * np.median(np.abs(values - middle)))


def pool_components(x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[Any] | float:
    """Compute the root mean square of two components, such as the spreads along both axes.

    Parameters
    ----------
    x, y : float or ndarray
        The two components.

    Returns
    -------
    float or ndarray
        Root mean square.

    Examples
    --------
    >>> round(float(pool_components(3.0, 3.0)), 6)
    3.0
    """
    return np.hypot(x, y) / np.sqrt(2)


def along_flow_ratio(flow: Flow, truth: Flow, moving: Mask, min_length: float = 1e-6) -> Series:
    """Compute the component of a flow along the true flow, relative to the true length.

    Parameters
    ----------
    flow, truth : ndarray, shape (2, H, W)
        Estimated and true vectors in one unit.
    moving : ndarray of bool, shape (H, W)
        Pixels to evaluate; slow pixels do not constrain the ratio.
    min_length : float, optional
        Minimum true length in that unit, to avoid division by zero.

    Returns
    -------
    ndarray, shape (N,)
        Ratio: 1 for an unbiased match, less where motion is lost. The median minus 1 is the bias
        along the flow.

    Examples
    --------
    >>> truth = np.ones((2, 2, 2))
    >>> along_flow_ratio(0.9 * truth, truth, np.ones((2, 2), bool)).round(2).tolist()
    [0.9, 0.9, 0.9, 0.9]
    """
    projection = flow[0] * truth[0] + flow[1] * truth[1]
    length = np.maximum(np.hypot(truth[0], truth[1]), min_length)
    return (projection / length**2)[moving]


def resample_blocks(
    values: npt.NDArray[Any],
    blocks: npt.NDArray[np.integer[Any]],
    statistic: Callable[[npt.NDArray[Any]], Any],
    replicates: int,
    seed: int,
) -> npt.NDArray[np.float64]:
    """Compute a statistic of resampled blocks of correlated values (block bootstrap).

    Parameters
    ----------
    values : ndarray, shape (K, N)
        Values of `N` pixels.
    blocks : ndarray of int, shape (N,)
        Number of the block of each pixel.
    statistic : callable
        Function of values ``(K, M)`` that returns one or more numbers.
    replicates : int
        Number of resamplings.
    seed : int
        Seed of the resampling.

    Returns
    -------
    ndarray, shape (replicates, ...)
        The statistic of each resampling, in which blocks are drawn with replacement.

    Notes
    -----
    Lahiri (2003), Resampling Methods for Dependent Data, chapter 2.

    Examples
    --------
    >>> values = np.arange(40.0)[None]
    >>> samples = resample_blocks(values, np.arange(40) // 4, np.mean, replicates=200, seed=0)
    >>> bool(samples.min() < values.mean() < samples.max())
    True
    """
    order = np.argsort(blocks, kind="stable")
    starts = np.flatnonzero(np.diff(blocks[order], prepend=-1))
    parts = np.split(values[:, order], starts[1:], axis=1)
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(replicates):
        chosen = rng.integers(0, len(parts), len(parts))
        samples.append(statistic(np.concatenate([parts[block] for block in chosen], axis=1)))
    return np.array(samples, float)
