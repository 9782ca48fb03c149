"""Differences between dates that are not motion: sun, shadow, snow, cloud, noise and voids."""

from typing import NamedTuple

import torch

from gdiv.flow.training.draws import RandomDraws

__all__ = ["degrade"]


class Patch(NamedTuple):
    """Patches that cover at most about a sixth of the frame if they occur.

    Attributes
    ----------
    probability : float
        Probability of their occurrence at full difficulty.
    min_length : float
        Smallest width of the patches, in pixels.
    max_length : float
        Largest width of the patches, in pixels.
    """

    probability: float
    min_length: float
    max_length: float


# Ranges of the draws, chosen by eye. The scene has about unit spread; lengths are pixels.
SHADOW = Patch(0.5, 20, 60)
SNOW = Patch(0.4, 8, 30)
CLOUD = Patch(0.3, 20, 60)
VOID = Patch(0.15, 20, 60)
#: Threshold of a smooth field above which a patch lies.
PATCH_LEVELS = (0.8, 2.0)
#: Spread of the logarithm of the illumination, and the width of its bumps.
SUN_SPREAD = 0.35
SUN_LENGTHS = (20, 80)
#: Amplitude of added brightness, and the width of its bumps.
HAZE_AMPLITUDES = (0, 1.5)
HAZE_LENGTHS = (25, 80)
#: Depth of black below the mean brightness; full shadow reaches it.
BLACK_DEPTH = 2.5
#: Fraction of the brightness above black that shadow removes.
SHADOW_DEPTHS = (0.3, 0.9)
#: Opacity of snow and cloud.
COVER_OPACITIES = (0.6, 1)
#: Brightness of snow and cloud, and the spread and width of their own texture.
COVER_BRIGHTNESSES = (1, 4)
COVER_SPREAD = 0.3
COVER_LENGTH = 6
#: Spread of the sensor noise at full difficulty, and of the minimum noise of every image.
NOISE_SPREADS = (0, 0.3)
MIN_NOISE = 0.01
#: Gain of an image.
GAINS = (0.2, 5)


def degrade(scene: torch.Tensor, difficulty: torch.Tensor, draws: RandomDraws) -> torch.Tensor:
    """Add the effects of one date to a scene.

    Parameters
    ----------
    scene : torch.Tensor, shape (B, 1, H, H)
        Brightness of the surface.
    difficulty : torch.Tensor, shape (B, 1, 1, 1)
        Strength of the effects: 0 for gain and minimum noise alone, 1 for the maximum.
    draws : RandomDraws
        Random draws of each pair.

    Returns
    -------
    torch.Tensor, shape (B, 1, H, H)
        The image of that date, NaN in voids.
    """
    size = scene.shape[-1]
    sun = draws.field(size, draws.uniform(*SUN_LENGTHS))
    light = scene * torch.exp(SUN_SPREAD * difficulty * sun)
    haze_amplitude = difficulty * draws.uniform(*HAZE_AMPLITUDES)
    light = light + haze_amplitude * draws.field(size, draws.uniform(*HAZE_LENGTHS))
    black = light.mean((2, 3), keepdim=True) - BLACK_DEPTH
    shadow = _draw_patches(SHADOW, size, difficulty, draws) * draws.uniform(*SHADOW_DEPTHS)
    light = black + (light - black) * (1 - shadow)
    for patch in (SNOW, CLOUD):
        cover = _draw_patches(patch, size, difficulty, draws) * draws.uniform(*COVER_OPACITIES)
        brightness = draws.uniform(*COVER_BRIGHTNESSES)
        texture = COVER_SPREAD * draws.field(size, COVER_LENGTH)
        light = (1 - cover) * light + cover * (brightness + texture)
    noise_spread = draws.uniform(*NOISE_SPREADS) * difficulty + MIN_NOISE
    light = light + noise_spread * draws.noise(size)
    void = _draw_patches(VOID, size, difficulty, draws) > 0.5
    return torch.where(void, float("nan"), draws.uniform(*GAINS) * light)


def _draw_patches(
    patch: Patch, size: int, difficulty: torch.Tensor, draws: RandomDraws
) -> torch.Tensor:
    """Opacity from 0 to 1 of patches with edges about a pixel wide, ``(B, 1, size, size)``."""
    length = draws.uniform(patch.min_length, patch.max_length)
    field = draws.field(size, length) - draws.uniform(*PATCH_LEVELS)
    return draws.likely(patch.probability * difficulty) * torch.sigmoid(field * length)
