"""Finest level alone: choose between displacements, and solve starting from one of them.

Other matchers use these two steps of Horn-Schunck without its pyramid and its searches.
"""

from collections.abc import Sequence

import numpy as np

from gdiv.flow.horn_schunck import kernels_numba
from gdiv.flow.horn_schunck.compilation import FloatArray
from gdiv.flow.horn_schunck.fusion import fuse
from gdiv.flow.horn_schunck.pyramid import compare_level, prepare_levels
from gdiv.flow.horn_schunck.settings import DEFAULT, Settings
from gdiv.images.arrays import Flow, Image

__all__ = ["FinestLevel"]


class FinestLevel:
    """Local contrast of both images, on a CPU.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        The earlier and the later image; NaN is no data.
    settings : Settings, optional
        Settings of the solver.
    """

    def __init__(self, reference: Image, secondary: Image, settings: Settings = DEFAULT) -> None:
        self.settings = settings
        self.shape = reference.shape
        pyramid, floors = prepare_levels(kernels_numba, reference, secondary, settings, None, None)
        pair = pyramid[0][:2]
        self.first, self.second = compare_level(kernels_numba, pair, floors, settings)
        self.mask = pyramid[0][2]

    def choose(self, proposals: Sequence[Flow], handicaps: Sequence[float]) -> Flow:
        """Choose the best of several displacements at each pixel.

        Parameters
        ----------
        proposals : sequence of ndarray, shape (2, H, W)
            Displacements in pixels, finite everywhere.
        handicaps : sequence of float
            Cost of each proposal beyond that of its correlation.

        Returns
        -------
        ndarray, shape (2, H, W)
            float32, the displacement of the proposal chosen.
        """
        padded = [self._pad(flow) for flow in proposals]
        return self._crop(*fuse(self.first, self.second, padded, handicaps))

    def solve(self, start: Flow, slopes: Sequence[float]) -> Flow:
        """Solve the robust equations from a start.

        Parameters
        ----------
        start : ndarray, shape (2, H, W)
            Displacement in pixels, finite everywhere.
        slopes : sequence of float
            Slope of the displacement beyond which its change costs little, one for each warp.

        Returns
        -------
        ndarray, shape (2, H, W)
            float32, displacement in pixels.
        """
        settings = self.settings
        workspace = kernels_numba.RobustWorkspace(
            self.first, self.second, self.mask, settings.stencil
        )
        omegas = settings.relaxation_factors()
        u, v = self._pad(start)
        for slope in slopes:
            u, v = workspace.update_flow(u, v, settings.weight, omegas, slope)
        return self._crop(u, v)

    def _pad(self, flow: Flow) -> tuple[FloatArray, FloatArray]:
        """Both components, extended at the bottom and at the right as the levels are."""
        margins = [(0, own - side) for own, side in zip(self.first.shape, self.shape, strict=True)]
        u, v = np.pad(flow, ((0, 0), *margins), mode="edge").astype(np.float32)
        return u, v

    def _crop(self, u: FloatArray, v: FloatArray) -> Flow:
        """Both components without the extension."""
        height, width = self.shape
        return np.stack([u[:height, :width], v[:height, :width]])
