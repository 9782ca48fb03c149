"""Intervals contain the mean with their nominal frequency."""

import numpy as np
import pytest

from gdiv.benchmark import intervals
from gdiv.benchmark.scores import CLASSES, ERROR_EDGES, BlockScores


def make_scores(errors):
    """Make scores with a given mean error on ice in each block."""
    shape = (len(errors), len(CLASSES))
    pixels = np.zeros(shape)
    pixels[:, 0] = 100
    histogram = np.zeros((*shape, len(ERROR_EDGES) - 1))
    bins = np.digitize(errors, ERROR_EDGES) - 1
    histogram[np.arange(len(errors)), 0, bins] = 100
    fields = dict.fromkeys(BlockScores._fields, np.zeros(shape))
    return BlockScores(
        **fields
        | {"pixels": pixels, "error": pixels * np.array(errors)[:, None]}
        | {"histogram": histogram}
    )


def test_the_mean_over_cases_weighs_each_case_equally():
    scores = {"a": make_scores([1.0] * 10), "b": make_scores([3.0])}
    resampling = intervals.Resampling({name: len(each.pixels) for name, each in scores.items()})
    summary = intervals.summarise(scores, resampling)["ice"]
    assert summary["error"].value == pytest.approx(2.0)
    assert summary["error"].low == pytest.approx(1.0)
    assert summary["error"].high == pytest.approx(3.0)
    assert 1.0 <= summary["median"].value <= 3.1


def test_intervals_cover_the_true_mean():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(40):
        scores = {f"{i}": make_scores(rng.exponential(1.0, 16) + 0.01) for i in range(20)}
        resampling = intervals.Resampling(dict.fromkeys(scores, 16))
        error = intervals.summarise(scores, resampling)["ice"]["error"]
        inside += error.low <= 1.01 <= error.high
    assert inside >= 34
