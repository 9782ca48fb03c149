"""Filters after matching: against the slope, and stripes along the track."""

import numpy as np
import pytest
import xarray as xr

from gdiv.velocity import filters


def make_mosaic(vx, vy, error=2.0, size=240):
    still = xr.DataArray(np.zeros((size, size)), dims=("y", "x"))
    return xr.Dataset({"vx": still + vx, "vy": still + vy, "v_error": still + error})


def falling_towards(azimuth, size=240, spacing=10.0, slope=0.2):
    """Plane that slopes down towards an azimuth, degrees clockwise from north."""
    rows, columns = np.indices((size, size)) * spacing
    east, north = np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))
    return 2000 - slope * (columns * east - rows * north)


@pytest.mark.parametrize("azimuth", range(0, 360, 30))
def test_motion_against_the_slope_is_flagged_in_every_direction(azimuth):
    elevation = falling_towards(azimuth)
    for deviation, expected in ((0, False), (80, False), (100, True), (180, True)):
        angle = np.radians(azimuth + deviation)
        mosaic = make_mosaic(40 * np.sin(angle), 40 * np.cos(angle))
        # Near the frame, smoothing flattens the terrain.
        found = filters.against_slope(mosaic, elevation, 10.0)[90:-90, 90:-90]
        assert (found == expected).all(), (azimuth, deviation)


def test_slow_ice_flat_ground_and_unknown_ground_are_not_flagged():
    uphill = make_mosaic(-40.0, 0.0)
    steep = falling_towards(90)
    assert filters.against_slope(uphill, steep, 10.0)[:, 30:-30].all()
    assert not filters.against_slope(make_mosaic(-5.0, 0.0), steep, 10.0).any()
    assert not filters.against_slope(uphill, falling_towards(90, slope=0.02), 10.0).any()
    holes = np.where(np.arange(240) < 40, np.nan, steep)
    found = filters.against_slope(uphill, holes, 10.0)
    assert not found[:, :40].any() and found[:, 120:-30].all()


def test_the_track_rotates_with_the_latitude_and_with_the_map():
    """Tracks of Sentinel-2 and Landsat run from north-north-east to south-south-west."""
    assert filters.track_azimuth(9.0, 0.001, 32632) == pytest.approx(12.4, abs=0.1)
    assert filters.track_azimuth(9.0, 45.9, 32632) == pytest.approx(14.9, abs=0.1)
    assert filters.track_azimuth(9.0, 61.0, 32632) == pytest.approx(19.5, abs=0.2)
    # On a polar map, grid north differs from true north.
    assert filters.track_azimuth(-45.0, 70.0, 3413) == pytest.approx(27, abs=2)
    turned = filters.track_azimuth(-15.0, 70.0, 3413) - filters.track_azimuth(-45.0, 70.0, 3413)
    assert turned == pytest.approx(-30, abs=0.1)


def striped(azimuth, amplitude=0.3, size=240):
    """Stable ground in stripes 24 px wide, and ice that moves by 2 px in the middle."""
    rows, columns = np.indices((size, size))
    angle = np.radians(azimuth)
    across = columns * np.cos(angle) + rows * np.sin(angle)
    stripes = amplitude * np.sign(np.sin(2 * np.pi * across / 48))
    ice = (np.abs(rows - size / 2) < 40) & (np.abs(columns - size / 2) < 60)
    noise = np.random.default_rng(0).normal(0, 0.1, (size, size))
    u = (np.where(ice, 2.0, 0.0) + stripes + noise).astype(np.float32)
    pair = xr.Dataset({name: (("pair", "y", "x"), u[None]) for name in ("u", "v")})
    return pair, ice


@pytest.mark.parametrize("azimuth", [0.0, 12.3, -20.0])
def test_stripes_are_removed_and_motion_is_kept(azimuth):
    pair, ice = striped(azimuth)
    cleaned = filters.remove_stripes(pair, ~ice, azimuth)
    ground = cleaned.u.values[0][~ice]
    assert ground.std() < 0.6 * pair.u.values[0][~ice].std() and ground.std() < 0.16
    assert np.median(cleaned.u.values[0][ice]) == pytest.approx(2.0, abs=0.05)
    assert cleaned.u.values[0][ice].std() < 0.16
    restored = cleaned.u + cleaned.stripe_u
    assert np.allclose(restored, pair.u, atol=1e-6)


def test_stripe_removal_is_lazy_and_needs_stable_ground():
    pair, ice = striped(0.0)
    lazy = filters.remove_stripes(pair.chunk(pair=1, y=100), ~ice, 0.0)
    assert lazy.u.chunks is not None and lazy.attrs["destriped_azimuth"] == 0
    assert np.allclose(lazy.u, filters.remove_stripes(pair, ~ice, 0.0).u)
    nothing = filters.remove_stripes(pair, np.zeros_like(ice), 0.0)
    assert np.array_equal(nothing.u, pair.u)
