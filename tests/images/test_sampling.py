"""Sample between pixels, and compose and invert displacements."""

import numpy as np
import pytest

from gdiv.images.sampling import (
    compose_flows,
    forward_backward_error,
    invert_flow,
    pixel_grid,
    sample_at,
)
from gdiv.images.textures import random_flow

SHAPE = (48, 64)
INNER = (slice(12, -12),) * 2


@pytest.fixture
def flow():
    """Smooth, invertible motion of up to about three pixels."""
    return 0.5 * random_flow(SHAPE, 4, np.random.default_rng(5))


def test_a_linear_ramp_is_sampled_exactly():
    columns, rows = pixel_grid(SHAPE, np.float64)
    points = np.random.default_rng(0).uniform(0, 47, (2, 100))
    samples = sample_at(2 * columns - rows, points)
    assert samples == pytest.approx(2 * points[0] - points[1])


def test_images_are_extended_by_the_nearest_pixel_or_a_constant():
    image = np.arange(12.0).reshape(3, 4)
    outside = np.array([[-5.0, 9.0], [0.0, 2.0]])
    assert sample_at(image, outside).tolist() == [0, 11]
    assert sample_at(image, outside, outside=-1.0).tolist() == [-1, -1]


def test_uniform_flows_add_up_and_missing_vectors_stay_missing():
    first = np.stack([np.full(SHAPE, 2.0), np.full(SHAPE, -1.0)])
    first[:, 5, 5] = np.nan
    second = np.stack([np.full(SHAPE, 0.5), np.full(SHAPE, 3.0)])
    composed = compose_flows(first, second)
    missing = np.isnan(composed)
    assert missing[:, 5, 5].all()
    assert missing.sum() == 2
    assert np.nanmean(composed, axis=(1, 2)) == pytest.approx([2.5, 2])


def test_composition_follows_the_first_flow():
    """The second flow is sampled at positions displaced by the first."""
    columns, rows = pixel_grid(SHAPE, np.float64)
    first = np.stack([np.full(SHAPE, 3.0), np.zeros(SHAPE)])
    second = np.stack([0.1 * columns, 0 * rows])
    composed = compose_flows(first, second)[0]
    assert composed[INNER] == pytest.approx((3 + 0.1 * (columns + 3))[INNER])


def test_positions_of_the_inverse_return_to_their_pixels(flow):
    points = invert_flow(flow)
    displacement = np.stack([sample_at(component, points) for component in flow])
    residual = points + displacement - pixel_grid(SHAPE)
    assert np.abs(residual).max() < 1e-3


def test_forward_backward_error_is_zero_for_the_inverse_and_reveals_other_flows(flow):
    backward = invert_flow(flow) - pixel_grid(SHAPE)
    assert forward_backward_error(flow, backward)[INNER].max() < 0.1
    wrong = backward + np.array([3.0, 4.0])[:, None, None]
    assert forward_backward_error(flow, wrong)[INNER] == pytest.approx(5, abs=0.1)
