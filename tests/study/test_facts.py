"""Facts of a study, from its catalog entries and its source."""

import shutil
from dataclasses import replace

import geopandas as gpd
import pytest
import shapely

from gdiv.imagery.grid import study_grid
from gdiv.study.opening import open_study
from gdiv.study.workspace import StudyError


@pytest.fixture
def twin_study(tmp_path):
    return open_study("mer-de-glace", "smoke", workspace=str(tmp_path / "twin"))


@pytest.fixture
def service_study(tmp_path):
    return open_study("mer-de-glace", "smoke", "earth-search", str(tmp_path / "real"))


def test_studies_of_a_twin_are_marked_as_synthetic(twin_study, service_study):
    assert twin_study.synthetic
    assert twin_study.subject == "synthetic Mer de Glace"
    assert twin_study.marks["synthetic"] == "true"
    assert twin_study.provenance()["glacier"] == "synthetic Mer de Glace"
    assert not service_study.synthetic
    assert service_study.subject == "Mer de Glace"
    assert service_study.marks == {}


def test_synthetic_items_of_a_file_are_recognised(twin, twin_folder, tmp_path):
    source = str(twin_folder / "items.json")
    study = open_study("mer-de-glace", "smoke", source, str(tmp_path / "run"))
    assert not study.synthetic
    study.save("items", twin["items"])
    assert study.synthetic


def test_companions_lie_beside_the_scenes(twin_folder, twin_study, service_study, tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    shutil.copy(twin_folder / "items.json", scenes)
    (scenes / "NOTE.md").write_text("Haze in August.")
    study = open_study("mer-de-glace", "smoke", str(scenes / "items.json"), str(tmp_path / "run"))
    assert study.companions == scenes
    assert study.note == "Haze in August."
    assert twin_study.companions == twin_study.folder / "twin"
    assert service_study.companions == service_study.folder
    assert service_study.note == ""


def test_outline_and_stakes_of_the_source_have_priority(twin_folder, service_study, glacier):
    assert {"Tacul"} < set(service_study.stakes().name)
    for name in ("outline.geojson", "stakes.geojson"):
        content = (twin_folder / name).read_text(encoding="utf-8").replace("Tacul", "Own")
        (service_study.folder / name).write_text(content, encoding="utf-8")
    assert "Own" in set(service_study.stakes().name)
    assert len(service_study.outline_on(study_grid(glacier.bbox, glacier.epsg))) == 1


def test_a_glacier_without_outline_raises_an_error_with_the_remedy(service_study, glacier):
    entry = service_study.glacier.model_copy(update={"outline": None})
    study = replace(service_study, glacier=entry)
    with pytest.raises(StudyError, match=r"put an outline.geojson beside the scenes' items.json"):
        study.outline_on(study_grid(glacier.bbox, glacier.epsg))


def test_moving_terrain_is_read_from_the_inventory_and_a_file_beside_the_scenes(
    twin_study, glacier
):
    grid = study_grid(glacier.bbox, glacier.epsg)
    west, south, east, north = glacier.bbox
    twin_study.companions.mkdir(parents=True)
    halves = [
        shapely.box(west, south, (west + east) / 2, north),
        shapely.box((west + east) / 2, south, east, north),
    ]
    own = {"RGIId": [glacier.rgi, "RGI60-11.1"]}
    inventory = gpd.GeoDataFrame(own, geometry=halves, crs=4326)
    inventory.to_file(twin_study.companions / "outline.geojson")
    assert len(twin_study.moving_ground_on(grid)) == 1
    slide = gpd.GeoDataFrame(geometry=halves[:1], crs=4326)
    slide.to_file(twin_study.companions / "unstable.geojson")
    assert len(twin_study.moving_ground_on(grid)) == 2


def test_seasons_are_those_of_training_and_validation(twin_study):
    years = twin_study.glacier.years
    assert twin_study.seasons == sorted({*years.train, *years.validation})


def test_seasons_shared_by_training_and_validation_are_reported(twin_study, glacier, monkeypatch):
    assert twin_study.caution == ""
    same = glacier.years.model_copy(update={"train": glacier.years.validation})
    both = replace(twin_study, glacier=glacier.model_copy(update={"years": same}))
    assert "share their pairs" in both.caution
    assert "(2020, 2021)" in both.caution


def test_a_note_is_shown_as_text_without_live_html(twin_study):
    links = "[a](https://x.org) [b](javajavascript:script:1)"
    note = f"# Scenes\n> clear <script>alert(1)</script> {links}"
    twin_study.companions.mkdir(parents=True)
    (twin_study.companions / "NOTE.md").write_text(note)
    assert "<script>" not in twin_study.note and "&lt;script>" in twin_study.note
    assert "[a](https://x.org)" in twin_study.note
    assert "](#" in twin_study.note and "](java" not in twin_study.note
    assert twin_study.note.startswith("# Scenes\n> clear")
