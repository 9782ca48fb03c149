"""Means and quantiles of scores over cases, with intervals from resampled cases and blocks."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gdiv.benchmark.scores import CLASSES, ERROR_EDGES, BlockScores

__all__ = ["Estimate", "Resampling", "estimate", "replicates", "summarise"]

REPLICATES = 400
LEVEL = 0.95
SEED = 20261126


class Estimate(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Resampling:
    """Bootstrap weights of cases and blocks, shared by all matchers so that ratios are paired.

    Parameters
    ----------
    blocks : mapping of str to int
        Number of blocks of each case.
    """

    def __init__(self, blocks: Mapping[str, int]) -> None:
        rng = np.random.default_rng(SEED)
        self.names = sorted(blocks)
        count = len(self.names)
        resampled_counts = rng.multinomial(count, np.full(count, 1 / count), REPLICATES)
        # The first replicate is the sample itself.
        self.cases = np.concatenate([np.ones((1, count)), resampled_counts]).astype(float)
        self.blocks = {
            name: np.concatenate(
                [
                    np.ones((1, blocks[name])),
                    rng.multinomial(
                        blocks[name], np.full(blocks[name], 1 / blocks[name]), REPLICATES
                    ),
                ]
            )
            for name in self.names
        }

    def mean_over_cases(
        self,
        above: Mapping[str, npt.NDArray[np.float64]],
        below: Mapping[str, npt.NDArray[np.float64]],
    ) -> npt.NDArray[np.float64]:
        """Average a ratio of sums over blocks over the cases, for each replicate.

        Parameters
        ----------
        above, below : mapping of str to ndarray, shape (blocks, ...)
            Sums of each block, by case.

        Returns
        -------
        ndarray, shape (replicates, ...)
            The means; cases whose denominator is zero are left out.
        """
        total: npt.NDArray[np.float64] | float = 0.0
        weight: npt.NDArray[np.float64] | float = 0.0
        for number, name in enumerate(self.names):
            if name not in above:
                continue
            top = np.tensordot(self.blocks[name], above[name], 1)
            bottom = np.tensordot(self.blocks[name], below[name], 1)
            case = self.cases[:, number].reshape(-1, *[1] * (top.ndim - 1))
            defined = bottom > 0
            ratio = np.divide(top, bottom, out=np.zeros_like(top), where=defined)
            total = total + case * ratio
            weight = weight + case * defined
        with np.errstate(invalid="ignore"):
            return np.asarray(total) / np.asarray(weight)


def estimate(values: npt.NDArray[np.float64]) -> Estimate:
    """Estimate a value from the sample and its interval from the replicates.

    Parameters
    ----------
    values : ndarray, shape (replicates,)
        The sample first, then the replicates.

    Returns
    -------
    Estimate
        Value and interval; NaN if the sample has no value.
    """
    tail = 50 * (1 - LEVEL)
    if not np.isfinite(values[0]):
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.nanpercentile(values[1:], [tail, 100 - tail])
    return Estimate(float(values[0]), float(low), float(high))


def summarise(
    scores: Mapping[str, BlockScores], resampling: Resampling
) -> dict[str, dict[str, Estimate]]:
    """Summarise the scores of one matcher in each class, with intervals.

    Parameters
    ----------
    scores : mapping of str to BlockScores
        Scores by case.
    resampling : Resampling
        Weights of the replicates.

    Returns
    -------
    dict
        By class and score: ``error``, ``median``, ``p95`` (pixels), ``bias`` along flow (fraction),
        ``large`` (fraction with error > 2 pixels), ``missing`` (fraction) and ``coverage`` of
        one stated sigma. Each is the mean over cases; median and percentile are those of the
        pixels, with each case of equal weight.
    """
    samples = replicates(scores, resampling)
    return {
        name: {key: estimate(values[:, number]) for key, values in samples.items()}
        for number, name in enumerate(CLASSES)
        if np.isfinite(samples["error"][0, number])
    }


def replicates(
    scores: Mapping[str, BlockScores], resampling: Resampling
) -> dict[str, npt.NDArray[np.float64]]:
    """Compute the replicates of each score.

    Parameters
    ----------
    scores : mapping of str to BlockScores
        Scores by case.
    resampling : Resampling
        Weights of the replicates.

    Returns
    -------
    dict of ndarray, shape (replicates, classes)
        Replicates by score, the sample first.
    """

    def mean(above: str, below: str) -> npt.NDArray[np.float64]:
        return resampling.mean_over_cases(
            {name: getattr(each, above) for name, each in scores.items()},
            {name: getattr(each, below) for name, each in scores.items()},
        )

    present = {name: each.pixels + each.missing for name, each in scores.items()}
    missing = {name: each.missing for name, each in scores.items()}
    histogram = resampling.mean_over_cases(
        {name: each.histogram for name, each in scores.items()},
        {name: each.pixels[..., None] for name, each in scores.items()},
    )
    return {
        "error": mean("error", "pixels"),
        "median": _quantile(histogram, 0.5),
        "p95": _quantile(histogram, 0.95),
        "bias": mean("along", "length") - 1,
        "large": mean("large", "pixels"),
        "missing": resampling.mean_over_cases(missing, present),
        "coverage": mean("covered", "pixels"),
    }


def _quantile(histogram: npt.NDArray[np.float64], level: float) -> npt.NDArray[np.float64]:
    """Quantile of histograms over `ERROR_EDGES`, linear within a bin."""
    cumulated = np.cumsum(histogram, -1)
    cumulated = cumulated / np.maximum(cumulated[..., -1:], 1e-12)
    index = np.argmax(cumulated >= level, -1)
    upper = np.take_along_axis(cumulated, index[..., None], -1)[..., 0]
    before = np.take_along_axis(cumulated, np.maximum(index - 1, 0)[..., None], -1)[..., 0]
    lower = np.where(index > 0, before, 0)
    fraction = np.clip((level - lower) / np.maximum(upper - lower, 1e-12), 0, 1)
    quantile = ERROR_EDGES[index] + fraction * np.diff(ERROR_EDGES)[index]
    return np.where(np.isfinite(histogram[..., 0]), quantile, np.nan)
