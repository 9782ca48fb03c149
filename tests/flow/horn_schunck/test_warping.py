"""Warp an image along a displacement."""

import numpy as np
import pytest

from gdiv.flow.horn_schunck.warping import pad_for_bicubic, warp
from gdiv.images.textures import fractal_texture

SHAPE = (40, 56)


def warp_by(image, valid, u, v, fraction=1.0):
    """Warp an image by a uniform displacement."""
    moved = np.empty(SHAPE, np.float32)
    moved_valid = np.empty(SHAPE, np.float32)
    components = (np.full(SHAPE, value, np.float32) for value in (u, v))
    warp(pad_for_bicubic(image), valid, *components, np.float32(fraction), moved, moved_valid)
    return moved, moved_valid


def test_whole_pixels_are_moved_exactly():
    image = fractal_texture(64, 1.3, 3)[: SHAPE[0], : SHAPE[1]].copy()
    valid = np.ones(SHAPE, np.float32)
    valid[10, 10] = 0
    moved, moved_valid = warp_by(image, valid, 3, -2)
    assert np.array_equal(moved[2:, :-3], image[:-2, 3:])
    assert moved_valid[12, 7] == 0
    assert moved_valid[2:, :-3].sum() == 38 * 53 - 1
    assert not moved_valid[:2].any()
    assert not moved_valid[:, -3:].any()


def test_a_fraction_of_the_displacement_samples_between_pixels():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    moved, _ = warp_by(2 * x + y, np.ones(SHAPE, np.float32), 1, -3, fraction=0.5)
    inner = (slice(5, -5),) * 2
    assert moved[inner] == pytest.approx((2 * (x + 0.5) + y - 1.5)[inner], abs=1e-4)
