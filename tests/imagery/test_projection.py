"""Scale of map projections against distances on the ellipsoid."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from gdiv.imagery.projection import map_scale, meridian_convergence


@pytest.mark.parametrize(
    ("crs", "left", "top"),
    [
        ("EPSG:32632", 340000, 5090000),
        ("EPSG:32718", 620000, 4400000),
        ("EPSG:3413", -200000, -2700000),
        ("EPSG:3413", -180000, -2280000),
        ("EPSG:3031", -1600000, -300000),
        ("EPSG:2056", 2600000, 1100000),
    ],
)
def test_distances_are_those_on_the_ellipsoid(crs, left, top):
    grid = GeoBox((300, 200), Affine(10, 0, left, 0, -10, top), crs)
    scale = map_scale(grid)
    assert scale.shape == (300, 200)
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    for row, column in ((0, 0), (150, 70), (299, 199)):
        x, y = float(scale.x[column]), float(scale.y[row])
        for east, north in ((100, 0), (0, 100)):
            ends = to_degrees.transform(
                np.array([x - east / 2, x + east / 2]), np.array([y - north / 2, y + north / 2])
            )
            ground = Geod(ellps="WGS84").line_length(*ends)
            assert 100 / float(scale[row, column]) == pytest.approx(ground, rel=1e-5)


@pytest.mark.parametrize(
    ("crs", "left", "top"),
    [
        ("EPSG:32632", 340000, 5090000),
        ("EPSG:32718", 620000, 4400000),
        ("EPSG:3413", -200000, -2700000),
        ("EPSG:3031", 40000, 1000),  # around the pole, where the angle jumps
        ("EPSG:3031", -1600000, -300000),
    ],
)
def test_convergence_is_the_direction_of_true_north(crs, left, top):
    grid = GeoBox((300, 200), Affine(10, 0, left, 0, -10, top), crs)
    convergence = meridian_convergence(grid)
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    for row, column in ((0, 0), (150, 70), (299, 199)):
        x, y = float(convergence.x[column]), float(convergence.y[row])
        start = to_degrees.transform(x, y)
        end = to_degrees.transform(x, y + 10)  # up the map
        azimuth = Geod(ellps="WGS84").inv(*start, *end)[0]
        deviation = (azimuth - float(convergence[row, column]) + 180) % 360 - 180
        assert abs(deviation) < 0.01
