"""Classify the pixels of the mask delivered with a scene: clear, snow, water."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MASK_VOID", "SCL_SHADE", "classify"]

#: Classes of Sentinel-2's scene classification (SCL) that show the ground: shadowed terrain (2),
#: vegetation, bare ground, water and unclassified (4 to 7), snow and ice (11). No data, saturated,
#: cloud shadow, cloud and cirrus do not.
SCL_CLEAR = (2, 4, 5, 6, 7, 11)
SCL_SNOW = 11
SCL_SHADE = 2
SCL_WATER = 6
#: Bits of Landsat's qa_pixel for pixels whose ground is hidden: fill, dilated cloud, cirrus, cloud
#: and cloud shadow; and the bits of snow and of water.
QA_HIDDEN = 0b11111
QA_SNOW = 1 << 5
QA_WATER = 1 << 7
#: Bits of the Fmask of HLS for pixels whose ground is hidden: cloud, adjacent to cloud, and cloud
#: shadow; and the bits of snow and of water. The user guide of HLS 2.0 lists them.
FMASK_HIDDEN = 0b1110
FMASK_SNOW = 1 << 4
FMASK_WATER = 1 << 5
#: Values for no data in masks, by kind.
MASK_VOID = {"scl": 0, "qa_pixel": 1, "fmask": 255}


def classify(mask: npt.NDArray[Any], kind: str) -> tuple[npt.NDArray[np.bool_], ...]:
    """Classify the pixels of a mask band.

    Parameters
    ----------
    mask : ndarray
        Values of the mask band.
    kind : {"scl", "qa_pixel", "fmask"}
        Sentinel-2's scene classification, or the quality bits of Landsat or of HLS.

    Returns
    -------
    clear, snow, water : ndarray of bool
        Masks of the shape of `mask`: pixels that show the ground, that are snow or ice, and that
        are water.
    """
    if kind == "scl":
        return np.isin(mask, SCL_CLEAR), mask == SCL_SNOW, mask == SCL_WATER
    hidden, snow, water = (
        (FMASK_HIDDEN, FMASK_SNOW, FMASK_WATER)
        if kind == "fmask"
        else (QA_HIDDEN, QA_SNOW, QA_WATER)
    )
    return (mask & hidden) == 0, (mask & snow) != 0, (mask & water) != 0
