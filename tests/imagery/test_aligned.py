"""Files on the grid of the study, in a projection without EPSG code."""

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from gdiv.imagery.aligned import load_aligned

#: A transverse Mercator projection without an EPSG code.
CRS = pyproj.CRS.from_proj4("+proj=tmerc +lon_0=7.646 +k=0.9996 +datum=WGS84 +units=m").to_wkt()


@pytest.fixture
def file(tmp_path):
    numbers = np.arange(1, 1201, dtype=np.uint16).reshape(30, 40)
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=30, count=1, dtype="uint16", crs=CRS,
        transform=Affine(10, 0, 500, 0, -10, 5000),
    ) as opened:  # fmt: skip
        opened.write(numbers, 1)
    return path, numbers


def grid(left, top, width, height, step=10):
    return GeoBox((height, width), Affine(step, 0, left, 0, -step, top), CRS)


def test_pixels_are_cropped_and_padded(file):
    path, numbers = file
    inner = load_aligned([str(path)], [1], grid(520, 4970, 8, 8), np.float32)
    assert np.array_equal(inner[0], numbers[3:11, 2:10])
    beyond = load_aligned([str(path)], [1], grid(480, 5010, 6, 6), np.float32).values[0]
    assert np.isnan(beyond[0]).all()
    assert np.array_equal(beyond[1:, 2:], numbers[:5, :4])


def test_a_coarse_grid_takes_the_pixels_at_its_centres(file):
    path, numbers = file
    coarse = load_aligned([str(path)], [1], grid(500, 5000, 10, 7, step=40), np.uint16)
    assert coarse.dtype == np.uint16
    assert np.array_equal(coarse[0], numbers[2::4, 2::4])


def test_pixels_off_the_grid_are_rejected(file):
    with pytest.raises(ValueError, match="do not lie on the grid"):
        load_aligned([str(file[0])], [1], grid(503, 4970, 8, 8), np.float32)


def test_one_band_of_several_is_read_with_its_nodata_value(tmp_path):
    numbers = np.arange(1, 2401, dtype=np.int16).reshape(2, 30, 40) - 1000
    numbers[1, :5] = -9999
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=30, count=2, dtype="int16", crs=CRS,
        transform=Affine(10, 0, 500, 0, -10, 5000), nodata=-9999,
    ) as opened:  # fmt: skip
        opened.write(numbers)
    read = load_aligned([str(path)], [2], grid(500, 5000, 40, 28), np.float32).values[0]
    assert np.isnan(read[:5]).all()
    assert np.array_equal(read[5:], numbers[1, 5:28])
