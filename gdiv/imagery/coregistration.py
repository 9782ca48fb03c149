"""How far two scenes are out of register, measured on ground that does not move.

The shift is measured once a pair, before anything is matched, and carried as a correction of every
matcher's displacement: images are never resampled for it, and what a matcher then still shows on stable
ground is its own error. (A matcher's own median there would not do: smoothness and wide windows drag the
ground beside fast ice along, and subtracting that takes speed from the ice.)
"""

import numpy as np
import pandas as pd
import xarray as xr
from skimage.registration import phase_cross_correlation

from gdiv.flow.contrast import local_contrast
from gdiv.imagery.pairs import read_pair

WINDOW = 32  # pixels a side
FARTHEST = 4.0  # pixels: a window that says more has found something else
LEAST_WINDOWS = 8


def nmad(values: np.ndarray) -> float:
    """Normalised median absolute deviation, 1.4826 median |x - median x|; NaN left out (Höhle and Höhle 2009)."""
    values = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if values.size else float("nan")


def image_shift(reference: np.ndarray, secondary: np.ndarray, stable: np.ndarray, most: int = 150) -> dict:
    """Shift of stable ground from the reference to the secondary, in pixels.

    Windows that hold nothing but stable ground and data are cross-correlated by upsampled Fourier transform
    (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156); the median of up to `most` of them counts. One
    correlation of the whole masked image would not do: the mask's edge never moves and halves the shift.

    Returns
    -------
    dict
        `shift_x`, `shift_y`; `shift_spread` (NMAD over the windows); `windows`. With fewer than eight windows
        nothing is known: the shift is zero and the spread NaN.
    """
    first, second = local_contrast(reference), local_contrast(secondary)
    good = stable & np.isfinite(first) & np.isfinite(second)
    starts = [range(0, size - WINDOW + 1, WINDOW // 2) for size in good.shape]
    windows = [(slice(r, r + WINDOW), slice(c, c + WINDOW)) for r in starts[0] for c in starts[1]]
    windows = [window for window in windows if good[window].mean() > 0.97]
    shifts = []
    for window in windows[:: max(1, len(windows) // most)]:
        a, b = np.nan_to_num(first[window]), np.nan_to_num(second[window])
        # scikit-image gives the shift that moves its second image onto its first, rows first.
        (down, right), _, _ = phase_cross_correlation(b, a, upsample_factor=20, normalization=None)
        if np.hypot(down, right) < FARTHEST:
            shifts.append((right, down))
    if len(shifts) < LEAST_WINDOWS:
        return {"shift_x": 0.0, "shift_y": 0.0, "shift_spread": float("nan"), "windows": len(shifts)}
    x, y = np.array(shifts).T
    spread = float(np.sqrt((nmad(x) ** 2 + nmad(y) ** 2) / 2))
    return {
        "shift_x": float(np.median(x)),
        "shift_y": float(np.median(y)),
        "shift_spread": spread,
        "windows": len(shifts),
    }


def add_shifts(cube: xr.Dataset, pairs: pd.DataFrame, stable: np.ndarray) -> pd.DataFrame:
    """The pair table with the columns of `image_shift`. Reads the cube."""
    shifts = [image_shift(*read_pair(cube, pair), stable) for pair in pairs.itertuples()]
    return pairs.join(pd.DataFrame(shifts, index=pairs.index))


def stable_ground(u: np.ndarray, v: np.ndarray, stable: np.ndarray, least: int = 100) -> dict:
    """What a displacement field shows on `stable`: `bias_x`, `bias_y` (medians) and `nmad_x`, `nmad_y`, pixels.

    NaN with fewer than `least` pixels.
    """
    known = stable & np.isfinite(u) & np.isfinite(v)
    if known.sum() < least:
        return dict.fromkeys(("bias_x", "bias_y", "nmad_x", "nmad_y"), float("nan"))
    x, y = u[known], v[known]
    return {"bias_x": float(np.median(x)), "bias_y": float(np.median(y)), "nmad_x": nmad(x), "nmad_y": nmad(y)}
