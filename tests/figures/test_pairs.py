"""Figures of image pairs."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from figure_data import legend_of, make_map, titles_of

from gdiv.figures import (
    colour_limit,
    plot_pair,
    plot_pair_network,
    plot_pyramid,
    plot_stripes,
)

pytestmark = pytest.mark.usefixtures("close_figures")


def test_the_network_has_one_row_per_orbit_and_counts_used_pairs():
    scenes = pd.DataFrame(
        {"id": list("abcd"), "date": pd.to_datetime(["2020-07-01", "2020-08-01"] * 2)}
        | {"orbit": [65, 65, 108, 108], "verdict": ["use"] * 3 + ["drop"]}
    )
    pairs = pd.DataFrame(
        {"reference": ["a", "a"], "secondary": ["b", "c"], "set": ["train", "validation"]}
        | {"verdict": ["use", "drop"]}
    )
    (axis,) = plot_pair_network(scenes, pairs).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["orbit 65", "orbit 108"]
    assert legend_of(axis) == ["train (1 pairs)", "validation (0 pairs)", "dropped pairs"]


def test_a_pair_has_four_panels_with_units():
    motion = make_map(2.0)
    pair = xr.Dataset({"u": motion, "v": -motion, "quality": motion / 2})
    figure = plot_pair(pair, motion.values, 2.0)
    assert titles_of(figure.axes[:4]) == [
        "reference image",
        "u, along columns (px)",
        "v, along rows (px)",
        "match quality (0 to 1)",
    ]
    assert figure.axes[1].images[0].get_clim() == (-2, 2)


def test_levels_are_drawn_in_pixels_of_the_full_image():
    levels = [
        (np.zeros((side, side)), np.ones((side, side)), np.zeros((side, side)))
        for side in (8, 16, 32)
    ]
    figure = plot_pyramid(levels, (30, 30), 4.0)
    *panels, bar = figure.axes
    assert titles_of(panels[:3]) == ["1/4 resolution", "1/2 resolution", "full resolution"]
    coarsest, middle, finest = (panel.images[0].get_array() for panel in panels[3:])
    assert coarsest.shape == (8, 8)
    assert finest.shape == (30, 30), "padding is cut off"
    assert (coarsest.max(), middle.max(), finest.max()) == (4, 2, 1)
    assert bar.get_ylabel() == "displacement (px)"


def test_the_colour_limit_is_positive():
    motion = make_map(2.0)
    assert colour_limit(xr.Dataset({"u": motion, "v": 0 * motion})) == pytest.approx(2, abs=0.1)
    assert colour_limit(xr.Dataset({"u": 0 * motion, "v": 0 * motion})) == 1


def test_stripes_are_shown_before_and_after_on_the_same_limits():
    motion = make_map(2.0)
    pair = xr.Dataset({"u": motion, "stripe_u": motion / 4})
    figure = plot_stripes(pair, motion.values > 1)
    before, after = figure.axes[:2]
    assert titles_of([before, after]) == [
        "before: u on stable ground (px)",
        "after: u on stable ground (px)",
    ]
    assert before.images[0].get_clim() == after.images[0].get_clim()
