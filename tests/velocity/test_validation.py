"""Validate mosaics against truth and stable ground."""

import numpy as np
import pytest
import xarray as xr

from gdiv.twin.truth import true_velocity
from gdiv.velocity import validation


def test_observed_coverage_reveals_an_underestimated_uncertainty():
    rng = np.random.default_rng(5)
    coords = {"y": -10.0 * np.arange(80), "x": 10.0 * np.arange(80)}
    truth = xr.Dataset(
        {n: (("y", "x"), np.full((80, 80), v)) for n, v in (("vx", 0.0), ("vy", 20.0))}, coords
    )
    truth.attrs["spacing"] = 10.0
    year = true_velocity(truth, 1.0)
    data = year + xr.Dataset({n: (("y", "x"), rng.normal(0, 2, (80, 80))) for n in ("vx", "vy")})
    data = data.assign(
        {f"{n}_error": xr.full_like(data[n], 1.0) for n in ("vx", "vy")}
    ).assign_attrs(longest_years=1.0)
    table = validation.observed_coverage(data, truth, year.vx.notnull().values)
    within = table.query("stated == 0.68").set_index("speed").found
    assert set(within.index) == {"all", "10 to 30"}
    assert within["all"] == pytest.approx(0.38, abs=0.02)  # half a sigma
    assert validation.observed_coverage(data, None, None).empty


def test_compare_with_truth_reports_lost_motion():
    truth = xr.Dataset(
        {n: (("y", "x"), np.full((10, 10), value)) for n, value in (("vx", 30.0), ("vy", -40.0))}
    )
    result = validation.compare_with_truth(truth * 0.9, truth, np.ones((10, 10), bool))
    assert result["along"] == pytest.approx(-0.1)
    assert result["rmse"] == pytest.approx(5)
    assert result["coverage"] == 1


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
