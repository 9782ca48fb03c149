"""Start of the robust solution: the best of several proposals at each pixel.

The robust energy has many minima, and the solution keeps the one that it starts in. The proposals
are

- the flow of a pyramid, which is right on wide, calm and poorly textured ice,
- a search at full resolution, which finds narrow ice,
- dense inverse search, whose patches follow ice that deforms,
- searches at half and quarter resolution, which find fast ice,
- no motion, which is right beside the ice.

`gdiv.flow.horn_schunck.fusion` chooses between them. A search of a few pixels around the choice, at
every pixel, then draws the margins.
"""

import math
from collections.abc import Sequence

import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray
from gdiv.flow.horn_schunck.fusion import fuse
from gdiv.flow.horn_schunck.levels import Level
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.search import refine_search, search_lattice
from gdiv.flow.inverse_search import search_patches
from gdiv.images.contrast import local_contrast

__all__ = ["find_start"]

#: Longest displacement that a search looks for, in pixels of its level.
RADIUS = 16
#: Pixels between the nodes of a search, and half the side of a chip without its middle.
STEP = 4
HALF = 4
#: Costs of a change of the displacement between nodes by one pixel and by more.
PENALTIES = (0.1, 0.6)
#: The same for the search at every pixel, its radius, and half the side of its chips.
FINE_PENALTIES = (0.3, 2.4)
FINE_RADIUS = 2
FINE_HALF = 3
#: Least side of an image for dense inverse search, in pixels.
INVERSE_SEARCH_SIDE = 16
#: Side of the median filter that removes single wrong vectors, in pixels.
MEDIAN = 5


def find_start(
    brightness: tuple[Level, Level],
    levels: Sequence[tuple[Level, Level]],
    flow: tuple[FloatArray, FloatArray],
    reach: float,
) -> tuple[FloatArray, FloatArray]:
    """Find the displacement from which the finest level is solved.

    Parameters
    ----------
    brightness : tuple of Level
        The reference and the secondary, ``(H, W)``.
    levels : sequence of tuple of Level
        Local contrast of the reference and the secondary, the finest level ``(H, W)`` first. Pixels
        of the first that are not valid are not compared.
    flow : tuple of ndarray
        Flow of the pyramid at full resolution, each float32 ``(H, W)``, in pixels.
    reach : float
        Longest displacement that is looked for, in pixels.

    Returns
    -------
    u, v : ndarray
        float32 ``(H, W)``, the start.
    """
    full = levels[0]
    zero = np.zeros(full[0].shape, np.float32)
    proposals = [flow, (zero, zero), _inverse_search(*brightness)]
    for number, level in enumerate(levels):
        pixel = 2**number
        if number > 0 and reach <= RADIUS * pixel / 2:
            break
        radius = min(math.ceil(reach / pixel), RADIUS)
        nodes = search_lattice(*level, STEP, radius, HALF, PENALTIES)
        u, v = (_repeat(pixel * part, STEP * pixel, zero.shape) for part in nodes)
        proposals.append((u, v))
    chosen = fuse(*full, proposals)
    u, v = refine_search(*full, chosen, FINE_RADIUS, FINE_HALF, FINE_PENALTIES)
    return median_filter(u, MEDIAN), median_filter(v, MEDIAN)


def _inverse_search(first: Level, second: Level) -> tuple[FloatArray, FloatArray]:
    """Dense inverse search; no motion in images too small for its patches."""
    if min(first.shape) < INVERSE_SEARCH_SIDE:
        zero = np.zeros(first.shape, np.float32)
        return zero, zero
    contrasts = [
        local_contrast(np.where(level.valid > 0, level.image, np.nan)) for level in (first, second)
    ]
    u, v = search_patches(*contrasts)
    return np.ascontiguousarray(u), np.ascontiguousarray(v)


def _repeat(field: FloatArray, step: int, shape: tuple[int, int]) -> FloatArray:
    """Give each pixel the value of its nearest node; nodes are at multiples of a step."""
    rows, columns = (
        np.minimum((np.arange(side) + step // 2) // step, count - 1)
        for side, count in zip(shape, field.shape, strict=True)
    )
    return np.ascontiguousarray(field[np.ix_(rows, columns)])
