"""Read outlines and make masks of ice and stable ground."""

import shutil

import geopandas as gpd
import pytest
import shapely
from scipy import ndimage

from gdiv.imagery import outlines


def test_stable_ground_keeps_a_margin_to_the_ice(twin):
    masks, grid = twin["masks"], twin["grid"]
    assert not (masks.glacier & masks.stable).any()
    distance = ndimage.distance_transform_edt(~masks.glacier.values) * grid.resolution.x
    assert distance[masks.stable.values].min() >= outlines.MARGIN - 10


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
