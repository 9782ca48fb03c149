"""No motion: the baseline that every matcher must beat."""

import numpy as np

from gdiv.images.arrays import Component, Image

__all__ = ["MATCHER"]


class Zero:
    """Zero displacement everywhere."""

    name = "zero"
    label = "no motion"
    colour = "#777777"
    reach = 0.0
    cost = 0.0
    needs = ()
    baseline = True

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Return zero at every pixel.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Zeros.
        """
        return np.zeros_like(reference), np.zeros_like(reference)


MATCHER = Zero()
