"""Equations of Horn-Schunck with robust penalties for a batch, on any device of torch.

The steps are those of `gdiv.flow.horn_schunck.robust`; results agree to within rounding.
"""

import numpy as np
import numpy.typing as npt
import torch

from gdiv.flow.horn_schunck.levels_torch import Level, blur, repeat_rim
from gdiv.flow.horn_schunck.relaxation_torch import gradient, warp
from gdiv.flow.horn_schunck.settings import (
    NOISE_SIGMA,
    OUTLIER,
    TENSOR_SIGMA,
    Stencil,
    weigh_noise,
)

__all__ = ["RobustWorkspace"]

_MIN_FRACTION = 1e-3  # minimum fraction of a neighbourhood with data


class RobustWorkspace:
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
        self, reference: Level, secondary: Level, mask: torch.Tensor, stencil: Stencil
    ) -> None:
        self.reference = reference
        self.counts = reference.valid * mask
        self.secondary = secondary
        self.stencil = stencil
        height, width = reference.shape[-2:]
        device = reference.image.device
        rows = torch.arange(height, device=device)
        columns = torch.arange(width, device=device)
        self.black = (rows[:, None] + columns) % 2 == 1

    def update_flow(
        self,
        u: torch.Tensor,
        v: torch.Tensor,
        weight: float,
        omegas: npt.NDArray[np.float32],
        slope: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Solve the equations linearised at a displacement.

        Parameters
        ----------
        u, v : torch.Tensor
            float32 ``(..., H, W)``, displacement (pixel) to linearise at.
        weight : float
            Weight of the smoothness term.
        omegas : ndarray
            Relaxation factor of each Jacobi step.
        slope : float
            Change of the displacement between neighbouring pixels at which a margin begins.

        Returns
        -------
        u, v : torch.Tensor
            float32 ``(..., H, W)``, the solution.
        """
        products = self._multiply(u, v)
        neighbours = _neighbour_weights(_smoothness(u, v, weight / 4, slope))
        total = sum(neighbours, start=torch.zeros((), device=u.device))
        a, b, d, p, q = (blur(product, TENSOR_SIGMA) for product in products)
        a = a + total
        d = d + total
        inverse = 1 / (a * d - b * b)
        cu = (b * q - d * p) * inverse
        cv = (b * p - a * q) * inverse
        for k, omega in enumerate(omegas.tolist()):
            sum_u = _neighbour_sum(u, neighbours)
            sum_v = _neighbour_sum(v, neighbours)
            own = self.black == bool(k % 2)
            new_u = (d * sum_u - b * sum_v) * inverse + cu
            new_v = (a * sum_v - b * sum_u) * inverse + cv
            u = torch.where(own, u + omega * (new_u - u), u)
            v = torch.where(own, v + omega * (new_v - v), v)
        return u, v

    def _multiply(self, u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Products of the gradients and the temporal difference, weighted by their certainty."""
        moved, moved_valid = warp(*self.secondary, u, v, 1.0)
        mean = 0.5 * (self.reference.image + moved)
        ix = gradient(mean, -1, self.stencil)
        iy = gradient(mean, -2, self.stencil)
        difference = moved - self.reference.image
        counts = self.counts * moved_valid
        part = blur(counts, NOISE_SIGMA).clamp(min=_MIN_FRACTION)
        variance = blur(counts * difference**2, NOISE_SIGMA) / part
        data = weigh_noise(variance) * counts / (1 + (difference / OUTLIER) ** 2).sqrt()
        it = difference - ix * u - iy * v
        return data * ix * ix, data * ix * iy, data * iy * iy, data * ix * it, data * iy * it


def _smoothness(u: torch.Tensor, v: torch.Tensor, weight: float, slope: float) -> torch.Tensor:
    """Weight of the smoothness term at each pixel, low where the displacement changes fast."""
    change = torch.zeros_like(u)
    for component in (u, v):
        padded = repeat_rim(component, 1, 1, 1, 1)
        across = padded[..., 1:-1, 1:] - padded[..., 1:-1, :-1]
        along = padded[..., 1:, 1:-1] - padded[..., :-1, 1:-1]
        for differences in (
            across[..., 1:],
            across[..., :-1],
            along[..., 1:, :],
            along[..., :-1, :],
        ):
            change = change + differences**2
    return weight * slope**2 / (0.5 * change + slope**2)


def _neighbour_weights(smoothness: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weights of the upper, lower, left and right neighbour; zero beyond the frame."""
    down = 0.5 * (smoothness[..., 1:, :] + smoothness[..., :-1, :])
    right = 0.5 * (smoothness[..., 1:] + smoothness[..., :-1])
    pad = torch.nn.functional.pad
    return (
        pad(down, (0, 0, 1, 0)),
        pad(down, (0, 0, 0, 1)),
        pad(right, (1, 0)),
        pad(right, (0, 1)),
    )


def _neighbour_sum(field: torch.Tensor, weights: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Weighted sum of the four neighbours."""
    padded = repeat_rim(field, 1, 1, 1, 1)
    up, down, left, right = weights
    return (
        up * padded[..., :-2, 1:-1]
        + down * padded[..., 2:, 1:-1]
        + left * padded[..., 1:-1, :-2]
        + right * padded[..., 1:-1, 2:]
    )
