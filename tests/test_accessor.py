"""The accessor of velocity datasets."""

import numpy as np
import pytest
import rioxarray
import xarray as xr
from figure_data import EPSG, make_velocity

import gdiv  # noqa: F401  (registers .gdiv)
from gdiv.velocity.export import with_crs

pytestmark = pytest.mark.usefixtures("close_figures")


@pytest.fixture
def velocity():
    return with_crs(make_velocity(), EPSG)


def test_velocities_are_written_as_geotiffs_and_zarr(velocity, tmp_path):
    written = velocity.gdiv.to_geotiff(tmp_path / "new" / "folder")
    assert {path.name for path in written} == {"v.tif", "vx.tif", "vy.tif", "v_error.tif"}
    speed = rioxarray.open_rasterio(tmp_path / "new" / "folder" / "v.tif")
    assert speed.rio.crs.to_epsg() == EPSG
    assert speed.values[0] == pytest.approx(velocity.v.values)
    packed = velocity.gdiv.to_zarr(tmp_path / "velocity.zarr", packed=True)
    raw = xr.open_zarr(packed, consolidated=False, mask_and_scale=False)
    assert raw.vx.dtype == np.int16


def test_velocities_are_plotted_with_a_given_limit(velocity):
    figure = velocity.gdiv.plot(max_speed=25)
    assert figure.axes[0].images[0].get_clim() == (0, 25)
