"""Panels for images and maps."""

import numpy as np
import pytest
from figure_data import make_map

from gdiv.figures.panels import (
    choose_columns,
    compute_extent,
    draw_colour_bar,
    draw_image,
    draw_scale_bar,
    make_panels,
)

pytestmark = pytest.mark.usefixtures("close_figures")


def test_the_extent_includes_whole_pixels_in_kilometres():
    data = make_map()
    assert compute_extent(data) == pytest.approx((339.995, 340.395, 5089.605, 5090.005))


def test_panels_fill_rows_and_unused_axes_are_hidden():
    figure, axes = make_panels(5, make_map(), columns=3)
    assert axes.shape == (5,)
    assert len(figure.axes) == 6
    assert not figure.axes[5].axison


def test_images_have_a_title_limits_and_a_background():
    data = make_map()
    _, (axis,) = make_panels(1, data)
    picture = draw_image(axis, data.values, data, "speed (m/yr)", background=data.values)
    assert axis.get_title("left") == "speed (m/yr)"
    assert picture.get_clim() == pytest.approx(np.percentile(data, [2, 98]))
    assert len(axis.images) == 2


def test_colour_bars_are_labelled():
    data = make_map()
    figure, axes = make_panels(2, data)
    picture = draw_image(axes[0], data.values, data, "", limits=(0, 1))
    bar = draw_colour_bar(figure, picture, axes, "error (px)", "max")
    assert bar.ax.get_ylabel() == "error (px)"
    assert bar.extend == "max"


def test_a_shared_colour_bar_fills_an_empty_panel():
    data = make_map()
    figure, axes = make_panels(5, data)
    picture = draw_image(axes[0], data.values, data, "")
    bar = draw_colour_bar(figure, picture, axes, "error (px)")
    assert bar.orientation == "horizontal"
    assert bar.ax.get_xlabel() == "error (px)"
    assert bar.ax in figure.axes[5].child_axes


@pytest.mark.parametrize("count", range(1, 13))
def test_rows_are_at_most_four_panels_with_few_empty_panels(count):
    columns = choose_columns(count)
    assert 1 <= columns <= 4
    assert -count % columns <= 2


def test_the_scale_bar_has_a_round_length_and_north_is_up():
    data = make_map()
    _, (axis,) = make_panels(1, data)
    draw_scale_bar(axis, data)
    assert [text.get_text() for text in axis.texts] == ["0.1 km", "N"]
    left, right = axis.lines[0].get_xdata()
    assert right - left == pytest.approx(0.1)
