"""Features of a batch of images that Horn-Schunck compares, on any device of torch.

The functions have the same names as in `gdiv.flow.horn_schunck.features`, and their results agree
to within rounding.
"""

import torch
from torch.nn import functional

from gdiv.flow.horn_schunck.features import CONTRAST_LIMIT, TINY
from gdiv.flow.horn_schunck.levels import MIN_WEIGHT
from gdiv.flow.horn_schunck.levels_torch import Level, blur, flatten_batch

__all__ = ["level_contrast", "measure_grain", "sobel_magnitude", "standardise"]


def measure_grain(level: Level) -> torch.Tensor:
    """Mean absolute difference of horizontal neighbours: the strength of the finest texture.

    Parameters
    ----------
    level : Level
        Finest level of the pyramid.

    Returns
    -------
    torch.Tensor
        ``(..., 1, 1)``, grain of each image in units of the brightness; 0 if no two neighbours are
        valid.
    """
    both = level.valid[..., 1:] * level.valid[..., :-1]
    total = (level.image.diff(dim=-1).abs() * both).sum((-2, -1), keepdim=True)
    return total / both.sum((-2, -1), keepdim=True).clamp(min=1)


def level_contrast(level: Level, sigma: float, floor: torch.Tensor | float) -> Level:
    """Local contrast of a level: local mean removed, divided by the local spread.

    Parameters
    ----------
    level : Level
        A level of brightness.
    sigma : float
        Standard deviation (pixel of the level) of the Gaussian neighbourhood.
    floor : torch.Tensor or float
        ``(..., 1, 1)`` or one number, added to the local spread, in units of the brightness. A
        larger floor suppresses weak texture more.

    Returns
    -------
    Level
        Local contrast, clipped at plus and minus three. Valid where all neighbours are.
    """
    weights = blur(level.valid, sigma).clamp(min=MIN_WEIGHT)
    mean = blur(level.image * level.valid, sigma) / weights
    centred = (level.image - mean) * level.valid
    spread = (blur(centred * centred, sigma) / weights).sqrt()
    contrast = (centred / (spread + floor + TINY)).clamp(-CONTRAST_LIMIT, CONTRAST_LIMIT)
    return Level(contrast, _erode(level.valid))


def standardise(level: Level) -> Level:
    """Remove the mean of each image and divide by the standard deviation.

    Parameters
    ----------
    level : Level
        A level of brightness or of gradient magnitude.

    Returns
    -------
    Level
        Images of zero mean and unit spread. Valid where all neighbours are.
    """
    count = level.valid.sum((-2, -1), keepdim=True).clamp(min=1)
    mean = (level.image * level.valid).sum((-2, -1), keepdim=True) / count
    centred = (level.image - mean) * level.valid
    spread = ((centred * centred).sum((-2, -1), keepdim=True) / count).sqrt()
    return Level(centred / (spread + TINY), _erode(level.valid))


def sobel_magnitude(level: Level) -> Level:
    """Magnitude of the Sobel gradient.

    Parameters
    ----------
    level : Level
        A level of brightness.

    Returns
    -------
    Level
        Gradient magnitude in brightness per pixel. Valid where all neighbours are.
    """
    padded = functional.pad(flatten_batch(level.image), (1, 1, 1, 1), mode="reflect")
    # Smoothing and slope are each divided by eight: their product is Sobel's kernel over eight.
    smooth = torch.tensor([1.0, 2, 1], device=padded.device) / 8
    slope = torch.tensor([-8.0, 0, 8], device=padded.device) / 8
    across_kernel = torch.outer(smooth, slope)[None, None]
    down_kernel = torch.outer(slope, smooth)[None, None]
    across = functional.conv2d(padded, across_kernel).reshape(level.shape)
    down = functional.conv2d(padded, down_kernel).reshape(level.shape)
    valid = _erode(level.valid)
    return Level(torch.hypot(across, down) * valid, valid)


def _erode(valid: torch.Tensor) -> torch.Tensor:
    """One where all eight neighbours in the frame are one, else zero."""
    padded = functional.pad(flatten_batch(valid), (1, 1, 1, 1), value=1.0)
    return -functional.max_pool2d(-padded, 3, stride=1).reshape(valid.shape)
