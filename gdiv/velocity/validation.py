"""Validate a mosaic against the truth of the twin, stable ground and its own uncertainty."""

import contextlib
import io

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from gdiv.extras import requires
from gdiv.images.arrays import Mask, Series
from gdiv.images.statistics import along_flow_ratio, nmad, pool_components
from gdiv.twin.truth import true_velocity
from gdiv.velocity.intervals import INTERVALS, score_intervals
from gdiv.velocity.scores import MIN_SPEED
from gdiv.velocity.uncertainty import coverage

__all__ = [
    "check_mosaic",
    "compare_with_truth",
    "mosaic_period",
    "stable_ground_velocity",
    "true_mosaic",
]

#: Maximum number of vectors for the density estimate of GLAFT, which takes one second for these and
#: scales linearly.
MAX_GLAFT_VECTORS = 20_000
#: Maximum time over which the truth is integrated, years. Fast ice leaves the scene within a year.
MAX_YEARS = 1.0
TRUTH_SCORES = ("rmse", "mae", "median", "p95", "along", "valid")


def check_mosaic(
    mosaic: xr.Dataset,
    truth: xr.Dataset | None,
    ice: Mask,
    stable: Mask,
    stakes: pd.DataFrame,
) -> dict[str, float]:
    """Validate one mosaic with every available reference.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy`` and their uncertainty ``vx_error``, ``vy_error`` (m/yr), from
        `gdiv.velocity.uncertainty.add_errors`.
    truth : xarray.Dataset or None
        Truth of the twin on the grid of the mosaic, from `gdiv.twin.truth.read_truth`.
    ice, stable : ndarray of bool, shape (H, W)
        Ice and stable ground.
    stakes : pandas.DataFrame
        Table of `gdiv.velocity.stakes.compare_with_stakes`.

    Returns
    -------
    dict
        Scores of `compare_with_truth`, with ``covered``, the fraction of true errors on ice within
        one sigma, and the intervals of `gdiv.velocity.intervals.score_intervals`; NaN without
        truth. Scores of `stable_ground_velocity`. ``stakes``, the mean absolute difference from
        the stakes (m/yr); NaN without stakes.
    """
    scores = dict.fromkeys((*TRUTH_SCORES, "covered", *INTERVALS), float("nan"))
    if truth is not None:
        reference = true_mosaic(mosaic, truth)
        coverages = []
        for name in ("vx", "vy"):
            error = (mosaic[name] - reference[name]).values[ice]
            coverages.append(coverage(error, mosaic[f"{name}_error"].values[ice]))
        scores = compare_with_truth(mosaic, reference, ice)
        scores |= score_intervals(mosaic, reference, ice)
        scores["covered"] = float(np.mean(coverages))
    difference = float(stakes.difference.abs().mean()) if len(stakes) else float("nan")
    return scores | stable_ground_velocity(mosaic, stable) | {"stakes": difference}


def true_mosaic(mosaic: xr.Dataset, truth: xr.Dataset) -> xr.Dataset:
    """Compute the true velocity for the dates of a mosaic.

    Parameters
    ----------
    mosaic : xarray.Dataset
        Mosaic from `gdiv.combine_pairs`.
    truth : xarray.Dataset
        Truth of the twin, from `gdiv.twin.truth.read_truth`.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` (m/yr), over a year, or over the longest pair of the mosaic if that is
        shorter.
    """
    return true_velocity(
        truth, min(MAX_YEARS, mosaic.attrs["longest_years"]), mosaic_period(mosaic)
    )


def mosaic_period(mosaic: xr.Dataset) -> tuple[str, str] | None:
    """Read the mean first and last date of the pairs of a mosaic.

    Parameters
    ----------
    mosaic : xarray.Dataset
        Mosaic from `gdiv.combine_pairs`.

    Returns
    -------
    tuple of str, or None
        Dates; None if the pairs have none.
    """
    if "first_date" not in mosaic.attrs:
        return None
    return mosaic.attrs["first_date"], mosaic.attrs["last_date"]


def compare_with_truth(velocity: xr.Dataset, truth: xr.Dataset, ice: Mask) -> dict[str, float]:
    """Compare a mosaic with the true velocity on ice.

    Parameters
    ----------
    velocity, truth : xarray.Dataset
        ``vx``, ``vy`` (m/yr) with dimensions ``(y, x)`` on one grid.
    ice : ndarray of bool, shape (H, W)
        Pixels to compare.

    Returns
    -------
    dict
        ``rmse`` and ``mae`` of the velocity vector, ``median`` and ``p95`` of the length of its
        error (m/yr); ``along``, the median bias along flow as a fraction of the true speed,
        negative where the matcher loses motion, on ice faster than 5 m/yr; ``valid``, the
        fraction of ice with a velocity. All but ``valid`` are NaN if no pixel can be compared.

    Raises
    ------
    ValueError
        If the two are on different grids.

    Examples
    --------
    A mosaic that underestimates the motion by 10 %:

    >>> axes = ("y", "x")
    >>> truth = xr.Dataset(
    ...     {"vx": (axes, np.full((2, 2), 30.0)), "vy": (axes, np.full((2, 2), -40.0))}
    ... )
    >>> scores = compare_with_truth(0.9 * truth, truth, ice=np.ones((2, 2), bool))
    >>> {name: round(scores[name], 2) for name in ("rmse", "along", "valid")}
    {'rmse': 5.0, 'along': -0.1, 'valid': 1.0}
    """
    velocity, truth = xr.align(velocity, truth, join="exact")
    estimate = np.stack([velocity.vx.values, velocity.vy.values])
    reference = np.stack([truth.vx.values, truth.vy.values])
    error = np.hypot(*(estimate - reference))
    valid = ice & np.isfinite(error)
    if not valid.any():
        return dict.fromkeys(TRUTH_SCORES, float("nan"))
    moving = valid & (np.hypot(*reference) > MIN_SPEED)
    along = along_flow_ratio(estimate, reference, moving)
    return {
        "rmse": float(np.sqrt(np.mean(error[valid] ** 2))),
        "mae": float(error[valid].mean()),
        "median": float(np.median(error[valid])),
        "p95": float(np.percentile(error[valid], 95)),
        "along": float(np.median(along) - 1) if along.size else float("nan"),
        "valid": float(valid.sum() / ice.sum()),
    }


def stable_ground_velocity(velocity: xr.Dataset, stable: Mask) -> dict[str, float]:
    """Compute the apparent velocity of stable ground, m/yr.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` (m/yr) with dimensions ``(y, x)``.
    stable : ndarray of bool, shape (H, W)
        Stable ground.

    Returns
    -------
    dict
        ``bias``, the length of the median vector; ``nmad`` and ``glaft``, both components pooled.
        All are NaN without a value on stable ground.

    Notes
    -----
    ``glaft`` is the static terrain metric of Zheng et al. (2023),
    https://doi.org/10.5194/tc-17-4063-2023: half the width of the area in which the density of
    vectors is at least that of a normal distribution at two sigma. Unlike the NMAD, it increases
    with outliers, because they affect the bandwidth of its density estimate.
    """
    x = velocity.vx.values[stable]
    y = velocity.vy.values[stable]
    valid = np.isfinite(x) & np.isfinite(y)
    x = x[valid]
    y = y[valid]
    if not x.size:
        return dict.fromkeys(("bias", "nmad", "glaft"), float("nan"))
    return {
        "bias": float(np.hypot(np.median(x), np.median(y))),
        "nmad": float(pool_components(nmad(x), nmad(y))),
        "glaft": _glaft_metric(x, y),
    }


def _glaft_metric(x: Series, y: Series) -> float:
    """Static terrain metric of GLAFT, both components pooled; 0 where every vector is zero."""
    with requires("study", "GLAFT's measure of stable ground"):
        import glaft  # takes a second, so import it only where needed

    step = -(-x.size // MAX_GLAFT_VECTORS)  # rounded up
    vectors: npt.NDArray[np.float64] = np.vstack([x[::step], y[::step]]).astype(float)
    if vectors.shape[1] < 2 or not (vectors.std(axis=1) > 0).all():
        return float("nan") if vectors.any() else 0.0
    ground = glaft.Velocity(velocity_unit="m/yr")
    ground.xy = vectors
    # Same steps as its `static_terrain_analysis`, without the figure. Each prints a message.
    with contextlib.redirect_stdout(io.StringIO()):
        ground.calculate_xystd()
        ground.calculate_bandwidth()
        ground.calculate_kde()
        ground.construct_crude_mesh()
        ground.eval_crude_mesh()
        ground.construct_fine_mesh()
        ground.eval_fine_mesh()
        ground.thresholding_fine_mesh()
        ground.thresholding_metric()
    return float(pool_components(ground.metric_static_terrain_x, ground.metric_static_terrain_y))
