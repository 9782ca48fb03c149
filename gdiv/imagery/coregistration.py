"""Measure the shift between two scenes on stable ground.

The shift is measured once per pair, before matching, and subtracted from the displacement of every
matcher. Images are never resampled for it. What a matcher still shows on stable ground afterwards
is its own error.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import ndimage

from gdiv.imagery.pairs import read_pair
from gdiv.images.arrays import Component, Image, Mask
from gdiv.images.contrast import local_contrast
from gdiv.images.statistics import nmad, pool_components

__all__ = [
    "MAX_SPREAD",
    "MIN_BLOCKS",
    "measure_shift",
    "register_pairs",
    "stable_ground_statistics",
]

#: Side of a block in pixels; blocks overlap by half.
BLOCK = 64
#: Least fraction of a block that must be stable ground.
MIN_GROUND = 0.3
#: Least number of blocks from which a shift is computed.
MIN_BLOCKS = 4
#: Largest shift of a block in pixels; a larger one is a false match.
MAX_SHIFT = 4.0
#: Neighbourhood of the local contrast in pixels. The sun changes a slope over wide distances: on
#: the twin, a season's change of the sun reads as up to 0.09 pixels of motion with a neighbourhood
#: of 5 pixels, and as 0.04 at most with 2.
CONTRAST_SIGMA = 2.0
#: Margin around snow that is left out, in pixels, because the edge of the snow moves.
SNOW_MARGIN = 3
#: Largest spread of the blocks in pixels; with more, stable ground has no common shift.
MAX_SPREAD = 0.5
#: Least fraction of the glacier that must have data in both scenes.
MIN_COMMON = 0.5
#: Limits of the ECC iteration, and the side of its Gaussian filter in pixels.
ECC_ITERATIONS = 50
ECC_TOLERANCE = 1e-4
ECC_FILTER = 5


def measure_shift(reference: Image, secondary: Image, stable: Mask) -> dict[str, float]:
    """Measure the shift of stable ground from the reference to the secondary image.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        Images on any scale of brightness. NaN is no data.
    stable : ndarray of bool, shape (H, W)
        Ground that does not move, without snow.

    Returns
    -------
    dict
        ``shift_x``, ``shift_y``: median shift of the blocks in pixels. ``shift_spread``: NMAD of
        the blocks about it. ``before``: NMAD about zero, the misfit without correction.
        ``blocks``: number of blocks. With fewer than four blocks the shift is zero and the spreads
        are NaN.

    Notes
    -----
    In each block of 64 pixels, OpenCV finds the translation that maximises the enhanced
    correlation coefficient over stable ground (Evangelidis and Psarakis 2008,
    https://doi.org/10.1109/TPAMI.2008.113). It interpolates the secondary image and leaves the
    mask out of the sums. Correlation of windows by Fourier transform does neither, and recovered
    only half to four fifths of a known shift.

    Examples
    --------
    >>> texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(160, 161)), 1.5)
    >>> shift = measure_shift(texture[:, 1:], texture[:, :-1], np.ones((160, 160), bool))
    >>> round(shift["shift_x"], 1), round(abs(shift["shift_y"]), 1), shift["blocks"]
    (1.0, 0.0, 16)
    """
    first = local_contrast(reference, CONTRAST_SIGMA)
    second = local_contrast(secondary, CONTRAST_SIGMA)
    ground = (stable & np.isfinite(first) & np.isfinite(second)).astype(np.uint8)
    shifts = _block_shifts(np.nan_to_num(first), np.nan_to_num(second), ground)
    x, y = shifts.T
    if x.size < MIN_BLOCKS:
        return {
            "shift_x": 0.0,
            "shift_y": 0.0,
            "before": float("nan"),
            "shift_spread": float("nan"),
            "blocks": int(x.size),
        }
    return {
        "shift_x": float(np.median(x)),
        "shift_y": float(np.median(y)),
        "before": float(pool_components(nmad(x, 0), nmad(y, 0))),
        "shift_spread": float(pool_components(nmad(x), nmad(y))),
        "blocks": int(x.size),
    }


def _block_shifts(
    reference: Image, secondary: Image, ground: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Plausible shifts (x, y) of the blocks with enough stable ground, ``(N, 2)``."""
    shifts = []
    for row in range(0, ground.shape[0] - BLOCK + 1, BLOCK // 2):
        for column in range(0, ground.shape[1] - BLOCK + 1, BLOCK // 2):
            block = (slice(row, row + BLOCK), slice(column, column + BLOCK))
            if ground[block].mean() < MIN_GROUND:
                continue
            shift = _translation(reference[block], secondary[block], ground[block])
            if np.hypot(*shift) < MAX_SHIFT:
                shifts.append(shift)
    return np.array(shifts).reshape(-1, 2)


def _translation(
    reference: Image, secondary: Image, mask: npt.NDArray[np.uint8]
) -> tuple[float, float]:
    """ECC translation (x, y) of one block in pixels; infinite where it does not converge."""
    start = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, ECC_ITERATIONS, ECC_TOLERANCE)
    try:
        _, warp = cv2.findTransformECC(
            np.ascontiguousarray(reference),  # a block is a view, which OpenCV does not take
            np.ascontiguousarray(secondary),
            start,
            cv2.MOTION_TRANSLATION,
            criteria,
            np.ascontiguousarray(mask),
            ECC_FILTER,
        )
    except cv2.error:
        return np.inf, np.inf
    return float(warp[0, 2]), float(warp[1, 2])


def register_pairs(cube: xr.Dataset, pairs: pd.DataFrame, masks: xr.Dataset) -> pd.DataFrame:
    """Measure the shift of every pair and drop pairs that cannot be registered.

    The images are read from the cube.

    Parameters
    ----------
    cube : xarray.Dataset
        Cube from `gdiv.imagery.cube.load_cube`. Snow in either scene, with a margin, is no stable
        ground.
    pairs : pandas.DataFrame
        Pair table from `gdiv.imagery.pairs.choose_pairs`, with or without the column ``set``.
    masks : xarray.Dataset
        Masks from `gdiv.imagery.outlines.make_masks`.

    Returns
    -------
    pandas.DataFrame
        The pair table with the values of `measure_shift`; ``common``, the fraction of the glacier
        with data in both scenes; ``verdict`` ("use" or "drop"); and ``reason``.

    Raises
    ------
    ValueError
        If no pair of a set is left; the message has the reasons.
    """
    rows = [_register_pair(cube, pair, masks) for pair in pairs.itertuples()]
    table = pairs.join(pd.DataFrame(rows, index=pairs.index))
    sets = table.get("set", pd.Series("", table.index))
    for name, part in table.groupby(sets, sort=False):
        if not (part.verdict == "use").any():
            reasons = "; ".join(dict.fromkeys(part.reason))
            message = f"none of {len(part)} {name} pairs can be used: {reasons}"
            raise ValueError(message.replace("  ", " "))  # of a set without a name
    return table


def _register_pair(cube: xr.Dataset, pair: Any, masks: xr.Dataset) -> dict[str, Any]:
    """Shift of one pair, with its verdict and reason."""
    images = read_pair(cube, pair)
    snow = cube.snow.sel(scene=[pair.reference, pair.secondary]).any("scene").values
    ground = masks.stable.values & ~ndimage.binary_dilation(snow, iterations=SNOW_MARGIN)
    shift = measure_shift(*images, ground)
    in_both = np.isfinite(np.stack(images)).all(0)
    common = float(in_both[masks.glacier.values].mean())
    reason = ""
    if common < MIN_COMMON:
        reason = f"both scenes see only {common:.0%} of the glacier (at least {MIN_COMMON:.0%})"
    elif shift["shift_spread"] > MAX_SPREAD:
        reason = (
            f"stable ground moves by {shift['shift_spread']:.2f} px of spread "
            f"(at most {MAX_SPREAD} px)"
        )
    verdict = "drop" if reason else "use"
    return shift | {"common": common, "verdict": verdict, "reason": reason}


def stable_ground_statistics(
    u: Component, v: Component, stable: Mask, min_pixels: int = 100
) -> dict[str, float]:
    """Compute bias and spread of a displacement on stable ground.

    Parameters
    ----------
    u, v : ndarray, shape (H, W)
        Displacement along columns and along rows, in pixels. NaN is no data.
    stable : ndarray of bool, shape (H, W)
        Ground that does not move.
    min_pixels : int, optional
        Least number of pixels with a displacement; with fewer, all results are NaN.

    Returns
    -------
    dict
        ``bias_x``, ``bias_y``: medians in pixels. ``nmad_x``, ``nmad_y``: NMAD in pixels.
    """
    valid = stable & np.isfinite(u) & np.isfinite(v)
    if valid.sum() < min_pixels:
        return dict.fromkeys(("bias_x", "bias_y", "nmad_x", "nmad_y"), float("nan"))
    x = u[valid]
    y = v[valid]
    return {
        "bias_x": float(np.median(x)),
        "bias_y": float(np.median(y)),
        "nmad_x": nmad(x),
        "nmad_y": nmad(y),
    }
