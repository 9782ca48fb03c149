"""Textures as cubic B-splines, which are read at any position without interpolation error."""

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from gdiv.images.arrays import Image
from gdiv.images.tensors import sample

__all__ = ["read_spline", "spline_coefficients"]


def spline_coefficients(texture: Image) -> npt.NDArray[np.float32]:
    """Cubic B-spline coefficients of a texture, scaled to zero mean and unit spread.

    Parameters
    ----------
    texture : ndarray, shape (H, W)
        Finite brightness on any scale.

    Returns
    -------
    ndarray, shape (H, W)
        float32.
    """
    texture = (texture - texture.mean()) / texture.std()
    return ndimage.spline_filter(texture.astype(np.float64), mode="mirror").astype(np.float32)


def read_spline(coefficients: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Evaluate a cubic B-spline.

    Parameters
    ----------
    coefficients : torch.Tensor, shape (B, C, h, w)
        Coefficients, from `spline_coefficients`.
    points : torch.Tensor, shape (B, 2, H, W)
        Positions as (column, row) in cells of the coefficients. Coefficients at the edge are
        repeated outside.

    Returns
    -------
    torch.Tensor, shape (B, C, H, W)
        Values of the spline at the points.

    Notes
    -----
    Four bilinear reads replace sixteen taps (Sigg and Hadwiger 2005, GPU Gems 2, chapter 20).
    """
    value = torch.zeros((), device=points.device)
    reads = _bilinear_reads(points)
    for row, row_weight in reads:
        for column, column_weight in reads:
            taps = torch.stack([column[:, 0], row[:, 1]], dim=1)
            weight = column_weight[:, :1] * row_weight[:, 1:]
            value = value + weight * sample(coefficients, taps, "border")
    return value


def _bilinear_reads(points: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Positions and weights of the two bilinear reads along each axis, ``(B, 2, H, W)`` each."""
    whole = points.floor()
    f = points - whole
    first = (1 - f) ** 3 / 6
    second = 2 / 3 - f**2 + f**3 / 2
    last = f**3 / 6
    lower = first + second
    # A bilinear read between two taps weights them by its position. These positions give the ratio
    # of the spline weights, both for the two lower and for the two upper taps.
    return [
        (whole - 1 + second / lower, lower),
        (whole + 1 + last / (1 - lower), 1 - lower),
    ]
