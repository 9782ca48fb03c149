"""Confidence intervals of the scores of a mosaic against the truth, by block bootstrap.

Errors are correlated over a few hundred metres, so blocks of one kilometre are resampled instead of
pixels.
"""

import warnings

import numpy as np
import numpy.typing as npt
import xarray as xr

from gdiv.images.arrays import Mask
from gdiv.images.statistics import along_flow_ratio, resample_blocks
from gdiv.velocity.scores import MIN_SPEED

__all__ = ["INTERVALS", "score_intervals"]

#: Names of the bounds of the intervals, in order.
INTERVALS = tuple(
    f"{score}_{end}" for score in ("rmse", "along", "covered") for end in ("low", "high")
)
BLOCK = 1000.0  # m, side of a block
REPLICATES = 300
TAIL = 2.5  # percent outside each bound of the interval
SEED = 20261126


def score_intervals(mosaic: xr.Dataset, truth: xr.Dataset, ice: Mask) -> dict[str, float]:
    """Compute 95 % intervals of RMSE, bias along flow and coverage of one sigma.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy`` (m/yr), optionally with ``vx_error`` and ``vy_error``, and the coordinates
        of the grid.
    truth : xarray.Dataset
        ``vx``, ``vy`` (m/yr) on the same grid.
    ice : ndarray of bool, shape (H, W)
        Pixels to compare.

    Returns
    -------
    dict
        ``rmse_low``, ``rmse_high`` (m/yr), ``along_low``, ``along_high`` (fraction of the true
        speed) and ``covered_low``, ``covered_high``; NaN if there is no pixel, or no stated error.
    """
    estimate = np.stack([mosaic.vx.values, mosaic.vy.values])
    reference = np.stack([truth.vx.values, truth.vy.values])
    difference = estimate - reference
    valid = ice & np.isfinite(difference).all(0)
    if not valid.any():
        return dict.fromkeys(INTERVALS, float("nan"))
    blocks = _block_numbers(mosaic)[valid]
    square = (difference**2).sum(0)[valid]
    moving = valid & (np.hypot(*reference) > MIN_SPEED)
    ratio = np.full(valid.shape, np.nan)
    ratio[moving] = along_flow_ratio(estimate, reference, moving) - 1
    covered = np.full(valid.shape, np.nan)
    if "vx_error" in mosaic:
        sigma = np.stack([mosaic.vx_error.values, mosaic.vy_error.values])
        covered = np.where(np.isfinite(sigma).all(0), (np.abs(difference) <= sigma).mean(0), np.nan)
    values = np.stack([square, ratio[valid], covered[valid]])
    samples = resample_blocks(values, blocks, _scores, REPLICATES, SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # raised for scores without values
        ends = np.nanpercentile(samples, [TAIL, 100 - TAIL], axis=0).T
    return dict(zip(INTERVALS, (float(value) for value in ends.ravel()), strict=True))


def _block_numbers(mosaic: xr.Dataset) -> npt.NDArray[np.intp]:
    """Number of the block of each pixel."""
    y, x = mosaic.y.values, mosaic.x.values
    rows = ((y.max() - y) // BLOCK).astype(int)
    columns = ((x - x.min()) // BLOCK).astype(int)
    return rows[:, None] * (columns.max() + 1) + columns


def _scores(values: npt.NDArray[np.floating]) -> tuple[float, float, float]:
    """RMSE, median bias and mean coverage of squares, ratios and coverages ``(3, N)``."""
    square, ratio, covered = values
    ratio = ratio[np.isfinite(ratio)]
    covered = covered[np.isfinite(covered)]
    return (
        float(np.sqrt(square.mean())),
        float(np.median(ratio)) if ratio.size else np.nan,
        float(covered.mean()) if covered.size else np.nan,
    )
