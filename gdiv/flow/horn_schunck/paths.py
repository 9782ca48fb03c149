"""Costs of displacements, added up along straight paths through the image.

The costs of a node are a square of displacements with a rim of `OUTSIDE_COST`, flattened, so that
loops over displacements need neither branches nor bounds checks (semi-global matching, Hirschmüller
2008, doi:10.1109/TPAMI.2007.1166).
"""

import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32, inline_kernel

__all__ = ["OUTSIDE_COST", "PATHS", "cheapest"]

#: Direction of each path, rows and columns per step.
PATHS = ((0, 1), (0, -1), (1, 0), (-1, 0))
#: Cost of displacements outside the square, larger than any other.
OUTSIDE_COST = f32(1e9)


def cheapest(
    costs: FloatArray,
    radius: int,
    penalties: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Choose the displacement of minimum cost after adding up costs along all paths.

    Parameters
    ----------
    costs : ndarray
        float32 ``(rows, columns, (2 radius + 3)^2)``, the costs of each node, with the rim.
    radius : int
        Longest displacement along columns and along rows, in pixels: zero is in the middle of each
        square.
    penalties : tuple of float
        Cost of a change of the displacement by one pixel and by more, between neighbouring nodes.

    Returns
    -------
    u, v : ndarray
        float32 ``(rows, columns)``, the displacement of each node (pixel).
    """
    totals = np.zeros_like(costs)
    small, large = (f32(penalty) for penalty in penalties)
    for down, right in PATHS:
        _add_path(costs, totals, radius, small, large, down, right)
    return _cheapest_displacement(totals, radius)


@compile_kernel
def _add_path(
    costs: FloatArray,
    totals: FloatArray,
    radius: int,
    small: np.float32,
    large: np.float32,
    down: int,
    right: int,
) -> None:
    """Add the costs accumulated along one direction to the totals."""
    rows, columns, size = costs.shape
    rim = 2 * radius + 3
    paths = np.full((2, columns, size), OUTSIDE_COST, np.float32)
    least = np.empty((2, columns), np.float32)
    near = np.empty(size, np.float32)
    lanes = np.empty(16, np.float32)
    for m in range(rows):
        i = m if down >= 0 else rows - 1 - m
        own = m & 1
        for n in range(columns):
            j = n if right >= 0 else columns - 1 - n
            before_i = i - down
            before_j = j - right
            path = paths[own, j]
            if before_i < 0 or before_i >= rows or before_j < 0 or before_j >= columns:
                path[:] = costs[i, j]
            else:
                slot = own if down == 0 else 1 - own
                lowest = least[slot, before_j]
                _join(costs[i, j], paths[slot, before_j], near, path, rim, lowest, small, large)
            least[own, j] = _add(path, totals[i, j], lanes)


@inline_kernel
def _join(
    cost: FloatArray,
    source: FloatArray,
    near: FloatArray,
    path: FloatArray,
    rim: int,
    lowest: np.float32,
    small: np.float32,
    large: np.float32,
) -> None:
    """Cost of a node along a path: its own plus the cheapest transition from the previous node."""
    ceiling = lowest + large
    # Slices start at the neighbours: Numba checks whether each computed index is negative, which
    # prevents vectorisation.
    start = rim + 1
    stop = source.size - rim - 1
    here = source[start:stop]
    left = source[start - 1 : stop - 1]
    right = source[start + 1 : stop + 1]
    above = source[start - rim : stop - rim]
    below = source[start + rim : stop + rim]
    cost = cost[start:stop]
    path = path[start:stop]
    # Load values before comparing them; `min` would also test for NaN.
    for t in range(stop - start):
        west = left[t]
        east = right[t]
        across = west if west < east else east
        north = above[t]
        south = below[t]
        along = north if north < south else south
        near[t] = (across if across < along else along) + small
    for t in range(stop - start):
        stay = here[t]
        stay = stay if stay < ceiling else ceiling
        step = near[t]
        path[t] = cost[t] + ((stay if stay < step else step) - lowest)


@inline_kernel
def _add(path: FloatArray, total: FloatArray, lanes: FloatArray) -> np.float32:
    """Add the costs of a path to the total; return their minimum."""
    for t in range(path.size):
        total[t] += path[t]
    # One running minimum per vector lane.
    lanes[:] = OUTSIDE_COST
    whole = path.size // lanes.size
    for k in range(whole):
        part = path[k * lanes.size :]
        for t in range(lanes.size):
            value = part[t]
            low = lanes[t]
            lanes[t] = value if value < low else low
    least = OUTSIDE_COST
    for t in range(whole * lanes.size, path.size):
        least = min(least, path[t])
    for t in range(lanes.size):
        least = min(least, lanes[t])
    return least


@compile_kernel
def _cheapest_displacement(totals: FloatArray, radius: int) -> tuple[FloatArray, FloatArray]:
    """Displacement of minimum total cost, refined by a parabola along columns and along rows."""
    rows, columns, size = totals.shape
    rim = 2 * radius + 3
    u = np.empty((rows, columns), np.float32)
    v = np.empty((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            total = totals[i, j]
            # Zero motion wins ties.
            best = size // 2
            for k in range(size):
                if total[k] < total[best]:
                    best = k
            row = best // rim - 1 - radius
            column = best % rim - 1 - radius
            u[i, j] = f32(column)
            v[i, j] = f32(row)
            if abs(column) < radius:
                u[i, j] += _vertex(total[best - 1], total[best], total[best + 1])
            if abs(row) < radius:
                v[i, j] += _vertex(total[best - rim], total[best], total[best + rim])
    return u, v


@inline_kernel
def _vertex(left: np.float32, middle: np.float32, right: np.float32) -> np.float32:
    """Minimum of a parabola through three costs, at most half a pixel from the middle."""
    curvature = left - f32(2) * middle + right
    if curvature < f32(1e-6):
        return f32(0)
    vertex = f32(0.5) * (left - right) / curvature
    return min(max(vertex, f32(-0.5)), f32(0.5))
