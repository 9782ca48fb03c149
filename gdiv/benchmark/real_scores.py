"""Scores of the displacement between real scenes, which have no exact truth.

Read the scores together, since each alone can be gamed: zero motion is best on stable ground, in a
null pair and in closure.

- *agreement*: distance from chips that correlate reliably in both directions.
- *stable*: spread of displacement on stable ground, each pair about its own median.
- *null*: displacement between dates so close that the ice has hardly moved, minus its median.
- *closure*: sum of two successive pairs minus the pair of the outer dates.
- *field*: distance from a published field of the same pair where it is longer than a pixel, both
  relative to stable ground.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gdiv.benchmark.intervals import Estimate
from gdiv.benchmark.real_scenes import Dates, RealScenes, relative_to
from gdiv.benchmark.scores import block_numbers
from gdiv.images.arrays import Flow, Mask
from gdiv.images.sampling import compose_flows
from gdiv.images.statistics import nmad, pool_components, resample_blocks

__all__ = ["score_site"]

#: Vectors ``(2, N)`` in pixels, and the number of the block of each.
Residuals: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]

#: Shortest vector of a published field that is compared, pixels.
MIN_FIELD = 1.0
REPLICATES = 200
SEED = 20261126


def score_site(scenes: RealScenes, flows: Mapping[Dates, Flow]) -> dict[str, Estimate]:
    """Score the displacement of all pairs of a site.

    Parameters
    ----------
    scenes : RealScenes
        Images and masks.
    flows : mapping of (str, str) to ndarray, shape (2, H, W)
        Displacement of each of `gdiv.benchmark.real_scenes.needed_pairs`, in pixels.

    Returns
    -------
    dict of str to Estimate
        Each score that the site allows, in pixels, with its 95 % interval from blocks of 64 px:
        medians, and the NMAD on stable ground. ``missing`` is the fraction of the ice without a
        vector.
    """
    place = scenes.site
    blocks = block_numbers(scenes.ice.shape)

    def within(flow: Flow, mask: Mask) -> Residuals:
        mask = mask & np.isfinite(flow).all(0)
        return flow[:, mask].astype(float), blocks[mask]

    def centred(residuals: Residuals) -> Residuals:
        vectors, block = residuals
        return vectors - np.median(vectors, 1, keepdims=True), block

    def all_of(residuals: Sequence[Residuals]) -> Residuals:
        # Blocks of different pairs are resampled independently.
        numbers = [block + i * (blocks.max() + 1) for i, (_, block) in enumerate(residuals)]
        return np.concatenate([each for each, _ in residuals], 1), np.concatenate(numbers)

    scores = {}
    chips = [_from_chips(scenes, pair, flows[pair], blocks) for pair in place.pairs]
    scores["agreement"] = _bootstrap(all_of(chips), _median_length)
    if scenes.stable.any():
        stable = all_of([centred(within(flows[pair], scenes.stable)) for pair in place.pairs])
        scores["stable"] = _bootstrap(stable, _spread)
    if place.null:
        null = [centred(within(flows[pair], scenes.ice)) for pair in place.null]
        scores["null"] = _bootstrap(all_of(null), _median_length)
    if place.triplet:
        first, middle, last = place.triplet
        joined = compose_flows(flows[first, middle], flows[middle, last], outside=np.nan)
        closure = within(joined - flows[first, last], scenes.ice)
        scores["closure"] = _bootstrap(closure, _median_length)
    if place.field:
        pair = place.pairs[0]
        field = scenes.published_field(pair)
        moving = scenes.ice & (np.hypot(*field) > MIN_FIELD)
        difference = within(relative_to(flows[pair], scenes.stable) - field, moving)
        scores["field"] = _bootstrap(difference, _median_length)
    missing_fraction = float(
        np.mean([np.isnan(flows[pair][0])[scenes.ice].mean() for pair in place.pairs])
    )
    return scores | {"missing": Estimate(missing_fraction, missing_fraction, missing_fraction)}


def _from_chips(
    scenes: RealScenes, pair: Dates, flow: Flow, blocks: npt.NDArray[np.intp]
) -> Residuals:
    """Differences from the reliably matched chips of a pair."""
    chips = scenes.chips[pair]
    rows, columns = chips[:, :2].astype(int).T
    difference = flow[:, rows, columns] - chips[:, 2:].T
    is_valid = np.isfinite(difference).all(0)
    return difference[:, is_valid], blocks[rows, columns][is_valid]


def _median_length(vectors: npt.NDArray[np.float64]) -> float:
    """Median length of vectors ``(2, N)``."""
    return float(np.median(np.hypot(*vectors)))


def _spread(vectors: npt.NDArray[np.float64]) -> float:
    """NMAD of both components of vectors ``(2, N)``."""
    return float(pool_components(nmad(vectors[0]), nmad(vectors[1])))


def _bootstrap(
    residuals: Residuals, statistic: Callable[[npt.NDArray[np.float64]], float]
) -> Estimate:
    """Statistic of vectors, and its interval from resampled blocks."""
    vectors, blocks = residuals
    if vectors.shape[1] == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    samples = resample_blocks(vectors, blocks, statistic, REPLICATES, SEED)
    low, high = np.percentile(samples, [2.5, 97.5])
    return Estimate(statistic(vectors), float(low), float(high))
