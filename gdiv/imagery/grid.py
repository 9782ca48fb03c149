"""Define the pixel grid of a study."""

from typing import Any, cast

import numpy as np
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from gdiv.catalog import Glacier
from gdiv.imagery.items import Box, read_box, read_epsg, read_id, read_transform

__all__ = ["grid_crs", "grid_of_items", "study_grid"]

#: Pixels of which width and height are multiples, so that the coarse versions of the grid and the
#: 20 m mask of Sentinel-2 end where the grid ends.
MULTIPLE = 4


def study_grid(
    bbox: Box, crs: int | str, spacing: float = 10.0, origin: tuple[float, float] = (0.0, 0.0)
) -> GeoBox:
    """Smallest grid of whole pixels that covers a box.

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
    """Grid of the archive's own pixels within the glacier's box and the scenes.

    Parameters
    ----------
    items : list of dict
        STAC items. The first in the projection of the study that gives a transform defines the
        grid; the first of any projection if none does.
    asset : str
        Asset whose pixels define the grid.
    glacier : gdiv.catalog.Glacier
        Gives the box and the projection.

    Returns
    -------
    odc.geo.geobox.GeoBox
        As from `study_grid`.

    Raises
    ------
    ValueError
        If no item gives the transform of `asset`, or its pixels are not square and north up.
    """
    with_transform = [item for item in items if read_transform(item, asset) is not None]
    if not with_transform:
        raise ValueError(
            f"no scene gives the grid of its asset {asset!r}: "
            f"proj:transform is missing from all {len(items)} items"
        )
    projected = [item for item in with_transform if read_epsg(item) in (None, glacier.epsg)]
    first = (projected or with_transform)[0]
    transform = read_transform(first, asset) or []
    step, skew, left, _, down, top = transform
    if skew or step != -down:
        raise ValueError(
            f"item {read_id(first)} has no square, north-up pixels: proj:transform is {transform}"
        )
    bbox = _common_box(items, glacier.bbox)
    return study_grid(bbox, glacier.crs, float(step), (float(left), float(top)))


def grid_crs(grid: GeoBox) -> CRS:
    """CRS of a grid.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Grid with a CRS. Every grid of gdiv has one, which the type of `GeoBox` leaves open.

    Returns
    -------
    odc.geo.crs.CRS
        Its coordinate reference system.
    """
    return cast(CRS, grid.crs)


def _common_box(items: list[dict[str, Any]], bbox: Box) -> Box:
    """Part of a box within the extent of all items."""
    boxes = [box for box in map(read_box, items) if box is not None and box[0] <= box[2]]
    if not boxes:
        return bbox
    west, south, east, north = bbox
    return (
        max(west, min(box[0] for box in boxes)),
        max(south, min(box[1] for box in boxes)),
        min(east, max(box[2] for box in boxes)),
        min(north, max(box[3] for box in boxes)),
    )
