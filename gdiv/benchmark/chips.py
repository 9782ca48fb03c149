"""Chips of real images that correlation matches reliably, as a reference for other matchers."""

import cv2
import numpy as np
import numpy.typing as npt

from gdiv.flow.matchers.correlation import parabola_vertex
from gdiv.images.arrays import Image, Mask

__all__ = ["match_chips"]

# Chips that are matched reliably; chosen by eye on these scenes.
#: Side of a chip, longest displacement and distance between chips, pixels.
CHIP = 48
CHIP_REACH = 10
CHIP_STEP = 16
#: Minimum correlation, and maximum forward-backward error in pixels.
MIN_CORRELATION = 0.7
MAX_CHIP_ERROR = 0.3


def match_chips(
    reference: Image, secondary: Image, ice: Mask, side: int = CHIP
) -> npt.NDArray[np.float64]:
    """Match chips on ice by correlation, and keep those that agree in both directions.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        Images; NaN is no data.
    ice : ndarray of bool, shape (H, W)
        Ice; only chips that lie entirely on ice are used.
    side : int, optional
        Side of a chip in pixels. Smaller ones fit onto narrower ice and are less reliable.

    Returns
    -------
    ndarray, shape (N, 4)
        Row and column of the centre of each chip, and its displacement (u, v) in pixels. The chips
        are matched by correlation, so they favour the matcher "correlation".
    """
    half = side // 2
    margin = half + CHIP_REACH
    reference = np.nan_to_num(reference)
    secondary = np.nan_to_num(secondary)
    height, width = reference.shape
    matches = []
    for row in range(margin, height - margin, CHIP_STEP):
        for column in range(margin, width - margin, CHIP_STEP):
            if not ice[row - half : row + half, column - half : column + half].all():
                continue
            forward = _match_chip(reference, secondary, row, column, side)
            backward = _match_chip(secondary, reference, row, column, side) if forward else None
            if forward is None or backward is None:
                continue
            error = np.hypot(forward[0] + backward[0], forward[1] + backward[1])
            if error < MAX_CHIP_ERROR:
                matches.append((row, column, *forward))
    return np.array(matches).reshape(-1, 4)


def _match_chip(
    reference: Image, secondary: Image, row: int, column: int, side: int
) -> tuple[float, float] | None:
    """Displacement of the chip around a pixel; None if it correlates poorly."""
    half = side // 2
    margin = half + CHIP_REACH
    chip = reference[row - half : row + half, column - half : column + half]
    area = secondary[row - margin : row + margin, column - margin : column + margin]
    surface = np.asarray(cv2.matchTemplate(area, chip, cv2.TM_CCOEFF_NORMED), np.float32)
    _, peak, _, (x, y) = cv2.minMaxLoc(surface)
    inside = 0 < x < 2 * CHIP_REACH and 0 < y < 2 * CHIP_REACH
    if peak < MIN_CORRELATION or not inside:
        return None
    u = x - CHIP_REACH + parabola_vertex(surface[y, x - 1 : x + 2])
    v = y - CHIP_REACH + parabola_vertex(surface[y - 1 : y + 2, x])
    return u, v
