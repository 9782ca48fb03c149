"""Velocity between two images: units, signs, registration, errors, export."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage

import gdiv
from gdiv.images.textures import fractal_texture

GRID = GeoBox((256, 256), Affine(10, 0, 340000, 0, -10, 5090000), "EPSG:32632")
ICE = shapely.box(340700, 5088200, 341900, 5089400)  # 120 x 120 pixels in the middle
MISREGISTRATION = 0.6  # pixels along columns, of the whole secondary


@pytest.fixture(scope="module")
def pair():
    """Ice that moves 3 pixels east and 1 south in one year, surrounded by stable ground."""
    texture = fractal_texture(512, 1.2, seed=1)
    columns, rows = np.meshgrid(np.arange(256) + 128.0, np.arange(256) + 128.0)
    ice = np.zeros((256, 256))
    ice[60:180, 70:190] = 1
    ice = ndimage.gaussian_filter(ice, 3)
    reference = ndimage.map_coordinates(texture, [rows, columns], order=3)
    source = [rows - 1 * ice, columns - 3 * ice - MISREGISTRATION]
    secondary = ndimage.map_coordinates(texture, source, order=3)
    outline = gpd.GeoDataFrame(geometry=[ICE], crs=32632)
    return gdiv.open_pair(
        reference, secondary, geobox=GRID, dates=("2020-08-01", "2021-08-01"), outline=outline
    )


@pytest.fixture(scope="module")
def velocity(pair):
    return gdiv.velocity_from_pair(pair, matcher="dis")


def test_velocity_is_in_metres_per_year_east_and_north(velocity):
    middle = velocity.isel(x=slice(100, 160), y=slice(90, 150))
    assert float(middle.vx.median()) == pytest.approx(30, abs=0.5)
    assert float(middle.vy.median()) == pytest.approx(-10, abs=0.5)
    assert float(middle.v.median()) == pytest.approx(np.hypot(30, 10), abs=0.5)


def test_the_shift_of_stable_ground_is_removed(velocity):
    assert velocity.attrs["shift_x"] == pytest.approx(MISREGISTRATION, abs=0.03)
    corner = velocity.isel(x=slice(16, 40), y=slice(16, 40))
    assert abs(float(corner.vx.median())) < 0.5


def test_errors_are_positive_and_larger_at_the_margin(velocity):
    valid = np.isfinite(velocity.vx.values)
    for name in ("vx_error", "vy_error", "v_error"):
        assert (velocity[name].values[valid] > 0).all()
        assert np.isnan(velocity[name].values[~valid]).all()
    middle = velocity.vx_error.values[100:140, 110:150]
    margin = velocity.vx_error.values[55:66, 110:150]
    assert np.nanmedian(margin) > 2 * np.nanmedian(middle)


def test_attributes_follow_cf_and_name_the_matcher(velocity):
    assert velocity.attrs["Conventions"] == "CF-1.8" and velocity.attrs["matcher"] == "dis"
    assert velocity.vx.attrs["standard_name"] == "land_ice_surface_x_velocity"
    assert velocity.v_error.attrs["units"] == "meter/year"
    assert velocity.rio.crs.to_epsg() == 32632


def test_poor_matches_are_excluded(pair):
    noise = np.random.default_rng(0).normal(size=pair.secondary.shape)
    changed = (pair.x < float(pair.x[64])) & (pair.y > float(pair.y[64]))
    degraded = pair.assign(secondary=pair.secondary.where(~changed, noise))
    strict = gdiv.velocity_from_pair(degraded, matcher="dis", min_quality=0.95)
    everything = gdiv.velocity_from_pair(degraded, matcher="dis", min_quality=0)
    assert strict.vx.notnull().sum() < everything.vx.notnull().sum()
    assert (strict.quality.values[strict.vx.notnull().values] >= np.float32(0.95)).all()
    assert set(strict.coords) == {"x", "y", "mapping"}


def test_pairs_without_outline_are_not_registered(pair):
    plain = gdiv.velocity_from_pair(pair.drop_vars(["glacier", "stable"]), matcher="dis")
    assert plain.attrs["shift_x"] == 0 and plain.attrs["registration_blocks"] == 0
    assert plain.v_error.notnull().any()


def test_a_matcher_of_another_package_gives_velocities(pair):
    velocity = gdiv.velocity_from_pair(pair, matcher="phase-correlation")
    middle = velocity.isel(x=slice(100, 160), y=slice(90, 150))
    assert float(middle.vx.median()) == pytest.approx(30, abs=4)


def test_velocities_can_be_exported_and_plotted(velocity, tmp_path):
    written = velocity.gdiv.to_geotiff(tmp_path / "out")
    assert {path.name for path in written} == {"v.tif", "vx.tif", "vy.tif", "v_error.tif"}
    with rasterio.open(tmp_path / "out" / "vx.tif") as file:
        assert file.crs.to_epsg() == 32632 and file.transform == GRID.affine
        assert np.array_equal(file.read(1), velocity.vx.values, equal_nan=True)
    store = velocity.gdiv.to_zarr(tmp_path / "velocity.zarr")
    stored = xr.open_zarr(store, consolidated=False, decode_coords="all")
    assert np.array_equal(stored.v.values, velocity.v.values, equal_nan=True)
    figure = velocity.gdiv.plot()
    assert len(figure.axes) >= 2


def test_a_shift_that_cannot_be_registered_is_part_of_the_errors(pair):
    """The scenes differ by six pixels, but block shifts are limited to four."""
    moved = pair.assign(secondary=pair.secondary.roll(x=6))
    with pytest.warns(UserWarning, match="stable ground could not be registered"):
        velocity = gdiv.velocity_from_pair(moved, matcher="dis")
    corner = velocity.isel(x=slice(16, 40), y=slice(16, 40))
    assert abs(float(corner.vx.median())) > 40
    assert float(corner.vx_error.median()) > 40


@pytest.mark.parametrize("packed", [False, True])
def test_a_reopened_store_can_be_exported_and_plotted(velocity, tmp_path, packed):
    store = velocity.gdiv.to_zarr(tmp_path / "velocity.zarr", packed=packed)
    again = xr.open_zarr(store, consolidated=False)
    again.gdiv.to_geotiff(str(tmp_path / "out"))
    with rasterio.open(tmp_path / "out" / "v.tif") as file:
        assert file.crs.to_epsg() == 32632
        assert np.allclose(file.read(1), velocity.v, atol=0.01, equal_nan=True)
    with pytest.raises(ValueError, match="the product has no CRS"):
        again.drop_vars("mapping").gdiv.to_geotiff(tmp_path / "none")


def test_a_few_pixels_are_plotted(velocity):
    small = velocity.isel(x=slice(100, 108), y=slice(100, 108))
    assert len(small.gdiv.plot().axes) >= 3
