"""Training samples whose secondary has been warped back by a start.

A network that refines another displacement learns the residual motion; see
`gdiv.flow.raft.hybrid`.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch

from gdiv.flow.horn_schunck.warping import remove_motion
from gdiv.flow.training.loop import Draw
from gdiv.flow.training.scores import Sample
from gdiv.images.arrays import Flow, Image
from gdiv.images.sampling import compose_flows, stays_inside

__all__ = ["FindStart", "Prewarped", "prewarp", "remaining_flow"]

#: Function that returns the displacement ``(2, H, W)`` between two images, in pixels and finite.
FindStart: TypeAlias = Callable[[Image, Image], Flow]

#: Fixed-point iterations for the residual displacement, damping of each step, and maximum error of
#: a solution in pixels.
STEPS = 12
STEP_FRACTION = 0.6
MAX_ERROR = 0.05


class Prewarped:
    """Samples from another source, warped back by a start.

    Parameters
    ----------
    draw : callable
        Returns samples of one band by number, as for `gdiv.flow.training.loop.train_network`.
    find_start : callable
        Returns the displacement by which the secondary of a sample is warped back.
    """

    def __init__(self, draw: Draw, find_start: FindStart):
        self.draw = draw
        self.find_start = find_start

    def __call__(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw samples by their numbers.

        Parameters
        ----------
        numbers : sequence of int
            Numbers of the samples.

        Returns
        -------
        pairs : torch.Tensor, shape (B, 2, H, W)
            Reference and moved secondary, NaN no data.
        flows : torch.Tensor, shape (B, 2, H, W)
            Residual displacement in pixels; NaN where the start folds, and where the ice leaves the
            frame.
        """
        pairs, flows = self.draw(numbers)
        device = pairs.device
        samples = zip(pairs.cpu().numpy(), flows.cpu().numpy(), strict=True)
        moved = [prewarp(sample, self.find_start) for sample in samples]
        stacks = [torch.from_numpy(np.stack(each)).to(device) for each in zip(*moved, strict=True)]
        return stacks[0], stacks[1]


def prewarp(sample: Sample, find_start: FindStart) -> Sample:
    """Warp the secondary of a sample back by a start.

    Parameters
    ----------
    sample : (pair, flow)
        Images ``(2, H, W)``, NaN no data, and displacement ``(2, H, W)`` in pixels.
    find_start : callable
        Returns the displacement by which the secondary is warped back.

    Returns
    -------
    pair : ndarray, shape (2, H, W)
        Reference and warped secondary.
    rest : ndarray, shape (2, H, W)
        Residual displacement; NaN where the start folds, and where the ice leaves the frame.
    """
    (reference, secondary), flow = sample
    start = find_start(reference, secondary)
    pair = np.stack([reference, remove_motion(start, secondary)])
    residual_flow = np.where(stays_inside(flow), remaining_flow(flow, start), np.float32(np.nan))
    return pair, residual_flow


def remaining_flow(flow: Flow, start: Flow) -> Flow:
    """Compute the residual displacement after removing a start.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement in pixels; NaN where it is unknown.
    start : ndarray, shape (2, H, W)
        Displacement by which the secondary is warped back.

    Returns
    -------
    ndarray, shape (2, H, W)
        float32, the residual ``r`` that solves ``r(x) + start(x + r(x)) = flow(x)``; NaN where
        `flow` is NaN, and where the start varies too strongly for a solution.

    Examples
    --------
    >>> start = np.ones((2, 8, 8), np.float32)
    >>> float(remaining_flow(1.5 * start, start)[0, 4, 4])
    0.5
    """
    residual_flow = flow - start
    for _ in range(STEPS):
        residual_flow = residual_flow + STEP_FRACTION * (flow - compose_flows(residual_flow, start))
    residual_error = np.abs(flow - compose_flows(residual_flow, start)).max(axis=0)
    return np.where(residual_error < MAX_ERROR, residual_flow, np.float32(np.nan)).astype(
        np.float32
    )
