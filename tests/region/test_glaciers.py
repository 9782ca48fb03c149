"""Entries of a catalog from the outlines of a region."""

import geopandas as gpd
import pytest
import shapely
import yaml

from gdiv.catalog import Glacier
from gdiv.files import read_text
from gdiv.imagery.grid import study_grid
from gdiv.imagery.outlines import read_other_ice, read_outline
from gdiv.region.glaciers import describe_glaciers, write_region_catalog
from gdiv.study.workspace import StudyError

#: About 5.6, 1.4 and 0.2 km² in the Alps, and 30 km² in Patagonia and near the poles.
PLACES = {
    "RGI60-11.00001": ("Great", shapely.box(7.00, 46.00, 7.03, 46.022)),
    "RGI60-11.00002": (None, shapely.box(7.035, 46.00, 7.05, 46.011)),
    "RGI60-11.00003": ("Tiny", shapely.box(7.10, 46.00, 7.105, 46.005)),
    "RGI60-17.00001": ("South", shapely.box(-73.50, -50.05, -73.45, -50.0)),
    "RGI60-19.00001": ("Pole", shapely.box(163.0, -78.5, 163.3, -78.45)),
    "RGI60-03.00001": ("Arctic", shapely.box(-75.0, 82.0, -74.7, 82.05)),
}


@pytest.fixture
def outlines(tmp_path):
    path = tmp_path / "region.gpkg"
    names, shapes = zip(*PLACES.values(), strict=True)
    columns = {"RGIId": list(PLACES), "Name": names}
    gpd.GeoDataFrame(columns, geometry=list(shapes), crs=4326).to_crs(4326).to_file(path)
    return path


def test_every_glacier_of_a_size_gets_a_valid_entry(outlines, tmp_path):
    entries = describe_glaciers(outlines, [2020, 2021], tmp_path / "outlines")
    assert "rgi60-11-00003" not in entries, "below one square kilometre"
    areas = [entry["area"] for entry in entries.values()]
    assert areas == sorted(areas, reverse=True)
    assert entries["rgi60-11-00001"]["area"] == pytest.approx(5.7, abs=0.2)
    codes = {key: entry["epsg"] for key, entry in entries.items()}
    assert codes == {
        "rgi60-11-00001": 32632,
        "rgi60-11-00002": 32632,
        "rgi60-17-00001": 32718,
        "rgi60-19-00001": 3031,
        "rgi60-03-00001": 3413,
    }
    assert entries["rgi60-11-00001"]["season"] == {"start": "07-15", "end": "09-30"}
    assert entries["rgi60-17-00001"]["season"] == {"start": "01-15", "end": "03-31"}
    assert entries["rgi60-11-00001"]["label"] == "Great"
    assert entries["rgi60-11-00002"]["label"] == "RGI60-11.00002"
    write_region_catalog(entries, tmp_path / "glaciers.yaml")
    text = read_text(tmp_path / "glaciers.yaml")
    glacier = Glacier(**yaml.safe_load(text)["glaciers"]["rgi60-11-00001"])
    grid = study_grid(glacier.bbox, glacier.epsg)
    assert len(read_outline(glacier.outline, glacier, grid)) == 1
    assert len(read_other_ice(glacier.outline, glacier, grid)) == 1, "its neighbour is ice"


def test_a_given_season_and_files_without_identifiers(outlines, tmp_path):
    plain = gpd.read_file(outlines)[["geometry"]].iloc[:2]
    plain.to_crs(32632).to_file(tmp_path / "plain.shp")
    entries = describe_glaciers(
        tmp_path / "plain.shp", [2019, 2020], tmp_path / "o", 0.1, ("08-01", "09-15")
    )
    assert set(entries) == {"glacier-1", "glacier-2"}
    assert entries["glacier-1"]["season"] == {"start": "08-01", "end": "09-15"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b"nothing"), "could not be read"),
        (lambda path: path.unlink(), "could not be read"),
    ],
)
def test_invalid_outlines_raise_an_error(change, message, outlines, tmp_path):
    change(outlines)
    with pytest.raises(StudyError, match=message):
        describe_glaciers(outlines, [2020, 2021], tmp_path / "outlines")


def test_reversed_years_raise_an_error_before_writing(outlines, tmp_path):
    with pytest.raises(StudyError, match="rgi60-19-00001.*must increase"):
        describe_glaciers(outlines, [2021, 2020], tmp_path / "outlines")


def test_a_glacier_across_180_degrees_has_a_small_box(tmp_path):
    shape = shapely.MultiPolygon(
        [shapely.box(179.95, -77.5, 180, -77.45), shapely.box(-180, -77.5, -179.95, -77.45)]
    )
    path = tmp_path / "r.gpkg"
    gpd.GeoDataFrame({"RGIId": ["a"]}, geometry=[shape], crs=4326).to_file(path)
    (entry,) = describe_glaciers(path, [2020, 2021], tmp_path / "outlines").values()
    west, _, east, _ = entry["bbox"]
    assert (east - west) % 360 < 1 and len(gpd.read_file(entry["outline"])) == 1


def test_too_small_glaciers_are_counted(outlines, tmp_path):
    with pytest.raises(StudyError, match="has 6 glaciers, none of at least 1000 km"):
        describe_glaciers(outlines, [2020, 2021], tmp_path / "outlines", 1000)
