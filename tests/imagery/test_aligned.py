"""Files on the grid of the study, in a projection without EPSG code."""

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from gdiv.imagery.aligned import load_aligned

#: A transverse Mercator projection that no code describes.
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
    inner = load_aligned([str(path)], grid(520, 4970, 8, 8), 0)
    assert np.array_equal(inner[0], numbers[3:11, 2:10])
    beyond = load_aligned([str(path)], grid(480, 5010, 6, 6), 7).values[0]
    assert (beyond[0] == 7).all()
    assert np.array_equal(beyond[1:, 2:], numbers[:5, :4])


def test_a_coarse_grid_takes_the_pixels_at_its_centres(file):
    path, numbers = file
    coarse = load_aligned([str(path)], grid(500, 5000, 10, 7, step=40), 0).values[0]
    assert np.array_equal(coarse, numbers[2::4, 2::4])


def test_pixels_off_the_grid_are_refused(file):
    with pytest.raises(ValueError, match="do not lie on the grid"):
        load_aligned([str(file[0])], grid(503, 4970, 8, 8), 0)
