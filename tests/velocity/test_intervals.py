"""Intervals of the scores of a mosaic."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from gdiv.velocity.intervals import score_intervals
from gdiv.velocity.validation import compare_with_truth

SIDE = 400


@pytest.fixture(scope="module")
def truth():
    coords = {"y": -10.0 * np.arange(SIDE), "x": 10.0 * np.arange(SIDE)}
    speeds = {name: (("y", "x"), np.full((SIDE, SIDE), v)) for name, v in (("vx", 0.0), ("vy", 30))}
    return xr.Dataset(speeds, coords)


def with_errors(truth, seed):
    """A mosaic whose errors of 2 m/yr are correlated over 100 m."""
    rng = np.random.default_rng(seed)
    noise = [ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), 10) for _ in range(2)]
    errors = [2 * part / part.std() for part in noise]
    moved = {name: truth[name] + error for name, error in zip(("vx", "vy"), errors, strict=True)}
    sigma = {f"{name}_error": xr.full_like(truth[name], 2.0) for name in ("vx", "vy")}
    return truth.assign(moved | sigma)


def test_the_interval_contains_the_score_and_is_not_that_of_independent_pixels(truth):
    ice = np.ones((SIDE, SIDE), bool)
    mosaic = with_errors(truth, 0)
    interval = score_intervals(mosaic, truth, ice)
    score = compare_with_truth(mosaic, truth, ice)
    assert interval["rmse_low"] < score["rmse"] < interval["rmse_high"]
    assert interval["rmse_high"] - interval["rmse_low"] > 10 * score["rmse"] / SIDE
    assert interval["along_low"] < 0.02
    assert interval["covered_low"] < 0.683 < interval["covered_high"]


def test_without_ice_or_stated_errors_there_is_no_interval(truth):
    empty = score_intervals(truth, truth, np.zeros((SIDE, SIDE), bool))
    assert np.isnan(list(empty.values())).all()
    bare = score_intervals(truth, truth, np.ones((SIDE, SIDE), bool))
    assert np.isnan(bare["covered_low"])
    assert bare["rmse_high"] == 0
