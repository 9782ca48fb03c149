"""Figures of training."""

import numpy as np
import pandas as pd
import pytest
from figure_data import legend_of
from small_networks import make_renderer

from gdiv.figures import plot_drawn_pairs, plot_learning, plot_tiles

pytestmark = pytest.mark.usefixtures("close_figures")


@pytest.fixture(scope="module")
def samples():
    return make_renderer().samples(3)


def test_drawn_pairs_have_one_column_per_sample(samples):
    figure = plot_drawn_pairs(samples)
    *panels, bar = figure.axes
    assert len(panels) == 9
    labels = [axis.get_ylabel() for axis in panels if axis.get_ylabel()]
    assert labels == ["reference", "secondary", "displacement"]
    assert bar.get_ylabel() == "displacement (px)"


def test_tiles_state_their_difference_and_that_of_the_paper(samples):
    predictions = [flow + np.array([3.0, 4.0])[:, None, None] for _, flow in samples]
    figure = plot_tiles(samples, predictions, factor=2.0, max_speed=20, paper=(2.18,))
    *panels, bar = figure.axes
    titles = [axis.get_title() for axis in panels]
    assert titles[:2] == ["secondary − reference", "Horn-Schunck (label)"]
    assert titles[2] == "RAFT, RMS difference\n10.00 m/yr (paper: 2.18)"
    assert titles[5] == "RAFT, RMS difference\n10.00 m/yr"
    assert bar.get_ylabel() == "speed (m/yr)"


def test_learning_curves_have_logarithmic_scales_and_baselines():
    history = pd.DataFrame(
        {"network": ["a", "a", "b", "b"], "step": [1, 2] * 2, "loss": 0.5, "validation": 0.2}
    )
    figure = plot_learning(history, {"zero motion": 1.0})
    left, right = figure.axes
    assert left.get_yscale() == right.get_yscale() == "log"
    assert left.get_ylabel() == "training loss (px)"
    assert right.get_ylabel() == "mean endpoint error on\nvalidation tiles (px)"
    assert left.get_xlabel() == right.get_xlabel() == "training step"
    assert legend_of(figure) == ["a", "b", "zero motion"]
