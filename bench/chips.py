"""Peers that match chips: those of other libraries, and nested chips as in autoRIFT."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from openpiv import pyprocess
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.matchers.correlation import parabola_vertex
from gdiv.images.arrays import Flow, Image

__all__ = ["nested_chips", "openpiv_windows", "phase_windows"]

#: Displacement ``(2, rows, columns)`` on a lattice of points, NaN where there is none.
Lattice = npt.NDArray[np.float32]

# Nested chips, after autoRIFT (Gardner et al. 2018, doi:10.5194/tc-12-521-2018; Lei et al. 2021,
# doi:10.3390/rs13040749): large chips first, then smaller ones around the result of the larger. The
# smallest chip that agrees with its neighbours is used.
#: Pixels between points, and longest displacement of the largest chips at half resolution.
STEP = 4
FIRST_REACH = 20
#: Search around the displacement of the larger chips, pixels.
NEXT_REACH = 4
#: Largest distance from the median of 5 x 5 neighbours, pixels and in median absolute deviations.
MAX_DEVIATION = 0.5
DEVIATIONS = 3.0
#: Minimum correlation.
MIN_PEAK = 0.3
#: Steps per pixel of phase correlation.
UPSAMPLING = 20


def nested_chips(reference: Image, secondary: Image, smallest: int) -> Flow:
    """Match chips of 64, 32 and 16 pixels, down to a smallest size, by normalised correlation.

    Parameters
    ----------
    reference, secondary : ndarray of float32, shape (H, W)
        Prepared images without gaps.
    smallest : int
        Side of the smallest chip in pixels.
    """
    coarse = [
        cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for image in (reference, secondary)
    ]
    shape = reference.shape
    still = np.zeros((2, *_points(shape)[0].shape), np.float32)
    first = _match(coarse[0], coarse[1], shape, still, 32, FIRST_REACH, scale=0.5)
    found = _filter(first)
    size = 32
    while size >= smallest:
        prior = _fill(found)
        finer = _filter(_match(reference, secondary, shape, prior, size, NEXT_REACH))
        found = np.where(np.isfinite(finer), finer, prior)
        size //= 2
    return _to_pixels(_fill(found), shape)


def _points(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of the points of the lattice."""
    rows, columns = np.meshgrid(
        np.arange(0, shape[0], STEP), np.arange(0, shape[1], STEP), indexing="ij"
    )
    return rows, columns


def _match(
    first: Image,
    second: Image,
    shape: tuple[int, ...],
    prior: Lattice,
    size: int,
    reach: int,
    scale: float = 1.0,
) -> Lattice:
    """Match the chip of each point around a prior displacement."""
    pad = size + reach + int(np.abs(prior).max() * scale) + 2
    border = cv2.BORDER_REFLECT_101
    chips = cv2.copyMakeBorder(first, pad, pad, pad, pad, border)
    area = cv2.copyMakeBorder(second, pad, pad, pad, pad, border)
    rows, columns = _points(shape)
    found = np.full(prior.shape, np.nan, np.float32)
    half = size // 2
    for i, j in np.ndindex(*rows.shape):
        row = int(rows[i, j] * scale) + pad - half
        column = int(columns[i, j] * scale) + pad - half
        across, down = (round(float(part[i, j]) * scale) for part in prior)
        chip = chips[row : row + size, column : column + size]
        top, left = row + down - reach, column + across - reach
        search = area[top : top + size + 2 * reach, left : left + size + 2 * reach]
        surface = np.asarray(cv2.matchTemplate(search, chip, cv2.TM_CCOEFF_NORMED), np.float32)
        _, peak, _, (x, y) = cv2.minMaxLoc(surface)
        if peak > MIN_PEAK and 0 < x < 2 * reach and 0 < y < 2 * reach:
            u = across + x - reach + parabola_vertex(surface[y, x - 1 : x + 2])
            v = down + y - reach + parabola_vertex(surface[y - 1 : y + 2, x])
            found[:, i, j] = u / scale, v / scale
    return found


def _filter(found: Lattice) -> Lattice:
    """Remove vectors that disagree with their neighbours."""
    median = np.stack([median_filter(part, 5) for part in _fill(found)])
    deviation = np.abs(found - median).max(0)
    spread = median_filter(np.nan_to_num(deviation), 5)
    limit = np.maximum(MAX_DEVIATION, DEVIATIONS * spread)
    return np.where(deviation <= limit, found, np.nan).astype(np.float32)


def _fill(found: Lattice) -> Lattice:
    """Fill gaps with the nearest vector, or zero if there is none."""
    gaps = np.isnan(found[0])
    if gaps.all():
        return np.zeros_like(found)
    nearest = ndimage.distance_transform_edt(gaps, return_distances=False, return_indices=True)
    return found[:, *nearest]


def _to_pixels(found: Lattice, shape: tuple[int, ...], step: int = STEP, start: float = 0) -> Flow:
    """Interpolate a lattice to all pixels."""
    rows, columns = (np.arange(size) for size in shape)
    points = np.meshgrid((rows - start) / step, (columns - start) / step, indexing="ij")
    return np.stack(
        [ndimage.map_coordinates(part, points, order=1, mode="nearest") for part in found]
    ).astype(np.float32)


def openpiv_windows(reference: Image, secondary: Image, window: int, search: int) -> Flow:
    """Cross-correlate with OpenPIV's extended search area, every quarter of a window.

    Parameters
    ----------
    reference, secondary : ndarray of float32, shape (H, W)
        Prepared images without gaps.
    window, search : int
        Sides of the window and of the search area in pixels.
    """
    frames = [_to_positive(image) for image in (reference, secondary)]
    step = window // 4
    u, v, _ = pyprocess.extended_search_area_piv(
        *frames,
        window_size=window,
        overlap=search - step,
        search_area_size=search,
        correlation_method="linear",
        normalized_correlation=True,
        sig2noise_method="peak2mean",
    )
    _, rows = pyprocess.get_coordinates(reference.shape, search, search - step)
    lattice = _fill(_filter(np.stack([u, v]).astype(np.float32)))
    start = float(rows.min())
    return _to_pixels(lattice, reference.shape, step, start)


def _to_positive(image: Image) -> npt.NDArray[np.int32]:
    """Convert an image to positive integers, as required by OpenPIV."""
    return (100 * (image - image.min())).astype(np.int32)


def phase_windows(reference: Image, secondary: Image, window: int) -> Flow:
    """Apply scikit-image's phase correlation in windows, every quarter of a window.

    Parameters
    ----------
    reference, secondary : ndarray of float32, shape (H, W)
        Prepared images without gaps.
    window : int
        Side of a window in pixels.
    """
    return _match_windows(reference, secondary, window, _phase_shift)


def _phase_shift(first: Image, second: Image) -> tuple[float, float]:
    """Shift of a window by phase correlation."""
    taper = np.outer(np.hanning(first.shape[0]), np.hanning(first.shape[1]))
    shift, _, _ = phase_cross_correlation(first * taper, second * taper, upsample_factor=UPSAMPLING)
    return -shift[1], -shift[0]


def _match_windows(
    reference: Image,
    secondary: Image,
    window: int,
    shift: Callable[[Image, Image], tuple[float, float]],
) -> Flow:
    """Shift of each window, filtered and interpolated."""
    step = window // 4
    height, width = reference.shape
    rows = range(0, height - window + 1, step)
    columns = range(0, width - window + 1, step)
    lattice = np.array(
        [
            [
                shift(
                    reference[row : row + window, column : column + window],
                    secondary[row : row + window, column : column + window],
                )
                for column in columns
            ]
            for row in rows
        ],
        np.float32,
    )
    found = _fill(_filter(np.moveaxis(lattice, -1, 0)))
    return _to_pixels(found, reference.shape, step, (window - 1) / 2)
