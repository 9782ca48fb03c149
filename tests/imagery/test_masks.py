"""Masks of ice and of stable ground, excluding other moving terrain."""

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from scipy import ndimage

from gdiv.imagery import masks


def test_stable_ground_keeps_a_margin_to_the_ice(twin):
    made, grid = twin["masks"], twin["grid"]
    assert not (made.glacier & made.stable).any()
    distance = ndimage.distance_transform_edt(~made.glacier.values) * grid.resolution.x
    assert distance[made.stable.values].min() >= masks.MARGIN - 10


def strip(grid, first, last):
    """Polygon over some columns of a grid."""
    west, south, _, north = grid.boundingbox
    shape = shapely.box(west + 10 * first, south, west + 10 * last, north)
    return gpd.GeoDataFrame(geometry=[shape], crs=grid.crs)


def test_other_moving_terrain_is_not_stable(twin):
    """Other glaciers and landslides have the same margin, but are not part of the glacier."""
    grid = twin["grid"]
    made = masks.make_masks(strip(grid, 0, 20), grid, moving=strip(grid, 100, 120))
    stable = np.flatnonzero(made.stable.values[0])
    assert stable.tolist() == [*range(30, 90), *range(130, grid.width)]
    assert not made.glacier.values[0, 100:120].any()
    none = masks.make_masks(strip(grid, 0, 20), grid, moving=strip(grid, 0, 0)[:0])
    assert none.stable.values[0, 30:].all()


def test_persistent_water_is_not_stable(twin):
    """One scene in three classifies shadow as water; the lake is water in two."""
    grid = twin["grid"]
    made = masks.make_masks(strip(grid, 0, 20), grid)
    water = np.zeros((3, *grid.shape), bool)
    water[:2, :, 50:60] = True
    water[0, :, 70:80] = True
    reflectance = np.full(water.shape, 0.2)
    reflectance[1:, :, 90:95] = np.nan  # a fjord visible in one scene
    water[0, :, 90:95] = True
    axes = ("scene", "y", "x")
    cube = xr.Dataset({"water": (axes, water), "reflectance": (axes, reflectance)})
    kept = masks.leave_out_water(made, cube)
    assert not kept.stable.values[:, 90:95].any()
    assert not kept.stable.values[:, 50:60].any() and kept.stable.values[:, 70:80].all()
    assert kept.glacier.identical(made.glacier)


def test_the_window_with_the_most_ice_has_ground_on_all_sides_of_a_small_glacier():
    glacier = np.zeros((400, 400), bool)
    glacier[180:220, 150:190] = True
    window = masks.ice_window(glacier, 100)
    assert window == {"y": slice(150, 250), "x": slice(120, 220)}


def test_the_window_with_the_most_ice_is_the_scene_if_that_is_smaller():
    assert masks.ice_window(np.zeros((30, 200), bool), 100)["y"] == slice(0, 30)
