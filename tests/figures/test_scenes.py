"""Figures of the study site and its scenes."""

import pandas as pd
import pytest
from figure_data import make_map, make_outline, make_stakes, titles_of

from gdiv.figures import plot_images, plot_site, plot_timeline

pytestmark = pytest.mark.usefixtures("close_figures")


def test_the_site_has_named_stakes_coordinates_and_a_globe():
    data = make_map()
    figure = plot_site(data.values, data, make_outline(), make_stakes(), "Mer de Glace")
    axis = figure.axes[0]
    assert axis.get_title("left") == "Mer de Glace"
    assert axis.get_xlabel() == "easting (km)"
    assert axis.get_ylabel() == "northing (km)"
    assert {"A", "B", "N"} < {text.get_text() for text in axis.texts}
    assert axis.child_axes[0].projection is not None
    figure.canvas.draw()


def test_the_timeline_has_one_panel_per_season_and_short_reasons():
    scenes = pd.DataFrame(
        {
            "date": pd.to_datetime(["2020-07-01", "2020-08-01", "2021-07-01", "2021-08-01"]),
            "season_year": [2020, 2020, 2021, 2021],
            "verdict": ["use", "drop", "drop", "drop"],
            "reason": ["", "snow on 80% of the ground", "could not be read", "a fault"],
        }
    )
    axes = plot_timeline(scenes).axes
    assert titles_of(axes) == ["season 2020", "season 2021"]
    reasons = [[text.get_text() for text in axis.texts] for axis in axes]
    assert reasons == [["snow"], ["unreadable", "other"]]
    first, second = (axis.get_xlim()[0] for axis in axes)
    assert second - first == 366, "the days of the year must be aligned"


def test_images_are_titled_by_their_names():
    data = make_map()
    figure = plot_images(data, reference=data.values, local_contrast=data.values)
    assert titles_of(figure.axes) == ["reference", "local contrast"]
