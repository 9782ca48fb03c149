"""Time series below the interactive map."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from figure_data import make_map

from gdiv.figures import interactive_series
from gdiv.figures.interactive_series import draw_series


@pytest.fixture
def series():
    """Two intervals; the speed increases to the east, and the first rows have no data."""
    component = xr.concat([make_map(10), make_map(20)], "interval").copy()
    component[:, :5] = np.nan
    dates = pd.to_datetime(["2020-08-01", "2020-09-01", "2021-08-01"])
    coords = {"start": ("interval", dates[:2]), "end": ("interval", dates[1:])}
    return xr.Dataset({"vx": component, "vy": 0 * component}).assign_coords(coords)


def test_the_fastest_pixel_is_drawn_first(series):
    plot, on_click = draw_series(series, 40)
    lines = on_click.args["lines"]
    assert lines.data["speed"].tolist() == [10, 20]
    assert plot.y_range.end == 40
    assert plot.yaxis.axis_label == "speed (m/yr)"


def test_pixels_without_data_have_no_series(series):
    _, on_click = draw_series(series, 40)
    assert len(on_click.args["x"]) == 35 * 40
    assert len(on_click.args["speed"]) == 2 * 35 * 40
    assert on_click.args["reach"] == 20


def test_large_maps_are_thinned(series, monkeypatch):
    monkeypatch.setattr(interactive_series, "MAX_VALUES", 800)
    _, on_click = draw_series(series, 40)
    assert 0 < len(on_click.args["speed"]) <= 800
    assert on_click.args["reach"] == 40


def test_a_map_without_data_has_an_empty_series(series):
    plot, on_click = draw_series(series * np.nan, 40)
    assert len(on_click.args["x"]) == 0
    assert np.isnan(on_click.args["lines"].data["speed"]).all()
    assert plot.y_range.end == 40
