"""Validate mosaics against truth and stable ground."""

import numpy as np
import pytest
import xarray as xr

from gdiv.velocity import validation


def test_compare_with_truth_reports_lost_motion():
    truth = xr.Dataset(
        {n: (("y", "x"), np.full((10, 10), value)) for n, value in (("vx", 30.0), ("vy", -40.0))}
    )
    result = validation.compare_with_truth(truth * 0.9, truth, np.ones((10, 10), bool))
    assert result["along"] == pytest.approx(-0.1)
    assert result["rmse"] == pytest.approx(5)
    assert result["valid"] == 1


def test_stable_ground_gives_bias_and_spread():
    rng = np.random.default_rng(1)
    data = xr.Dataset(
        {
            n: (("y", "x"), value + rng.normal(size=(80, 80)))
            for n, value in (("vx", 3.0), ("vy", 4.0))
        }
    )
    result = validation.stable_ground_velocity(data, np.ones((80, 80), bool))
    assert result["bias"] == pytest.approx(5, abs=0.1) and result["nmad"] == pytest.approx(
        1, abs=0.05
    )
    # Two sigma of 1 m/yr, widened by the kernel of the density estimate.
    assert 1.9 < result["glaft"] < 3.2
    assert validation.stable_ground_velocity(data, np.arange(6400).reshape(80, 80) % 2 == 0)[
        "glaft"
    ] == pytest.approx(result["glaft"], rel=0.2)
    assert validation.stable_ground_velocity(data * 0, np.ones((80, 80), bool))["glaft"] == 0
