"""Total variation and absolute differences, by scikit-image."""

import math

import numpy as np

from gdiv.images.arrays import Component, Image
from gdiv.images.contrast import local_contrast

__all__ = ["MATCHER"]

#: Weight of the image difference relative to the total variation; smaller values are smoother.
ATTACHMENT = 5


class TvL1:
    """Duality-based TV-L1 optical flow (Zach et al. 2007).

    Notes
    -----
    https://doi.org/10.1007/978-3-540-74936-3_22
    """

    name = "tv-l1"
    label = "TV-L1"
    colour = "#E69F00"
    reach = math.inf
    cost = 100.0
    needs = ()

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Minimise total variation and the absolute difference of local contrast.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        from skimage.registration import optical_flow_tvl1

        first = np.nan_to_num(local_contrast(reference))
        second = np.nan_to_num(local_contrast(secondary))
        v, u = optical_flow_tvl1(first, second, attachment=ATTACHMENT)  # rows first
        return u, v


MATCHER = TvL1()
