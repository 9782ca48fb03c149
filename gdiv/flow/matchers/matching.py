"""One way to match a pair of images, whatever does the matching.

`match(name, reference, secondary)` takes two float32 `(H, W)` images (any brightness scale, NaN no data)
and returns `u, v` in pixels with ``secondary(x + u, y + v) = reference(x, y)``, and a quality in 0..1.
All matchers see local contrast (Horn-Schunck and RAFT take their own), and all are given the same
quality: how well the secondary, moved back by the displacement, agrees with the reference around each pixel.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from gdiv.extras import requires
from gdiv.flow.blocks import predict_in_blocks, solve_in_blocks
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.relaxation import taps, warp
from gdiv.flow.horn_schunck.solver import DEFAULT, Settings, solve_horn_schunck
from gdiv.images.contrast import local_contrast

if TYPE_CHECKING:
    from gdiv.flow.raft.network import Raft

LARGEST = 6000**2  # pixels that Horn-Schunck solves whole, in about 3 GB,
LARGEST_RAFT = 2048**2  # and RAFT that looks near rest,
LARGEST_ALL_PAIRS = 768**2  # and RAFT of all pairs
MATCHERS = ("horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")


class Match(NamedTuple):
    """Displacement `u`, `v` (pixels, along columns and rows), `quality` (0..1), `residual`, each float32 `(H, W)`.

    `residual` is by how many pixels the way there and back misses its start, if the way back was asked for, else NaN.
    `u`, `v` and `residual` are NaN and `quality` is 0 where either image has no data.
    """

    u: np.ndarray
    v: np.ndarray
    quality: np.ndarray
    residual: np.ndarray


def match_images(
    name: str,
    reference: np.ndarray,
    secondary: np.ndarray,
    network: "Raft | None" = None,
    *,
    settings: Settings | None = None,
    regions: np.ndarray | None = None,
    check_consistency: bool = False,
) -> Match:
    """Match a pair by the matcher `name`, one of `MATCHERS` or `zero` (no motion, the row to beat).

    Parameters
    ----------
    reference, secondary
        `(H, W)` images of one shape; NaN is no data.
    network
        Weights for `raft`; the ones that ship if left out.
    settings
        Of `horn-schunck`; its defaults if left out.
    regions
        Boolean `(H, W)`: inside and outside are matched apart, so that still rock does not slow the ice beside
        it, nor the ice move the rock. Horn-Schunck alone can.
    check_consistency
        Match the secondary to the reference, too, for `residual`. Takes twice as long.

    Raises
    ------
    ValueError
        For an unknown name, images that are not of one two-dimensional shape, or `settings` or `regions` with
        another matcher.
    """
    if name not in (*MATCHERS, "zero"):
        raise ValueError(f"no matcher {name!r}; there are: {', '.join(MATCHERS)}, zero")
    if reference.ndim != 2 or reference.shape != secondary.shape:
        raise ValueError(
            f"two images of one (H, W) shape are needed, got {reference.shape} and {secondary.shape}"
        )
    regions = None if regions is None else regions > 0
    if name != "horn-schunck" and (settings is not None or regions is not None):
        raise ValueError(
            f"{name} has no settings and cannot match ice and rock apart; only horn-schunck can"
        )
    first, second = local_contrast(reference), local_contrast(secondary)

    def find(raw, contrast):
        if name == "horn-schunck":
            return _horn_schunck(*raw, settings or DEFAULT, regions)
        u, v = (
            _raft(*raw, network or shipped_network())
            if name == "raft"
            else _METHODS[name](*contrast)
        )
        return np.ascontiguousarray(u, np.float32), np.ascontiguousarray(v, np.float32)

    u, v = find((reference, secondary), (first, second))
    quality, seen = local_correlation(first, second, u, v)
    if name == "zero":  # the row to beat is never left out for matching badly
        quality = seen.astype(np.float32)
    residual = (
        forward_backward_error(u, v, *find((secondary, reference), (second, first)))
        if check_consistency
        else np.full_like(u, np.nan)
    )
    nan = np.float32(np.nan)
    return Match(
        np.where(seen, u, nan), np.where(seen, v, nan), quality, np.where(seen, residual, nan)
    )


def local_correlation(first, second, u, v, sigma: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Local correlation of `first` with `second` moved back by the flow, cut to 0..1, and where both have data.

    `sigma` is the Gaussian neighbourhood in pixels. Images without texture have no correlation: zero.
    """
    finite = np.isfinite(second)
    moved, valid = np.empty(u.shape, np.float32), np.empty(u.shape, np.float32)
    warp(
        taps(np.where(finite, second, 0).astype(np.float32)),
        finite.astype(np.float32),
        np.nan_to_num(u),
        np.nan_to_num(v),
        np.float32(1),
        moved,
        valid,
    )
    seen = (valid > 0) & np.isfinite(first)

    def mean(values):
        return cv2.GaussianBlur(np.where(seen, values, 0).astype(np.float32), (0, 0), sigma) / share

    share = np.maximum(cv2.GaussianBlur(seen.astype(np.float32), (0, 0), sigma), 1e-3)
    a, b = np.nan_to_num(first), moved
    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    spread = np.sqrt(np.maximum((mean(a * a) - mean_a**2) * (mean(b * b) - mean_b**2), 1e-8))
    return np.where(seen, np.clip(covariance / spread, 0, 1), 0).astype(np.float32), seen


def forward_backward_error(u, v, back_u, back_v) -> np.ndarray:
    """Length, in pixels, by which a displacement and the one back from where it leads miss the start, `(H, W)`.

    Large where a matcher was wrong in one direction, or where what was there is no longer; small does not mean right.
    """
    height, width = u.shape
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    at = columns + u, rows + v
    return np.hypot(
        *(
            way + cv2.remap(back, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for way, back in ((u, back_u), (v, back_v))
        )
    )


@cache
def shipped_network() -> "Raft":
    """Load the network that ships with gdiv, in eval mode.

    Raises
    ------
    MissingPackageError
        If PyTorch is not installed.
    """
    with requires("train", "RAFT"):
        from gdiv.flow.raft.checkpoints import load_weights
    return load_weights()[0]


def _horn_schunck(reference, secondary, settings, regions):
    def solve(mask):
        whole = reference.size <= LARGEST
        return (solve_horn_schunck if whole else solve_in_blocks)(
            reference, secondary, settings, mask
        )

    if regions is None or regions.all() or not regions.any():
        return solve(None)
    return tuple(
        np.where(regions, *both) for both in zip(solve(regions), solve(~regions), strict=True)
    )


def _raft(reference, secondary, network):
    from gdiv.flow.raft.network import predict_flow

    near = network.config.reach > 0
    if reference.size <= (LARGEST_RAFT if near else LARGEST_ALL_PAIRS):
        return predict_flow(network, reference, secondary)
    return predict_in_blocks(network, reference, secondary, block=1024 if near else 512)


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

    return optical_flow_ilk(np.nan_to_num(first), np.nan_to_num(second), radius=12, gaussian=True)[
        ::-1
    ]


def correlate_chips(first, second, window=32, step=8, reach=12):
    """Normalised cross-correlation of chips by OpenCV, as in autoRIFT or ImGRAFT; doubtful ones interpolated over.

    A chip averages the motion of all it covers, so a glacier narrower than the window loses speed.
    Displacements beyond `reach` pixels are not found.
    """
    half = window // 2
    chips = cv2.copyMakeBorder(np.nan_to_num(first), half, half, half, half, cv2.BORDER_CONSTANT)
    area = cv2.copyMakeBorder(
        np.nan_to_num(second),
        half + reach,
        half + reach,
        half + reach,
        half + reach,
        cv2.BORDER_CONSTANT,
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
                area[row : row + window + 2 * reach, column : column + window + 2 * reach],
                chip,
                cv2.TM_CCOEFF_NORMED,
            )
            _, peak, _, (x, y) = cv2.minMaxLoc(surface)
            if peak > 0.35 and 0 < x < 2 * reach and 0 < y < 2 * reach:
                field[0, i, j] = x - reach + parabola_vertex(surface[y, x - 1 : x + 2])
                field[1, i, j] = y - reach + parabola_vertex(surface[y - 1 : y + 2, x])
    if np.isnan(field).all():
        return np.zeros_like(first), np.zeros_like(first)
    outlier = np.max([np.abs(part - median_filter(part, 5)) for part in field], axis=0) > 1
    field[:, outlier] = np.nan
    nearest = ndimage.distance_transform_edt(
        np.isnan(field[0]), return_distances=False, return_indices=True
    )
    at = np.meshgrid(*(np.arange(size) / step for size in first.shape), indexing="ij")
    return [
        ndimage.map_coordinates(part[tuple(nearest)], at, order=1, mode="nearest") for part in field
    ]


def parabola_vertex(three):
    """Where the parabola through three equally spaced values has its top, from the middle one."""
    left, middle, right = (float(value) for value in three)
    curvature = left - 2 * middle + right
    return 0.5 * (left - right) / curvature if curvature < 0 else 0.0


_METHODS = {
    "correlation": correlate_chips,
    "dis": _dis,
    "tv-l1": _tv_l1,
    "ilk": _ilk,
    "zero": lambda first, second: (np.zeros_like(first), np.zeros_like(first)),
}
