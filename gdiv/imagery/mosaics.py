"""Join the tiles of one acquisition into one scene if no tile covers the whole study.

Tiles of Sentinel-2 in one UTM zone are cut from one image on one grid, so their seam is exact. Rows
of Landsat are rectified separately, and tiles of other zones are resampled: `measure_seam` measures
the shift between them where they overlap.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from scipy.ndimage import binary_erosion

from gdiv.catalog import Glacier, Source
from gdiv.imagery.assets import load_asset
from gdiv.imagery.grid import same_zone
from gdiv.imagery.items import parts_of
from gdiv.imagery.placement import Box, box_polygon, read_box
from gdiv.imagery.screening import Candidate, group_acquisitions
from gdiv.imagery.shift import MIN_BLOCKS, measure_shift

__all__ = ["join_tiles", "measure_seam"]

#: Minimum fraction of the study's box that a further tile must add.
MIN_GAIN = 0.005
#: Side of the compared window of an overlap, pixels.
WINDOW = 512
#: Width of the excluded rim of an overlap, where the local contrast includes only one tile, pixels.
RIM = 8
#: Pixels of the grid per pixel of the coarse grid on which overlaps are searched.
COARSENING = 16


def join_tiles(candidates: list[Candidate], glacier: Glacier) -> None:
    """Join the tiles of each acquisition that cover different parts of the study's box.

    A tile must add half a percent of the box. Tiles of another processing baseline or brightness
    offset are not joined.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes. The main tile of each joined scene lists the others as its `parts`; the others are
        dropped with a reason.
    glacier : gdiv.catalog.Glacier
        Gives the box and the projection.
    """
    box = box_polygon(glacier.bbox)
    for group in group_acquisitions([each for each in candidates if not each.reason]):
        rest = sorted(group, key=_preference(box, glacier), reverse=True)
        while rest:  # `drop_duplicates` chooses among the remaining tiles
            main, *rest = rest
            covered = _footprint(main.item, box)
            for other in list(rest):
                added = _footprint(other.item, box).difference(covered)
                if other.scene.offset == main.scene.offset and added.area > MIN_GAIN * box.area:
                    main.parts.append(other)
                    other.reason = f"joined to {main.scene.id}"
                    covered = covered.union(added)
                    rest.remove(other)


def _preference(
    box: shapely.Geometry, glacier: Glacier
) -> Callable[[Candidate], tuple[bool, float, str]]:
    """Order of preference: the study's projection, largest coverage, newest processing."""

    def key(candidate: Candidate) -> tuple[bool, float, str]:
        share = _footprint(candidate.item, box).area / box.area
        native = same_zone(candidate.scene.epsg, glacier.epsg)
        return native, round(share, 3), candidate.baseline

    return key


def _footprint(item: dict[str, Any], box: shapely.Geometry) -> shapely.Geometry:
    """Part of a box inside the footprint of an item, in degrees."""
    try:
        shape = shapely.make_valid(shapely.geometry.shape(item["geometry"])).intersection(box)
    except Exception:  # an archive may write anything as a geometry
        shape = None
    if shape is not None and not shape.is_empty:
        return shape
    extent: Box | None = read_box(item)
    return box if extent is None else box_polygon(extent).intersection(box)


def measure_seam(item: dict[str, Any], source: Source, grid: GeoBox) -> float:
    """Measure the largest shift between the tiles of a scene where they overlap.

    The tiles were acquired together, so any apparent motion in the overlap is an error.

    Parameters
    ----------
    item : dict
        STAC item of a scene with several tiles.
    source : gdiv.catalog.Source
        Archive of the scene.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.

    Returns
    -------
    float
        Pixels; NaN if no overlap is wide enough.
    """
    first, *others = parts_of(item)
    shifts = [_shift_between(first, other, source, grid) for other in others]
    valid_shifts = [shift for shift in shifts if np.isfinite(shift)]
    return max(valid_shifts) if valid_shifts else float("nan")


def _shift_between(
    one: dict[str, Any], other: dict[str, Any], source: Source, grid: GeoBox
) -> float:
    """Shift between two tiles in the middle of their overlap, pixels."""
    coarse = grid.zoom_out(COARSENING)
    both = _images([one, other], source, coarse)
    rows, columns = np.nonzero(np.isfinite(both).all(0))
    if not rows.size:
        return float("nan")
    window = grid[_window_around(rows, grid.height), _window_around(columns, grid.width)]
    first, second = _images([one, other], source, window)
    overlap = binary_erosion(np.isfinite(first) & np.isfinite(second), iterations=RIM)
    shift = measure_shift(first, second, overlap)
    if shift["blocks"] < MIN_BLOCKS:
        return float("nan")
    return float(np.hypot(shift["shift_x"], shift["shift_y"]))


def _images(items: Sequence[dict[str, Any]], source: Source, grid: GeoBox) -> np.ndarray:
    """Images of several tiles on a grid, ``(tile, y, x)``."""
    layers = [load_asset([item], source, "image", grid)[0].compute().values for item in items]
    return np.stack(layers)


def _window_around(coarse: np.ndarray, size: int) -> slice:
    """Window of a grid around the median of coarse indices."""
    middle = int(np.median(coarse)) * COARSENING
    start = min(max(middle - WINDOW // 2, 0), max(size - WINDOW, 0))
    return slice(start, min(start + WINDOW, size))
