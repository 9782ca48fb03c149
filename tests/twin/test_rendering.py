"""Surfaces and clouds of the twin."""

import numpy as np
import pytest

from gdiv.twin.rendering import BANDS, crop_periodic, draw_clouds, mix, spectrum


def test_periodic_textures_are_repeated():
    texture = np.arange(12).reshape(3, 4)
    cropped = crop_periodic(texture, (7, 5))
    assert cropped.shape == (7, 5)
    assert np.array_equal(cropped[3:6, :4], texture)
    assert np.array_equal(cropped[:, 4], cropped[:, 0])


def test_mixtures_lie_between_their_surfaces():
    snow = np.array([[1.0, 0.0, 1.0]])
    rock = np.array([[0.0, 2.0, 1.0]])
    reflectance = mix({"snow": snow, "rock": rock})
    assert reflectance.shape == (len(BANDS), 1, 3)
    pure_snow = spectrum("snow")[:, 0, 0]
    pure_rock = spectrum("rock")[:, 0, 0]
    assert reflectance[:, 0, 0] == pytest.approx(pure_snow)
    assert reflectance[:, 0, 1] == pytest.approx(pure_rock)
    assert reflectance[:, 0, 2] == pytest.approx((pure_snow + pure_rock) / 2)


@pytest.mark.parametrize("cover", [0.2, 0.6])
def test_clouds_have_the_requested_cover(cover):
    clouds = draw_clouds((200, 200), cover, 10.0, 150, np.random.default_rng(0))
    assert (clouds.opacity > 0).mean() == pytest.approx(cover, abs=0.02)
    assert clouds.shadow.any()
    assert (clouds.shadow + clouds.opacity <= 1 + 1e-6).all()


def test_a_clear_sky_draws_no_random_numbers():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    clouds = draw_clouds((20, 20), 0, 10.0, 150, rng)
    assert not clouds.opacity.any()
    assert not clouds.shadow.any()
    assert rng.bit_generator.state == state
