"""All matchers: shifts, signs and missing data."""

import numpy as np
import pytest
from texture_pairs import shift_texture

import gdiv

#: All except the baseline.
MATCHERS = [name for name in gdiv.list_matchers() if name != "zero"]
#: Tolerance of the median of a whole-pixel shift.
TOLERANCE = {"raft": 0.35, "phase-correlation": 0.3}


@pytest.mark.parametrize("name", MATCHERS)
def test_matchers_recover_a_shift_with_its_sign(name):
    reference, secondary = shift_texture(3, -2)
    result = gdiv.match_images(name, reference, secondary)
    inner = (slice(24, -24),) * 2
    tolerance = TOLERANCE.get(name, 0.1)
    assert np.median(result.u[inner]) == pytest.approx(3, abs=tolerance)
    assert np.median(result.v[inner]) == pytest.approx(-2, abs=tolerance)
    assert result.u.dtype == result.v.dtype == result.quality.dtype == np.float32
    assert result.quality.min() >= 0 and result.quality.max() <= 1
    assert np.median(result.quality[inner]) > 0.9


@pytest.mark.parametrize("name", MATCHERS)
def test_missing_data_stays_missing_and_does_not_spread(name):
    reference, secondary = shift_texture(2, 1)
    hole = reference.copy()
    hole[60:80, 60:80] = np.nan
    result = gdiv.match_images(name, hole, secondary)
    assert np.isnan(result.u[60:80, 60:80]).all() and (result.quality[60:80, 60:80] == 0).all()
    assert np.isfinite(result.u[24:40, 24:-24]).all()


def test_the_baseline_has_zero_motion():
    result = gdiv.match_images("zero", *shift_texture(3, 2))
    valid = np.isfinite(result.u)
    assert valid.mean() > 0.95 and not result.u[valid].any() and (result.quality[valid] == 1).all()
