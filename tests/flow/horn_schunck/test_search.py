"""The search finds whole-pixel displacements of chips up to its radius, and none beyond."""

import numpy as np
import pytest
from texture_pairs import move_texture

from gdiv.flow.horn_schunck.kernels_numba import finest_level, level_contrast
from gdiv.flow.horn_schunck.search import chip_correlation, search_lattice

PENALTIES = (0.1, 0.6)
INNER = (slice(4, -4),) * 2


def contrasts(pair):
    return [level_contrast(finest_level(image, 1), 2.0, 0.01) for image in pair]


def shifted_pair(u, v, size=96):
    return move_texture(np.array([u, v])[:, None, None], size=size)


@pytest.mark.parametrize(("u", "v"), [(0, 0), (3, -5), (11, 7), (-12, 0)])
def test_the_lattice_finds_a_shift(u, v):
    found = search_lattice(*contrasts(shifted_pair(float(u), float(v))), 4, 12, PENALTIES)
    inside = (slice(5, -5),) * 2
    assert np.median(np.abs(found[0][inside] - u)) < 0.1
    assert np.median(np.abs(found[1][inside] - v)) < 0.1


def test_a_shift_beyond_the_radius_is_not_found():
    u, _ = search_lattice(*contrasts(shifted_pair(9.0, 0.0)), 4, 4, PENALTIES)
    assert np.abs(u).max() <= 4.5


def test_correlation_is_one_for_equal_chips_and_near_zero_without_texture():
    image = contrasts(shifted_pair(0.0, 0.0))[0].image
    assert chip_correlation(image, image, 7)[INNER].min() > 0.5
    assert np.median(chip_correlation(image, image, 7)) > 0.85
    assert not chip_correlation(0 * image, image, 7).any()
