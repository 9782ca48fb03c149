"""Clock of the ice motion."""

import pytest

from gdiv.twin.clock import Clock


def test_seasons_cancel_over_a_year_and_the_trend_adds():
    clock = Clock(middle=1000.0, peak=900.0, trend=0.02, amplitude=0.15)
    year = 365.25
    assert clock.ice_years(1000 - year / 2, 1000 + year / 2) == pytest.approx(1.0, abs=1e-9)
    assert clock.ice_years(1000 + year / 2, 1000 + 1.5 * year) == pytest.approx(1.02)
    assert clock.ice_years(0, 10) == pytest.approx(-clock.ice_years(10, 0))


def test_ice_is_fastest_at_its_peak():
    clock = Clock(middle=0.0, peak=100.0, trend=0.0, amplitude=0.2)
    peak, slowest = clock.ice_years(99, 101), clock.ice_years(281.6, 283.6)
    assert peak == pytest.approx(1.2 * 2 / 365.25, rel=1e-3)
    assert slowest == pytest.approx(0.8 * 2 / 365.25, rel=1e-3)
