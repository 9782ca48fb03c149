"""Read outlines: of the glacier and of others, in any format and projection."""

import shutil

import geopandas as gpd
import pytest
import shapely

from gdiv.imagery import outlines
from gdiv.imagery.masks import make_masks


def test_an_outline_outside_the_study_raises_an_error(twin, glacier, tmp_path):
    gpd.GeoDataFrame(geometry=[shapely.box(8, 46, 8.1, 46.1)], crs=4326).to_file(
        tmp_path / "far.geojson"
    )
    with pytest.raises(ValueError, match=r"nothing within the study's box"):
        outlines.read_outline(tmp_path / "far.geojson", glacier, twin["grid"])
    with pytest.raises(ValueError, match="could not be read"):
        outlines.read_outline(tmp_path / "none.geojson", glacier, twin["grid"])


def test_a_zipped_shapefile_is_read(twin, glacier, twin_folder, tmp_path):
    gpd.read_file(twin_folder / "outline.geojson").to_file(tmp_path / "outline.shp")
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path)
    assert len(outlines.read_outline(archive, glacier, twin["grid"])) == 1


@pytest.mark.parametrize(
    ("crs", "name"), [(32632, "a.geojson"), (32632, "a.gpkg"), (2154, "a.shp")]
)
def test_an_outline_in_any_projection_gives_the_same_ice(
    crs, name, twin, glacier, twin_folder, tmp_path
):
    own = gpd.read_file(twin_folder / "outline.geojson")
    own.to_crs(crs).to_file(tmp_path / name)
    ice = outlines.read_outline(tmp_path / name, glacier, twin["grid"])
    expected = outlines.read_outline(twin_folder / "outline.geojson", glacier, twin["grid"])
    masks = [make_masks(each, twin["grid"]).glacier for each in (ice, expected)]
    assert (masks[0] != masks[1]).mean() < 1e-3


def test_only_the_glaciers_own_outline_is_taken_from_every_version_of_the_inventory(
    twin, glacier, twin_folder, tmp_path
):
    own = gpd.read_file(twin_folder / "outline.geojson")[["geometry"]].dissolve()
    other = own.set_geometry(own.translate(0.003))
    both = gpd.GeoDataFrame(geometry=[*own.geometry, *other.geometry], crs=own.crs)
    for column, names in (("RGIId", ("RGI60-11.03643", "x")), ("rgi_id", ("RGI60-11.03643", "x"))):
        path = tmp_path / f"{column}.gpkg"
        both.assign(**{column: names}).to_file(path)
        assert len(outlines.read_outline(path, glacier, twin["grid"])) == 1


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (shapely.LineString([(6.93, 45.89), (6.94, 45.9)]), "LineString but no polygons"),
        (shapely.Point(6.94, 45.895), "Point but no polygons"),
    ],
)
def test_shapes_other_than_polygons_are_rejected_by_name(shape, message, twin, glacier, tmp_path):
    gpd.GeoDataFrame(geometry=[shape], crs=4326).to_file(tmp_path / "a.geojson")
    with pytest.raises(outlines.VectorError, match=message):
        outlines.read_outline(tmp_path / "a.geojson", glacier, twin["grid"])


def test_a_shapefile_without_projection_is_rejected_with_the_cure(
    twin, glacier, twin_folder, tmp_path
):
    gpd.read_file(twin_folder / "outline.geojson").to_file(tmp_path / "a.shp")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(outlines.VectorError, match="has no CRS; .*ogr2ogr"):
        outlines.read_outline(tmp_path / "a.shp", glacier, twin["grid"])
    with pytest.raises(outlines.VectorError, match="has no CRS; .*ogr2ogr"):
        outlines.read_polygons(tmp_path / "a.shp", "outline", twin["grid"])


def test_other_glaciers_of_an_inventory_are_distinguished(twin, glacier, tmp_path):
    west, south, east, north = glacier.bbox
    middle = (west + east) / 2
    halves = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    inventory = gpd.GeoDataFrame({"RGIId": [glacier.rgi, "RGI60-11.1"]}, geometry=halves, crs=4326)
    inventory.to_file(tmp_path / "rgi.gpkg")
    grid = twin["grid"]
    own = outlines.read_outline(tmp_path / "rgi.gpkg", glacier, grid)
    other = outlines.read_other_ice(tmp_path / "rgi.gpkg", glacier, grid)
    assert len(own) == len(other) == 1
    assert own.total_bounds[2] == pytest.approx(other.total_bounds[0], abs=200)
    inventory[["geometry"]].to_file(tmp_path / "all.gpkg")
    assert outlines.read_other_ice(tmp_path / "all.gpkg", glacier, grid).empty


def test_a_zip_with_folders_self_crossings_and_empty_shapes_are_read(
    twin, glacier, twin_folder, tmp_path
):
    folder = tmp_path / "files" / "inner"
    folder.mkdir(parents=True)
    gpd.read_file(twin_folder / "outline.geojson").to_file(folder / "outline.shp")
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path / "files")
    assert len(outlines.read_outline(archive, glacier, twin["grid"])) >= 1
    bow = shapely.Polygon([(6.93, 45.89), (6.95, 45.9), (6.95, 45.89), (6.93, 45.9)])
    gpd.GeoDataFrame(geometry=[bow, None], crs=4326).to_file(tmp_path / "bow.gpkg")
    ice = outlines.read_outline(tmp_path / "bow.gpkg", glacier, twin["grid"])
    assert ice.is_valid.all() and make_masks(ice, twin["grid"]).glacier.any()


def test_a_broken_geojson_is_named(twin, glacier, tmp_path):
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "fea')
    with pytest.raises(outlines.VectorError, match=r"a.geojson is not a valid GeoJSON") as error:
        outlines.read_outline(tmp_path / "a.geojson", glacier, twin["grid"])
    assert "vsimem" not in str(error.value)
