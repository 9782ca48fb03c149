"""Uncertainty of mosaics: calibrated where it can be estimated."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage
from velocity_fields import make_displacement, make_mosaic

from gdiv.velocity import annual, uncertainty, validation


def test_errors_cover_independent_noise():
    ice = np.ones((80, 80), bool)
    noisy = annual.combine_pairs(
        annual.to_velocity(make_displacement(3, 0, pairs=30, size=80, noise=0.3))
    )
    noisy = uncertainty.add_errors(noisy, ice, ~ice)
    covered = uncertainty.coverage((noisy.vx - 30).values, noisy.vx_error.values)
    # Half of the pairs count as independent: errors of independent pairs are overestimated.
    assert 0.68 < covered < 0.95


@pytest.mark.parametrize("ratio", [1.0, 4.0])
def test_uncertainty_is_calibrated_where_both_mosaics_are_noisy_in_the_same_area(ratio):
    """Both mosaics are `ratio` times as noisy in the south; variance is subtracted per bin."""
    ice = np.ones((120, 120), bool)
    first, second, third = (make_mosaic(seed, 0.2, 0.05, rough=ratio) for seed in (1, 2, 3))
    with_errors = uncertainty.add_errors(
        first, ice, ~ice, third, uncertainty.repeat_error(second, third, ice)
    )
    for half in (slice(0, 60), slice(60, 120)):
        covered = uncertainty.coverage(
            (first.vx - 30).values[half], with_errors.vx_error.values[half]
        )
        assert 0.6 < covered < 0.76


def test_uncertainty_without_evidence_is_nan():
    ice = np.ones((40, 40), bool)
    single = uncertainty.add_errors(
        annual.combine_pairs(annual.to_velocity(make_displacement(3, 0, pairs=1))), ice, ~ice
    )
    assert np.isnan(single.v_error).all() and single.vx.notnull().all()


def test_a_second_season_reveals_errors_shared_by_all_pairs():
    ice = np.ones((120, 120), bool)
    first, second, other = (
        make_mosaic(seed, shared, 0.05) for seed, shared in ((1, 0.2), (2, 0.2), (3, 0.4))
    )
    alone = uncertainty.add_errors(first, ice, ~ice)
    assert uncertainty.coverage((first.vx - 30).values, alone.vx_error.values) < 0.25
    own = uncertainty.repeat_error(first, second, ice)
    for data in (first, other):
        with_errors = uncertainty.add_errors(data, ice, ~ice, second, own)
        for half in (slice(0, 60), slice(60, 120)):
            for name, truth in (("vx", 30), ("vy", 0)):
                covered = uncertainty.coverage(
                    (with_errors[name] - truth).values[half],
                    with_errors[f"{name}_error"].values[half],
                )
                assert 0.55 < covered < 0.8


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
    length = uncertainty.correlation_length(errors, np.ones((size, size), bool))
    assert length == pytest.approx(20 * sigma, rel=0.25)
    sigma_of_mean = uncertainty.error_of_mean(np.ones((size, size)), 10.0, length)
    assert sigma_of_mean == pytest.approx(
        np.std([noise.mean() for noise in np.concatenate(fields)]), rel=0.4
    )
    assert np.isnan(uncertainty.correlation_length(errors * 0, np.ones((size, size), bool)))


def test_an_offset_between_seasons_counts_as_error():
    ice = np.ones((120, 120), bool)
    first, second = make_mosaic(1, 0.2, 0.05), make_mosaic(2, 0.2, 0.05)
    shifted = first.assign(vx=first.vx + 20)
    with_errors = uncertainty.add_errors(
        shifted, ice, ~ice, second, uncertainty.repeat_error(first, second, ice)
    )
    assert uncertainty.coverage((shifted.vx - 30).values, with_errors.vx_error.values) > 0.6
    single = annual.combine_pairs(
        annual.to_velocity(make_displacement(3, 0, pairs=1, size=120, noise=0.2))
    ).load()
    with_errors = uncertainty.add_errors(single, ice, ~ice, second, 1.0)
    assert np.isfinite(with_errors.vx_error).all()
    assert uncertainty.coverage((single.vx - 30).values, with_errors.vx_error.values) > 0.5


def test_different_grids_raise_an_error():
    ice = np.ones((120, 120), bool)
    first, second = make_mosaic(1, 0.2, 0.05), make_mosaic(2, 0.2, 0.05)
    with pytest.raises(ValueError, match=r"repeat is on a grid of \(119, 120\)"):
        uncertainty.add_errors(first, ice, ~ice, second.isel(y=slice(1, None)))
    with pytest.raises(ValueError, match=r"stable is on a grid of \(60, 120\)"):
        uncertainty.add_errors(first, ice, ~ice[:60])
    here, shifted = (
        data.assign_coords(y=start + np.arange(120))
        for data, start in ((first, 0.0), (second, 5.0))
    )
    with pytest.raises(ValueError, match="exact"):
        uncertainty.add_errors(here, ice, ~ice, shifted)
    with pytest.raises(ValueError, match="exact"):
        validation.compare_with_truth(here, shifted, ice)


def test_stable_ground_gives_the_uncertainty_beside_the_ice():
    stable = np.ones((120, 120), bool)
    result = make_mosaic(4, 0.2, 0.05)
    apparent = result.assign(vx=result.vx - 30)
    with_errors = uncertainty.add_errors(apparent, ~stable, stable)
    assert 0.6 < uncertainty.coverage(apparent.vx.values, with_errors.vx_error.values) < 0.76
