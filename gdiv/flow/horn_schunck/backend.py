"""Interface that both backends of Horn-Schunck follow, and the choice between them."""

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, Union

import numpy as np
import numpy.typing as npt

from gdiv.flow.horn_schunck import kernels_numba
from gdiv.flow.horn_schunck.settings import Stencil

if TYPE_CHECKING:
    import torch

__all__ = ["Array", "ArrayT", "Backend", "WarpWorkspace", "select_backend"]

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
        """Solve the equations linearised at a displacement."""


class Backend(Protocol):
    """Steps of Horn-Schunck for one kind of array.

    `gdiv.flow.horn_schunck.kernels_numba` and `gdiv.flow.horn_schunck.kernels_torch` are its two
    implementations. Both have a class `Level` of their own with the fields `image` and `valid`.
    """

    def finest_level(self, image: Any, multiple: int) -> Any:
        """Turn an image into the finest level of its pyramid."""

    def pad_mask(self, mask: Any, level: Any) -> Any:
        """Pad a mask with zeros to the shape of a level."""

    def halve(self, level: Any) -> Any:
        """Blur a level and sample it at half the resolution."""

    def halve_mask(self, mask: Any) -> Any:
        """Halve the resolution of a mask of ones and zeros."""

    def double(self, component: Any) -> Any:
        """Resample a component of the displacement to the next finer level."""

    def zero_flow(self, level: Any) -> tuple[Any, Any]:
        """Displacement of zero at every pixel of a level."""

    def measure_grain(self, level: Any) -> Any:
        """Mean absolute difference of horizontal neighbours."""

    def level_contrast(self, level: Any, sigma: float, floor: Any) -> Any:
        """Local contrast of a level."""

    def standardise(self, level: Any) -> Any:
        """Remove the mean of a level and divide by the standard deviation."""

    def sobel_magnitude(self, level: Any) -> Any:
        """Magnitude of the Sobel gradient."""

    def Workspace(
        self, reference: Any, secondary: Any, mask: Any, stencil: Stencil
    ) -> WarpWorkspace:
        """Allocate the arrays that the warps of one level share."""

    def median_filter(self, field: Any, size: int) -> Any:
        """Filter a field with the median of a square window, ignoring NaN."""


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
