"""Parse STAC items of archives, well-formed or not."""

import json
import re

import numpy as np
import pytest

from gdiv.catalog import load_catalog
from gdiv.imagery import archive, items, placement, scenes
from gdiv.imagery.grid import study_grid


def make_item(**properties):
    """Make an item with a date and further properties."""
    moment = {"datetime": "2020-08-03T10:26:00Z"}
    return {"id": "a", "properties": moment | properties, "assets": {"nir": {"href": "a.tif"}}}


@pytest.mark.parametrize(
    ("properties", "orbit"),
    [
        ({"sat:relative_orbit": 65}, 65),
        ({"landsat:wrs_path": "033"}, 33),
        (
            {"s2:product_uri": "S2B_MSIL2A_20250731T131909_N0511_R095_T20EPT_20250731T143919.SAFE"},
            95,
        ),
        ({"sat:relative_orbit": None}, None),
        ({}, None),
    ],
)
def test_orbit_is_parsed_from_fields_or_the_product_name(properties, orbit):
    assert items.parse_item(make_item(**properties), "nir").orbit == orbit


def test_scenes_of_hls_have_a_track_by_their_day():
    """Sentinel-2 repeats a track after 5 days, Landsat after 8."""
    dates = ["2020-08-03", "2020-08-08", "2020-08-11"]
    sentinel, landsat = (
        [
            items.parse_item(
                make_item(datetime=f"{date}T10:26:00Z") | {"id": f"HLS.{sensor}.T32TLR.2020.v2.0"},
                "nir",
            )
            for date in dates
        ]
        for sensor in ("S30", "L30")
    )
    assert sentinel[0].tile == "32TLR"
    assert sentinel[0].orbit == sentinel[1].orbit != sentinel[2].orbit
    assert landsat[0].orbit == landsat[2].orbit != landsat[1].orbit


def test_fields_are_parsed_in_all_their_spellings():
    scene = items.parse_item(
        make_item(
            **{
                "datetime": "2020-08-04T01:00:00+02:00",
                "proj:code": 32632,
                "proj:epsg": None,
                "grid:code": "MGRS-1WCQ",
                "platform": None,
                "s2:processing_baseline": 5.09,
                "s2:mean_solar_zenith": 40,
                "view:sun_azimuth": "151.5",
            }
        ),
        "nir",
    )
    assert scene.moment.isoformat() == "2020-08-03T23:00:00+00:00" and scene.day.day == 3
    assert (scene.epsg, scene.tile, scene.platform) == (32632, "01WCQ", "")
    assert (scene.offset.baseline, scene.sun_azimuth, scene.sun_elevation) == ("05.09", 151.5, 50)
    assert placement.read_box({"bbox": [1, 2, 0, 3, 4, 9]}) == (1, 2, 3, 4)
    assert placement.read_box({"bbox": ["1", 2, 3, 4]}) == (1, 2, 3, 4)
    assert placement.read_box({"bbox": ["west", 2, 3, 4]}) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda item: item.pop("id"), "no id"),
        (lambda item: item.pop("properties"), "no properties"),
        (lambda item: item.update(assets=None), "no assets"),
        (lambda item: item["properties"].pop("datetime"), "no date"),
        (
            lambda item: item["properties"].update(datetime="last summer"),
            "'last summer' cannot be read",
        ),
        (lambda item: item["properties"].update(datetime=20200803), "20200803 cannot be read"),
        (
            lambda item: item["properties"].update({"eo:cloud_cover": "much"}),
            "eo:cloud_cover is 'much'",
        ),
        (
            lambda item: item["properties"].update({"view:sun_azimuth": [150]}),
            "view:sun_azimuth is",
        ),
        (lambda item: item["properties"].update(platform=8), "platform is 8, not text"),
        (lambda item: item["properties"].update({"grid:code": 5}), "grid:code is 5, not text"),
    ],
)
def test_an_item_that_cannot_be_parsed_is_dropped_with_a_reason(change, reason, glacier):
    item = make_item()
    change(item)
    with pytest.raises(items.ItemError, match=re.escape(reason)):
        items.parse_item(item, "nir")
    source = load_catalog().sources["earth-search"]
    grid = study_grid(glacier.bbox, glacier.epsg)
    mask = np.ones(grid.shape, bool)
    table = scenes.judge_scenes([item], source, glacier, grid, mask, mask)
    assert table.verdict.tolist() == ["drop"] and reason in table.reason[0]
    assert table.date.isna().all() and table.season_year.isna().all()
    with pytest.raises(archive.SceneError, match=re.escape(reason)):
        scenes.require_enough(table, glacier, [2020, 2021])


def test_unusual_real_items_are_parsed(real):
    paths = sorted((real / "odd-items").glob("*.json"))
    parsed = [items.parse_item(json.loads(path.read_text()), "nir") for path in paths]
    assert len(parsed) > 10 and all(scene.moment.tzinfo for scene in parsed)


def test_real_items_of_the_archives_are_parsed(stac_items):
    """All fields that gdiv reads are present."""
    for path in stac_items:
        item = json.loads(path.read_text(encoding="utf-8"))
        scene = items.parse_item(item, "nir")
        assert scene.epsg in range(32601, 32761)
        assert scene.orbit is not None and scene.day.year >= 2015
        assert 0 <= scene.sun_azimuth <= 360 and 0 < scene.sun_elevation < 90
        if item["properties"].get("constellation", "").lower().startswith("sentinel"):
            assert re.fullmatch(r"\d{2}[C-X][A-Z]{2}", scene.tile)
            assert scene.offset.baseline is not None
        else:
            assert scene.tile == ""
