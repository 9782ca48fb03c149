"""How far two scenes are out of register, measured on ground that does not move.

The shift is measured once a pair, before anything is matched, and carried as a correction of every
matcher's displacement: images are never resampled for it, and what a matcher then still shows on stable
ground is its own error.
"""

import cv2
import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

from gdiv.imagery.pairs import read_pair
from gdiv.images.contrast import local_contrast

BLOCK = 64  # pixels a side, half overlapping
MIN_GROUND = 0.3  # share of a block
MIN_BLOCKS = 4
MAX_SHIFT = 4.0  # pixels: a block that says more has found something else
# Neighbourhood of the contrast, pixels: what the sun does to a slope is wide, and with 5 pixels a season's change of
# the sun read as up to 0.09 pixels of motion on the twin, with 2 as 0.04 at most.
CONTRAST = 2.0
SNOW_MARGIN = 3  # pixels around snow that are left out, where its edge creeps
MAX_SPREAD = 0.5  # pixels over the blocks: with more, stable ground has not one shift
MIN_COMMON = 0.5  # share of the glacier seen on both dates


def nmad(values: np.ndarray, middle: float | None = None) -> float:
    """Normalised median absolute deviation, `1.4826 median |x - median x|`; NaN left out (Höhle and Höhle 2009).

    With `middle` the deviation from that, so that an offset counts, too.
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan")
    return float(
        1.4826 * np.median(np.abs(values - (np.median(values) if middle is None else middle)))
    )


def measure_shift(reference: np.ndarray, secondary: np.ndarray, stable: np.ndarray) -> dict:
    """Shift of stable ground from the reference to the secondary, in pixels; `stable` should be free of snow.

    In blocks of 64 pixels the translation is found that maximises the correlation over stable ground (ECC,
    Evangelidis and Psarakis 2008, doi:10.1109/TPAMI.2008.113, by OpenCV); their median counts. ECC reads the
    secondary between pixels and leaves the mask out of the sums. Correlating windows by Fourier transform does
    neither: on scenes with a planted shift it gave back half to four fifths of it.

    Returns
    -------
    dict
        `shift_x`, `shift_y`; `blocks`; `before` and `shift_spread`, how far the blocks are from zero and from the
        shift (1.4826 median deviation). With fewer than four blocks nothing is known: the shift is zero, those NaN.
    """
    first, second = local_contrast(reference, CONTRAST), local_contrast(secondary, CONTRAST)
    ground = (stable & np.isfinite(first) & np.isfinite(second)).astype(np.uint8)
    first, second = np.nan_to_num(first), np.nan_to_num(second)
    shifts = []
    for row in range(0, ground.shape[0] - BLOCK + 1, BLOCK // 2):
        for column in range(0, ground.shape[1] - BLOCK + 1, BLOCK // 2):
            block = (slice(row, row + BLOCK), slice(column, column + BLOCK))
            if ground[block].mean() >= MIN_GROUND:
                shifts.append(
                    _translation(
                        *(np.ascontiguousarray(part[block]) for part in (first, second, ground))
                    )
                )
    x, y = np.array([shift for shift in shifts if np.hypot(*shift) < MAX_SHIFT]).reshape(-1, 2).T
    nan = float("nan")
    if x.size < MIN_BLOCKS:
        return {
            "shift_x": 0.0,
            "shift_y": 0.0,
            "before": nan,
            "shift_spread": nan,
            "blocks": int(x.size),
        }
    return {
        "shift_x": float(np.median(x)),
        "shift_y": float(np.median(y)),
        "before": float(np.hypot(nmad(x, 0), nmad(y, 0)) / np.sqrt(2)),
        "shift_spread": float(np.hypot(nmad(x), nmad(y)) / np.sqrt(2)),
        "blocks": int(x.size),
    }


def _translation(first, second, mask):
    """The ECC translation of one block, or one out of reach where it does not converge."""
    warp = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)
    try:
        _, warp = cv2.findTransformECC(first, second, warp, cv2.MOTION_TRANSLATION, stop, mask, 5)
    except cv2.error:
        return np.inf, np.inf
    return float(warp[0, 2]), float(warp[1, 2])


def register_pairs(cube: xr.Dataset, pairs: pd.DataFrame, masks: xr.Dataset) -> pd.DataFrame:
    """The pair table with the columns of `image_shift`, `common`, `verdict` and `reason`. Reads the cube.

    Snow, by the scenes' masks, is no stable ground. `common` is the share of the glacier that both scenes see. A pair
    is dropped where that is too little, or where stable ground does not agree on one shift.

    Raises
    ------
    ValueError
        If no pair of a `set` is left; the message has the reasons.
    """
    ids, rows = list(cube.attrs["scene_ids"]), []
    for pair in pairs.itertuples():
        images = read_pair(cube, pair)
        snow = (
            cube.snow.isel(scene=[ids.index(pair.reference), ids.index(pair.secondary)])
            .any("scene")
            .values
        )
        ground = masks.stable.values & ~ndimage.binary_dilation(snow, iterations=SNOW_MARGIN)
        shift = measure_shift(*images, ground)
        common = float(np.isfinite(np.stack(images)).all(0)[masks.glacier.values].mean())
        reason = ""
        if common < MIN_COMMON:
            reason = f"both scenes see only {common:.0%} of the glacier (at least {MIN_COMMON:.0%})"
        elif shift["shift_spread"] > MAX_SPREAD:
            reason = f"stable ground moves by {shift['shift_spread']:.2f} px of spread (at most {MAX_SPREAD} px)"
        rows.append(
            shift | {"common": common, "verdict": "drop" if reason else "use", "reason": reason}
        )
    table = pairs.join(pd.DataFrame(rows, index=pairs.index))
    for name, part in table.groupby(table.get("set", pd.Series("", table.index)), sort=False):
        if not (part.verdict == "use").any():
            told = "; ".join(dict.fromkeys(part.reason))
            raise ValueError(
                f"none of {len(part)} {name} pairs can be used: {told}".replace("  ", " ")
            )
    return table


def stable_ground_statistics(
    u: np.ndarray, v: np.ndarray, stable: np.ndarray, least: int = 100
) -> dict:
    """What a displacement field shows on `stable`: `bias_x`, `bias_y` (medians) and `nmad_x`, `nmad_y`, pixels.

    NaN with fewer than `least` pixels.
    """
    known = stable & np.isfinite(u) & np.isfinite(v)
    if known.sum() < least:
        return dict.fromkeys(("bias_x", "bias_y", "nmad_x", "nmad_y"), float("nan"))
    x, y = u[known], v[known]
    return {
        "bias_x": float(np.median(x)),
        "bias_y": float(np.median(y)),
        "nmad_x": nmad(x),
        "nmad_y": nmad(y),
    }
