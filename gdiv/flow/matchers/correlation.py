"""Normalised cross-correlation of chips, by OpenCV."""

import cv2
import numpy as np
from cv2.typing import MatLike
from scipy import ndimage

from gdiv.flow.horn_schunck.median import median_filter
from gdiv.images.arrays import Component, Flow, Image, Series
from gdiv.images.contrast import local_contrast

__all__ = ["MATCHER", "correlate_chips", "parabola_vertex"]

#: Side of a chip in pixels.
WINDOW = 32
#: Pixels between the centres of chips; the displacement is interpolated between them.
STEP = 8
#: Longest displacement searched for, in pixels.
REACH = 12
#: Minimum fraction of valid pixels in a chip.
MIN_DATA = 0.6
#: Minimum correlation of a match.
MIN_PEAK = 0.35
#: Distance in pixels from the median of its neighbours above which a vector is an outlier.
MAX_DEVIATION = 1.0


def correlate_chips(
    first: Image, second: Image, window: int = WINDOW, step: int = STEP, reach: int = REACH
) -> tuple[Component, Component]:
    """Match chips of one image in another and interpolate between their centres.

    Parameters
    ----------
    first, second : ndarray, shape (H, W)
        Images, usually local contrast; NaN is no data.
    window : int, optional
        Side of a chip in pixels. A chip averages the motion of its whole area, which underestimates
        the speed of glaciers narrower than the window. A larger window matches weaker texture.
    step : int, optional
        Pixels between chips.
    reach : int, optional
        Longest displacement that can be found, in pixels. A larger value takes longer.

    Returns
    -------
    u, v : ndarray, shape (H, W)
        Displacement in pixels. Unreliable chips are replaced by their nearest neighbour; zero if no
        chip matches.
    """
    field = _match_on_lattice(first, second, window, step, reach)
    if np.isnan(field).all():
        return np.zeros_like(first), np.zeros_like(first)
    deviation = np.max([np.abs(part - median_filter(part, 5)) for part in field], axis=0)
    field[:, deviation > MAX_DEVIATION] = np.nan
    nearest = ndimage.distance_transform_edt(
        np.isnan(field[0]), return_distances=False, return_indices=True
    )
    filled = field[:, *nearest]
    lattice = np.meshgrid(*(np.arange(size) / step for size in first.shape), indexing="ij")
    u, v = (ndimage.map_coordinates(part, lattice, order=1, mode="nearest") for part in filled)
    return u, v


def _match_on_lattice(first: Image, second: Image, window: int, step: int, reach: int) -> Flow:
    """Displacement of each chip, ``(2, rows, columns)``; NaN where it has no clear match."""
    half = window // 2
    margin = half + reach
    chips = cv2.copyMakeBorder(np.nan_to_num(first), half, half, half, half, cv2.BORDER_CONSTANT)
    area = cv2.copyMakeBorder(
        np.nan_to_num(second), margin, margin, margin, margin, cv2.BORDER_CONSTANT
    )
    coverage = cv2.blur(np.isfinite(first).astype(np.float32), (window, window))
    rows = np.arange(0, first.shape[0], step)
    columns = np.arange(0, first.shape[1], step)
    field = np.full((2, rows.size, columns.size), np.nan, np.float32)
    side = window + 2 * reach
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if coverage[row, column] < MIN_DATA:
                continue
            chip = chips[row : row + window, column : column + window]
            search = area[row : row + side, column : column + side]
            field[:, i, j] = _match_chip(chip, search, reach)
    return field


def _match_chip(chip: MatLike, search: MatLike, reach: int) -> tuple[float, float]:
    """Displacement of one chip within its search area, to a fraction of a pixel, or NaN."""
    # The surface is float32; OpenCV's stubs leave its type open.
    surface: Image = cv2.matchTemplate(  # type: ignore[assignment]
        search, chip, cv2.TM_CCOEFF_NORMED
    )
    _, peak, _, (x, y) = cv2.minMaxLoc(surface)
    inside = 0 < x < 2 * reach and 0 < y < 2 * reach
    if peak <= MIN_PEAK or not inside:
        return np.nan, np.nan
    u = x - reach + parabola_vertex(surface[y, x - 1 : x + 2])
    v = y - reach + parabola_vertex(surface[y - 1 : y + 2, x])
    return u, v


def parabola_vertex(values: Series) -> float:
    """Find the maximum of a parabola through three equally spaced values.

    Parameters
    ----------
    values : ndarray, shape (3,)
        Values at -1, 0 and 1.

    Returns
    -------
    float
        Position of the maximum; 0 if the parabola has none.

    Examples
    --------
    >>> parabola_vertex(np.array([0.0, 1.0, 0.5]))
    0.16666666666666666
    """
    left, middle, right = (float(value) for value in values)
    curvature = left - 2 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0


class Correlation:
    """Normalised cross-correlation of chips, as in autoRIFT and ImGRAFT."""

    name = "correlation"
    label = "Correlation"
    colour = "#009E73"
    reach = float(REACH)
    cost = 10.0
    needs = ()

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Correlate chips of local contrast.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        return correlate_chips(local_contrast(reference), local_contrast(secondary))


MATCHER = Correlation()
