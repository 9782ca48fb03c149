"""Dense inverse search, by OpenCV."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from gdiv.images.arrays import Component, Image
from gdiv.images.contrast import local_contrast

__all__ = ["MATCHER", "to_bytes"]

#: Grey levels per local standard deviation: plus and minus three fill eight bits.
LEVELS_PER_SPREAD = 42
#: Grey level of the local mean, and of pixels without data.
MIDDLE_LEVEL = 128


def to_bytes(contrast: Image) -> npt.NDArray[np.uint8]:
    """Convert local contrast to the eight bits that OpenCV's optical flow takes.

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


class Dis:
    """Dense inverse search (Kroeger et al. 2016), refined to the finest scale.

    Notes
    -----
    https://doi.org/10.1007/978-3-319-46493-0_29
    """

    name = "dis"
    label = "DIS"
    colour = "#CC79A7"
    reach = math.inf
    cost = 1.0
    needs = ()

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Search patches by gradient descent on a pyramid of local contrast.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(0)
        first = to_bytes(local_contrast(reference))
        second = to_bytes(local_contrast(secondary))
        # OpenCV's stubs forbid None, with which the binding allocates the flow itself.
        flow = search.calc(first, second, None)  # type: ignore[call-overload]
        return flow[..., 0], flow[..., 1]


MATCHER = Dis()
