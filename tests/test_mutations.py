"""Mutations of items, catalogs, parameters and vector files.

Each mutation gives a result or one clear error, never another traceback.
"""

import copy
import itertools
import warnings

import geopandas as gpd
import pytest
import shapely
import yaml

from gdiv.catalog import CatalogError
from gdiv.catalog.loading import CATALOG_FILE, read_catalog
from gdiv.imagery.grid import grid_of_items
from gdiv.imagery.outlines import read_outline
from gdiv.imagery.scenes import screen_scenes
from gdiv.study.parameters import check_parameters, notebooks
from gdiv.study.workspace import StudyError
from gdiv.velocity.stakes import read_stakes

#: Values that a field may contain by mistake.
VALUES = (None, "", "x", -1, 1e99, float("nan"), [], {}, True, [None, "a"], {"a": 1})


def leaves(value, path=()):
    """Paths of all values in a JSON value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key)
            yield from leaves(each, (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))


def changed(value, path, new):
    """Copy of a JSON value with another value at a path."""
    content = copy.deepcopy(value)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return content


def test_every_mutation_of_an_item_leaves_the_other_scenes_unchanged(twin, glacier):
    items = twin["items"]
    plain = screen_scenes(items, twin["source"], glacier)
    others = plain.verdict[1:].tolist()
    count = 0
    for path, value in itertools.product(list(leaves(items[0])), VALUES):
        mutated = [changed(items[0], path, value), *items[1:]]
        table = screen_scenes(mutated, twin["source"], glacier)
        assert len(table) == len(items), (path, value)
        # A scene may only lose its duplicate or its partner.
        assert sum(a != b for a, b in zip(table.verdict[1:], others, strict=True)) <= 1, path
        assert table.reason.str.len().gt(0).all(), (path, value)
        grid = grid_of_items(mutated, twin["source"].image, glacier)
        assert grid.resolution == twin["grid"].resolution, (path, value)
        count += 1
    assert count > 400


def test_every_mutation_of_the_catalog_is_valid_or_one_error():
    content = yaml.safe_load(CATALOG_FILE.read_text(encoding="utf-8"))
    keys = ("glaciers", "sources", "profiles")
    first = {kind: dict(list(content[kind].items())[:3]) for kind in keys}
    first["profiles"] = content["profiles"]
    first["sources"] = content["sources"]
    paths = [path for path in leaves(first) if path[0] == "glaciers"]
    refused = 0
    for path, value in itertools.product(paths[::5], VALUES):
        text = yaml.safe_dump(changed(first, path, value), allow_unicode=True)
        try:
            read_catalog(text)
        except CatalogError as error:
            assert str(error).count("\n") < 30, (path, value)
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("name", ["matcher", "pair", "packed", "profile", "nonsense", ""])
def test_every_mutation_of_a_parameter_is_converted_or_one_error(name):
    for value in ("", "x", "-1", "1e99", "nan", "true", "[]", "../..", "é", "1" * 50):
        try:
            checked = check_parameters({name: value}, notebooks())
        except StudyError as error:
            assert name in str(error)
        else:
            assert set(checked) == {name}


SHAPES = {
    "nothing": None,
    "empty": shapely.Polygon(),
    "point": shapely.Point(6.94, 45.895),
    "line": shapely.LineString([(6.93, 45.89), (6.95, 45.9)]),
    "bow tie": shapely.Polygon([(6.93, 45.89), (6.95, 45.9), (6.95, 45.89), (6.93, 45.9)]),
    "elsewhere": shapely.box(100, 10, 101, 11),
    "swapped": shapely.box(45.89, 6.93, 45.9, 6.95),
    "collection": shapely.GeometryCollection(
        [shapely.box(6.935, 45.89, 6.95, 45.9), shapely.Point(6.94, 45.895)]
    ),
    "three dimensions": shapely.force_3d(shapely.box(6.935, 45.89, 6.95, 45.9)),
}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("driver", ["geojson", "gpkg"])
def test_every_shape_of_an_outline_is_read_or_one_error(kind, driver, twin, glacier, tmp_path):
    path = tmp_path / f"outline.{driver}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gpd.GeoDataFrame({"a": [1]}, geometry=[SHAPES[kind]], crs=4326).to_file(path)
    try:
        ice = read_outline(path, glacier, twin["grid"])
    except ValueError as error:
        assert "outline" in str(error) and kind not in ("bow tie", "collection", "three dimensions")
    else:
        assert ice.is_valid.all() and ice.area.sum() > 0


@pytest.mark.parametrize("column", ["name", "year", "speed"])
@pytest.mark.parametrize("value", ["x", "", None, -5.0, 2021.0, True])
def test_every_value_of_a_stake_is_read_or_one_error(column, value, glacier, tmp_path):
    row = {"name": ["A"], "year": [2021], "speed": [10.0]} | {column: [value]}
    stake = gpd.GeoDataFrame(row, geometry=[shapely.Point(6.94, 45.895)], crs=4326)
    stake.to_file(tmp_path / "stakes.geojson")
    try:
        table = read_stakes(tmp_path, glacier)
    except ValueError as error:
        assert "stakes.geojson" in str(error)
    else:
        assert len(table) == 1 and not (table.speed < 0).any()
