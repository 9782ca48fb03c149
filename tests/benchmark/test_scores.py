"""Scores reproduce known errors."""

import numpy as np
import pytest

from gdiv.benchmark import scores
from gdiv.benchmark.cases import Pair


@pytest.fixture
def pair():
    """A tongue of half-width 12 px that moves by 3 px down."""
    ice = np.zeros((128, 128), bool)
    ice[:, 52:76] = True
    flow = np.zeros((2, 128, 128), np.float32)
    flow[1, ice] = 3.0
    image = np.random.default_rng(0).normal(size=ice.shape).astype(np.float32)
    return Pair(image, image, flow, ice, np.ones_like(ice))


def total(blocks, name, score):
    return getattr(blocks, score)[:, scores.CLASSES.index(name)].sum()


def test_a_bias_of_one_third_is_detected(pair):
    blocks = scores.score_blocks(pair, pair.flow * np.float32(2 / 3))
    assert total(blocks, "ice", "error") / total(blocks, "ice", "pixels") == pytest.approx(1.0)
    bias = total(blocks, "fast", "along") / total(blocks, "fast", "length") - 1
    assert bias == pytest.approx(-1 / 3)
    assert total(blocks, "ice", "pixels") == pair.ice.sum()
    assert total(blocks, "stable", "error") == 0


def test_pixels_belong_to_their_classes(pair):
    classes = scores.pixel_classes(pair)
    assert classes["half-width 8-16 px"].sum() == pair.ice.sum()
    assert classes["1-4 px"].sum() == pair.ice.sum()
    assert classes["margin"][64].sum() == 4 * scores.MARGIN
    assert classes["shear"].sum() >= 0.1 * pair.ice.sum()


def test_missing_vectors_and_large_errors_are_counted(pair):
    flow = pair.flow.copy()
    flow[:, :10] = np.nan
    flow[0, 20:30] += 5
    blocks = scores.score_blocks(pair, flow)
    assert total(blocks, "ice", "missing") == 10 * 24
    assert total(blocks, "ice", "large") == 10 * 24


def test_stated_errors_are_checked(pair):
    rng = np.random.default_rng(1)
    sigma = np.broadcast_to(rng.uniform(0.1, 1, (128, 128)), (2, 128, 128)).astype(np.float32)
    flow = pair.flow + sigma * rng.normal(size=sigma.shape).astype(np.float32)
    blocks = scores.score_blocks(pair, flow, sigma)
    coverage = total(blocks, "ice", "covered") / total(blocks, "ice", "pixels")
    assert coverage == pytest.approx(0.683, abs=0.03)
    good = scores.sparsification(pair, flow, sigma)
    bad = scores.sparsification(pair, flow, rng.permuted(sigma, axis=1))
    assert good < 0.5 * bad
