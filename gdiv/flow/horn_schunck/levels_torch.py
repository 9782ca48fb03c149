"""Pyramid of a batch of images on any device of torch: its levels, and displacements between them.

The functions have the same names as in `gdiv.flow.horn_schunck.levels`, and their results agree to
within rounding. They use whole-array operations: a batch fills a GPU, one small image does not.
"""

from typing import NamedTuple

import torch
from torch.nn import functional

from gdiv.conventions import MAX_BRIGHTNESS
from gdiv.flow.horn_schunck.levels import MIN_WEIGHT, ROUNDING_STEPS, gaussian
from gdiv.images.arrays import Mask

__all__ = [
    "Level",
    "blur",
    "double",
    "finest_level",
    "flatten_batch",
    "halve",
    "halve_mask",
    "pad_mask",
    "repeat_rim",
    "zero_flow",
]


class Level(NamedTuple):
    """One level of the pyramid.

    Attributes
    ----------
    image : torch.Tensor
        float32 ``(..., H, W)``, brightness or a feature of it, finite everywhere.
    valid : torch.Tensor
        float32 ``(..., H, W)``, one where the image has data, else zero.
    """

    image: torch.Tensor
    valid: torch.Tensor

    @property
    def shape(self) -> torch.Size:
        """``(..., H, W)`` of the level."""
        return self.image.shape


def finest_level(image: torch.Tensor, multiple: int) -> Level:
    """Turn images into the finest level of their pyramid, as `levels.finest_level` does.

    Parameters
    ----------
    image : torch.Tensor
        ``(..., H, W)`` of any real type. NaN, infinity and fill values count as no data.
    multiple : int
        Both sides are padded to a multiple of this many pixels.

    Returns
    -------
    Level
        The centred images. Padding and pixels without data are invalid.
    """
    finite = image.abs() < MAX_BRIGHTNESS
    valid = finite.to(torch.float32)
    working_type = torch.float64 if image.dtype != torch.float32 else torch.float32
    filled = torch.where(finite, image, 0).to(working_type)
    count = valid.sum((-2, -1), keepdim=True).clamp(min=1)
    mean = filled.sum((-2, -1), keepdim=True) / count
    centred = (filled - mean) * valid
    rounding_error = ROUNDING_STEPS * torch.finfo(working_type).eps * mean.abs()
    one_brightness = centred.abs().amax((-2, -1), keepdim=True) <= rounding_error
    brightness = torch.where(one_brightness, 0, centred).to(torch.float32)
    below, right = (-side % multiple for side in image.shape[-2:])
    return Level(
        repeat_rim(brightness, 0, right, 0, below), functional.pad(valid, (0, right, 0, below))
    )


def pad_mask(mask: Mask | torch.Tensor, level: Level) -> torch.Tensor:
    """Pad a mask with zeros to the sides of a level.

    Parameters
    ----------
    mask : ndarray or torch.Tensor
        Boolean ``(h, w)``, not larger than the level.
    level : Level
        Finest level of the pyramid.

    Returns
    -------
    torch.Tensor
        float32 ``(H, W)`` on the level's device, one where the mask is True, else zero.
    """
    small = torch.as_tensor(mask, device=level.image.device).to(torch.float32)
    below, right = (
        level_side - side for level_side, side in zip(level.shape[-2:], small.shape, strict=True)
    )
    return functional.pad(small, (0, right, 0, below))


def halve_mask(mask: torch.Tensor) -> torch.Tensor:
    """Halve the resolution of a mask of ones and zeros.

    Parameters
    ----------
    mask : torch.Tensor
        float32 ``(..., H, W)``.

    Returns
    -------
    torch.Tensor
        float32 ``(..., H / 2, W / 2)``, one where more than half of the area is one, else zero.
    """
    return (_halve_image(mask) > 0.5).to(torch.float32)


def halve(level: Level) -> Level:
    """Blur a level and sample it at half the resolution.

    Parameters
    ----------
    level : Level
        A level with even sides.

    Returns
    -------
    Level
        The next coarser level, valid where more than half of the area is.
    """
    weights = blur(level.valid, 1.0).clamp(min=MIN_WEIGHT)
    valid = halve_mask(level.valid)
    mean = blur(level.image * level.valid, 1.0) / weights
    return Level(_halve_image(mean) * valid, valid)


def double(component: torch.Tensor) -> torch.Tensor:
    """Resample a component of the displacement to the next finer level.

    Parameters
    ----------
    component : torch.Tensor
        float32 ``(..., H, W)``, in pixels of the coarser level.

    Returns
    -------
    torch.Tensor
        float32 ``(..., 2 H, 2 W)``, in pixels of the finer level.
    """
    resized = functional.interpolate(
        flatten_batch(component), scale_factor=2, mode="bilinear", align_corners=False
    )
    return 2 * resized.reshape(*component.shape[:-2], *resized.shape[-2:])


def zero_flow(level: Level) -> tuple[torch.Tensor, torch.Tensor]:
    """Displacement of zero at every pixel of a level.

    Parameters
    ----------
    level : Level
        A level of the pyramid.

    Returns
    -------
    u, v : torch.Tensor
        float32 ``(..., H, W)``, two tensors of zeros.
    """
    return torch.zeros_like(level.image), torch.zeros_like(level.image)


def flatten_batch(image: torch.Tensor) -> torch.Tensor:
    """Reshape ``(..., H, W)`` to ``(N, 1, H, W)``, the shape that torch's image functions need.

    Parameters
    ----------
    image : torch.Tensor
        ``(..., H, W)``.

    Returns
    -------
    torch.Tensor
        ``(N, 1, H, W)``, a view where possible.
    """
    return image.reshape(-1, 1, *image.shape[-2:])


def repeat_rim(image: torch.Tensor, left: int, right: int, top: int, bottom: int) -> torch.Tensor:
    """Pad images by repeating the rim.

    Parameters
    ----------
    image : torch.Tensor
        ``(..., H, W)``.
    left, right, top, bottom : int
        Pixels to add at each side.

    Returns
    -------
    torch.Tensor
        ``(..., top + H + bottom, left + W + right)``.
    """
    padded = functional.pad(flatten_batch(image), (left, right, top, bottom), mode="replicate")
    return padded.reshape(*image.shape[:-2], *padded.shape[-2:])


def blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Weighted sum under a Gaussian, with zeros beyond the frame.

    Parameters
    ----------
    image : torch.Tensor
        float32 ``(..., H, W)``.
    sigma : float
        Standard deviation (pixel).

    Returns
    -------
    torch.Tensor
        float32 ``(..., H, W)``.
    """
    kernel = torch.as_tensor(gaussian(sigma), device=image.device)
    reach = kernel.numel() // 2
    along_rows = functional.conv2d(
        flatten_batch(image), kernel.view(1, 1, 1, -1), padding=(0, reach)
    )
    both = functional.conv2d(along_rows, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return both.reshape(image.shape)


def _halve_image(image: torch.Tensor) -> torch.Tensor:
    """Average the pixels two by two."""
    halved = functional.avg_pool2d(flatten_batch(image), 2)
    return halved.reshape(*image.shape[:-2], *halved.shape[-2:])
