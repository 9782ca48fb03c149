"""Draw training pairs with exact motion."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from small_networks import TEXTURES, make_renderer

from gdiv.flow.training.renderer import PairRenderer


def test_drawn_pairs_are_exact_and_repeatable():
    """The secondary sampled along the flow equals the reference."""
    (pair, flow), *_ = make_renderer(96, reach=6).samples(2)
    points = np.stack(np.meshgrid(np.arange(96), np.arange(96))) + flow
    moved = ndimage.map_coordinates(pair[1], points[::-1], order=3, mode="constant", cval=np.nan)
    inner = np.isfinite(moved)
    # The dates differ only by gain and noise; a linear fit removes the gain.
    slope, level = np.polyfit(moved[inner], pair[0][inner], 1)
    rest = pair[0][inner] - slope * moved[inner] - level
    assert rest.std() < 0.05 * pair[0].std()
    single = make_renderer(difficulty=1).draw([5])
    several = make_renderer(difficulty=1).draw([4, 5, 6])
    for alone, among in zip(single, several, strict=True):
        assert torch.allclose(alone[0], among[1], atol=1e-4, equal_nan=True)


def test_too_few_or_small_textures_raise_an_error():
    with pytest.raises(ValueError, match="four textures are needed, got 2"):
        PairRenderer(TEXTURES[:2], 64, 3)
    with pytest.raises(ValueError, match="too small for rotated pairs of 400"):
        PairRenderer(TEXTURES, 400, 3)
