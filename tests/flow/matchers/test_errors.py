"""Stated errors increase for worse matches, and the quality marks failed ones."""

import numpy as np

import gdiv
from gdiv.benchmark.scores import sparsification
from gdiv.images.textures import fractal_texture


def test_stated_errors_cover_true_errors_of_an_untuned_case():
    pair = gdiv.load_case("test-drawn-sliding-05")
    match = gdiv.match_images("horn-schunck", pair.reference, pair.secondary)
    counted = pair.counted & np.isfinite(match.u)
    found, stated = np.stack([match.u, match.v]), np.stack([match.sigma_u, match.sigma_v])
    covered = (np.abs(found - pair.flow) <= stated)[:, counted].mean()
    assert 0.5 < covered < 0.9
    assert sparsification(pair, found, stated) < 0.4


def test_vectors_of_a_failed_match_have_no_quality():
    first, second = (fractal_texture(128, 1.3, seed) for seed in (1, 2))
    match = gdiv.match_images("dis", first, second)
    assert (match.quality > 0.5).mean() < 0.1
    same = gdiv.match_images("dis", first, first)
    assert same.quality.min() > 0.9 and np.nanmax(same.sigma_u) < np.nanmedian(match.sigma_u)
