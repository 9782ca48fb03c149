"""Features of the NumPy and the PyTorch backend agree."""

import numpy as np
import pytest
import torch

from gdiv.flow.horn_schunck import features, features_torch, levels, levels_torch
from gdiv.images.textures import fractal_texture


@pytest.fixture
def pair_of_levels():
    """The same image, with a gap, as a level of both backends."""
    image = 500 * fractal_texture(128, 1.3, 3)[:80, :112] + 3000
    image[20:30, 40:60] = np.nan
    return levels.finest_level(image, 16), levels_torch.finest_level(torch.from_numpy(image), 16)


def assert_equal(level, other, tolerance):
    """Compare the valid pixels of two levels and the pixels themselves."""
    valid = np.asarray(level.valid)
    assert np.array_equal(valid, other.valid.numpy())
    difference = np.abs(np.asarray(level.image) - other.image.numpy())
    assert difference[valid > 0].max() < tolerance


def test_grain_is_equal(pair_of_levels):
    level, other = pair_of_levels
    grain = features.measure_grain(level)
    assert grain > 10
    assert float(features_torch.measure_grain(other)) == pytest.approx(grain, rel=1e-5)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_level_contrast_is_equal(pair_of_levels, sigma):
    level, other = pair_of_levels
    contrast = features.level_contrast(level, sigma, 5.0)
    assert np.abs(contrast.image).max() <= features.CONTRAST_LIMIT
    assert_equal(contrast, features_torch.level_contrast(other, sigma, 5.0), 1e-3)


def test_standardised_levels_are_equal(pair_of_levels):
    level, other = pair_of_levels
    standardised = features.standardise(level)
    assert_equal(standardised, features_torch.standardise(other), 1e-4)
    assert standardised.image[level.valid > 0].std() == pytest.approx(1, abs=1e-3)


def test_sobel_magnitude_is_equal(pair_of_levels):
    level, other = pair_of_levels
    magnitude = features.sobel_magnitude(level)
    assert_equal(magnitude, features_torch.sobel_magnitude(other), 0.05)


def test_the_magnitude_of_a_ramp_is_its_slope():
    y, x = np.mgrid[0:32, 0:32].astype(np.float32)
    magnitude = features.sobel_magnitude(levels.finest_level(3 * x + 4 * y, 1))
    assert magnitude.image[2:-2, 2:-2] == pytest.approx(5, abs=1e-3)
