"""Dependencies of a notebook: it runs again when one has changed."""

import json
import os
import shutil

import pytest
import rasterio

from gdiv.study import dependencies
from gdiv.study.opening import open_study


@pytest.fixture
def source(twin_folder, tmp_path):
    """Copy of the small twin as a file source."""
    folder = tmp_path / "scenes"
    shutil.copytree(twin_folder, folder, ignore=shutil.ignore_patterns("truth.zarr"))
    return folder


def open_copy(source, tmp_path):
    """Open a study whose source is a file."""
    return open_study("mer-de-glace", "smoke", str(source / "items.json"), str(tmp_path / "run"))


def changed_names(before, after):
    """Names whose signature differs."""
    return {name for name in before if before[name] != after[name]}


def test_replacing_a_scene_changes_its_signature(source, tmp_path):
    before = dependencies.signatures(open_copy(source, tmp_path))
    path = next(source.glob("synthetic-*/nir.tif"))
    with rasterio.open(path) as file:
        profile, numbers = file.profile, file.read(1)
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers // 2, 1)
    assert changed_names(before, dependencies.signatures(open_copy(source, tmp_path))) == {"scenes"}


@pytest.mark.parametrize("name", ["outline.geojson", "stakes.geojson", "stable.geojson", "NOTE.md"])
@pytest.mark.parametrize("kind", ["file", "service"])
def test_changing_a_companion_file_changes_its_signature(name, kind, source, tmp_path):
    study = (
        open_copy(source, tmp_path)
        if kind == "file"
        else open_study("mer-de-glace", "smoke", "earth-search", str(tmp_path / "run"))
    )
    path = study.companions / name
    path.write_text("one", encoding="utf-8")
    before = dependencies.signatures(study)
    os.utime(path, (1, 1))
    assert dependencies.signatures(study) == before, "content matters, not modification time"
    path.write_text("two", encoding="utf-8")
    assert changed_names(before, dependencies.signatures(study)) == {name}


def test_other_glaciers_of_the_catalog_do_not_affect_the_hash(source, tmp_path, monkeypatch):
    before = dependencies.shared_hash(open_copy(source, tmp_path))
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
    assert dependencies.shared_hash(open_copy(source, tmp_path)) == before
    own = tmp_path / "changed.yaml"
    own.write_text(entry.format(key="mer-de-glace", label="Mer de Glace"), encoding="utf-8")
    monkeypatch.setenv("GDIV_CATALOG", str(own))
    assert dependencies.shared_hash(open_copy(source, tmp_path)) != before


def test_an_unchanged_table_does_not_change_the_fingerprint(source, tmp_path):
    study = open_copy(source, tmp_path)
    table, cube = study.folder / "data" / "pairs.csv", study.folder / "data" / "cube.zarr"
    table.write_text("id\n1\n", encoding="utf-8")
    cube.mkdir()
    state = {"02": {"fingerprint": "a"}}

    def fingerprint(reads):
        return dependencies.fingerprint(
            study, state, "recipe", reads, dependencies.signatures(study), "05"
        )

    of_table, of_cube = fingerprint(["data/pairs.csv"]), fingerprint(["data/cube.zarr"])
    state["02"]["fingerprint"] = "b"  # recomputed from other inputs
    assert (
        fingerprint(["data/pairs.csv"]) == of_table and fingerprint(["data/cube.zarr"]) != of_cube
    )
    table.write_text("id\n2\n", encoding="utf-8")
    assert fingerprint(["data/pairs.csv"]) != of_table


def test_an_invalid_collection_has_no_image_states(tmp_path):
    for text in (
        "not json",
        json.dumps([1]),
        json.dumps({"features": [{}]}),
        json.dumps({"features": None}),
    ):
        path = tmp_path / "items.json"
        path.write_text(text, encoding="utf-8")
        assert dependencies._image_states(path) == []


def test_scenes_of_a_service_do_not_depend_on_the_notebook_itself(tmp_path):
    """The notebook that reads the scenes of a service has a stable fingerprint."""
    study = open_study("mer-de-glace", "smoke", "earth-search", str(tmp_path / "run"))
    signed = dependencies.signatures(study)
    before = dependencies.fingerprint(study, {}, "recipe", ["scenes"], signed, "01")
    assert (
        dependencies.fingerprint(
            study, {"01": {"fingerprint": before}}, "recipe", ["scenes"], signed, "01"
        )
        == before
    )


def test_only_claims_of_earlier_notebooks_affect_the_fingerprint(source, tmp_path):
    study = open_copy(source, tmp_path)
    state = {
        "05": {"claims": ["pairs.train"]},
        "08": {"claims": ["pairs.before"]},
        "about": "a text",
    }

    def fingerprint():
        return dependencies.fingerprint(study, state, "recipe", ["claims/pairs"], {}, "06")

    study.record("pairs.train", 1.0)
    before = fingerprint()
    study.record("pairs.before", 2.0)
    study.record("pairs.after", 2.0)
    assert fingerprint() == before
    study.record("pairs.train", 3.0)
    assert fingerprint() != before


def test_published_results_are_identified_by_their_content(source, tmp_path, monkeypatch):
    study = open_copy(source, tmp_path)
    monkeypatch.setattr(dependencies, "shipped_path", lambda name: tmp_path / name)
    (tmp_path / "published").mkdir()
    fingerprints = []
    for text in ("{}", "{}", "[]"):
        (tmp_path / "published" / "claims.json").write_text(text, encoding="utf-8")
        fingerprints.append(
            dependencies.fingerprint(study, {}, "recipe", ["published/claims"], {}, "00")
        )
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
