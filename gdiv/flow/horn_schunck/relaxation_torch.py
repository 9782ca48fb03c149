"""Warp, linearise and relax: one warp of Horn-Schunck for a batch, on any device of torch."""

import numpy as np
import numpy.typing as npt
import torch

from gdiv.flow.horn_schunck.levels_torch import Level, repeat_rim
from gdiv.flow.horn_schunck.settings import Stencil

__all__ = ["Workspace", "gradient", "warp"]

_REACH = 3  # pixels that the longest central difference reads on each side
_ZERO = torch.zeros(())  # start of a sum of tensors, on any device


class Workspace:
    """Tensors of one pyramid level that its warps share.

    Parameters
    ----------
    reference, secondary : Level
        The two images at this level.
    mask : torch.Tensor
        float32 ``(H, W)``, one where a pixel enters the data term, else zero.
    stencil : tuple of float
        Weights of the central difference at one, two and three pixels.
    """

    def __init__(
        self,
        reference: Level,
        secondary: Level,
        mask: torch.Tensor,
        stencil: Stencil,
    ) -> None:
        self.reference = reference
        self.secondary = secondary
        self.mask = mask
        self.stencil = stencil
        height, width = reference.shape[-2:]
        device = reference.image.device
        rows = torch.arange(height, device=device)
        columns = torch.arange(width, device=device)
        self.black = (rows[:, None] + columns) % 2 == 1
        # No flux through the sides: the pixel beyond the frame equals the one before the last.
        self.up = (rows - 1).abs()
        self.down = torch.where(rows < height - 1, rows + 1, rows - 1)
        self.left = (columns - 1).abs()
        self.right = torch.where(columns < width - 1, columns + 1, columns - 1)

    def update_flow(
        self,
        u: torch.Tensor,
        v: torch.Tensor,
        weight: float,
        omegas: npt.NDArray[np.float32],
        symmetric: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Solve the equations linearised at a displacement.

        Parameters
        ----------
        u, v : torch.Tensor
            float32 ``(..., H, W)``, displacement (pixel) to linearise at.
        weight : float
            Weight of the smoothness term.
        omegas : ndarray
            float32 ``(N,)``, relaxation factor of each Jacobi step.
        symmetric : bool
            Warp both images by half of the displacement, not the secondary by all of it.

        Returns
        -------
        u, v : torch.Tensor
            float32 ``(..., H, W)``, the solution.
        """
        a, b, c = self._linearise(u, v, weight, symmetric)
        for k, omega in enumerate(omegas.tolist()):
            mean_u = self._neighbour_mean(u)
            mean_v = self._neighbour_mean(v)
            residual = a * mean_u + b * mean_v + c
            own = self.black == bool(k % 2)
            u = torch.where(own, u + omega * (mean_u - a * residual - u), u)
            v = torch.where(own, v + omega * (mean_v - b * residual - v), v)
        return u, v

    def _linearise(
        self, u: torch.Tensor, v: torch.Tensor, weight: float, symmetric: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Coefficients `a`, `b` and `c` at each pixel; zero outside the mask and without data."""
        reference, reference_valid = self.reference
        if symmetric:
            reference, reference_valid = warp(reference, reference_valid, u, v, -0.5)
        secondary, secondary_valid = warp(*self.secondary, u, v, 0.5 if symmetric else 1.0)
        mean = 0.5 * (reference + secondary)
        ix = gradient(mean, -1, self.stencil)
        iy = gradient(mean, -2, self.stencil)
        counts = reference_valid * secondary_valid * self.mask
        scale = counts / (weight + ix * ix + iy * iy).sqrt()
        c = (secondary - reference - ix * u - iy * v) * scale
        return ix * scale, iy * scale, c

    def _neighbour_mean(self, field: torch.Tensor) -> torch.Tensor:
        """Mean of the four neighbours, mirrored at the frame."""
        total = (
            field[..., self.up, :]
            + field[..., self.down, :]
            + field[..., self.left]
            + field[..., self.right]
        )
        return 0.25 * total


def gradient(image: torch.Tensor, axis: int, stencil: Stencil) -> torch.Tensor:
    """Central difference along one axis of images whose rim is repeated.

    Parameters
    ----------
    image : torch.Tensor
        float32 ``(..., H, W)``.
    axis : int
        -1 along columns, -2 along rows.
    stencil : tuple of float
        Weights at one, two and three pixels.

    Returns
    -------
    torch.Tensor
        float32 ``(..., H, W)``.
    """
    if axis == -1:
        padded = repeat_rim(image, _REACH, _REACH, 0, 0)
    else:
        padded = repeat_rim(image, 0, 0, _REACH, _REACH)
    side = image.shape[axis]

    def neighbour(offset: int) -> torch.Tensor:
        return padded.narrow(axis, _REACH + offset, side)

    differences = (
        weight * (neighbour(distance) - neighbour(-distance))
        for distance, weight in enumerate(stencil, 1)
        if weight
    )
    return sum(differences, start=_ZERO)


def warp(
    image: torch.Tensor, valid: torch.Tensor, u: torch.Tensor, v: torch.Tensor, fraction: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample images at a fraction of the displacement, with bicubic interpolation.

    Parameters
    ----------
    image : torch.Tensor
        float32 ``(..., H, W)``, finite everywhere.
    valid : torch.Tensor
        float32 ``(..., H, W)``, one where the image has data, else zero.
    u, v : torch.Tensor
        float32 ``(..., H, W)``, displacement in pixels along columns and along rows.
    fraction : float
        Pixel ``(x, y)`` is sampled at ``(x + fraction u, y + fraction v)``.

    Returns
    -------
    moved, moved_valid : torch.Tensor
        float32 ``(..., H, W)``, the samples, and one where the position lies in the frame and its
        nearest pixel is valid, else zero.
    """
    height, width = image.shape[-2:]
    rows = torch.arange(height, device=u.device, dtype=u.dtype)[:, None]
    columns = torch.arange(width, device=u.device, dtype=u.dtype)
    target_x = columns + fraction * u
    target_y = rows + fraction * v
    sample_x = target_x.clamp(0, width - 1)
    sample_y = target_y.clamp(0, height - 1)
    moved = _interpolate(image, sample_x, sample_y)
    nearest = (sample_y + 0.5).to(torch.int64) * width + (sample_x + 0.5).to(torch.int64)
    inside = (sample_x == target_x) & (sample_y == target_y)
    return moved, _take(valid.flatten(-2), nearest) * inside


def _interpolate(
    image: torch.Tensor, sample_x: torch.Tensor, sample_y: torch.Tensor
) -> torch.Tensor:
    """Bicubic interpolation at positions in the frame."""
    whole_x = sample_x.to(torch.int64)
    whole_y = sample_y.to(torch.int64)
    across = _keys_weights(sample_x - whole_x)
    down = _keys_weights(sample_y - whole_y)
    # The four by four pixels start one pixel before, where the rim is repeated.
    stride = image.shape[-1] + 3
    pixels = repeat_rim(image, 1, 2, 1, 2).flatten(-2)
    corner = whole_y * stride + whole_x
    moved = _ZERO
    for j in range(4):
        row = (across[i] * _take(pixels, corner + (j * stride + i)) for i in range(4))
        moved = moved + down[j] * sum(row, start=_ZERO)
    return moved


def _keys_weights(t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weights of four neighbours for a point at fraction `t` between the middle two.

    Keys' bicubic kernel with a = -0.5 (Keys 1981, doi:10.1109/TASSP.1981.1163711).
    """
    return (
        t * (-0.5 + t * (1 - 0.5 * t)),
        1 + t * t * (1.5 * t - 2.5),
        t * (0.5 + t * (2 - 1.5 * t)),
        t * t * (0.5 * t - 0.5),
    )


def _take(pixels: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Pixels ``(..., H * W)`` at an index ``(..., H, W)``."""
    return pixels.gather(-1, index.flatten(-2)).reshape(index.shape)
