"""Uncertainty of mosaics: well calibrated where it can be estimated."""

import numpy as np
import pytest
import xarray as xr
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
@pytest.mark.parametrize(("shared", "alone"), [(0.2, 0.05), (0.05, 0.2)])
def test_one_season_pair_is_well_calibrated_if_its_pairs_are(ratio, shared, alone):
    """Errors may be common or independent, and may vary in space."""
    ice = np.ones((120, 120), bool)
    mosaic = make_mosaic(1, shared, alone, rough=ratio, stated=1.0)
    with_errors = uncertainty.add_errors(mosaic, ice, ~ice)
    for half in (slice(0, 60), slice(60, 120)):
        error = (mosaic.vx - 30).values[half]
        covered = uncertainty.coverage(error, with_errors.vx_error.values[half])
        # Independent errors are overestimated: only half of the pairs count as independent, and
        # their spread is noisy.
        assert 0.6 < covered < (0.76 if shared > alone else 0.96)


def test_uncertainty_without_evidence_is_nan():
    ice = np.ones((40, 40), bool)
    single = uncertainty.add_errors(
        annual.combine_pairs(annual.to_velocity(make_displacement(3, 0, pairs=1))), ice, ~ice
    )
    assert np.isnan(single.v_error).all() and single.vx.notnull().all()


def test_a_second_season_pair_increases_underestimated_errors():
    ice = np.ones((120, 120), bool)
    first, second = (
        uncertainty.add_errors(make_mosaic(seed, 0.2, 0.05, stated=0.25), ice, ~ice)
        for seed in (1, 2)
    )
    assert uncertainty.coverage((first.vx - 30).values, first.vx_error.values) < 0.3
    checked = uncertainty.add_errors(first, ice, ~ice, second)
    assert checked.attrs["error_factor"] > 2
    assert 0.6 < uncertainty.coverage((first.vx - 30).values, checked.vx_error.values) < 0.76


@pytest.mark.parametrize("change", [0.0, 0.05, 0.2])
def test_a_change_of_speed_is_not_an_error(change):
    ice = np.ones((120, 120), bool)
    later = make_mosaic(1, 0.2, 0.05, stated=1.0, motion=3 * (1 + change))
    earlier = uncertainty.add_errors(make_mosaic(2, 0.2, 0.05, stated=1.0), ice, ~ice)
    checked = uncertainty.add_errors(later, ice, ~ice, earlier)
    assert checked.attrs["season_change"] == pytest.approx(change, abs=0.01)
    assert checked.attrs["error_factor"] == pytest.approx(1, abs=0.1)
    error = (later.vx - 30 * (1 + change)).values
    assert 0.63 < uncertainty.coverage(error, checked.vx_error.values) < 0.76


def test_too_few_pixels_give_no_check():
    few = np.zeros((120, 120), bool)
    few[:10, :10] = True
    first, second = (
        uncertainty.add_errors(make_mosaic(seed, 0.2, 0.05, stated=1.0), few, ~few)
        for seed in (1, 2)
    )
    assert np.isnan(uncertainty.season_check(first, second, few)).all()
    checked = uncertainty.add_errors(first, few, ~few, second)
    xr.testing.assert_allclose(checked.vx_error, first.vx_error)


def test_different_grids_raise_an_error():
    ice = np.ones((120, 120), bool)
    first, second = make_mosaic(1, 0.2, 0.05), make_mosaic(2, 0.2, 0.05)
    with pytest.raises(ValueError, match="repeat has no errors"):
        uncertainty.add_errors(first, ice, ~ice, second)
    second = uncertainty.add_errors(second, ice, ~ice)
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


def test_apparent_motion_of_stable_ground_adds_to_the_error_of_ice():
    ice = np.zeros((120, 120), bool)
    ice[:60] = True
    mosaic = make_mosaic(4, 0.01, 0.05)
    apparent = mosaic.assign(vx=mosaic.vx - 30 + 5, vy=mosaic.vy)
    with_errors = uncertainty.add_errors(apparent, ice, ~ice)
    assert (with_errors.vx_error >= 5).all() and float(with_errors.vy_error.median()) < 2
