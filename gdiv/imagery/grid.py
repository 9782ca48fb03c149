"""Define the pixel grid of a study."""

from collections import Counter
from typing import Any, cast

import numpy as np
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from gdiv.catalog import Glacier
from gdiv.imagery.placement import Box, read_box, read_epsg, read_transform

__all__ = [
    "SQUARE_TOLERANCE",
    "false_northing",
    "grid_crs",
    "grid_of_items",
    "same_zone",
    "study_grid",
]

#: Width and height are multiples of this many pixels, so that coarser versions of the grid and the
#: 20 m mask of Sentinel-2 cover the same extent.
MULTIPLE = 4
#: Maximum relative difference between the two sides of a pixel.
SQUARE_TOLERANCE = 1e-9
#: False northing of UTM zones in the south, m.
UTM_SOUTH = 1e7


def study_grid(
    bbox: Box, crs: int | str, spacing: float = 10.0, origin: tuple[float, float] = (0.0, 0.0)
) -> GeoBox:
    """Make the smallest grid of whole pixels that covers a box.

    Parameters
    ----------
    bbox : tuple of float
        West, south, east, north in degrees.
    crs : int or str
        Projection in metres, such as a UTM zone: its EPSG code, or WKT.
    spacing : float, optional
        Side of a pixel in metres. The default is that of Sentinel-2's near infrared.
    origin : tuple of float, optional
        Pixel edges lie at this easting and northing plus multiples of `spacing`, so that scenes on
        such a grid are cropped and never resampled.

    Returns
    -------
    odc.geo.geobox.GeoBox
        North up; width and height are multiples of four pixels.

    Examples
    --------
    >>> grid = study_grid((6.93, 45.88, 6.94, 45.89), 32632)
    >>> grid.width, grid.height
    (84, 116)
    >>> grid.affine.c % 10, grid.affine.f % 10
    (0.0, 0.0)
    """
    to_metres = Transformer.from_crs(4326, crs, always_xy=True)
    west, south, east, north = to_metres.transform_bounds(*bbox)
    step = MULTIPLE * spacing
    left = np.floor((west - origin[0]) / step) * step + origin[0]
    bottom = np.floor((south - origin[1]) / step) * step + origin[1]
    columns = MULTIPLE * int(np.ceil((east - left) / step))
    rows = MULTIPLE * int(np.ceil((north - bottom) / step))
    return GeoBox(
        (rows, columns),
        affine=Affine(spacing, 0, left, 0, -spacing, bottom + rows * spacing),
        crs=crs,
    )


def grid_of_items(items: list[dict[str, Any]], asset: str, glacier: Glacier) -> GeoBox:
    """Make the grid of the archive's pixels within the glacier's box and the scenes.

    Parameters
    ----------
    items : list of dict
        STAC items. The grid is defined by the first item in the projection of the study with the
        most common pixel size, or by the first item in any projection if none has a transform.
    asset : str
        Asset whose pixels define the grid.
    glacier : gdiv.catalog.Glacier
        Glacier with the box and the projection.

    Returns
    -------
    odc.geo.geobox.GeoBox
        Grid, as from `study_grid`.

    Raises
    ------
    ValueError
        If no item has a transform of `asset` with square, north-up pixels.
    """
    with_transform = [item for item in items if _usable_step(item, asset)]
    if not with_transform:
        raise ValueError(
            f"no scene defines a grid for asset {asset!r}: proj:transform is missing, or pixels "
            f"are not square and north up, in all {len(items)} items"
        )
    projected = [
        item
        for item in with_transform
        if read_epsg(item) is None or same_zone(read_epsg(item), glacier.epsg)
    ]
    chosen = projected or with_transform
    steps = [(_usable_step(item, asset) or 0.0, item) for item in chosen]
    (step, _), *_ = Counter(side for side, _ in steps).most_common()
    first = next(item for side, item in steps if side == step)
    _, _, left, _, _, top = read_transform(first, asset) or []
    top += false_northing(read_epsg(first), glacier.epsg)
    bbox = _common_box(items, glacier.bbox)
    return study_grid(bbox, glacier.crs, step, (left, top))


def same_zone(epsg: int | None, other: int | None) -> bool:
    """Check whether two codes denote one projection: equal, or both halves of one UTM zone.

    Parameters
    ----------
    epsg, other : int or None
        EPSG codes.

    Returns
    -------
    bool
        True if they denote one projection.

    Examples
    --------
    >>> same_zone(32618, 32718), same_zone(32618, 32619)
    (True, False)
    """
    if epsg is None or other is None:
        return False  # only definitions can be compared
    if epsg == other:
        return True
    return {epsg // 100, other // 100} == {326, 327} and epsg % 100 == other % 100


def false_northing(epsg: int | None, target: int | None) -> float:
    """Return the offset to add to a northing to convert it to the other hemisphere.

    Landsat uses northern UTM zones in the southern hemisphere as well.

    Parameters
    ----------
    epsg, target : int or None
        EPSG codes of one projection, as defined by `same_zone`.

    Returns
    -------
    float
        Offset in metres: 0, or plus or minus ten million.
    """
    if epsg is None or target is None or epsg == target or not same_zone(epsg, target):
        return 0.0
    return UTM_SOUTH if target // 100 == 327 else -UTM_SOUTH


def _usable_step(item: dict[str, Any], asset: str) -> float | None:
    """Side of the pixels of an asset; None where they are unknown, or not square and north up."""
    transform = read_transform(item, asset)
    if transform is None:
        return None
    step, skew, _, turn, down, _ = transform
    square = abs(step + down) <= SQUARE_TOLERANCE * abs(step)
    return step if step > 0 and square and not skew and not turn else None


def grid_crs(grid: GeoBox) -> CRS:
    """Return the CRS of a grid.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Grid with a CRS. All grids of gdiv have one, although the type of `GeoBox` allows None.

    Returns
    -------
    odc.geo.crs.CRS
        Its coordinate reference system.
    """
    return cast(CRS, grid.crs)


def _common_box(items: list[dict[str, Any]], bbox: Box) -> Box:
    """Part of a box within the extent of all items."""
    boxes = [box for box in map(read_box, items) if box is not None and box[0] <= box[2]]
    west, south, east, north = bbox
    if not boxes or west > east:  # longitudes are not ordered across 180 degrees
        return bbox
    return (
        max(west, min(box[0] for box in boxes)),
        max(south, min(box[1] for box in boxes)),
        min(east, max(box[2] for box in boxes)),
        min(north, max(box[3] for box in boxes)),
    )
