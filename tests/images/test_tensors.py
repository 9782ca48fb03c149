"""Image operations on tensors equal those on arrays."""

import numpy as np
import pytest
import torch

from gdiv.images import contrast, sampling, tensors
from gdiv.images.textures import fractal_texture, random_flow

SIDE = 96
#: Pixels that a Gaussian of the default width of 5 pixels, cut off at 3, reaches from the edge.
REACH = 16


@pytest.fixture
def image():
    return 500 * fractal_texture(128, 1.3, 3)[:SIDE, :SIDE] + 3000


@pytest.fixture
def flow():
    return random_flow((SIDE, SIDE), 4, np.random.default_rng(5))


def to_batch(array):
    return torch.from_numpy(array)[None]


def test_pixel_grids_are_equal():
    grid = tensors.pixel_grid(3, 5)[0].numpy()
    assert np.array_equal(grid, sampling.pixel_grid((3, 5)))


@pytest.mark.parametrize(("padding", "outside"), [("border", None), ("zeros", 0.0)])
def test_sampling_is_equal(image, padding, outside):
    rng = np.random.default_rng(1)
    # With zeros, torch interpolates between the edge and zero over one pixel, and SciPy does not.
    low, high = (-20, SIDE + 20) if padding == "border" else (0, SIDE - 1)
    points = rng.uniform(low, high, (2, 40, 40)).astype(np.float32)
    ours = tensors.sample(to_batch(image[None]), to_batch(points), padding)[0, 0].numpy()
    expected = sampling.sample_at(image, points, outside)
    # Positions are rounded to about 1e-5 pixels, times the largest step between pixels.
    assert np.abs(ours - expected).max() < 2e-5 * np.abs(np.diff(image)).max() + 1e-3


def test_sampling_with_zeros_gives_zero_beyond_the_frame(image):
    points = torch.tensor([[-1.5, SIDE + 0.5, 40.0], [40.0, 40.0, -7.0]]).view(1, 2, 1, 3)
    assert not tensors.sample(to_batch(image[None]), points, "zeros").any()


def test_pixels_that_leave_the_frame_are_the_same(flow):
    ours = tensors.stays_inside(to_batch(10 * flow))[0].numpy()
    assert np.array_equal(ours, sampling.stays_inside(10 * flow))
    assert 0 < ours.mean() < 1


def test_local_contrast_agrees_in_the_interior(image):
    image[40:50, 60:70] = np.nan
    ours = tensors.local_contrast(to_batch(image[None]), (5.0,))[0, 0].numpy()
    expected = contrast.local_contrast(image, 5.0)
    assert (ours[40:50, 60:70] == 0).all()
    interior = (slice(REACH, -REACH),) * 2
    difference = np.abs(ours - expected)[interior]
    assert np.nanmax(difference) < 0.05
    assert np.nanmean(difference) < 0.01


def test_wide_blurs_on_coarse_pixels_keep_the_mean():
    images = torch.ones(1, 2, 64, 64)
    assert tensors.blur(images, 3.0)[..., 24:40, 24:40].sub(1).abs().max() < 1e-5
    assert tensors.blur(images, 6.0)[..., 24:40, 24:40].sub(1).abs().max() < 1e-5
