"""Geolocation errors of the scenes."""

from datetime import date

import numpy as np
import pytest

from gdiv.catalog import TwinConditions
from gdiv.images.sampling import pixel_grid
from gdiv.twin.acquisitions import Acquisition
from gdiv.twin.distortion import Patterns, draw_distortion


def draw(day, **conditions):
    conditions = TwinConditions.model_validate(conditions)
    rng = np.random.default_rng(0)
    return draw_distortion(Acquisition(day), conditions, 64, 10.0, rng)


def test_conversion_to_and_from_the_world_is_inverse():
    distortion = draw(date(2021, 7, 1), thinning=4, jitter=0.2)
    smooth = np.sin(np.linspace(0, 3, 64))[:, None] * np.linspace(0, 1, 64)
    patterns = Patterns(smooth, smooth**2)
    columns, rows = pixel_grid((64, 64), float)
    world = distortion.to_world(patterns, columns, rows)
    back = distortion.from_world(patterns, *world)
    inner = (slice(4, -4), slice(4, -4))
    assert np.abs(back[0] - columns)[inner].max() < 1e-5
    assert np.abs(back[1] - rows)[inner].max() < 1e-5


def test_thinned_ice_is_displaced_more_by_an_older_terrain_model():
    before, after = draw(date(2021, 3, 29)), draw(date(2021, 4, 1))
    assert abs(before.thinning_shift) > abs(after.thinning_shift) > 0
    assert draw(date(2021, 4, 1), thinning=0).thinning_shift == 0


def test_jitter_can_be_switched_off():
    assert not draw(date(2021, 4, 1), jitter=0).jitter.any()
    assert draw(date(2021, 4, 1), jitter=0.1).jitter.std() == pytest.approx(0.1, rel=0.05)
