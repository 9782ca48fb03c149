"""Compare the mosaics of several matchers."""

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from velocity_fields import make_mosaic

from gdiv.catalog import load_catalog
from gdiv.velocity import comparison, uncertainty
from gdiv.velocity.annual import speed

ICE = np.ones((120, 120), bool)
STABLE = ~ICE


@pytest.fixture(scope="module")
def mosaics():
    return {
        name: make_mosaic(seed, 0.2, 0.05)
        for seed, name in enumerate(("horn-schunck", "raft, mean", "dis"), start=1)
    }


@pytest.fixture(scope="module")
def seasons():
    """Mosaics of the other season pair."""
    return {"horn-schunck": make_mosaic(4, 0.2, 0.05), "dis": make_mosaic(5, 0.4, 0.05)}


def test_related_matchers_are_not_compared_with_each_other(mosaics, seasons):
    """Horn-Schunck and RAFT are compared with DIS, and DIS with Horn-Schunck."""
    completed = comparison.add_errors_to_all(mosaics, seasons, ICE, STABLE)
    assert list(completed) == list(mosaics)
    for name, other in (("horn-schunck", "dis"), ("raft, mean", "dis"), ("dis", "horn-schunck")):
        season = uncertainty.add_errors(seasons[other], ICE, STABLE)
        expected = uncertainty.add_errors(mosaics[name], ICE, STABLE, season)
        xr.testing.assert_identical(completed[name], expected)


def test_errors_are_added_without_another_season(mosaics):
    completed = comparison.add_errors_to_all(mosaics, {}, ICE, STABLE)
    expected = uncertainty.add_errors(mosaics["dis"], ICE, STABLE)
    xr.testing.assert_identical(completed["dis"], expected)


def test_all_mosaics_are_checked_against_stakes_and_truth(mosaics):
    completed = comparison.add_errors_to_all(mosaics, {}, ICE, STABLE)
    stakes = gpd.GeoDataFrame(
        {"name": ["A", "B"], "year": [2021, 2021], "speed": [30.0, 32.0]},
        geometry=gpd.points_from_xy([1500, 1800], [8500, 8200]),
        crs=32632,
    )
    table = comparison.compare_all_with_stakes(completed, stakes, 2021, 32632)
    assert table.matcher.tolist() == [name for name in mosaics for _ in range(2)]
    mosaic = mosaics["dis"]
    truth = mosaic[["vx", "vy"]] * 0 + xr.Dataset({"vx": 30.0, "vy": 0.0})
    truth = truth.assign_attrs(spacing=10.0)
    checks = comparison.check_all(completed, truth, ICE, STABLE, table)
    assert checks.index.tolist() == list(mosaics)
    differences = table.groupby("matcher").difference.apply(lambda values: values.abs().mean())
    for name in mosaics:
        assert checks.stakes[name] == pytest.approx(differences[name])
        assert 0 < checks.rmse[name] < 10


def test_the_comparison_with_itslive_is_empty_where_it_has_no_velocities(mosaics, monkeypatch):
    monkeypatch.setattr(comparison.itslive, "load_velocity", lambda glacier, pairs: None)
    glacier = load_catalog().glaciers["mer-de-glace"]
    table = comparison.compare_all_with_itslive(mosaics, glacier, None, ICE)
    assert table.index.tolist() == list(mosaics)
    assert table.columns.empty


def test_a_mosaic_is_summarised_with_the_error_of_its_mean(mosaics, seasons):
    completed = comparison.add_errors_to_all(mosaics, seasons, ICE, STABLE)["dis"]
    summary = comparison.summarise_mosaic(completed.assign(v=speed(completed)))
    assert summary["speed"] == pytest.approx(30, abs=0.5)
    assert summary["px_per_day"] == pytest.approx(summary["speed"] / 365.25 / 10)
    assert 0 < summary["mean_error_systematic"] < summary["mean_error"] < 3
    assert abs(summary["season_change"]) < 3
    # The errors of the mosaics are independent from pixel to pixel.
    assert summary["correlation_length"] == 10
