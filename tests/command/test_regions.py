"""`gdiv region`: plan before running, and clear errors."""

import geopandas as gpd
import pytest
import shapely

from gdiv.command import main


@pytest.fixture
def outlines(tmp_path, glacier):
    shape = shapely.box(*glacier.bbox)
    path = tmp_path / "rgi.gpkg"
    gpd.GeoDataFrame({"RGIId": [glacier.rgi]}, geometry=[shape], crs=4326).to_file(path)
    return path


def test_a_region_is_planned_before_it_runs(outlines, twin_folder, tmp_path, capsys):
    folder = tmp_path / "region"
    arguments = ["region", str(outlines), "--years", "2020", "2021", "-o", str(folder)]
    source = ["--source", str(twin_folder / "items.json"), "--profile", "smoke"]
    assert main([*arguments, *source]) == 0
    shown = capsys.readouterr().out
    assert "1 glaciers, 0 of which cannot run" in shown and "add --run" in shown
    assert (folder / "plan.csv").is_file() and (folder / "glaciers.yaml").is_file()
    assert not (folder / "rgi60-11-03643").exists()


def test_changed_options_do_not_silently_reuse_the_old_catalog(
    outlines, twin_folder, tmp_path, capsys
):
    source = ["--source", str(twin_folder / "items.json"), "--profile", "smoke"]
    folder = ["-o", str(tmp_path / "region")]
    region = ["region", str(outlines), *source, *folder]
    assert main([*region, "--years", "2020", "2021"]) == 0
    assert main([*region, "--years", "2021", "2022"]) == 1
    assert "made with other options" in capsys.readouterr().err
    assert main([*region, "--years", "2020", "2021"]) == 0


def test_a_region_without_runnable_glaciers_gives_one_sentence(outlines, tmp_path, capsys):
    region = ["region", str(outlines), "--years", "2020", "2021", "-o", str(tmp_path / "region")]
    assert main([*region, "--profile", "smoke", "--run"]) == 1
    output = capsys.readouterr()
    assert "no twin description" in output.out and "none of 1 glaciers can run" in output.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.gpkg"], "none.gpkg does not exist"),
        (["{outlines}"], "--years 2020 2021"),
        (["{outlines}", "--years", "2020", "2021", "--min-area", "900"], "none of at least 900 km"),
        (["{outlines}", "--years", "2021", "2020"], "earlier season first"),
        (["{empty}"], "has no glaciers"),
    ],
)
def test_invalid_regions_give_one_sentence(arguments, message, outlines, tmp_path, capsys):
    empty = tmp_path / "empty.yaml"
    empty.write_text("glaciers: {}\n")
    named = [each.format(outlines=outlines, empty=empty) for each in arguments]
    assert main(["region", *named, "-o", str(tmp_path / "region")]) == 1
    errors = capsys.readouterr().err
    assert message in errors and "Traceback" not in errors
