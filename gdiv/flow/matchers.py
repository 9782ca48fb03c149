"""One way to match a pair of images, whatever does the matching.

`match(name, reference, secondary)` takes two float32 `(H, W)` images (any brightness scale, NaN no data)
and returns `u, v` in pixels with ``secondary(x + u, y + v) = reference(x, y)``, and a quality in 0..1.
All matchers see the same local contrast, and all are given the same quality: how well the secondary,
moved back by the displacement, agrees with the reference around each pixel.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from gdiv.flow.contrast import local_contrast
from gdiv.flow.horn_schunck import horn_schunck, median_filter, warp
from gdiv.flow.raft import Raft
from gdiv.flow.train import SHIPPED, answer, load_weights

MATCHERS = ("horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")


class Match(NamedTuple):
    """Displacement `u`, `v` (pixels, along columns and rows) and `quality` (0..1), each float32 `(H, W)`.

    `u` and `v` are NaN and `quality` is 0 where either image has no data.
    """

    u: np.ndarray
    v: np.ndarray
    quality: np.ndarray


def match(name: str, reference: np.ndarray, secondary: np.ndarray, network: Raft | None = None) -> Match:
    """Match a pair by the matcher `name`, one of `MATCHERS` or `zero` (no motion, the row to beat).

    Parameters
    ----------
    reference, secondary
        `(H, W)` images of one shape; NaN is no data.
    network
        Weights for `raft`; the ones that ship if left out.

    Raises
    ------
    ValueError
        For an unknown name, or images that are not of one two-dimensional shape.
    """
    if name not in _METHODS and name != "raft":
        raise ValueError(f"no matcher {name!r}; there are: {', '.join(MATCHERS)}, zero")
    if reference.ndim != 2 or reference.shape != secondary.shape:
        raise ValueError(f"two images of one (H, W) shape are needed, got {reference.shape} and {secondary.shape}")
    first, second = local_contrast(reference), local_contrast(secondary)
    u, v = _raft(first, second, network) if name == "raft" else _METHODS[name](first, second)
    u, v = np.ascontiguousarray(u, np.float32), np.ascontiguousarray(v, np.float32)
    quality = agreement(first, second, u, v)
    known = np.isfinite(first) & (quality > 0)
    if name == "zero":  # the row to beat is never left out for matching badly
        quality = known.astype(np.float32)
    return Match(np.where(known, u, np.float32(np.nan)), np.where(known, v, np.float32(np.nan)), quality)


def agreement(first: np.ndarray, second: np.ndarray, u: np.ndarray, v: np.ndarray, sigma: float = 4.0) -> np.ndarray:
    """Local correlation of `first` with `second` moved back by the flow, cut to 0..1; 0 where either has no data.

    `sigma` is the Gaussian neighbourhood in pixels.
    """
    finite = np.isfinite(second)
    moved, valid = warp(
        np.where(finite, second, 0).astype(np.float32), finite.astype(np.float32), np.nan_to_num(u), np.nan_to_num(v)
    )
    valid = (valid > 0) & np.isfinite(first)

    def mean(values):
        return cv2.GaussianBlur(np.where(valid, values, 0).astype(np.float32), (0, 0), sigma) / share

    share = np.maximum(cv2.GaussianBlur(valid.astype(np.float32), (0, 0), sigma), 1e-3)
    a, b = np.nan_to_num(first), moved
    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    spread = np.sqrt(np.maximum((mean(a * a) - mean_a**2) * (mean(b * b) - mean_b**2), 1e-8))
    # A floor above zero keeps "matched badly" apart from "not seen".
    return np.where(valid, np.clip(covariance / spread, 1e-3, 1), 0).astype(np.float32)


@cache
def shipped_network() -> Raft:
    """The network that ships with gdiv, in eval mode."""
    return load_weights(SHIPPED)[0]


def _raft(first, second, network):
    return answer(network or shipped_network(), np.stack([first, second]))


def _bytes(image):
    """Local contrast of plus and minus three as 8 bit, no data as middle grey: what OpenCV's DIS takes."""
    return np.clip(np.nan_to_num(image) * 42 + 128, 0, 255).astype(np.uint8)


def _dis(first, second):
    """Dense inverse search (Kroeger et al. 2016, doi:10.1007/978-3-319-46493-0_29), refined to the finest scale."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    return np.moveaxis(flow.calc(_bytes(first), _bytes(second), None), -1, 0)


def _tv_l1(first, second):
    """TV-L1 (Zach et al. 2007, doi:10.1007/978-3-540-74936-3_22) by scikit-image, which gives rows first."""
    from skimage.registration import optical_flow_tvl1

    return optical_flow_tvl1(np.nan_to_num(first), np.nan_to_num(second), attachment=5)[::-1]


def _ilk(first, second):
    """Iterative Lucas-Kanade (Le Besnerais and Champagnat 2005, doi:10.1109/ICIP.2005.1529706) by scikit-image."""
    from skimage.registration import optical_flow_ilk

    return optical_flow_ilk(np.nan_to_num(first), np.nan_to_num(second), radius=12, gaussian=True)[::-1]


def _correlation(first, second, window=32, step=8, reach=12):
    """Normalised cross-correlation of chips by OpenCV, as in autoRIFT or ImGRAFT; doubtful ones interpolated over.

    A chip averages the motion of all it covers, so a glacier narrower than the window loses speed.
    Displacements beyond `reach` pixels are not found.
    """
    half = window // 2
    chips = cv2.copyMakeBorder(np.nan_to_num(first), half, half, half, half, cv2.BORDER_CONSTANT)
    area = cv2.copyMakeBorder(
        np.nan_to_num(second), half + reach, half + reach, half + reach, half + reach, cv2.BORDER_CONSTANT
    )
    seen = cv2.blur(np.isfinite(first).astype(np.float32), (window, window))
    rows, columns = (np.arange(0, size, step) for size in first.shape)
    field = np.full((2, rows.size, columns.size), np.nan, np.float32)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if seen[row, column] < 0.6:
                continue
            chip = chips[row : row + window, column : column + window]
            surface = cv2.matchTemplate(
                area[row : row + window + 2 * reach, column : column + window + 2 * reach], chip, cv2.TM_CCOEFF_NORMED
            )
            _, peak, _, (x, y) = cv2.minMaxLoc(surface)
            if peak > 0.35 and 0 < x < 2 * reach and 0 < y < 2 * reach:
                field[0, i, j] = x - reach + _vertex(surface[y, x - 1 : x + 2])
                field[1, i, j] = y - reach + _vertex(surface[y - 1 : y + 2, x])
    if np.isnan(field).all():
        return np.zeros_like(first), np.zeros_like(first)
    outlier = np.max([np.abs(part - median_filter(part, 5)) for part in field], axis=0) > 1
    field[:, outlier] = np.nan
    nearest = ndimage.distance_transform_edt(np.isnan(field[0]), return_distances=False, return_indices=True)
    at = np.meshgrid(*(np.arange(size) / step for size in first.shape), indexing="ij")
    return [ndimage.map_coordinates(part[tuple(nearest)], at, order=1, mode="nearest") for part in field]


def _vertex(three):
    """Where the parabola through three equally spaced values has its top, from the middle one."""
    left, middle, right = (float(value) for value in three)
    curvature = left - 2 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0


_METHODS = {
    "horn-schunck": horn_schunck,
    "correlation": _correlation,
    "dis": _dis,
    "tv-l1": _tv_l1,
    "ilk": _ilk,
    "zero": lambda first, second: (np.zeros_like(first), np.zeros_like(first)),
}
