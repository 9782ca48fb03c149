"""Gauss-Newton steps that reduce the difference of learned features.

Shapes: B batch, C channels, H x W pixels, h x w cells. Flows and positions are (column, row).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from gdiv.images.tensors import pixel_grid, sample

__all__ = ["GaussNewton"]

#: Minimum fraction of a bilinear sample that must come from valid pixels.
MIN_VALID = 0.99
#: Longest step, in pixels: the linearisation holds for a pixel or two.
MAX_STEP = 2
#: Added to the sums of squared gradients, so that the equations stay solvable without texture.
RIDGE = 1e-4


class GaussNewton(nn.Module):
    """Gauss-Newton steps, solved in windows of several widths around each cell.

    The weight of a pixel decreases with its difference, relative to a learned scale (Geman and
    McClure), so that snow, shadow and a changed surface have little influence.

    Parameters
    ----------
    inputs : int
        Channels of an image's local contrast.
    channels : int
        Channels of the features of every pixel.
    stride : int
        Pixels per side of a cell.
    windows : tuple of int
        Sides of the windows, in cells; each averages the result of the previous one.

    References
    ----------
    Lucas and Kanade (1981); Baker and Matthews (2004), doi:10.1023/B:VISI.0000011205.11775.fd.
    """

    def __init__(self, inputs: int, channels: int, stride: int, windows: tuple[int, ...]):
        super().__init__()
        self.stride = stride
        self.windows = windows
        self.features = nn.Conv2d(inputs, channels, 5, padding=2, bias=False)
        self.scale = nn.Parameter(torch.zeros(()))
        self.damping = nn.Parameter(torch.tensor(-4.0))

    def prepare(
        self,
        reference: torch.Tensor,
        secondary: torch.Tensor,
        reference_valid: torch.Tensor,
        secondary_valid: torch.Tensor,
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """Compute the terms shared by all refinements of a pair.

        Parameters
        ----------
        reference, secondary : torch.Tensor, shape (B, C, H, W)
            Local contrast.
        reference_valid, secondary_valid : torch.Tensor, shape (B, 1, H, W)
            One where an image has data and zero elsewhere.

        Returns
        -------
        callable
            Maps a flow ``(B, 2, h, w)`` in cells to ``(B, 4 windows, h, w)``: the steps of all
            windows in cells, two channels each, and then their texture and misfit.
        """
        first, second = self.features(torch.cat([reference, secondary])).float().chunk(2)
        second = torch.cat([second, secondary_valid], dim=1)
        along, down = _gradients(first)
        products = torch.stack(
            [(along * along).sum(1), (along * down).sum(1), (down * down).sum(1)], dim=1
        )
        grid = pixel_grid(first.shape[2], first.shape[3], first.device)

        def compute_steps(flow: torch.Tensor) -> torch.Tensor:
            displacement = F.interpolate(
                self.stride * flow, scale_factor=self.stride, mode="bilinear", align_corners=False
            )
            moved = sample(second, grid + displacement, "zeros")
            difference = first - moved[:, :-1]
            valid = moved[:, -1:] > MIN_VALID
            square = difference.square().sum(1, keepdim=True)
            weight = reference_valid * valid / (1 + square * torch.exp(self.scale)) ** 2
            pull = torch.stack([(along * difference).sum(1), (down * difference).sum(1)], dim=1)
            sums = torch.cat([products * weight, pull * weight, square * weight, weight], dim=1)
            return self._solve_windows(sums)

        return compute_steps

    def _solve_windows(self, sums: torch.Tensor) -> torch.Tensor:
        """Steps and then certainties of all windows, ``(B, 4 windows, h, w)``."""
        sums = F.avg_pool2d(sums, self.stride)
        steps = []
        certainties = []
        # Narrow windows resolve margins; wide ones find a step where little texture matches.
        for side in self.windows:
            sums = F.avg_pool2d(sums, side, 1, side // 2)
            step, certainty = self._solve(sums)
            steps.append(step)
            certainties.append(certainty)
        return torch.cat([*steps, *certainties], dim=1)

    def _solve(self, sums: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Step in cells, and logarithms of texture and misfit, ``(B, 2, h, w)`` each."""
        xx, xy, yy, x, y, square, weight = sums.unbind(1)
        damping = torch.exp(self.damping)
        xx = xx + damping * weight + RIDGE
        yy = yy + damping * weight + RIDGE
        determinant = xx * yy - xy**2
        step = torch.stack([yy * x - xy * y, xx * y - xy * x], dim=1) / determinant[:, None]
        step = MAX_STEP * torch.tanh(step / MAX_STEP)
        texture = determinant.clamp(min=1e-8).log() / 4
        misfit = (square / (weight + 1e-3) + 1e-6).log() / 2
        return step / self.stride, torch.stack([texture, misfit], dim=1)


def _gradients(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Central differences along columns and along rows, ``(B, C, H, W)`` each."""
    padded = F.pad(features, (1, 1, 1, 1), mode="replicate")
    along = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return along, down
