"""Advect points with a velocity field."""

import numpy as np
import pytest

from gdiv.twin.motion import advect
from gdiv.twin.truth import read_truth


@pytest.fixture(scope="module")
def truth(twin_folder):
    return read_truth(twin_folder)


def test_advection_forward_and_backward_returns_to_the_start(truth):
    columns, rows = (
        part.ravel().astype(float)
        for part in np.meshgrid(np.arange(40, 120, 7), np.arange(40, 120, 7))
    )
    forward = advect(truth.vx.values, truth.vy.values, 10.0, columns, rows, 1.3)
    backward = advect(truth.vx.values, truth.vy.values, 10.0, *forward, -1.3)
    assert np.abs(backward[0] - columns).max() < 1e-3 and np.abs(backward[1] - rows).max() < 1e-3


def test_points_at_rest_stay_and_do_not_affect_points_that_move():
    east = np.zeros((20, 20), np.float32)
    east[:, 10:] = 25
    columns, rows = np.array([3, 15, 4, 12]), np.array([5, 6, 7, 8])
    end, _ = advect(east, 0 * east, 10.0, columns, rows, 1.0)
    assert np.allclose(end, [3, 17.5, 4, 14.5])
    alone, _ = advect(east, 0 * east, 10.0, columns[[1, 3]], rows[[1, 3]], 1.0)
    assert np.array_equal(alone, end[[1, 3]])
