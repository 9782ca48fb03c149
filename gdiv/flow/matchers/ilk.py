"""Iterative Lucas-Kanade, by scikit-image."""

import math

import numpy as np

from gdiv.images.arrays import Component, Image
from gdiv.images.contrast import local_contrast

__all__ = ["MATCHER"]

#: Radius of the window in pixels; a larger window averages motion over a larger area.
RADIUS = 12


class Ilk:
    """Iterative Lucas-Kanade with Gaussian windows (Le Besnerais and Champagnat 2005).

    Notes
    -----
    https://doi.org/10.1109/ICIP.2005.1529706
    """

    name = "ilk"
    label = "ILK"
    colour = "#56B4E9"
    reach = math.inf
    cost = 20.0
    needs = ()

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Solve for one displacement per window of local contrast.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        from skimage.registration import optical_flow_ilk

        first = np.nan_to_num(local_contrast(reference))
        second = np.nan_to_num(local_contrast(secondary))
        v, u = optical_flow_ilk(first, second, radius=RADIUS, gaussian=True)  # rows first
        return u, v


MATCHER = Ilk()
