"""Narrow tongues of ice between stable ground: random shapes and speeds.

A tongue follows a wavy centreline across the frame. Its speed falls from the centreline to the
margins as ``slip + (1 - slip) (1 - |across|^n)``, from a parabola to a plug (Cuffey and Paterson
2010, The Physics of Glaciers, section 8.5), and to zero over a few pixels at the margins.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from gdiv.flow.training.draws import RandomDraws
from gdiv.images.tensors import pixel_grid

__all__ = ["draw_tongues"]

# Ranges of the draws. Lengths are fractions of the frame's side unless a unit is given.
#: Half-width, pixels.
HALF_WIDTHS = (4.0, 60.0)
#: Largest distance of a tongue from the middle of the frame.
OFFSET = 0.3
#: Waves of a centreline: their number, the spread of their height, and their length.
WAVES = 2
WAVE_HEIGHT = 0.06
WAVE_LENGTHS = (0.5, 1.5)
#: Relative changes of half-width and speed along a tongue.
WIDTH_CHANGE = 0.2
SPEED_CHANGE = 0.3
#: Exponent of the speed profile across a tongue. The speed at the margins relative to the maximum
#: is the square of a uniform number, so that most tongues hardly slide.
EXPONENTS = (2.0, 12.0)
#: Distance over which speed falls to zero at a margin, pixels.
EDGES = (0.5, 4.0)
#: Probability of an icefall, its additional speed relative to its surroundings, and its length.
FALL = 0.25
FALL_GAINS = (1.0, 3.0)
FALL_LENGTHS = (0.08, 0.2)
#: Probability of a tributary, and its speed relative to the trunk's.
TRIBUTARY = 0.35
TRIBUTARY_SPEEDS = (0.1, 0.9)
#: Range of the longest displacement: minimum in pixels, and maximum relative to the half-width. In
#: nature, narrow ice is not faster.
MIN_REACH = 0.02
REACH_PER_WIDTH = 1.5
#: Roughness of the motion relative to its speed, and the spacing of its bumps, pixels.
ROUGHNESS = 0.12
#: Maximum roughness in pixels; larger values would fold the surface.
MAX_ROUGHNESS = 0.3
ROUGH_STEPS = (3, 6)


class Tongue(NamedTuple):
    """Speed of one tongue relative to its maximum, ``(B, 1, H, W)``, and its direction."""

    speed: torch.Tensor
    direction: torch.Tensor


def draw_tongues(size: int, reach: float, draws: RandomDraws) -> torch.Tensor:
    """Draw a narrow tongue of ice, or two that join, surrounded by stable ground.

    Parameters
    ----------
    size : int
        Side of the frame, in pixels.
    reach : float
        Longest displacement, in pixels, without the roughness.
    draws : RandomDraws
        Random draws of each pair.

    Returns
    -------
    torch.Tensor, shape (B, 2, size, size)
        Displacement in pixels. In half of the pairs, it is below about one pixel.
    """
    half_width = _draw_log_uniform(*HALF_WIDTHS, draws)
    fastest = (REACH_PER_WIDTH * half_width).clamp(max=reach)
    longest = MIN_REACH * (fastest / MIN_REACH) ** draws.uniform(0, 1).sqrt()
    trunk = _draw_tongue(size, half_width, draws)
    branch = _draw_tongue(size, (half_width * draws.uniform(0.4, 0.8)).clamp(min=3), draws)
    slower = draws.likely(TRIBUTARY) * draws.uniform(*TRIBUTARY_SPEEDS)
    branch = branch._replace(speed=slower * branch.speed)
    # At the confluence, the ice takes the larger speed and an intermediate direction.
    total = (trunk.speed + branch.speed).clamp(min=1e-6)
    weight = torch.maximum(trunk.speed, branch.speed) / total
    motion = weight * (trunk.speed * trunk.direction + branch.speed * branch.direction)
    rough = (longest * draws.uniform(0, ROUGHNESS)).clamp(max=MAX_ROUGHNESS)
    speed = torch.linalg.vector_norm(motion, dim=1, keepdim=True)
    return longest * motion + rough * speed * _draw_roughness(size, draws)


def _draw_tongue(size: int, half_width: torch.Tensor, draws: RandomDraws) -> Tongue:
    """Draw one tongue across the frame, in any direction."""
    angle = draws.uniform(0, 2 * math.pi)
    cosine, sine = angle.cos(), angle.sin()
    centred = (pixel_grid(size, size, draws.device) - (size - 1) / 2) / size
    column, row = centred[:, :1], centred[:, 1:]
    along = cosine * column + sine * row
    across = -sine * column + cosine * row
    line = draws.uniform(-OFFSET, OFFSET)
    slope = torch.zeros((), device=draws.device)
    for _ in range(WAVES):
        number = 2 * math.pi / draws.uniform(*WAVE_LENGTHS)
        height = draws.normal(0, WAVE_HEIGHT)
        phase = number * along + draws.uniform(0, 2 * math.pi)
        line = line + height * phase.sin()
        slope = slope + height * number * phase.cos()
    length = (1 + slope**2).sqrt()
    distance = size * (across - line).abs() / length
    width = half_width * (1 - WIDTH_CHANGE * _draw_wave(along, draws))
    speed = 1 - SPEED_CHANGE * _draw_wave(along, draws)
    step = (along - draws.uniform(-0.4, 0.4)) / draws.uniform(*FALL_LENGTHS)
    fall = draws.likely(FALL) * draws.uniform(*FALL_GAINS)
    speed = speed * (1 + fall * torch.exp(-(step**2) / 2)) / (1 + fall)
    slip = draws.uniform(0, 1) ** 2
    exponent = _draw_log_uniform(*EXPONENTS, draws)
    profile = slip + (1 - slip) * (1 - (distance / width).clamp(max=1) ** exponent)
    edge = ((width - distance) / draws.uniform(*EDGES)).clamp(0, 1)
    direction = torch.cat([cosine - slope * sine, sine + slope * cosine], dim=1) / length
    return Tongue(speed * profile * edge, direction)


def _draw_wave(along: torch.Tensor, draws: RandomDraws) -> torch.Tensor:
    """Draw one wave between 0 and 1 along a tongue."""
    phase = 2 * math.pi * along / draws.uniform(*WAVE_LENGTHS) + draws.uniform(0, 2 * math.pi)
    return (1 + phase.sin()) / 2


def _draw_log_uniform(low: float, high: float, draws: RandomDraws) -> torch.Tensor:
    """Draw numbers whose logarithm is uniform."""
    return torch.exp(draws.uniform(math.log(low), math.log(high)))


def _draw_roughness(size: int, draws: RandomDraws) -> torch.Tensor:
    """Draw bumps of about unit spread in both components, a few pixels wide."""
    weight = draws.uniform(0, 1)
    parts = []
    for step in ROUGH_STEPS:
        side = -(-size // step)
        noise = torch.cat([draws.noise(side), draws.noise(side)], dim=1)
        parts.append(F.interpolate(noise, (size, size), mode="bicubic", align_corners=False))
    return weight * parts[0] + (1 - weight) * parts[1]
