"""Dense inverse search of OpenCV (Kroeger et al. 2016), on local contrast.

https://doi.org/10.1007/978-3-319-46493-0_29
"""

import cv2
import numpy as np
import numpy.typing as npt

from gdiv.images.arrays import Component, Image

__all__ = ["search_patches", "to_bytes"]

#: Grey levels per local standard deviation, so that plus and minus three span eight bits.
LEVELS_PER_SPREAD = 42
#: Grey level of the local mean, and of pixels without data.
MIDDLE_LEVEL = 128


def to_bytes(contrast: Image) -> npt.NDArray[np.uint8]:
    """Convert local contrast to the 8-bit images that OpenCV's optical flow expects.

    Parameters
    ----------
    contrast : ndarray, shape (H, W)
        Local contrast; NaN becomes the middle level.

    Returns
    -------
    ndarray of uint8, shape (H, W)
        Levels from 0 to 255.
    """
    levels = np.nan_to_num(contrast) * LEVELS_PER_SPREAD + MIDDLE_LEVEL
    return np.clip(levels, 0, 255).astype(np.uint8)


def search_patches(
    first: Image, second: Image, start: tuple[Component, Component] | None = None
) -> tuple[Component, Component]:
    """Search patches by gradient descent on a pyramid, down to the finest scale.

    Parameters
    ----------
    first, second : ndarray, shape (H, W)
        Local contrast of the reference and the secondary; NaN is no data.
    start : tuple of ndarray, optional
        Initial displacement, each ``(H, W)`` in pixels; none by default.

    Returns
    -------
    u, v : ndarray, shape (H, W)
        float32, displacement along columns and along rows, in pixels.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    images = (to_bytes(first), to_bytes(second))
    # OpenCV's stubs forbid None, with which the binding allocates the flow itself.
    initial_flow = None if start is None else np.stack(start, axis=-1).astype(np.float32)
    flow = np.asarray(search.calc(*images, initial_flow), np.float32)  # type: ignore[arg-type]
    return flow[..., 0], flow[..., 1]
