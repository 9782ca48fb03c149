"""Relief of the valley walls, and the light on them."""

import numpy as np
import pytest

from gdiv.twin.terrain import draw_relief, illuminate

SPACING = 10.0


def test_relief_rises_from_the_margin_of_the_ice():
    distance = np.maximum(np.tile(SPACING * np.arange(-20.0, 80), (64, 1)), 0)
    ice = np.full(distance.shape, 2000.0)
    relief = draw_relief(distance, ice, 300.0, SPACING, np.random.default_rng(0))
    assert np.array_equal(relief[:, :20], ice[:, :20])
    assert relief[:, 60:].mean() > 2080


def test_flat_ground_has_unit_light():
    light, shadow = illuminate(np.full((40, 40), 500.0), SPACING, 150, 40)
    assert light == pytest.approx(1, abs=1e-5)
    assert not shadow.any()


def test_slopes_towards_the_sun_are_brighter():
    """Terrain that rises to the west faces the sun in the east."""
    rising_west = np.tile(4.0 * np.arange(60)[::-1], (60, 1))
    inner = (slice(10, -10),) * 2
    assert (illuminate(rising_west, SPACING, 90, 45).light[inner] > 1.1).all()
    assert (illuminate(rising_west, SPACING, 270, 45).light[inner] < 0.9).all()


def test_ridges_cast_their_shadow_away_from_the_sun():
    ridge = np.zeros((60, 100))
    ridge[:, 48:52] = 200
    shadow = illuminate(ridge, SPACING, 90, 45).shadow
    # The sun is in the east at 45 degrees: the shadow extends 200 m to the west.
    assert shadow[:, 32:46].all()
    assert not shadow[:, :24].any()
    assert not shadow[:, 52:].any()
