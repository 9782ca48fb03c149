"""Maps of speed."""

import numpy as np
import pytest
from figure_data import make_map, make_outline, make_stakes, make_velocity, titles_of

from gdiv.figures import plot_differences, plot_mosaics, plot_speeds, plot_velocity

pytestmark = pytest.mark.usefixtures("close_figures")

IMAGE = np.random.default_rng(0).normal(size=(40, 40))


def test_speed_maps_share_one_colour_bar():
    data = make_map()
    speeds = {"dis": data.values, "raft": data.values}
    figure = plot_speeds(speeds, data, 50, IMAGE, notes={"raft": "0.2 px"})
    *panels, bar = figure.axes
    assert titles_of(panels) == ["DIS", "RAFT hybrid\n0.2 px"]
    assert all(panel.images[-1].get_clim() == (0, 50) for panel in panels)
    assert bar.get_ylabel() == "speed (m/yr)"


def test_mosaics_follow_the_scene_and_its_stakes():
    speeds = {"horn-schunck": make_map(), "raft": make_map()}
    figure = plot_mosaics(speeds, make_stakes(), make_outline(), IMAGE, 50)
    assert titles_of(figure.axes[:3]) == ["scene and stakes", "Horn-Schunck", "RAFT hybrid"]
    figure = plot_mosaics(speeds, make_stakes()[:0], make_outline(), IMAGE, 50)
    assert titles_of(figure.axes[:1]) == ["scene"]


def test_differences_have_symmetric_colour_limits():
    speeds = {"raft": make_map(30), "dis": make_map(20), "horn-schunck": make_map(31)}
    figure = plot_differences(speeds, "raft", IMAGE)
    *panels, bar = figure.axes
    assert titles_of(panels) == ["DIS − RAFT hybrid", "Horn-Schunck − RAFT hybrid"]
    low, high = panels[0].images[-1].get_clim()
    assert low == -high
    assert high == pytest.approx(9.5, abs=0.5)
    assert bar.get_ylabel() == "speed difference (m/yr)"


def test_velocity_has_panels_for_speed_error_and_pairs_or_quality():
    velocity = make_velocity()
    figure = plot_velocity(velocity, 40)
    titles = ["speed (m/yr)", "1-sigma error (m/yr)", "number of pairs"]
    assert titles_of(figure.axes[:3]) == titles
    assert figure.axes[0].images[-1].get_clim() == (0, 40)
    assert figure.axes[2].images[-1].norm.boundaries.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    alone = velocity.drop_vars("count").assign(quality=velocity.v / 100)
    assert titles_of(plot_velocity(alone).axes[:3]) == [*titles[:2], "quality (0 to 1)"]
