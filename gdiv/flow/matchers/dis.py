"""Dense inverse search, by OpenCV."""

import math

from gdiv.flow.inverse_search import search_patches
from gdiv.images.arrays import Component, Image
from gdiv.images.contrast import local_contrast

__all__ = ["MATCHER"]


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
        return search_patches(local_contrast(reference), local_contrast(secondary))


MATCHER = Dis()
