"""Motion of material in a steady velocity field."""

import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Component, Series

__all__ = ["advect"]

MIN_STEPS = 2  # of the integration, even for slow ice


def advect(
    vx: Component, vy: Component, spacing: float, column: Series, row: Series, years: float
) -> tuple[Series, Series]:
    """Advect points in a steady velocity field with fourth-order Runge-Kutta.

    In one step, the fastest ice moves at most one pixel.

    Parameters
    ----------
    vx, vy : ndarray, shape (H, W)
        Velocity in m/yr, positive east and north. Rows run south.
    spacing : float
        Size of a pixel in metres.
    column, row : ndarray, shape (N,)
        Positions in pixels. Beyond the frame the velocity of the nearest pixel is used.
    years : float
        Time to integrate over. Negative values move the points backwards.

    Returns
    -------
    column, row : ndarray, shape (N,)
        Positions after `years`, in pixels.
    """
    fastest = float(np.hypot(vx, vy).max()) / spacing
    steps = max(MIN_STEPS, int(np.ceil(abs(years) * fastest)))
    step = years / steps / spacing

    def step_at(c: Series, r: Series) -> tuple[Series, Series]:
        """Displacement of one step at constant velocity, in pixels."""
        u = ndimage.map_coordinates(vx, [r, c], order=1, mode="nearest")
        v = ndimage.map_coordinates(vy, [r, c], order=1, mode="nearest")
        return step * u, -step * v

    column = column.astype(np.float64)
    row = row.astype(np.float64)
    # Most points of a scene are on rock, and a point at rest stays there.
    u, v = step_at(column, row)
    moving = (u != 0) | (v != 0)
    c, r = column[moving], row[moving]
    for _ in range(steps):
        u1, v1 = step_at(c, r)
        u2, v2 = step_at(c + u1 / 2, r + v1 / 2)
        u3, v3 = step_at(c + u2 / 2, r + v2 / 2)
        u4, v4 = step_at(c + u3, r + v3)
        c = c + (u1 + 2 * u2 + 2 * u3 + u4) / 6
        r = r + (v1 + 2 * v2 + 2 * v3 + v4) / 6
    column[moving], row[moving] = c, r
    return column, row
