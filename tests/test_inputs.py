"""What a notebook depends on: it runs again when that has changed, and only then."""

import json
import os
import shutil

import pytest
import rasterio

from gdiv.study import dependencies as inputs
from gdiv.study.opening import open_study


@pytest.fixture
def source(twin_folder, tmp_path):
    """A copy of the small twin as a file source."""
    folder = tmp_path / "scenes"
    shutil.copytree(twin_folder, folder, ignore=shutil.ignore_patterns("truth.zarr"))
    return folder


def opened(source, tmp_path, key="mer-de-glace"):
    return open_study(key, "smoke", str(source / "items.json"), str(tmp_path / "run"))


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_a_scene_replaced_in_place_is_seen(source, tmp_path):
    before = inputs.signatures(opened(source, tmp_path))
    path = next(source.glob("synthetic-*/nir.tif"))
    with rasterio.open(path) as file:
        profile, numbers = file.profile, file.read(1)
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers // 2, 1)
    assert changed(before, inputs.signatures(opened(source, tmp_path))) == {"scenes"}


@pytest.mark.parametrize("name", ["outline.geojson", "stakes.geojson", "NOTE.md"])
@pytest.mark.parametrize("kind", ["file", "service"])
def test_a_companion_that_changes_is_seen_for_every_kind_of_source(name, kind, source, tmp_path):
    study = (
        opened(source, tmp_path)
        if kind == "file"
        else open_study("mer-de-glace", "smoke", "earth-search", str(tmp_path / "run"))
    )
    place = study.companions / name
    place.write_text("one", encoding="utf-8")
    before = inputs.signatures(study)
    os.utime(place, (1, 1))
    assert inputs.signatures(study) == before, "content counts, not the time of change"
    place.write_text("two", encoding="utf-8")
    assert changed(before, inputs.signatures(study)) == {name}


def test_another_glacier_in_the_catalog_changes_nothing(source, tmp_path, monkeypatch):
    before = inputs.shared_hash(opened(source, tmp_path))
    own = tmp_path / "own.yaml"
    entry = """glaciers:
  {key}:
    label: {label}
    country: Switzerland
    bbox: [7.78, 45.98, 7.90, 46.03]
    epsg: 32632
    season: {{start: "07-01", end: "09-30"}}
    pairing: {{rule: annual}}
    years: {{train: [2021, 2022], validation: [2020, 2021]}}
    speed: [0, 100]
"""
    own.write_text(entry.format(key="findel", label="Findel"), encoding="utf-8")
    monkeypatch.setenv("GDIV_CATALOG", str(own))
    assert inputs.shared_hash(opened(source, tmp_path)) == before
    own = tmp_path / "changed.yaml"
    own.write_text(entry.format(key="mer-de-glace", label="Mer de Glace"), encoding="utf-8")
    monkeypatch.setenv("GDIV_CATALOG", str(own))
    assert inputs.shared_hash(opened(source, tmp_path)) != before


def test_a_table_that_came_out_the_same_reruns_nothing(source, tmp_path):
    study = opened(source, tmp_path)
    table, cube = study.folder / "data" / "pairs.csv", study.folder / "data" / "cube.zarr"
    table.write_text("id\n1\n", encoding="utf-8")
    cube.mkdir()
    state = {"02": {"fingerprint": "a"}}

    def fingerprint(reads):
        return inputs.fingerprint(study, state, "recipe", reads, inputs.signatures(study), "05")

    of_table, of_cube = fingerprint(["data/pairs.csv"]), fingerprint(["data/cube.zarr"])
    state["02"]["fingerprint"] = "b"  # made anew, from other inputs
    assert (
        fingerprint(["data/pairs.csv"]) == of_table and fingerprint(["data/cube.zarr"]) != of_cube
    )
    table.write_text("id\n2\n", encoding="utf-8")
    assert fingerprint(["data/pairs.csv"]) != of_table


def test_a_file_that_is_no_collection_is_left_to_the_reader(tmp_path):
    for text in (
        "not json",
        json.dumps([1]),
        json.dumps({"features": [{}]}),
        json.dumps({"features": None}),
    ):
        place = tmp_path / "items.json"
        place.write_text(text, encoding="utf-8")
        assert inputs._image_states(place) == []


def test_a_service_keeps_its_scenes_until_its_companions_change(tmp_path):
    """The fingerprint of a notebook that read a service's scenes does not hang on that notebook itself."""
    study = open_study("mer-de-glace", "smoke", "earth-search", str(tmp_path / "run"))
    signed = inputs.signatures(study)
    before = inputs.fingerprint(study, {}, "recipe", ["scenes"], signed, "01")
    assert (
        inputs.fingerprint(
            study, {"01": {"fingerprint": before}}, "recipe", ["scenes"], signed, "01"
        )
        == before
    )


def test_claims_of_earlier_notebooks_count_and_others_do_not(source, tmp_path):
    study = opened(source, tmp_path)
    state = {"05": {"claims": ["pairs.train"]}, "08": {"claims": ["pairs.before"]}, "about": "a text"}

    def fingerprint():
        return inputs.fingerprint(study, state, "recipe", ["claims/pairs"], {}, "06")

    study.record("pairs.train", 1.0)
    before = fingerprint()
    study.record("pairs.before", 2.0)
    study.record("pairs.after", 2.0)
    assert fingerprint() == before
    study.record("pairs.train", 3.0)
    assert fingerprint() != before


def test_published_results_count_by_their_content(source, tmp_path, monkeypatch):
    study = opened(source, tmp_path)
    monkeypatch.setattr(inputs, "shipped", lambda name: tmp_path / name)
    (tmp_path / "published").mkdir()
    found = []
    for text in ("{}", "{}", "[]"):
        (tmp_path / "published" / "claims.json").write_text(text, encoding="utf-8")
        found.append(inputs.fingerprint(study, {}, "recipe", ["published/claims"], {}, "00"))
    assert found[0] == found[1] != found[2]
