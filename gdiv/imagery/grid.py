"""The one grid of a study."""

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer


def study_grid(
    bbox, epsg: int, spacing: float = 10.0, origin: tuple[float, float] = (0.0, 0.0)
) -> GeoBox:
    """The smallest grid of whole pixels that covers `bbox` (west, south, east, north; degrees) in UTM zone `epsg`.

    Pixel edges lie at `origin` plus multiples of `spacing` (metres), so that scenes on that grid are
    cropped and never resampled. The box is a multiple of four pixels wide and high: its coarse versions,
    and Sentinel-2's 20 m mask, end where it ends.
    """
    west, south, east, north = Transformer.from_crs(4326, epsg, always_xy=True).transform_bounds(
        *bbox
    )
    step = 4 * spacing
    left, bottom = (
        np.floor((value - start) / step) * step + start
        for value, start in ((west, origin[0]), (south, origin[1]))
    )
    columns, rows = (
        4 * int(np.ceil((far - near) / step)) for near, far in ((left, east), (bottom, north))
    )
    return GeoBox(
        (rows, columns),
        affine=Affine(spacing, 0, left, 0, -spacing, bottom + rows * spacing),
        crs=f"EPSG:{epsg}",
    )


def grid_of_items(items: list[dict], asset: str, glacier) -> GeoBox:
    """The study's grid for these scenes: the archive's own pixels, within the glacier's box and the scenes.

    Raises
    ------
    ValueError
        If no item says the grid of `asset`, or its pixels are not square and north up.
    """
    for item in items:
        fields = item["properties"] | item["assets"].get(asset, {})
        if asset in item["assets"] and "proj:transform" in fields:
            break
    else:
        raise ValueError(
            f"no scene says the grid of its asset {asset!r}: proj:transform is missing from all {len(items)} items"
        )
    step, skew, left, _, down, top = fields["proj:transform"][:6]
    if skew or step != -down:
        raise ValueError(
            f"item {item['id']} has no square, north-up pixels: proj:transform is {fields['proj:transform']}"
        )
    boxes = np.array([item["bbox"] for item in items if item.get("bbox")] or [glacier.bbox])
    west, south, east, north = glacier.bbox
    inside = (
        max(west, boxes[:, 0].min()),
        max(south, boxes[:, 1].min()),
        min(east, boxes[:, 2].max()),
        min(north, boxes[:, 3].max()),
    )
    return study_grid(inside, glacier.epsg, float(step), (float(left), float(top)))
