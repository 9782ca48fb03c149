"""Check which pixels can be matched."""

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from gdiv.imagery.pixel_checks import GridError, check_pixels, crs_name, utm_code


def grid(crs, transform):
    return GeoBox((20, 20), Affine(*transform), crs)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32632", (10, 0, 3e5, 0, -10, 5e6)),
        ("EPSG:32718", (6.08, 0, 6e5, 0, -6.08, 4.4e6)),
        ("EPSG:3413", (15, 0, -2e5, 0, -15, -2.2e6)),
        ("EPSG:3031", (15, 0, -1.6e6, 0, -15, -3e5)),
        ("EPSG:2056", (0.5, 0, 2.6e6, 0, -0.5, 1.1e6)),
    ],
)
def test_square_pixels_in_metres_are_accepted(crs, transform):
    check_pixels(grid(crs, transform), "a.tif")
    assert crs_name(grid(crs, transform)) == crs


@pytest.mark.parametrize(
    ("crs", "transform", "message"),
    [
        ("EPSG:4326", (1e-4, 0, 7, 0, -1e-4, 46), "not projected.*-t_srs EPSG:32632 a.tif out.tif"),
        ("EPSG:2277", (10, 0, 2.4e6, 0, -10, 1e7), "unit is .*foot"),
        ("EPSG:3857", (10, 0, 7e5, 0, -10, 5.7e6), r"a metre on the ground is 1.4\d m"),
        ("EPSG:32632", (10, 2, 3e5, 2, -10, 5e6), "square and north up.*-tr 10 10 a.tif out.tif"),
        ("EPSG:32632", (10, 0, 3e5, 0, 10, 5e6), "north up"),
        ("EPSG:32632", (10, 0, 3e5, 0, -10.0001, 5e6), "square"),
    ],
)
def test_other_pixels_are_rejected_with_the_cure(crs, transform, message):
    with pytest.raises(GridError, match=message):
        check_pixels(grid(crs, transform), "a.tif")


def test_a_projection_without_a_position_is_rejected():
    """Drone mosaics are sometimes delivered like this."""
    local = 'LOCAL_CS["site",UNIT["metre",1],AXIS["X",EAST],AXIS["Y",NORTH]]'
    with pytest.raises(GridError, match="no position on the Earth; georeference it"):
        check_pixels(grid(local, (1, 0, 0, 0, -1, 0)), "a.tif")


def test_the_utm_zone_is_correct_on_both_sides_of_180_degrees():
    assert utm_code(179.9, 66) == 32660
    assert utm_code(-179.9, -66) == 32701
    assert utm_code(180.0, 66) == 32601
