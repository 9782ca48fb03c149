"""Interface of both Horn-Schunck backends, and the choice between them."""

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, Union

import numpy as np
import numpy.typing as npt

from gdiv.flow.horn_schunck import kernels_numba
from gdiv.flow.horn_schunck.settings import Stencil

if TYPE_CHECKING:
    import torch

__all__ = ["Array", "ArrayT", "Backend", "RobustWarps", "WarpWorkspace", "select_backend"]

#: An image or a component of the displacement, of either backend.
Array: TypeAlias = Union[npt.NDArray[Any], "torch.Tensor"]
#: The array type of one call: images, mask and displacement are of one kind.
ArrayT = TypeVar("ArrayT", npt.NDArray[Any], "torch.Tensor")


class WarpWorkspace(Protocol):
    """Arrays of one pyramid level that its warps share."""

    def update_flow(
        self,
        u: Any,
        v: Any,
        weight: float,
        omegas: npt.NDArray[np.float32],
        symmetric: bool,
    ) -> tuple[Any, Any]:
        """Solve the equations linearised at a displacement.

        Parameters
        ----------
        u, v : ndarray or torch.Tensor
            Displacement to linearise at, in pixels of the level.
        weight : float
            Weight of the smoothness term.
        omegas : ndarray, shape (N,)
            Relaxation factor of each Jacobi step.
        symmetric : bool
            Warp both images by half of the displacement, not the secondary by all of it.

        Returns
        -------
        u, v : ndarray or torch.Tensor
            The new displacement.
        """


class RobustWarps(Protocol):
    """Arrays of one pyramid level that its warps with robust penalties share."""

    def update_flow(
        self, u: Any, v: Any, weight: float, omegas: npt.NDArray[np.float32], slope: float
    ) -> tuple[Any, Any]:
        """Solve the equations linearised at a displacement.

        Parameters
        ----------
        u, v : ndarray or torch.Tensor
            Displacement to linearise at, in pixels of the level.
        weight : float
            Weight of the smoothness term.
        omegas : ndarray, shape (N,)
            Relaxation factor of each Jacobi step.
        slope : float
            Change of the displacement between neighbouring pixels at which a margin begins.

        Returns
        -------
        u, v : ndarray or torch.Tensor
            The new displacement.
        """


class Backend(Protocol):
    """Steps of Horn-Schunck for one kind of array.

    `gdiv.flow.horn_schunck.kernels_numba` and `gdiv.flow.horn_schunck.kernels_torch` are its two
    implementations. Both have a class `Level` of their own with the fields `image` and `valid`.
    """

    def finest_level(self, image: Any, multiple: int) -> Any:
        """Turn an image into the finest level of its pyramid.

        Parameters
        ----------
        image : ndarray or torch.Tensor
            Image; NaN is no data.
        multiple : int
            Sides are padded to a multiple of this.

        Returns
        -------
        Level
            The padded image and its mask of valid pixels.
        """

    def pad_mask(self, mask: Any, level: Any) -> Any:
        """Pad a mask with zeros to the shape of a level.

        Parameters
        ----------
        mask : ndarray or torch.Tensor
            Mask of the shape of the image.
        level : Level
            Level of the pyramid.

        Returns
        -------
        ndarray or torch.Tensor
            float32, of the shape of the level.
        """

    def halve(self, level: Any) -> Any:
        """Blur a level and sample it at half the resolution.

        Parameters
        ----------
        level : Level
            Level of the pyramid.

        Returns
        -------
        Level
            The next coarser level.
        """

    def halve_mask(self, mask: Any) -> Any:
        """Halve the resolution of a mask of ones and zeros.

        Parameters
        ----------
        mask : ndarray or torch.Tensor
            Mask of the shape of a level.

        Returns
        -------
        ndarray or torch.Tensor
            Mask of the next coarser level.
        """

    def double(self, component: Any) -> Any:
        """Resample a component of the displacement to the next finer level.

        Parameters
        ----------
        component : ndarray or torch.Tensor
            Component in pixels of its level.

        Returns
        -------
        ndarray or torch.Tensor
            The component in pixels of the next finer level.
        """

    def zero_flow(self, level: Any) -> tuple[Any, Any]:
        """Make a displacement of zero at every pixel of a level.

        Parameters
        ----------
        level : Level
            Level of the pyramid.

        Returns
        -------
        u, v : ndarray or torch.Tensor
            Zeros, float32.
        """

    def measure_grain(self, level: Any) -> Any:
        """Compute the mean absolute difference of horizontal neighbours.

        Parameters
        ----------
        level : Level
            Level of the pyramid.

        Returns
        -------
        float or torch.Tensor
            One number per image.
        """

    def level_contrast(self, level: Any, sigma: float, floor: Any) -> Any:
        """Compute the local contrast of a level.

        Parameters
        ----------
        level : Level
            Level of the pyramid.
        sigma : float
            Width of the neighbourhood in pixels of the level.
        floor : float or torch.Tensor
            Added to the local spread.

        Returns
        -------
        ndarray or torch.Tensor
            float32, of the shape of the level.
        """

    def standardise(self, level: Any) -> Any:
        """Remove the mean of a level and divide by the standard deviation.

        Parameters
        ----------
        level : Level
            Level of the pyramid.

        Returns
        -------
        ndarray or torch.Tensor
            Image with mean zero and spread one.
        """

    def sobel_magnitude(self, level: Any) -> Any:
        """Compute the magnitude of the Sobel gradient.

        Parameters
        ----------
        level : Level
            Level of the pyramid.

        Returns
        -------
        ndarray or torch.Tensor
            Magnitude at each pixel.
        """

    def Workspace(
        self, reference: Any, secondary: Any, mask: Any, stencil: Stencil
    ) -> WarpWorkspace:
        """Allocate the arrays that the warps of one level share.

        Parameters
        ----------
        reference, secondary : ndarray or torch.Tensor
            Both images at this level.
        mask : ndarray or torch.Tensor
            1 where the data term applies, else 0.
        stencil : Stencil
            Weights of the central difference.

        Returns
        -------
        WarpWorkspace
            The arrays, with the method that updates the displacement.
        """

    def RobustWorkspace(
        self, reference: Any, secondary: Any, mask: Any, stencil: Stencil
    ) -> RobustWarps:
        """Allocate the arrays that the warps of one level with robust penalties share.

        Parameters
        ----------
        reference, secondary : ndarray or torch.Tensor
            Both images at this level.
        mask : ndarray or torch.Tensor
            1 where the data term applies, else 0.
        stencil : Stencil
            Weights of the central difference.

        Returns
        -------
        RobustWarps
            The arrays, with the method that updates the displacement.
        """

    def median_filter(self, field: Any, size: int) -> Any:
        """Filter a field with the median of a square window, ignoring NaN.

        Parameters
        ----------
        field : ndarray or torch.Tensor
            Component of the displacement.
        size : int
            Side of the window in pixels.

        Returns
        -------
        ndarray or torch.Tensor
            The filtered field.
        """


def select_backend(image: Array) -> Backend:
    """Select the backend for an image.

    Parameters
    ----------
    image : ndarray or torch.Tensor
        An image or a component of the displacement.

    Returns
    -------
    Backend
        `kernels_numba` for a NumPy array, `kernels_torch` for a tensor on any device.
    """
    if isinstance(image, np.ndarray):
        return kernels_numba
    # PyTorch is an optional dependency: it is imported only for tensors.
    from gdiv.flow.horn_schunck import kernels_torch

    return kernels_torch
