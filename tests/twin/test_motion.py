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
