"""Make masks of ice and of stable ground."""

import cv2
import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio import features

from gdiv.images.arrays import Mask

__all__ = ["MARGIN", "ice_window", "leave_out_water", "make_masks"]

#: Distance from the ice at which stable ground begins, in metres (ten pixels of Sentinel-2). Ice
#: beyond an old outline, shaded rims and mixed pixels are not stable.
MARGIN = 100.0
#: A pixel counts as water if it is water in at least this fraction of the scenes with data there.
#: Masks occasionally misclassify shadow as water.
MIN_WATER_FRACTION = 0.5


def make_masks(
    outlines: gpd.GeoDataFrame,
    grid: GeoBox,
    margin: float = MARGIN,
    ground: gpd.GeoDataFrame | None = None,
    moving: gpd.GeoDataFrame | None = None,
) -> xr.Dataset:
    """Make masks of the glacier and of stable ground.

    Parameters
    ----------
    outlines : geopandas.GeoDataFrame
        Polygons of ice in the projection of the grid.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.
    margin : float, optional
        Minimum distance of stable ground from the ice, in metres. A larger value leaves less stable
        ground, but also less ice mistaken for it.
    ground : geopandas.GeoDataFrame, optional
        Polygons of stable ground, in the projection of the grid. By default, all ground far enough
        from the ice counts as stable.
    moving : geopandas.GeoDataFrame, optional
        Polygons of other moving terrain, in the projection of the grid: glaciers, landslides,
        water. Ground within `margin` of them is not stable.

    Returns
    -------
    xarray.Dataset
        ``glacier``, pixels whose centre lies within an outline, and ``stable``, pixels farther than
        `margin` from any; bool ``(y, x)``.

    Examples
    --------
    >>> from gdiv.imagery.grid import study_grid
    >>> grid = study_grid((6.93, 45.88, 6.94, 45.89), 32632)
    >>> west, south, east, north = grid.boundingbox
    >>> ice = gpd.GeoDataFrame(geometry=[shapely.box(west, south, west + 200, north)], crs=32632)
    >>> masks = make_masks(ice, grid)
    >>> grid.width, int(masks.glacier[0].sum()), int(masks.stable[0].sum())
    (84, 20, 54)
    """
    ice = _union(outlines)
    stable = ~_rasterize(ice.buffer(margin), grid)
    if ground is not None:
        stable &= _rasterize(_union(ground), grid)
    if moving is not None:
        stable &= ~_rasterize(_union(moving).buffer(margin), grid)
    masks = {"glacier": _rasterize(ice, grid), "stable": stable}
    long_names = {
        "glacier": "ice inside the outline",
        "stable": f"ground at least {margin:.0f} m from the ice",
    }
    variables = {
        name: (
            ("y", "x"),
            np.ascontiguousarray(mask),
            {"long_name": long_names[name], "units": "1"},
        )
        for name, mask in masks.items()
    }
    coordinates = {axis: grid.coordinates[axis].values for axis in ("y", "x")}
    return xr.Dataset(variables, coords=coordinates)


def leave_out_water(masks: xr.Dataset, cube: xr.Dataset) -> xr.Dataset:
    """Exclude water from stable ground, since glacier outlines do not mark lakes or rivers.

    Parameters
    ----------
    masks : xarray.Dataset
        From `make_masks`.
    cube : xarray.Dataset
        ``water`` and ``reflectance`` with dimensions ``(scene, y, x)``, from `gdiv.load_cube`.

    Returns
    -------
    xarray.Dataset
        Masks whose ``stable`` excludes pixels that are water in at least half of the scenes with
        data there.
    """
    data_count = cube.reflectance.notnull().sum("scene").values
    often = cube.water.sum("scene").values >= np.maximum(MIN_WATER_FRACTION * data_count, 1)
    stable = masks.stable.copy(data=masks.stable.values & ~often)
    return masks.assign(stable=stable)


def ice_window(glacier: Mask, side: int = 1536) -> dict[str, slice]:
    """Find the window with the most ice, for experiments that would take too long on whole scenes.

    If several windows have equally much, the one in their middle is chosen.

    Parameters
    ----------
    glacier : ndarray of bool, shape (H, W)
        True on ice.
    side : int, optional
        Side of the window (pixel). A smaller image gives a window of the whole image.

    Returns
    -------
    dict of str to slice
        Rows ``y`` and columns ``x``, for `xarray.Dataset.isel`.

    Examples
    --------
    >>> glacier = np.zeros((40, 100), bool)
    >>> glacier[:, 70:80] = True
    >>> ice_window(glacier, 50)
    {'y': slice(0, 40, None), 'x': slice(40, 90, None)}
    """
    height, width = (min(length, side) for length in glacier.shape)
    sums = cv2.integral(glacier.astype(np.uint8))
    ice = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
    ice += sums[:-height, :-width]
    best = np.argwhere(ice == ice.max())
    top, left = best[np.abs(best - best.mean(0)).sum(1).argmin()].tolist()
    return {"y": slice(top, top + height), "x": slice(left, left + width)}


def _union(shapes: gpd.GeoDataFrame) -> shapely.Geometry:
    """Union of shapes, repaired where they are invalid."""
    return shapely.union_all(shapely.make_valid(shapes.geometry.to_numpy()))


def _rasterize(geometry: shapely.Geometry, grid: GeoBox) -> Mask:
    """Pixels whose centre lies within a geometry."""
    if geometry.is_empty:
        return np.zeros(grid.shape, bool)
    burnt = features.rasterize([geometry], grid.shape, transform=grid.affine)
    return burnt.astype(bool)
