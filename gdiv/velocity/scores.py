"""Score the displacement of single pairs, with and without the true motion."""

from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.images.arrays import Component, Flow, Mask
from gdiv.images.sampling import compose_flows
from gdiv.images.statistics import along_flow_ratio, pool_components
from gdiv.twin.truth import true_pairs
from gdiv.velocity.annual import MOSAIC_METHODS, combine_pairs

__all__ = [
    "error_by_displacement",
    "score_pairs",
    "subsample_pairs",
    "triplet_closure",
    "with_true_motion",
]

#: Components of a displacement, ``u`` and ``v`` in pixels.
Motion: TypeAlias = tuple[Component, Component]

#: Minimum speed of ice for the bias along flow, m/yr. Chosen by eye on the twin, where the error of
#: a match on slower ice is as large as the motion.
MIN_SPEED = 5.0


def score_pairs(
    displacements: xr.Dataset, motions: list[Motion] | None, ice: Mask
) -> dict[str, float]:
    """Score the displacement of single pairs and average over the pairs.

    Parameters
    ----------
    displacements : xarray.Dataset
        ``u``, ``v`` (pixel) and ``quality`` with dimensions ``(pair, y, x)``; ``bias_x``,
        ``bias_y``, ``nmad_x``, ``nmad_y`` (pixel) per pair; the coordinates ``years``,
        ``reference`` and ``secondary``; the attribute ``spacing`` (m). From `gdiv.match_pairs`.
    motions : list of tuple of ndarray, or None
        True ``u`` and ``v`` of each pair (pixel), shape (H, W), from `gdiv.twin.truth.true_pairs`.
        None without truth.
    ice : ndarray of bool, shape (H, W)
        Pixels to score.

    Returns
    -------
    dict
        In pixels, averaged over the pairs: ``error``, the mean distance to the true motion;
        ``along``, the median bias along flow as a fraction of the true motion, negative where
        motion is lost; both NaN without truth. ``bias`` and ``nmad`` of stable ground, and
        ``closure``, from `triplet_closure`. ``quality``, the mean on ice, and ``valid``, the
        fraction of ice with a displacement.

    Examples
    --------
    A match that underestimates a motion of two pixels by 10 %:

    >>> axes = ("pair", "y", "x")
    >>> full = np.ones((1, 2, 2))
    >>> displacements = xr.Dataset(
    ...     {"u": (axes, 1.8 * full), "v": (axes, 0 * full), "quality": (axes, full)},
    ...     coords={
    ...         "years": ("pair", [1.0]),
    ...         "reference": ("pair", ["a"]),
    ...         "secondary": ("pair", ["b"]),
    ...     },
    ...     attrs={"spacing": 10.0},
    ... )
    >>> for name in ("bias_x", "bias_y", "nmad_x", "nmad_y"):
    ...     displacements[name] = ("pair", [0.1])
    >>> motion = (2 * full[0], 0 * full[0])
    >>> scores = score_pairs(displacements, [motion], ice=np.ones((2, 2), bool))
    >>> {name: round(scores[name], 2) for name in ("error", "along", "nmad", "valid")}
    {'error': 0.2, 'along': -0.1, 'nmad': 0.1, 'valid': 1.0}
    """
    scores = []
    for index in range(displacements.sizes["pair"]):
        pair = displacements.isel(pair=index).load()
        motion = None if motions is None else motions[index]
        scores.append(_score_pair(pair, motion, ice, displacements.attrs["spacing"]))
    spread = xr.DataArray(pool_components(displacements.nmad_x.values, displacements.nmad_y.values))
    bias = np.hypot(displacements.bias_x, displacements.bias_y)
    return {
        "error": _mean([score.error for score in scores]),
        "along": _mean([score.along for score in scores]),
        "bias": float(bias.mean()),
        "nmad": float(np.sqrt((spread**2).mean())),
        "closure": triplet_closure(displacements, ice),
        "quality": float(np.mean([score.quality for score in scores])),
        "valid": float(np.mean([score.valid for score in scores])),
    }


class _PairScore(NamedTuple):
    """Scores of one pair; None where they cannot be computed."""

    error: np.floating | None  # pixel
    along: np.floating | None
    quality: np.floating
    valid: np.floating


def _score_pair(pair: xr.Dataset, motion: Motion | None, ice: Mask, spacing: float) -> _PairScore:
    """Score the displacement of one pair on ice."""
    flow = np.stack([pair.u.values, pair.v.values])
    valid = ice & np.isfinite(flow[0])
    quality = pair.quality.values[ice].mean()
    covered = valid.sum() / ice.sum()
    error = None
    along = None
    if motion is not None:
        truth = np.stack(motion)
        valid &= np.isfinite(truth[0])
        if valid.any():
            error = _distance(flow, truth)[valid].mean()
        true_speed = np.hypot(*truth) * spacing / float(pair.years)
        moving = valid & (true_speed > MIN_SPEED)
        if moving.any():
            along = np.median(along_flow_ratio(flow, truth, moving)) - 1
    return _PairScore(error, along, quality, covered)


def _distance(flow: Flow, truth: Flow) -> Component:
    """Length of the difference of two flows."""
    return np.hypot(flow[0] - truth[0], flow[1] - truth[1])


def _mean(values: list[np.floating | None]) -> float:
    """Mean of the values that are not None; NaN if there is none."""
    available = [value for value in values if value is not None]
    return float(np.mean(available)) if available else float("nan")


def error_by_displacement(
    displacements: xr.Dataset, motions: list[Motion], ice: Mask, classes: int = 8
) -> pd.DataFrame:
    """Compute the mean error of single pairs as a function of the true displacement.

    Parameters
    ----------
    displacements : xarray.Dataset
        ``u``, ``v`` (pixel) with dimensions ``(pair, y, x)``.
    motions : list of tuple of ndarray
        True ``u`` and ``v`` of each pair (pixel), shape (H, W).
    ice : ndarray of bool, shape (H, W)
        Pixels to use.
    classes : int, optional
        Classes of true displacement, each with the same number of pixels.

    Returns
    -------
    pandas.DataFrame
        One row per class: ``displacement`` (mean true displacement) and ``error`` (mean distance
        to the truth), both in pixels.
    """
    lengths = []
    errors = []
    for index, motion in enumerate(motions):
        pair = displacements[["u", "v"]].isel(pair=index).load()
        flow = np.stack([pair.u.values, pair.v.values])
        truth = np.stack(motion)
        valid = ice & np.isfinite(truth[0]) & np.isfinite(flow[0])
        lengths.append(np.hypot(*truth)[valid])
        errors.append(_distance(flow, truth)[valid])
    table = pd.DataFrame({"displacement": np.concatenate(lengths), "error": np.concatenate(errors)})
    labels = pd.qcut(table.displacement, classes, labels=False, duplicates="drop")
    return table.groupby(labels).mean()


def triplet_closure(displacements: xr.Dataset, ice: Mask) -> float:
    """Compute the median closure error over all triplets of scenes.

    Parameters
    ----------
    displacements : xarray.Dataset
        ``u``, ``v`` (pixel) with dimensions ``(pair, y, x)`` and the scene ids ``reference`` and
        ``secondary`` per pair.
    ice : ndarray of bool, shape (H, W)
        Pixels to use.

    Returns
    -------
    float
        Median distance in pixels between the displacement from a to c and the composition of those
        from a to b and from b to c; NaN if no three pairs form a triplet. Errors of individual
        scenes cancel.
    """
    references = displacements.reference.values.tolist()
    secondaries = displacements.secondary.values.tolist()
    index_of = {ids: i for i, ids in enumerate(zip(references, secondaries, strict=True))}
    residuals = []
    for (a, b), first in index_of.items():
        for (start, c), second in index_of.items():
            if start == b and (a, c) in index_of:
                legs = (first, second, index_of[a, c])
                residuals.append(_closure_error(displacements, legs)[ice])
    return float(np.nanmedian(np.concatenate(residuals))) if residuals else float("nan")


def _closure_error(displacements: xr.Dataset, legs: tuple[int, int, int]) -> Component:
    """Distance between the composed and the direct displacement, NaN outside the frame."""
    first, second, direct = (
        displacements[["u", "v"]].isel(pair=index).load().to_array().values for index in legs
    )
    return _distance(compose_flows(first, second, outside=np.nan), direct)


def subsample_pairs(
    velocity: xr.Dataset,
    reference: xr.Dataset,
    ice: Mask,
    counts: list[int],
    draws: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute the error of mosaics of fewer pairs, for each mosaic method.

    Parameters
    ----------
    velocity : xarray.Dataset
        Velocity of the pairs, in memory, from `gdiv.velocity.annual.to_velocity`.
    reference : xarray.Dataset
        ``vx``, ``vy`` of the truth, or of the mosaic of all pairs.
    ice : ndarray of bool, shape (H, W)
        Pixels to compare.
    counts : list of int
        Numbers of pairs.
    draws : int, optional
        Number of random subsets for each number of pairs.
    seed : int, optional
        Seed of the random choice.

    Returns
    -------
    pandas.DataFrame
        ``pairs`` (number), ``mosaic`` (method) and ``rmse``, the root mean square distance to the
        reference (m/yr), averaged over the draws.
    """
    rng = np.random.default_rng(seed)
    size = velocity.sizes["pair"]
    rows = []
    for count in counts:
        subsets = [np.sort(rng.permutation(size)[:count]) for _ in range(draws)]
        for method in MOSAIC_METHODS:
            mosaics = [combine_pairs(velocity.isel(pair=subset), method) for subset in subsets]
            rmse = float(np.mean([_rmse(mosaic, reference, ice) for mosaic in mosaics]))
            rows.append({"pairs": count, "mosaic": method, "rmse": rmse})
    return pd.DataFrame(rows)


def _rmse(mosaic: xr.Dataset, reference: xr.Dataset, ice: Mask) -> np.floating:
    """Root mean square distance between two mosaics, m/yr."""
    distance = np.hypot(mosaic.vx - reference.vx, mosaic.vy - reference.vy).values[ice]
    return np.sqrt(np.nanmean(distance**2))


def with_true_motion(truth: xr.Dataset | None, displacements: xr.Dataset) -> xr.Dataset | None:
    """Replace the displacement of each pair by the true motion.

    Parameters
    ----------
    truth : xarray.Dataset or None
        Truth of the twin, from `gdiv.twin.truth.read_truth`.
    displacements : xarray.Dataset
        ``u``, ``v`` (pixel) with dimensions ``(pair, y, x)`` and the coordinate ``years``.

    Returns
    -------
    xarray.Dataset or None
        `displacements` with the true ``u`` and ``v`` (float32), NaN outside the truth; None
        without truth.
    """
    if truth is None:
        return None
    motions = np.array(true_pairs(truth, displacements), np.float32)
    components = {
        name: displacements[name].copy(data=motions[:, i]) for i, name in enumerate(("u", "v"))
    }
    return displacements.assign(components)
