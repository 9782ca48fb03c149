"""Commands of a study."""

import geopandas as gpd
import pytest
import shapely

from gdiv.command import main, studies


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a glacier of the catalog"),
        (["mer-de-glace", "--scenes", "x"], "replaces GLACIER"),
        (["--scenes", "x"], "--outline FILE"),
        (["--scenes", "x", "--outline", "nowhere.gpkg"], "nowhere.gpkg does not exist"),
    ],
)
def test_user_scenes_require_their_options(arguments, message, capsys):
    assert main(["run", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_user_scenes_run_without_a_catalog_entry(tmp_path, monkeypatch, capsys, twin):
    """The catalog entry is printed, and the study uses the scenes of the folder."""
    from shutil import copy

    scenes = tmp_path / "Mont Miné"
    scenes.mkdir()
    for item in twin["items"]:
        if "nir" in item["assets"]:
            copy(
                item["assets"]["nir"]["href"], scenes / f"{item['properties']['datetime'][:10]}.tif"
            )
    west, south, east, north = twin["grid"].geographic_extent.boundingbox
    ice = shapely.box(west + 0.01, south + 0.005, east - 0.01, north - 0.005)
    outline = tmp_path / "outline.gpkg"
    gpd.GeoDataFrame(geometry=[ice], crs=4326).to_file(outline)
    called = {}

    def run_study(glacier, profile, source, workspace, *rest):
        called.update(glacier=glacier, source=source, workspace=workspace)
        return tmp_path

    monkeypatch.setattr(studies, "run_study", run_study)
    monkeypatch.setattr(studies, "_report", lambda folder: None)
    assert main(["run", "--scenes", str(scenes), "--outline", str(outline)]) == 0
    assert called["glacier"] == "mont-miné"
    assert called["source"] == str(scenes / "items.json")
    out = capsys.readouterr().out
    assert "rule: annual" in out and "epsg: 32632" in out and "outline: ../outline.gpkg" in out
