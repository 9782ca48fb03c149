"""The finest level alone."""

import numpy as np
import pytest
from texture_pairs import shift_texture

from gdiv.flow.horn_schunck.finest import FinestLevel
from gdiv.flow.horn_schunck.settings import DEFAULT
from gdiv.flow.horn_schunck.solver import solve_horn_schunck


@pytest.fixture
def images():
    """A texture that moves two pixels right and one down; sides are not multiples of 16."""
    return [image[:-3, :-5] for image in shift_texture(2, 1)]


def flows(images, *motions):
    """Uniform displacements of the size of the images."""
    zero = np.zeros((2, *images[0].shape), np.float32)
    return [zero + np.array(motion, np.float32)[:, None, None] for motion in motions]


def test_the_true_displacement_is_chosen(images):
    wrong, right = flows(images, (0, 0), (2, 1))
    chosen = FinestLevel(*images).choose([wrong, right], (0, 0))
    assert chosen.shape == right.shape
    assert (np.abs(chosen - right)[:, 8:-8, 8:-8] == 0).mean() > 0.99


def test_a_large_handicap_excludes_a_proposal(images):
    wrong, right = flows(images, (0, 0), (2, 1))
    assert not FinestLevel(*images).choose([wrong, right], (0, 100)).any()


def test_solving_from_a_close_start_finds_the_motion(images):
    (start,) = flows(images, (1.6, 0.7))
    found = FinestLevel(*images).solve(start, DEFAULT.slopes)
    expected = np.stack(solve_horn_schunck(*images))
    assert np.median(np.abs(found - expected)[:, 8:-8, 8:-8]) < 0.02
