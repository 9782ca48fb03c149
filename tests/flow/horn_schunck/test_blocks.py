"""Solve large images in blocks."""

from dataclasses import replace

import numpy as np
import pytest

from gdiv.flow.horn_schunck.blocks import solve_in_blocks
from gdiv.flow.horn_schunck.solver import PAPER, QUADRATIC, Settings, solve_horn_schunck
from gdiv.flow.training.renderer import PairRenderer, fractal_textures


@pytest.fixture(scope="module")
def large_pair():
    # Use a pair that can be matched; otherwise every result would depend on all pixels.
    renderer = PairRenderer(fractal_textures(4, 5, 1024), 600, 8, seed=5, difficulty=0.5)
    pair, flow = renderer.samples(2)[1]
    pair[0, 300:330, 200:260] = np.nan
    return pair[:, :, :590], flow[:, :, :590]


def test_blocks_of_the_robust_solver_agree_with_the_whole_image(large_pair):
    """The search chooses between displacements, so a few pixels may differ."""
    pair, _ = large_pair
    settings = Settings(levels=4)
    whole = np.stack(solve_horn_schunck(*pair, settings))
    parts = [
        np.stack(solve_in_blocks(*pair, settings, block=192, halo=192, workers=n)) for n in (1, 3)
    ]
    difference = np.abs(parts[0] - whole)
    assert np.quantile(difference, 0.9) < 0.01 and np.quantile(difference, 0.98) < 0.1
    assert np.array_equal(*parts)


def test_blocks_of_the_quadratic_solver_agree_with_the_whole_image(large_pair):
    pair, flow = large_pair
    settings = replace(QUADRATIC, levels=4)
    whole = np.stack(solve_horn_schunck(*pair, settings))
    assert np.nanmedian(np.hypot(*(whole - flow))) < 0.1
    parts = [
        np.stack(solve_in_blocks(*pair, settings, block=192, halo=192, workers=n)) for n in (1, 3)
    ]
    assert np.abs(parts[0] - whole).max() < 1e-3
    assert np.array_equal(*parts)
    mask = np.zeros(pair.shape[1:], bool)
    mask[:, 100:400] = True
    whole = np.stack(solve_horn_schunck(*pair, settings, mask))
    part = np.stack(solve_in_blocks(*pair, settings, mask, block=192, halo=192))
    # Where pixels are masked, smoothness has a longer range.
    assert np.abs(part - whole)[:, mask].max() < 0.02


def test_invalid_blocks_raise_an_error_that_names_them():
    image = np.zeros((600, 600), np.float32)
    with pytest.raises(ValueError, match="multiples of 16"):
        solve_in_blocks(image, image, block=200)
    with pytest.raises(ValueError, match="must have 256 pixels, got 128"):
        solve_in_blocks(image, image, block=128, halo=64)
    with pytest.raises(ValueError, match="mask's shape"):
        solve_in_blocks(image, image, mask=np.ones((700, 700), bool))
    with pytest.raises(ValueError, match="sobel is scaled by the whole image"):
        solve_in_blocks(image, image, PAPER)
