"""Errors of means over an area."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from gdiv.velocity import mean_error


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_correlation_length_and_error_of_mean_match_blurred_noise(sigma):
    """Noise blurred by a Gaussian of s pixels has the correlation exp(-d^2 / 4 s^2)."""
    rng, size = np.random.default_rng(6), 240
    coords = {"y": -10.0 * np.arange(size), "x": 10.0 * np.arange(size)}
    fields = [
        ndimage.gaussian_filter(rng.normal(size=(40, size, size)), (0, sigma, sigma))
        for _ in range(2)
    ]
    fields = [noise / noise.std() for noise in fields]
    errors = xr.Dataset(
        {name: (("y", "x"), noise[0]) for name, noise in zip(("vx", "vy"), fields, strict=True)},
        coords,
    )
    length = mean_error.correlation_length(errors, np.ones((size, size), bool))
    assert length == pytest.approx(20 * sigma, rel=0.25)
    sigma_of_mean = mean_error.error_of_mean(np.ones((size, size)), 10.0, length, common=0)
    assert (
        sigma_of_mean.total
        == sigma_of_mean.random
        == pytest.approx(np.std([noise.mean() for noise in np.concatenate(fields)]), rel=0.4)
    )
    assert np.isnan(mean_error.correlation_length(errors * 0, np.ones((size, size), bool)))


def test_the_systematic_part_does_not_decrease_with_the_area():
    near, far = (
        mean_error.error_of_mean(np.ones((side, side)), 10.0, 100.0) for side in (100, 400)
    )
    assert far.systematic == near.systematic and far.random < near.random / 3


def test_the_correlation_length_of_a_small_map_is_found():
    """The map is smaller than the maximum lag."""
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(2, 30, 40)), (0, 2, 2), mode="wrap")
    coords = {"y": -10.0 * np.arange(30), "x": 10.0 * np.arange(40)}
    errors = xr.Dataset(
        {n: (("y", "x"), e) for n, e in zip(("vx", "vy"), smooth, strict=True)}, coords
    )
    length = mean_error.correlation_length(errors, np.ones((30, 40), bool))
    assert 20 <= length <= 60
