"""Files whose items have unexpected assets."""

import json

from gdiv.catalog import load_catalog
from gdiv.imagery.file_source import adapt_to_items


def write_items(folder, assets):
    path = folder / "items.json"
    path.write_text(json.dumps({"features": [{"assets": assets}]}), encoding="utf-8")
    return path


def adapt(folder, assets):
    return adapt_to_items(load_catalog().sources["twin"], write_items(folder, assets))


def test_the_panchromatic_band_is_matched_with_its_scale(tmp_path):
    band = {"scale": 2e-5, "offset": -0.1}
    source = adapt(tmp_path, {"pan": {"href": "a.tif", "raster:bands": [band]}})
    assert (source.image, source.scale, source.offset) == ("pan", 2e-5, -0.1)
    assert source.mask is None
    assert not source.colour


def test_near_infrared_is_kept(tmp_path):
    source = adapt(tmp_path, {"nir": {"href": "a.tif"}, "pan": {"href": "b.tif"}})
    assert source == load_catalog().sources["twin"]


def test_existing_colours_are_kept(tmp_path):
    assets = {name: {"href": f"{name}.tif"} for name in ("red", "green", "blue")}
    source = adapt(tmp_path, assets)
    assert source.image == "red"
    assert set(source.colour) == {"red", "green", "blue"}


def test_files_without_an_image_leave_the_source_unchanged(tmp_path):
    assert adapt(tmp_path, {"thumbnail": {"href": "a.png"}}).image == "nir"
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    twin = load_catalog().sources["twin"]
    assert adapt_to_items(twin, broken) is twin


def test_a_null_offset_falls_back_to_the_source(tmp_path):
    band = {"scale": None, "offset": None}
    source = adapt(tmp_path, {"pan": {"href": "a.tif", "raster:bands": [band]}})
    twin = load_catalog().sources["twin"]
    assert (source.scale, source.offset) == (twin.scale, twin.offset)
