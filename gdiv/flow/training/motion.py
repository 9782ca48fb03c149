"""Random motion of drawn pairs: wide ice of any shape, and narrow tongues."""

import math

import torch

from gdiv.flow.training.draws import RandomDraws
from gdiv.flow.training.tongues import draw_tongues

__all__ = ["draw_motion"]

# Ranges of the draws, chosen by eye. Lengths are fractions of the frame's side unless a unit is
# given.
#: Spread of the direction within a pair, radians.
DIRECTION_SPREAD = 0.5
#: Width of the bumps of direction and speed.
MOTION_LENGTHS = (0.3, 1.2)
#: Exponent of the distribution of speeds, above 1 for more slow pairs than fast ones.
SPEED_EXPONENT = 1.5
#: Relative spread of the speed within a pair.
SPEED_SPREAD = 0.3
#: Probability that a pair has stable ground.
STABLE_GROUND = 0.5
#: Width of a glacier tongue.
TONGUE_LENGTHS = (0.3, 0.8)
#: Mean and spread of the threshold of a smooth field above which ice lies.
TONGUE_LEVEL = (-0.3, 0.3)
#: Width of a shear margin, pixels.
MARGIN_WIDTHS = (1, 8)
#: Probability that a tongue slides along its margins.
SLIDING = 0.5
#: Spread of the mis-registration, pixels.
MISREGISTRATION = 0.25
#: Probability of narrow tongues instead of wide ice.
NARROW = 0.6


def draw_motion(size: int, reach: float, draws: RandomDraws) -> torch.Tensor:
    """Draw smooth motion of the whole frame, of wide ice, or of narrow tongues.

    Half of the wide ice slides along its margins. These margins may be sharp, because the ice
    neither opens gaps nor overruns the ground. The other half moves in any direction, and its
    motion is not invertible where it meets stable ground too abruptly. Every pair is shifted by a
    mis-registration.

    Parameters
    ----------
    size : int
        Side of the frame, in pixels.
    reach : float
        Largest displacement, in pixels, without the mis-registration.
    draws : RandomDraws
        Random draws of each pair.

    Returns
    -------
    torch.Tensor, shape (B, 2, size, size)
        Displacement in pixels.
    """
    angle = draws.uniform(0, 2 * math.pi)
    angle = angle + DIRECTION_SPREAD * draws.field(size, draws.uniform(*MOTION_LENGTHS) * size)
    speed = reach * draws.uniform(0, 1) ** SPEED_EXPONENT
    variation = draws.field(size, draws.uniform(*MOTION_LENGTHS) * size)
    varied_speed = (speed * (1 + SPEED_SPREAD * variation)).clamp(0, reach)
    length = draws.uniform(*TONGUE_LENGTHS) * size
    level = draws.field(size, length) - draws.normal(*TONGUE_LEVEL)
    inside = torch.sigmoid(2 * level * length / draws.uniform(*MARGIN_WIDTHS))
    tongue = draws.likely(STABLE_GROUND)
    direction = torch.cat([angle.cos(), angle.sin()], dim=1)
    free = torch.where(tongue, inside, 1) * varied_speed * direction
    sliding = _slide_along_contours(level, inside, speed)
    wide = torch.where(tongue & draws.likely(SLIDING), sliding, free)
    motion = torch.where(draws.likely(NARROW), draw_tongues(size, reach, draws), wide)
    return motion + draws.normal(0, MISREGISTRATION, 2)


def _slide_along_contours(
    level: torch.Tensor, inside: torch.Tensor, speed: torch.Tensor
) -> torch.Tensor:
    """Motion along the contours of a field within a tongue, `speed` where it is fastest."""
    down, along = torch.gradient(level, dim=(2, 3))
    contour = torch.cat([down, -along], dim=1)
    square = (inside * contour).square().sum(1, keepdim=True)
    fastest = square.amax((2, 3), keepdim=True).sqrt().clamp(min=1e-6)
    return speed * inside * contour / fastest
