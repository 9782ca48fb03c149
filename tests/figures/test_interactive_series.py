"""Time series below the interactive map."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from bokeh.models import TabPanel, Tabs
from bokeh.plotting import figure
from figure_data import make_map

from gdiv.figures import interactive_series
from gdiv.figures.interactive_series import connect_series, draw_series


@pytest.fixture
def series():
    """Two intervals; the speed increases to the east, and the first rows have no data."""
    component = xr.concat([make_map(10), make_map(20)], "interval").copy()
    component[:, :5] = np.nan
    dates = pd.to_datetime(["2020-08-01", "2020-09-01", "2021-08-01"])
    coords = {"start": ("interval", dates[:2]), "end": ("interval", dates[1:])}
    fields = {"vx": component, "vy": 0 * component, "error": 0 * component + 3}
    return xr.Dataset(fields).assign_coords(coords)


@pytest.fixture
def connect(series):
    """Connect the series of two matchers with a map of three tabs."""

    def connect(**changed):
        tabs = Tabs(tabs=[TabPanel(child=figure(), title=title) for title in "abc"])
        both = {"raft": series, "dis": changed.get("dis", series)}
        return connect_series(tabs, draw_series(series, 40), both, ["raft", "raft", "dis"]), tabs

    return connect


def test_the_fastest_pixel_is_drawn_first_with_its_error(series):
    plot, lines = draw_series(series, 40)
    assert lines.data["speed"].tolist() == [10, 20]
    assert lines.data["high"].tolist() == [13, 23]
    assert plot.y_range.end == 40
    assert plot.yaxis.axis_label == "speed (m/yr)"


def test_each_tab_has_the_series_of_its_matcher(connect, series):
    on_change, tabs = connect(dis=2 * series)
    assert on_change.args["of_tab"] == [0, 0, 1]
    assert on_change.args["labels"] == ["RAFT hybrid", "DIS"]
    assert on_change.args["speeds"][1].max() == 2 * on_change.args["speeds"][0].max()
    assert on_change in tabs.js_property_callbacks["change:active"]
    assert all(on_change in tab.child.js_event_callbacks["tap"] for tab in tabs.tabs)


def test_pixels_without_data_have_no_series(connect):
    on_change, _ = connect()
    assert len(on_change.args["x"][0]) == 35 * 40
    assert len(on_change.args["speeds"][0]) == 2 * 35 * 40
    assert on_change.args["reach"][0] == 20


def test_large_maps_are_thinned(connect, monkeypatch):
    monkeypatch.setattr(interactive_series, "MAX_VALUES", 3200)
    on_change, _ = connect()
    assert 0 < sum(map(len, on_change.args["speeds"] + on_change.args["errors"])) <= 3200
    assert on_change.args["reach"][0] == 40


def test_a_map_without_data_has_an_empty_series(series):
    plot, lines = draw_series(series * np.nan, 40)
    assert np.isnan(lines.data["speed"]).all()
    assert plot.y_range.end == 40
