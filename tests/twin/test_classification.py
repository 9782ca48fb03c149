"""Scene classification of the twin."""

import numpy as np
import pytest

from gdiv.twin.classification import Surface, classify_surface, confuse_classes
from gdiv.twin.rendering import SCL, Clouds

SHAPE = (64, 64)


def test_later_classes_hide_earlier_ones_at_half_the_resolution():
    nothing = np.zeros(SHAPE)
    half = nothing.copy()
    half[:, 32:] = 1
    surface = Surface(nothing, half, nothing, nothing, nothing)
    clouds = Clouds(np.where(np.arange(64)[:, None] < 32, half, 0), nothing)
    classes = classify_surface(surface, clouds)
    assert classes.shape == (32, 32)
    assert (classes[:, :16] == SCL["ground"]).all()
    assert (classes[16:, 16:] == SCL["snow"]).all(), "clean ice is classed as snow"
    assert (classes[:16, 16:] == SCL["cloud"]).all()


def test_the_stated_fraction_of_ground_is_misclassified():
    ground = np.full(SHAPE, SCL["ground"], np.uint8)
    confused = confuse_classes(ground, 0.1, np.random.default_rng(0))
    assert (confused == SCL["shadow"]).mean() == pytest.approx(0.1, abs=0.01)
    assert confuse_classes(ground, 0, np.random.default_rng(0)) is ground
