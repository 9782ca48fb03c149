"""The shift between two scenes, measured on ground that does not move.

The shift is carried as a correction of the displacement, so that images are never resampled for it.
"""

import numpy as np
import pandas as pd
import xarray as xr
from skimage.registration import phase_cross_correlation

from gdiv.flow.contrast import local_contrast
from gdiv.imagery.pairs import read_pair


def nmad(values: np.ndarray) -> float:
    """Normalised median absolute deviation, 1.4826 median |x - median x|; NaN left out (Höhle and Höhle 2009)."""
    values = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if values.size else float("nan")


def stable_shift(u: np.ndarray, v: np.ndarray, stable: np.ndarray, least: int = 100) -> dict:
    """Apparent motion of stable ground in a displacement field, pixels.

    Returns
    -------
    dict
        `shift_x`, `shift_y`: medians over `stable`, to be subtracted; `nmad_x`, `nmad_y`: spread about
        them; `pixels`: how many counted. With fewer than `least` pixels the shift is zero and the spread NaN:
        nothing is known, and nothing is corrected.
    """
    known = stable & np.isfinite(u) & np.isfinite(v)
    pixels = int(known.sum())
    if pixels < least:
        return {"shift_x": 0.0, "shift_y": 0.0, "nmad_x": float("nan"), "nmad_y": float("nan"), "pixels": pixels}
    return {
        "shift_x": float(np.median(u[known])), "shift_y": float(np.median(v[known])),
        "nmad_x": nmad(u[known]), "nmad_y": nmad(v[known]), "pixels": pixels,
    }  # fmt: skip


def image_shift(reference: np.ndarray, secondary: np.ndarray, stable: np.ndarray) -> tuple[float, float]:
    """Shift `(x, y)` in pixels, to 0.02, that brings stable ground of the reference onto the secondary's.

    Phase correlation (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156) of the two images' local
    contrast, ice and no data set to zero: one figure a pair, known before anything is matched.
    """
    first, second = (np.where(stable, np.nan_to_num(local_contrast(image)), 0) for image in (reference, secondary))
    # scikit-image gives the shift that moves its second image onto its first, rows first.
    shift, _, _ = phase_cross_correlation(second, first, upsample_factor=50)
    return float(shift[1]), float(shift[0])


def shift_table(cube: xr.Dataset, pairs: pd.DataFrame, stable: np.ndarray) -> pd.DataFrame:
    """`reference`, `secondary`, `shift_x`, `shift_y` (pixels) of every pair, by `image_shift`. Reads the cube."""
    rows = []
    for pair in pairs.drop_duplicates(["reference", "secondary"]).itertuples():
        x, y = image_shift(*read_pair(cube, pair), stable)
        rows.append({"reference": pair.reference, "secondary": pair.secondary, "shift_x": x, "shift_y": y})
    return pd.DataFrame(rows)
