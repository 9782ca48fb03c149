"""Jacobi steps on the two colours of a chessboard."""

import numpy as np
import pytest

from gdiv.flow.horn_schunck import relaxation

EDGE = relaxation.EDGE


def pack(field):
    """Split a field into its two colours."""
    height, width = field.shape
    packed = np.zeros((2, height, (width + 1) // 2 + 2 * EDGE), np.float32)
    relaxation.split_colours(field, packed)
    return packed


@pytest.mark.parametrize("shape", [(6, 8), (5, 7), (2, 3)])
def test_merging_colours_restores_the_field(shape):
    field = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    merged = np.empty_like(field)
    relaxation.merge_colours(pack(field), merged)
    assert np.array_equal(merged, field)


@pytest.mark.parametrize("shape", [(12, 16), (11, 13)])
def test_without_data_steps_converge_to_a_uniform_field(shape):
    """No flux crosses the frame, so differences vanish."""
    field = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    u = pack(field)
    v = pack(-field)
    zero = np.zeros((2, shape[0], (shape[1] + 1) // 2), np.float32)
    omegas = np.ones(2000, np.float32)
    relaxation.relax(zero, zero, zero, u, v, shape[1], omegas)
    merged = np.empty_like(field)
    relaxation.merge_colours(u, merged)
    assert np.ptp(merged) < 1e-3
    opposite = np.empty_like(field)
    relaxation.merge_colours(v, opposite)
    assert opposite == pytest.approx(-merged, abs=1e-5)
