"""Measure the shift between two images."""

import numpy as np
import pytest
import rasterio

from gdiv.imagery import shift


def test_too_little_stable_ground_gives_no_shift():
    image = np.random.default_rng(0).normal(size=(64, 64))
    result = shift.measure_shift(image, image, np.zeros((64, 64), bool))
    assert result["shift_x"] == 0
    assert np.isnan(result["shift_spread"])
    assert result["blocks"] == 0


def test_shift_between_two_real_orbits_equals_an_independent_correlation(real):
    """Aletsch, two orbits within a week: (0.54, 0.76) px by an independent correlation."""
    files = sorted((real / "aletsch-2020-07" / "nir08").glob("*.tif"))
    images = [rasterio.open(path).read(1).astype(np.float32) for path in files]
    measured = shift.measure_shift(*images, np.ones(images[0].shape, bool))
    assert (measured["shift_x"], measured["shift_y"]) == pytest.approx((0.54, 0.76), abs=0.1)
