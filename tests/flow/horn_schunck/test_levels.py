"""Levels of the pyramid, equal for both backends."""

import numpy as np
import pytest
import torch

from gdiv.flow.horn_schunck import levels, levels_torch
from gdiv.images.textures import fractal_texture


@pytest.fixture
def image():
    image = fractal_texture(128, 1.3, 3)[:70, :90] + 100
    image[10:20, 30:50] = np.nan
    return image


def test_the_finest_level_is_centred_and_padded(image):
    level = levels.finest_level(image, 16)
    assert level.shape == (80, 96)
    assert not level.full
    assert level.image[level.valid > 0].mean() == pytest.approx(0, abs=1e-4)
    assert not level.valid[70:].any()
    assert not level.valid[10:20, 30:50].any()


def test_halving_is_equal(image):
    level = levels.halve(levels.finest_level(image, 16))
    other = levels_torch.halve(levels_torch.finest_level(torch.from_numpy(image), 16))
    assert level.shape == (40, 48)
    assert np.array_equal(level.valid, other.valid.numpy())
    difference = np.abs(level.image - other.image.numpy())
    assert difference[level.valid > 0].max() < 1e-4


def test_masks_are_halved_by_majority():
    mask = np.zeros((4, 4), np.float32)
    mask[:2, :2] = 1
    mask[2:, 2] = 1
    halved = levels.halve_mask(mask)
    assert halved.tolist() == [[1, 0], [0, 0]]
    assert np.array_equal(halved, levels_torch.halve_mask(torch.from_numpy(mask)).numpy())


def test_doubling_doubles_displacements():
    component = np.full((8, 12), 1.5, np.float32)
    doubled = levels.double(component)
    assert doubled.shape == (16, 24)
    assert (doubled == 3).all()
    assert np.array_equal(doubled, levels_torch.double(torch.from_numpy(component)).numpy())
