"""Outline and stakes of the twin."""

import geopandas as gpd
import numpy as np
import pytest

from gdiv.twin.truth import read_truth, true_velocity


@pytest.fixture(scope="module")
def stakes(twin_folder, glacier):
    return gpd.read_file(twin_folder / "stakes.geojson").to_crs(glacier.epsg)


def test_stakes_move_with_the_true_velocity(twin_folder, stakes):
    stake = stakes[stakes.name == "Tacul"].iloc[0]
    period = (f"{stake.year - 1}-09-15", f"{stake.year}-09-15")
    year = true_velocity(read_truth(twin_folder), 1.0, period)
    nearest = year.sel(x=stake.geometry.x, y=stake.geometry.y, method="nearest")
    assert stake.speed == pytest.approx(float(np.hypot(nearest.vx, nearest.vy)), rel=0.03)


def test_stakes_have_one_speed_per_year_after_the_first(stakes, glacier):
    for _, rows in stakes.groupby("name"):
        assert sorted(rows.year) == sorted(glacier.twin.years[1:])
        assert rows.sort_values("year").speed.is_monotonic_increasing, "ice speeds up"
    assert stakes.synthetic.all()


def test_the_outline_contains_the_moving_ice(twin_folder, glacier):
    outline = gpd.read_file(twin_folder / "outline.geojson").to_crs(glacier.epsg)
    truth = read_truth(twin_folder)
    rows, columns = np.nonzero(np.hypot(truth.vx, truth.vy).values > 1)
    points = gpd.GeoSeries.from_xy(truth.x.values[columns], truth.y.values[rows])
    assert points.within(outline.union_all()).mean() > 0.999
