"""Polynomial expansion, by OpenCV."""

import cv2

from gdiv.flow.inverse_search import to_bytes
from gdiv.images.arrays import Component, Image
from gdiv.images.contrast import local_contrast

__all__ = ["MATCHER"]

#: Pyramid levels, each half the size of the previous one.
LEVELS = 5
#: Side of the averaging window in pixels; best of 15 to 121 on clean synthetic pairs (bench).
WINDOW = 41
#: Iterations per level.
ITERATIONS = 5
#: Neighbourhood of the polynomials in pixels, and the standard deviation that weights it.
NEIGHBOURHOOD = 7
NEIGHBOURHOOD_SIGMA = 1.5


class Farneback:
    """Displacement of polynomials fitted around each pixel (Farnebäck 2003).

    Notes
    -----
    https://doi.org/10.1007/3-540-45103-X_50
    """

    name = "farneback"
    label = "Farnebäck"
    colour = "#999933"
    reach = float(WINDOW)
    cost = 5.0
    needs = ()

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Fit polynomials to local contrast and solve for their displacement.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            The earlier and the later image; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and along rows, in pixels.
        """
        # OpenCV's stubs forbid None, with which the binding allocates the flow itself.
        flow = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]
            to_bytes(local_contrast(reference)),
            to_bytes(local_contrast(secondary)),
            None,
            0.5,
            LEVELS,
            WINDOW,
            ITERATIONS,
            NEIGHBOURHOOD,
            NEIGHBOURHOOD_SIGMA,
            cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
        )
        return flow[..., 0], flow[..., 1]


MATCHER = Farneback()
