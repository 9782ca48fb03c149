"""Graphs of speed."""

import pandas as pd
import pytest
from figure_data import legend_of, make_stake_table

from gdiv.catalog import load_catalog
from gdiv.figures import plot_profile, plot_series, plot_stakes

pytestmark = pytest.mark.usefixtures("close_figures")


def test_stakes_show_the_difference_from_the_measured_speed_of_every_matcher():
    table = make_stake_table()
    figure = plot_stakes(table)
    (axis,) = figure.axes
    assert axis.get_ylabel() == "estimated − measured (m/yr)"
    assert legend_of(figure) == ["DIS", "RAFT hybrid"]
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert labels == ["A\n10.0 m/yr", "B\n20.0 m/yr"]
    dis, raft = (points.get_offsets() for points in axis.collections[1::2])
    assert dis[:, 1].tolist() == [-1, 1]
    assert raft[:, 1].tolist() == [0, 0]
    assert dis[0, 0] < raft[0, 0], "points of one stake lie side by side"


def test_profiles_show_the_error_of_the_highlighted_matcher():
    table = pd.DataFrame({"distance": [0.0, 1.0], "speed": [10.0, 20.0], "error": [1.0, 2.0]})
    stakes = pd.DataFrame({"name": ["A"], "distance": [0.5], "speed": [14.0]})
    slower = table.assign(speed=table.speed - 2)
    above, below = plot_profile({"dis": slower, "raft": table}, stakes, "raft").axes
    assert below.get_xlabel() == "distance along the centreline (km)"
    assert above.get_ylabel() == "speed (m/yr)"
    assert legend_of(above) == ["RAFT hybrid", "1 sigma", "stakes"]
    assert below.get_ylabel() == "difference from\nRAFT hybrid (m/yr)"
    assert legend_of(below) == ["DIS"]
    assert below.lines[-1].get_ydata().tolist() == [-2, -2]


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
    opacity = axis.collections[0].get_alpha()
    assert opacity[0] > opacity[1], "an interval with a larger error is fainter"
    (axis,) = plot_series(table, measured[:0], season).axes
    assert legend_of(axis) == ["A", "B"]
