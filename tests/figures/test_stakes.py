"""Graphs of speed."""

import pandas as pd
import pytest
from figure_data import legend_of, make_stake_table

from gdiv.catalog import load_catalog
from gdiv.figures import plot_profile, plot_series, plot_stakes

pytestmark = pytest.mark.usefixtures("close_figures")


def test_stakes_are_plotted_with_equal_axes():
    (axis,) = plot_stakes(make_stake_table()).axes
    assert axis.get_xlabel() == "measured speed (m/yr)"
    assert axis.get_ylabel() == "estimated speed (m/yr)"
    assert axis.get_xlim() == axis.get_ylim()
    assert legend_of(axis) == ["DIS", "RAFT hybrid"]
    assert [text.get_text() for text in axis.texts] == ["A", "B"]


def test_profiles_show_the_error_of_the_highlighted_matcher():
    table = pd.DataFrame({"distance": [0.0, 1.0], "speed": [10.0, 20.0], "error": [1.0, 2.0]})
    stakes = pd.DataFrame({"name": ["A"], "distance": [0.5], "speed": [14.0]})
    (axis,) = plot_profile({"dis": table, "raft": table}, stakes, "raft").axes
    assert axis.get_xlabel() == "distance along the centreline (km)"
    assert axis.get_ylabel() == "speed (m/yr)"
    assert legend_of(axis) == ["DIS", "RAFT hybrid", "RAFT hybrid, 1 sigma", "stakes"]


def test_series_show_measured_speeds_where_there_are_any():
    dates = pd.to_datetime(["2020-08-01", "2020-09-01", "2021-08-01"])
    table = pd.DataFrame(
        {"name": ["A", "A", "B", "B"], "start": [*dates[:2]] * 2, "end": [*dates[1:]] * 2}
        | {"speed": [10.0, 12.0, 20.0, 22.0], "error": [1.0, 2.0, 1.0, 2.0]}
    )
    measured = pd.DataFrame({"name": ["A"], "year": [2021], "speed": [11.0]})
    season = load_catalog().glaciers["mer-de-glace"].season
    (axis,) = plot_series(table, measured, season).axes
    assert axis.get_ylabel() == "speed (m/yr)"
    assert legend_of(axis) == ["A", "B", "measured at the stake"]
    (axis,) = plot_series(table, measured[:0], season).axes
    assert legend_of(axis) == ["A", "B"]
