"""Catalog entry from user-supplied scenes and an outline."""

from datetime import datetime

import geopandas as gpd
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from gdiv.catalog import load_catalog
from gdiv.imagery.folder import SceneFile
from gdiv.study.own_glacier import describe_glacier, write_catalog
from gdiv.study.workspace import StudyError

GRID = GeoBox((1000, 1000), Affine(10, 0, 340000, 0, -10, 5090000), "EPSG:32632")


def scene(day, grid=GRID):
    name = f"{day}.tif"
    return SceneFile(name, datetime.fromisoformat(day), None, grid, 1, "", "uint16", 0, 1e-4, 0)


@pytest.fixture
def outline(tmp_path):
    ice = shapely.box(343000, 5084000, 345000, 5086000)
    path = tmp_path / "outline.gpkg"
    gpd.GeoDataFrame(geometry=[ice], crs=32632).to_crs(4326).to_file(path)
    return path


def describe(days, outline):
    return describe_glacier([scene(day) for day in days], outline, "Mine", 60)


def test_scenes_of_several_summers_are_paired_between_summers(outline):
    days = ["2019-08-01", "2020-07-20", "2020-09-10", "2021-08-15"]
    entry = describe(days, outline)
    assert entry["pairing"] == {"rule": "annual"}
    assert entry["season"] == {"start": "07-15", "end": "09-15"}
    assert entry["years"] == {"train": [2019, 2020], "validation": [2020, 2021]}
    assert (entry["epsg"], entry["speed"]) == (32632, [0, 60])


def test_scenes_of_one_season_are_paired_at_an_interval(outline):
    entry = describe(["2020-01-31", "2020-02-10", "2020-02-20"], outline)
    assert entry["pairing"] == {"rule": "interval", "days": [10, 20]}
    assert entry["years"] == {"train": [2020], "validation": [2020]}


def test_a_southern_season_crosses_new_year(outline):
    entry = describe(["2019-12-20", "2020-02-10", "2021-01-05", "2021-02-27"], outline)
    assert entry["season"] == {"start": "12-15", "end": "03-04"}
    assert entry["years"]["validation"] == [2020, 2021]


def test_the_box_is_the_outline_with_its_surroundings_within_the_scenes(outline):
    west, south, east, north = describe(["2019-08-01", "2020-08-01"], outline)["bbox"]
    box = gpd.GeoSeries([shapely.box(west, south, east, north)], crs=4326).to_crs(32632)
    left, bottom, right, top = box.total_bounds
    assert left == pytest.approx(341000, abs=150) and right == pytest.approx(347000, abs=150)
    assert bottom == pytest.approx(5082000, abs=150) and top == pytest.approx(5088000, abs=150)


def test_the_entry_is_valid_and_can_be_written(outline, tmp_path, monkeypatch):
    entry = describe(["2019-08-01", "2020-08-01"], outline) | {"outline": outline.name}
    path = write_catalog(tmp_path, "mine", entry)
    assert write_catalog(tmp_path, "mine", entry) == path
    monkeypatch.setenv("GDIV_CATALOG", str(path))
    glacier = load_catalog().glaciers["mine"]
    assert glacier.outline == str(outline)
    assert glacier.years.validation == [2019, 2020]
    path.write_text(path.read_text().replace("[0, 60]", "[0, 90]") + "# mine\n")
    with pytest.raises(StudyError, match=r"would be overwritten.*gdiv run mine --catalog"):
        write_catalog(tmp_path, "mine", entry)


def test_an_entry_that_was_not_edited_is_replaced(outline, tmp_path):
    entry = describe(["2019-08-01", "2020-08-01"], outline)
    path = write_catalog(tmp_path, "mine", entry)
    before = path.read_text()
    write_catalog(tmp_path, "mine", entry | {"speed": [0, 4000]})
    assert "4000" in path.read_text() and "4000" not in before


def test_seasons_at_the_end_of_february_and_of_one_long_year_are_valid(outline):
    spring = describe(["2020-03-05", "2021-02-24"], outline)
    assert spring["season"] == {"start": "02-19", "end": "03-10"}
    long = describe(["2021-03-01", "2021-06-01", "2021-10-01"], outline)
    assert long["pairing"] == {"rule": "interval", "days": [92, 214]}
    assert long["years"]["train"] == [2021]


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (["2020-08-01"], "at least two dates"),
        ([f"{2019 + m // 12}-{m % 12 + 1:02d}-15" for m in range(24)], "cover the whole year"),
    ],
)
def test_dates_without_a_pair_are_rejected(days, message, outline):
    with pytest.raises(StudyError, match=message):
        describe(days, outline)


def test_an_outline_outside_the_scenes_is_rejected(tmp_path):
    path = tmp_path / "far.geojson"
    gpd.GeoDataFrame(geometry=[shapely.box(10, 10, 11, 11)], crs=4326).to_file(path)
    with pytest.raises(StudyError, match="is outside the scenes"):
        describe(["2019-08-01", "2020-08-01"], path)
