"""Choice of the best of several proposed displacements at each pixel.

No single start suits all ice: a pyramid works for wide, slow ice, a search at full resolution for
narrow ice, and one at half resolution for fast ice. All of them are proposals, as is zero motion.
The cost of a proposal depends on the correlation ``r`` of the two chips that it connects as
``log(1 - r^2)``. For Gaussian noise, half of this value is minus the log-likelihood per pixel that
both chips show the same signal (Anderson 2003, An Introduction to Multivariate Statistical
Analysis, section 4.2). Weak correlations, which a search finds by chance, thus have little weight.
As in `gdiv.flow.horn_schunck.search`, costs are added up along paths; a change to another
displacement costs `SLOPE` per pixel of difference, but no more than `LARGE_STEP` (fusion of
proposals, Lempitsky et al. 2008, doi:10.1109/CVPR.2008.4587751).
"""

from collections.abc import Sequence

import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.flow.horn_schunck.levels import Level
from gdiv.flow.horn_schunck.paths import PATHS
from gdiv.flow.horn_schunck.search import NEUTRAL, chip_correlation
from gdiv.flow.horn_schunck.warping import pad_for_bicubic, warp

__all__ = ["fuse"]

#: Side of the chips in pixels.
SIDE = 7
#: Weight of ``log(1 - r^2)`` in the cost, and the correlation beyond which it is constant.
EVIDENCE = 0.8
MAX_CORRELATION = 0.97
#: Cost of a change between neighbouring pixels: per pixel of difference, and its maximum.
SLOPE = 0.15
LARGE_STEP = 5.0
#: Diagonal paths, in addition to those along rows and columns.
DIAGONALS = ((1, 1), (-1, -1), (1, -1), (-1, 1))


def fuse(
    first: Level,
    second: Level,
    proposals: Sequence[tuple[FloatArray, FloatArray]],
    handicaps: Sequence[float] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Choose the best of several proposed displacements at each pixel.

    Parameters
    ----------
    first, second : Level
        Local contrast of the reference and the secondary, ``(H, W)``.
    proposals : sequence of tuple of ndarray
        Displacements ``(u, v)`` in pixels, each float32 ``(H, W)``.
    handicaps : sequence of float, optional
        Added to the cost of each proposal at every pixel; none by default.

    Returns
    -------
    u, v : ndarray
        float32 ``(H, W)``, displacement of the chosen proposal.
    """
    padded = pad_for_bicubic(second.image)
    costs = np.stack([_cost(first, second, padded, u, v) for u, v in proposals], -1)
    if handicaps is not None:
        costs += np.asarray(handicaps, np.float32)
    flows = np.stack([np.stack([u, v], -1) for u, v in proposals], -2)
    totals = np.zeros_like(costs)
    for down, right in (*PATHS, *DIAGONALS):
        _add_path(costs, totals, flows, down, right)
    chosen = totals.argmin(-1)[..., None, None]
    best = np.take_along_axis(flows, chosen, axis=-2)[..., 0, :]
    return np.ascontiguousarray(best[..., 0]), np.ascontiguousarray(best[..., 1])


def _cost(
    first: Level, second: Level, padded: FloatArray, u: FloatArray, v: FloatArray
) -> FloatArray:
    """Cost from the correlation of chips along a displacement; neutral without data."""
    moved = np.empty_like(u)
    inside = np.empty_like(u)
    warp(padded, second.valid, u, v, f32(1), moved, inside)
    correlation = chip_correlation(first.image * first.valid, moved * inside, SIDE)
    correlation = np.clip(correlation, 0, MAX_CORRELATION)
    cost = NEUTRAL + EVIDENCE * np.log(1 - correlation**2)
    return np.where(inside * first.valid > 0, cost, NEUTRAL).astype(np.float32)


@compile_kernel
def _add_path(
    costs: FloatArray, totals: FloatArray, flows: FloatArray, down: int, right: int
) -> None:
    """Add the costs accumulated along one direction to the totals."""
    rows, columns, count = costs.shape
    paths = np.empty((2, columns, count), np.float32)
    for m in range(rows):
        i = m if down >= 0 else rows - 1 - m
        own = m & 1
        for n in range(columns):
            j = n if right >= 0 else columns - 1 - n
            before_i = i - down
            before_j = j - right
            path = paths[own, j]
            if before_i < 0 or before_i >= rows or before_j < 0 or before_j >= columns:
                for k in range(count):
                    path[k] = costs[i, j, k]
                    totals[i, j, k] += path[k]
                continue
            source = paths[own if down == 0 else 1 - own, before_j]
            lowest = source[0]
            for q in range(1, count):
                lowest = source[q] if source[q] < lowest else lowest
            for k in range(count):
                best = lowest + f32(LARGE_STEP)
                for q in range(count):
                    across = abs(flows[i, j, k, 0] - flows[before_i, before_j, q, 0])
                    along = abs(flows[i, j, k, 1] - flows[before_i, before_j, q, 1])
                    cost = source[q] + f32(SLOPE) * (across + along)
                    best = cost if cost < best else best
                path[k] = costs[i, j, k] + best - lowest
                totals[i, j, k] += path[k]
