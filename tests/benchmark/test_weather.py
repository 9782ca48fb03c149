"""Differences between the dates have their stated size."""

import numpy as np
import pytest

from gdiv.benchmark import weather
from gdiv.images.textures import fractal_texture


@pytest.fixture(scope="module")
def image():
    return fractal_texture(192, 1.2, seed=3)


def test_a_sixth_of_the_fine_texture_on_ice_is_renewed(image):
    other = fractal_texture(192, 1.2, seed=4)
    ice = np.zeros(image.shape, bool)
    ice[40:150, 40:150] = True
    renewed = weather.renew_texture(image, ice, other)
    inner = np.zeros_like(ice)
    inner[50:140, 50:140] = True
    fine = [weather._fine(each)[inner] for each in (image, renewed)]
    kept = 1 - weather.RENEWED_FRACTION
    assert np.corrcoef(*fine)[0, 1] == pytest.approx(kept**0.5, abs=0.04)
    assert np.array_equal(renewed[:30], image[:30]), "ground keeps its texture"


@pytest.mark.parametrize("name", [name for name in weather.CONDITIONS if name != "none"])
def test_a_condition_changes_the_two_images_differently(name, image):
    first, second = weather.add_condition(name, image, image, np.random.default_rng(1))
    changed = np.abs(second - first) > 0.01 * weather.brightness_range(image)
    assert 0.02 < changed.mean() <= 1
    assert np.isfinite(first).all()
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.999
