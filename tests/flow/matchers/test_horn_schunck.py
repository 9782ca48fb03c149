"""The matcher Horn-Schunck: regions, texture, large images."""

import numpy as np
import pytest
from texture_pairs import move_texture

from gdiv.flow.horn_schunck.blocks import solve_in_blocks
from gdiv.flow.horn_schunck.solver import PAPER, solve_horn_schunck
from gdiv.flow.matchers import horn_schunck
from gdiv.flow.matchers.matching import match_images


def test_regions_match_ice_and_stable_ground_independently():
    """Smoothing reduces the speed of ice beside stable ground, unless matched independently."""
    ice = np.zeros((128, 128), bool)
    ice[:, 44:84] = True
    flow = np.stack([np.zeros((128, 128)), np.where(ice, 4.0, 0.0)])
    stable = move_texture(flow[:, :1, :1] * 0)[0]
    moving = move_texture(np.array([0, 4.0])[:, None, None])[1]
    pair = stable, np.where(ice, moving, stable)
    margin = np.zeros_like(ice)
    margin[20:-20, 44:48] = margin[20:-20, 80:84] = True
    together = solve_horn_schunck(*pair)[1][margin].mean()
    alone = solve_horn_schunck(*pair, mask=ice)[1][margin].mean()
    assert abs(alone - 4) < 0.5 * abs(together - 4)
    independent = match_images("horn-schunck", *pair, regions=ice)
    assert independent.v[margin].mean() == pytest.approx(alone, abs=1e-5)
    assert abs(independent.v[20:-20, 5:35]).max() < 0.1
    counts = match_images("horn-schunck", *pair, regions=255 * ice.astype(np.uint8))
    assert np.array_equal(counts.v, independent.v, equal_nan=True)
    with pytest.raises(ValueError, match="only horn-schunck"):
        match_images("dis", *pair, regions=ice)


def test_images_without_texture_give_zero_motion_and_quality():
    flat = np.full((70, 50), 0.3)
    result = match_images("horn-schunck", flat, flat + 0.1)
    assert not result.u.any() and not result.v.any() and not result.quality.any()


def test_large_pairs_are_matched_in_blocks(clean_pairs, monkeypatch):
    pair, _ = clean_pairs[0]
    whole = match_images("horn-schunck", *pair)
    calls = []

    def record(*args, **options):
        calls.append(args)
        return solve_in_blocks(*args, **options)

    monkeypatch.setattr(horn_schunck, "MAX_WHOLE", 100)
    monkeypatch.setattr(horn_schunck, "solve_in_blocks", record)
    assert (
        np.array_equal(match_images("horn-schunck", *pair).u, whole.u, equal_nan=True)
        and len(calls) == 1
    )


def test_features_that_are_scaled_by_the_whole_image_are_solved_whole(monkeypatch):
    pair = move_texture(np.array([0, 2.0])[:, None, None])
    expected = solve_horn_schunck(*pair, PAPER)
    monkeypatch.setattr(horn_schunck, "MAX_WHOLE", 100)
    found = horn_schunck.MATCHER.match(*pair, settings=PAPER)
    assert np.array_equal(np.stack(found), np.stack(expected))
