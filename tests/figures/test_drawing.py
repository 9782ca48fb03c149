"""Outlines drawn on an image."""

import geopandas as gpd
import pytest
from figure_data import EPSG, make_map

from gdiv.figures import draw_outline

TRIANGLE = {"xs": [[340_100, 340_300, 340_200]], "ys": [[5_089_700, 5_089_700, 5_089_900]]}


def test_drawn_polygons_become_an_outline(tmp_path):
    drawing = draw_outline(make_map().rio.write_crs(EPSG))
    drawing._stream.event(data=TRIANGLE)  # like the browser
    outline = drawing.to_frame()
    assert outline.crs == EPSG
    assert outline.area.tolist() == pytest.approx([200 * 200 / 2])
    saved = gpd.read_file(drawing.save(tmp_path / "outline.geojson"))
    assert saved.to_crs(EPSG).area.tolist() == pytest.approx([20_000], rel=1e-4)


def test_an_outline_can_be_drawn_on_a_geotiff(tmp_path):
    path = tmp_path / "scene.tif"
    make_map().rio.write_crs(EPSG).rio.to_raster(path)
    drawing = draw_outline(path)
    drawing._stream.event(data=TRIANGLE)
    assert drawing.to_frame().crs == EPSG


def test_errors_explain_drawing_and_a_missing_crs():
    drawing = draw_outline(make_map().rio.write_crs(EPSG))
    with pytest.raises(ValueError, match="hold the button to begin"):
        drawing.to_frame()
    with pytest.raises(ValueError, match="no CRS"):
        draw_outline(make_map())
