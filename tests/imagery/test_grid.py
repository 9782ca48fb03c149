"""Grids of a study and of an archive."""

import numpy as np
import pytest
from pyproj import Transformer

from gdiv.catalog import load_catalog
from gdiv.imagery.grid import grid_of_items, same_zone, study_grid


def test_grid_aligns_with_the_pixels_of_the_archive(twin):
    grid, item = twin["grid"], next(i for i in twin["items"] if "nir" in i["assets"])
    transform = item["assets"]["nir"]["proj:transform"]
    assert (grid.affine.c - transform[2]) % 10 == 0 and (grid.affine.f - transform[5]) % 10 == 0
    assert grid.shape[0] % 4 == grid.shape[1] % 4 == 0


def test_an_unusual_pixel_size_is_kept():
    item = {
        "id": "a",
        "bbox": [6.9, 45.8, 7.1, 46.0],
        "properties": {},
        "assets": {"nir": {"proj:transform": [6.08, 0, 330001, 0, -6.08, 5090003]}},
    }
    grid = grid_of_items([item], "nir", load_catalog().glaciers["mer-de-glace"])
    offset = (grid.affine.c - 330001) / 6.08
    assert abs(grid.resolution.x) == 6.08 and offset == pytest.approx(round(offset), abs=1e-6)


def test_a_missing_transform_raises_an_error():
    item = {"id": "a", "bbox": [6.9, 45.8, 7.1, 46.0], "properties": {}, "assets": {"nir": {}}}
    with pytest.raises(ValueError, match="proj:transform is missing"):
        grid_of_items([item], "nir", load_catalog().glaciers["mer-de-glace"])


def test_study_grid_covers_the_bounding_box():
    entry = load_catalog().glaciers["tasman"]
    grid = study_grid(entry.bbox, entry.epsg)
    corners = Transformer.from_crs(4326, entry.epsg, always_xy=True).transform_bounds(*entry.bbox)
    box = grid.boundingbox
    assert (
        box.left <= corners[0]
        and box.bottom <= corners[1]
        and box.right >= corners[2]
        and box.top >= corners[3]
    )


def make_item(name, transform, epsg=32718):
    """Make an item of Landsat, which uses northern zones in both hemispheres."""
    assets = {"nir": {"href": "a.tif", "proj:transform": transform}}
    return {"id": name, "properties": {"proj:epsg": epsg}, "assets": assets}


def test_zones_counted_from_north_and_south_are_one_projection():
    glacier = load_catalog().glaciers["perito-moreno"]
    south = grid_of_items([make_item("s", [30, 0, 600015, 0, -30, 4500015])], "nir", glacier)
    north = grid_of_items(
        [make_item("n", [30, 0, 600015, 0, -30, 4500015 - 1e7], 32618)], "nir", glacier
    )
    assert north == south
    assert same_zone(32618, 32718) and not same_zone(32618, 32719)


def test_the_most_common_pixels_define_the_grid():
    glacier = load_catalog().glaciers["perito-moreno"]
    items = [
        make_item("coarse", [20, 0, 600000, 0, -20, 4500000]),
        make_item("turned", [10, 1, 600000, 1, -10, 4500000]),
        make_item("text", ["10", 0, 600000, 0, "-10", 4500000]),
        make_item("fine", [10, 0, 600000, 0, -10, 4500000]),
    ]
    assert grid_of_items(items, "nir", glacier).resolution.x == 10


@pytest.mark.parametrize(
    ("box", "crs"), [((179.8, -78.2, -179.8, -78.0), 3031), ((179.8, 66.0, -179.7, 66.2), 32660)]
)
def test_a_box_across_180_degrees_has_a_small_grid(box, crs):
    """The grid does not span the world."""
    made = study_grid(box, crs)
    width = (box[2] - box[0] + 360) * 111.2e3 * np.cos(np.radians(box[1]))
    assert made.width * 10 == pytest.approx(width, rel=0.1)
    to_metres = Transformer.from_crs(4326, crs, always_xy=True)
    middle = to_metres.transform(180.0, (box[1] + box[3]) / 2)
    left, bottom, right, top = made.boundingbox
    assert left < middle[0] < right and bottom < middle[1] < top
