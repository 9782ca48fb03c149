"""Graphs of errors."""

import pandas as pd
import pytest
from figure_data import legend_of

from gdiv.figures import (
    plot_error_by_displacement,
    plot_glaciers,
    plot_reliability,
    plot_subsampling,
)

pytestmark = pytest.mark.usefixtures("close_figures")


def test_errors_are_plotted_over_the_displacement_in_pixels():
    table = pd.DataFrame({"displacement": [1.0, 2.0], "error": [0.1, 0.3]})
    figure = plot_error_by_displacement({"dis": table, "raft": table})
    (axis,) = figure.axes
    assert axis.get_xlabel() == "true displacement (px)"
    assert axis.get_ylabel() == "mean error (px)"
    assert legend_of(figure) == ["DIS", "RAFT hybrid"]


def test_coverage_is_plotted_by_class_of_speed_and_ratios_by_side_of_the_block():
    table = pd.DataFrame(
        {"speed": ["all"] * 2 + ["10 to 30"] * 2, "pixels": [90, 90, 40, 40]}
        | {"stated": [0.5, 0.9] * 2, "found": [0.4, 0.8, 0.5, 0.9]}
    )
    blocks = pd.DataFrame({"side": [100.0, 400.0], "blocks": [90, 8], "ratio": [0.9, 1.2]})
    single, mosaic, ratios = plot_reliability(table, table, blocks).axes
    assert (single.get_title(), mosaic.get_title()) == ("single pairs", "mosaic")
    assert single.get_ylabel() == "observed coverage"
    assert legend_of(mosaic) == ["all", "10 to 30"]
    assert mosaic.get_legend().get_title().get_text() == "true speed (m/yr)"
    assert ratios.lines[-1].get_ydata().tolist() == [0.9, 1.2]
    assert ratios.get_ylabel() == "true / stated error"


def test_errors_are_plotted_over_the_number_of_pairs():
    table = pd.DataFrame({"mosaic": ["robust", "mean"] * 2, "pairs": [1, 1, 4, 4], "rmse": 3.0})
    (axis,) = plot_subsampling(table, "the truth").axes
    assert axis.get_xlabel() == "number of pairs"
    assert axis.get_ylabel() == "RMS difference from the truth (m/yr)"
    assert axis.get_xticks().tolist() == [1, 4]
    assert legend_of(axis) == ["robust", "mean"]


def test_glaciers_are_rows_and_matchers_colours():
    table = pd.DataFrame({"dis": [10.0, 20.0], "raft": [8.0, 15.0]}, ["Aletsch", "Tasman"])
    figure = plot_glaciers(table)
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Aletsch", "Tasman"]
    assert axis.get_xlabel() == "RMS error (% of median speed)"
    assert legend_of(figure) == ["DIS", "RAFT hybrid"]
