"""Positions of items, for all notations of their fields."""

import pytest

from gdiv.imagery import placement


@pytest.mark.parametrize(
    ("box", "area"),
    [((6, 45, 7, 46), 1.0), ((179, -78, -179, -77), 2.0), ((-180, 60, 180, 61), 360.0)],
)
def test_a_box_across_180_degrees_is_two_rectangles(box, area):
    polygon = placement.box_polygon(box)
    assert polygon.area == area and polygon.is_valid


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"proj:epsg": 32632}, 32632),
        ({"proj:epsg": "EPSG:EPSG:32632"}, 32632),
        ({"proj:epsg": None, "proj:code": "EPSG:3413"}, 3413),
        ({"proj:epsg": "32632.0"}, 32632),
        ({"proj:wkt2": "nonsense"}, None),
        ({"proj:code": ["EPSG:32632"]}, None),
        ({}, None),
    ],
)
def test_the_code_of_a_projection_is_found(fields, code):
    assert placement.read_epsg({"properties": fields, "assets": {}}) == code
    in_asset = {"properties": {}, "assets": {"nir": fields}}
    assert placement.read_epsg(in_asset) == (code if "proj:wkt2" not in fields else None)


def test_a_transform_is_taken_from_the_asset_before_the_item():
    item = {
        "properties": {"proj:transform": [20, 0, 0, 0, -20, 0]},
        "assets": {"nir": {"proj:transform": [10, 0, 1, 0, -10, 2, 0, 0, 1]}, "scl": {}},
    }
    assert placement.read_transform(item, "nir") == [10, 0, 1, 0, -10, 2]
    assert placement.read_transform(item, "scl") == [20, 0, 0, 0, -20, 0]
    assert placement.read_transform(item, "red") is None
