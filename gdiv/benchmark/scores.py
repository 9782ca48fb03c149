"""Scores of a displacement against the truth, by class of pixels and in blocks.

Errors are correlated over some tens of pixels, so the interval of a mean comes from resampling
blocks of `BLOCK` pixels, not pixels. `score_blocks` keeps the sums of each block; `gdiv.benchmark.
intervals` resamples them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gdiv.benchmark.cases import Pair
from gdiv.images.arrays import Flow, Image, Mask, Series

__all__ = [
    "CLASSES",
    "ERROR_EDGES",
    "BlockScores",
    "block_numbers",
    "pixel_classes",
    "score_blocks",
    "sparsification",
    "sparsification_area",
]

#: Side of a block, pixels.
BLOCK = 64
#: Upper bounds of the classes of displacement and of half-width, pixels.
DISPLACEMENTS = (0.3, 1.0, 4.0, 16.0)
HALF_WIDTHS = (8, 16, 32)
#: Distance from a margin within which pixels of both sides belong to it.
MARGIN = 3
#: Minimum displacement of pixels in the bias along flow, pixels.
FAST = 2.0
#: Fraction of the ice with the largest shear.
SHEAR = 0.1

#: Classes of pixels, in this order.
CLASSES = (
    "ice",
    "margin",
    "shear",
    "fast",
    "< 0.3 px",
    "0.3-1 px",
    "1-4 px",
    "4-16 px",
    "> 16 px",
    "half-width < 8 px",
    "half-width 8-16 px",
    "half-width 16-32 px",
    "half-width > 32 px",
    "stable",
)
#: Edges of the histogram of errors, pixels; errors beyond are counted in the outer bins.
ERROR_EDGES = np.concatenate([[0.0], np.geomspace(0.003, 60, 100)])


class BlockScores(NamedTuple):
    """Sums over the pixels of each class in each block.

    Attributes
    ----------
    pixels : ndarray, shape (blocks, classes)
        Pixels with a vector.
    missing : ndarray, shape (blocks, classes)
        Pixels without a vector.
    error : ndarray, shape (blocks, classes)
        Sum of the end-point error in pixels.
    filled : ndarray, shape (blocks, classes)
        The same, but a missing vector counts as zero motion; its error is the true length.
    large : ndarray, shape (blocks, classes)
        Vectors with an error of more than two pixels.
    along, length : ndarray, shape (blocks, classes)
        Sums of the component along the true vector, and of the true length, where it is longer
        than `FAST` or, in a class of displacement, everywhere.
    covered : ndarray, shape (blocks, classes)
        Number of components within one stated sigma, each counted as one half; NaN without
        stated errors.
    histogram : ndarray, shape (blocks, classes, bins)
        Histogram of the error.
    """

    pixels: npt.NDArray[np.float64]
    missing: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    filled: npt.NDArray[np.float64]
    large: npt.NDArray[np.float64]
    along: npt.NDArray[np.float64]
    length: npt.NDArray[np.float64]
    covered: npt.NDArray[np.float64]
    histogram: npt.NDArray[np.float64]


def pixel_classes(pair: Pair) -> dict[str, Mask]:
    """Select the pixels of each class.

    Parameters
    ----------
    pair : Pair
        A pair.

    Returns
    -------
    dict
        Mask of each of `CLASSES`. Without stable ground there is no margin and no half-width.
    """
    ice = pair.ice & pair.counted
    speed = np.hypot(*np.nan_to_num(pair.flow))
    classes = {"ice": ice, "fast": ice & (speed > FAST), "stable": pair.counted & ~pair.ice}
    bounds = [0.0, *DISPLACEMENTS, np.inf]
    names = [name for name in CLASSES if name.endswith("px") and not name.startswith("half")]
    for name, low, high in zip(names, bounds[:-1], bounds[1:], strict=True):
        classes[name] = ice & (speed >= low) & (speed < high)
    classes["shear"] = _most_sheared(pair.flow, ice)
    empty: Mask = np.zeros_like(ice)
    widths = [name for name in CLASSES if name.startswith("half")]
    if pair.ice.all():
        return classes | dict.fromkeys(["margin", *widths], empty)
    inside = ndimage.distance_transform_edt(pair.ice)
    outside = ndimage.distance_transform_edt(~pair.ice)
    classes["margin"] = pair.counted & (inside + outside <= MARGIN)
    at_least = [pair.ice, *(_opening(inside, radius) for radius in HALF_WIDTHS), empty]
    for name, wide, wider in zip(widths, at_least[:-1], at_least[1:], strict=True):
        classes[name] = ice & wide & ~wider
    return classes


def _opening(inside: Image, radius: float) -> Mask:
    """Morphological opening of the ice with a disc: pixels of at least this half-width.

    Ice that leaves the frame is assumed to continue beyond it.
    """
    centres = inside >= radius
    if not centres.any():
        return centres
    return ndimage.distance_transform_edt(~centres) < radius


def _most_sheared(flow: Flow, ice: Mask) -> Mask:
    """Tenth of the ice with the largest shear strain."""
    if not ice.any():
        return ice
    (u_row, u_column), (v_row, v_column) = (np.gradient(part) for part in flow)
    shear = np.hypot(u_column - v_row, u_row + v_column)
    has_shear = ice & np.isfinite(shear)
    return has_shear & (shear >= np.nanquantile(shear[ice], 1 - SHEAR))


def score_blocks(pair: Pair, flow: Flow, sigma: Flow | None = None) -> BlockScores:
    """Score a displacement in blocks.

    Parameters
    ----------
    pair : Pair
        The pair.
    flow : ndarray, shape (2, H, W)
        Estimated displacement in pixels; NaN where there is none.
    sigma : ndarray, shape (2, H, W), optional
        Stated standard error of each component, pixels.

    Returns
    -------
    BlockScores
        Sums for each block of `BLOCK` pixels and each of `CLASSES`.
    """
    error = np.hypot(*(flow - pair.flow))
    length = np.hypot(*pair.flow)
    along = (flow * pair.flow).sum(0) / np.maximum(length, 1e-6)
    covered = np.full(error.shape, np.nan)
    if sigma is not None:
        covered = (np.abs(flow - pair.flow) <= sigma).mean(0)
    blocks = block_numbers(error.shape)
    count = int(blocks.max()) + 1
    bins = np.clip(np.digitize(np.nan_to_num(error), ERROR_EDGES) - 1, 0, len(ERROR_EDGES) - 2)
    shape = (count, len(CLASSES))
    sums = {name: np.zeros(shape) for name in BlockScores._fields if name != "histogram"}
    histogram = np.zeros((*shape, len(ERROR_EDGES) - 1))
    found = np.isfinite(error)
    filled = error.copy()
    filled[~found] = length[~found]
    classes = pixel_classes(pair)
    for number, name in enumerate(CLASSES):
        here = classes[name] & found
        has_no_match = classes[name] & ~found & np.isfinite(length)
        moving = here if name.endswith("px") and "half" not in name else here & (length > FAST)
        sums["pixels"][:, number] = _sum(blocks, here, count)
        sums["missing"][:, number] = _sum(blocks, has_no_match, count)
        sums["error"][:, number] = _sum(blocks, here, count, error)
        sums["filled"][:, number] = _sum(blocks, here | has_no_match, count, filled)
        sums["large"][:, number] = _sum(blocks, here & (error > 2), count)
        sums["along"][:, number] = _sum(blocks, moving, count, along)
        sums["length"][:, number] = _sum(blocks, moving, count, length)
        sums["covered"][:, number] = _sum(blocks, here, count, covered)
        np.add.at(histogram[:, number], (blocks[here], bins[here]), 1)
    return BlockScores(**sums, histogram=histogram)


def block_numbers(shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Number the blocks of an image.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)``.

    Returns
    -------
    ndarray of int, shape (H, W)
        Number of the block of `BLOCK` pixels that each pixel is in.
    """
    rows, columns = np.indices(shape) // BLOCK
    return rows * (columns.max() + 1) + columns


def _sum(
    blocks: npt.NDArray[np.intp], mask: Mask, count: int, values: Image | None = None
) -> npt.NDArray[np.float64]:
    """Sum of values, or number of pixels, of a mask in each block."""
    weights = None if values is None else values[mask]
    return np.bincount(blocks[mask], weights, minlength=count).astype(float)


def sparsification(pair: Pair, flow: Flow, sigma: Flow) -> float:
    """Compute the area under the sparsification error (AUSE) on ice, relative to the mean error.

    Pixels are removed in descending order of stated error. The mean error of the remaining pixels
    is compared with that after removing the largest true errors first (Ilg et al. 2018,
    doi:10.1007/978-3-030-01234-2_40).

    Parameters
    ----------
    pair : Pair
        The pair.
    flow : ndarray, shape (2, H, W)
        Displacement in pixels.
    sigma : ndarray, shape (2, H, W)
        Stated standard error of each component, pixels.

    Returns
    -------
    float
        The area; zero is best. NaN without a pixel.
    """
    mask = pair.ice & pair.counted & np.isfinite(flow).all(0) & np.isfinite(sigma).all(0)
    error = np.hypot(*(flow - pair.flow))[mask]
    if error.size == 0:
        return float("nan")
    return sparsification_area(error, np.hypot(*sigma)[mask])


def sparsification_area(error: Series, stated: Series) -> float:
    """Compute the area of `sparsification` from the errors of pixels.

    Parameters
    ----------
    error, stated : ndarray, shape (N,)
        True and stated error of each pixel.

    Returns
    -------
    float
        The area, relative to the mean error; zero is best.

    Examples
    --------
    >>> sparsification_area(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]))
    0.0
    """
    kept = np.arange(1, error.size + 1)
    by_stated = np.cumsum(error[np.argsort(stated, kind="stable")]) / kept
    by_error = np.cumsum(np.sort(error)) / kept
    return float(np.mean(by_stated - by_error) / error.mean())
