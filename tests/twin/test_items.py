"""Scenes of the twin in the format of an archive."""

import json

import pystac
import pytest
from rio_cogeo import cog_validate
from twin_scenes import read_twin_items


@pytest.fixture(scope="module")
def items(twin_folder):
    return read_twin_items(twin_folder)


def test_files_are_valid_cogs(twin_folder, items):
    for item in list(items.values())[:4]:
        for asset in item["assets"].values():
            valid, errors, warnings = cog_validate(twin_folder / asset["href"])
            assert valid and not errors and not warnings


def test_items_have_the_fields_of_earth_search(items):
    needed = {
        "datetime",
        "platform",
        "eo:cloud_cover",
        "proj:epsg",
        "grid:code",
        "view:sun_azimuth",
        "view:sun_elevation",
        "s2:processing_baseline",
        "sat:relative_orbit",
        "earthsearch:boa_offset_applied",
    }
    for item in items.values():
        assert needed <= set(item["properties"])
        assert {"scl", "red", "green", "blue"} <= set(item["assets"])
        assert pystac.Item.from_dict(item).collection_id == "gdiv-synthetic-twin"
        scl = item["assets"]["scl"]
        assert scl["raster:bands"][0]["spatial_resolution"] == 20 and scl["proj:transform"][0] == 20


def test_fields_of_items_exist_in_a_real_item(items, real):
    path = next((real.parent / "stac-items").glob("earth-search*S2B_20EPT_*_L2A.json"))
    archive = json.loads(path.read_text(encoding="utf-8"))
    ours = next(i for i in items.values() if "nir" in i["assets"])
    marks = {"gdiv:synthetic", "title", "description"}
    assert set(ours["properties"]) - marks <= set(archive["properties"]) | {"sat:relative_orbit"}
    assert set(ours["assets"]) <= set(archive["assets"])
    assert set(ours["assets"]["nir"]) <= set(archive["assets"]["nir"])
