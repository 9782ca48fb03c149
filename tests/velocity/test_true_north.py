"""Velocity towards true east and north, compared with positions on the ellipsoid."""

import numpy as np
import pytest
import xarray as xr
from pyproj import Geod, Transformer

from gdiv.velocity.export import with_crs
from gdiv.velocity.true_north import rotate_to_true_north

GEOD = Geod(ellps="WGS84")


def uniform_velocity(crs, left, top, vx, vy):
    axes = {"y": top - 10.0 * np.arange(20), "x": left + 10.0 * np.arange(20)}
    ones = xr.DataArray(np.ones((20, 20)), coords=axes, dims=("y", "x"))
    errors = {"vx_error": 3 * ones, "vy_error": 4 * ones}
    return xr.Dataset({"vx": vx * ones, "vy": vy * ones, **errors}).rio.write_crs(crs)


@pytest.mark.parametrize(
    ("crs", "left", "top"),
    [
        ("EPSG:32632", 340000.0, 5090000.0),
        ("EPSG:32632", 740000.0, 8890000.0),  # far from the zone's meridian: 8° of convergence
        ("EPSG:32718", 620000.0, 4400000.0),
        ("EPSG:3413", -200000.0, -2700000.0),
        ("EPSG:3031", -1600000.0, -300000.0),
    ],
)
def test_direction_agrees_with_a_geodesic(crs, left, top):
    rotated = rotate_to_true_north(uniform_velocity(crs, left, top, 30.0, 40.0))
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    start = to_degrees.transform(left, top)
    end = to_degrees.transform(left + 30.0, top + 40.0)
    azimuth = GEOD.inv(*start, *end)[0]
    corner = rotated.isel(y=0, x=0)
    direction = np.degrees(np.arctan2(corner.v_east, corner.v_north))
    assert float(direction) == pytest.approx(azimuth, abs=0.01)
    assert float(np.hypot(corner.v_east, corner.v_north)) == pytest.approx(50.0)


def test_rotated_components_keep_the_reference_to_the_crs(tmp_path):
    velocity = uniform_velocity("EPSG:3413", -200000.0, -2700000.0, 1.0, 2.0)
    velocity = with_crs(velocity.drop_vars("spatial_ref"), 3413)
    rotated = rotate_to_true_north(velocity)
    rotated.to_zarr(tmp_path / "velocity.zarr", zarr_format=2, consolidated=False)
    stored = xr.open_zarr(tmp_path / "velocity.zarr", consolidated=False)
    assert stored.v_east.attrs["grid_mapping"] == stored.vx.attrs["grid_mapping"] == "mapping"
    again = rotate_to_true_north(stored.drop_vars(["v_east", "v_north"]))
    np.testing.assert_allclose(again.v_east, rotated.v_east)


def test_errors_are_rotated_with_their_components():
    """At 90° E on Antarctica's polar grid, true east points down the map."""
    rotated = rotate_to_true_north(uniform_velocity("EPSG:3031", 2e6, 90.0, 10.0, 0.0))
    corner = rotated.isel(y=9, x=9)
    assert float(corner.v_north) == pytest.approx(10.0, abs=0.01)
    assert float(corner.v_east_error) == pytest.approx(4.0, abs=0.01)
    assert float(corner.v_north_error) == pytest.approx(3.0, abs=0.01)


def test_a_velocity_without_crs_is_rejected():
    without = uniform_velocity("EPSG:3031", 2e6, 90.0, 10.0, 0.0).drop_vars("spatial_ref")
    with pytest.raises(ValueError, match="no CRS"):
        rotate_to_true_north(without)
