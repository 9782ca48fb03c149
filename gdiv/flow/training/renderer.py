"""Endless training pairs with exactly known displacement, drawn on the training device.

A texture is a cubic B-spline. The spline *is* the scene, so sampling it at displaced positions adds
no interpolation error. The flow is defined on the grid of the reference, which is sampled at the
displaced positions; the secondary is sampled in place. Differences between real dates (sun, shadow,
snow, cloud, ageing, noise, voids) are added on purpose: without them a network learns brightness
constancy and fails on real scenes.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from gdiv.flow.training.degradation import degrade
from gdiv.flow.training.draws import RandomDraws
from gdiv.flow.training.motion import draw_motion
from gdiv.flow.training.scores import Sample
from gdiv.flow.training.splines import read_spline, spline_coefficients
from gdiv.images.tensors import pixel_grid
from gdiv.images.textures import fractal_texture

__all__ = ["PairRenderer", "fractal_textures"]

# Ranges of the draws, chosen by eye.
#: Exponent of the amplitude spectrum of a texture: rough to smooth.
SLOPES = (0.5, 2.2)
#: Stretching of a texture, as flow stretches ice.
STRETCHES = (1, 1.8)
#: Texture pixels per image pixel.
SCALES = (0.75, 1.15)
#: Wave number of bands that resemble ogives, radians per pixel, and their probability.
WAVE_NUMBERS = (-0.7, 0.7)
BANDED = 0.25
#: Spread of the change in solar azimuth between the dates at full difficulty, radians, and the
#: brightness of a slope that faces the sun.
SUN_TURN = 0.5
SLOPE_LIGHT = 2.0
#: Textures of a pair: surface, bed, and one for each date.
TEXTURES_PER_PAIR = 4


def fractal_textures(count: int, seed: int, side: int = 512) -> npt.NDArray[np.float32]:
    """Draw spline coefficients of random textures, rough to smooth, some of them stretched.

    Parameters
    ----------
    count : int
        Number of textures.
    seed : int
        Seed of the textures. A different `count` gives different textures.
    side : int, optional
        Side in pixels.

    Returns
    -------
    ndarray, shape (count, side, side)
        float32.
    """
    rng = np.random.default_rng([seed, count])
    textures = []
    for _ in range(count):
        slope = rng.uniform(*SLOPES)
        # The texture draws from the same generator, after its stretching is drawn.
        stretch = rng.uniform(*STRETCHES)
        angle = rng.uniform(0, np.pi)
        textures.append(spline_coefficients(fractal_texture(side, slope, rng, stretch, angle)))
    return np.stack(textures)


class PairRenderer:
    """Pairs of drawn images; a pair is a pure function of its number.

    Parameters
    ----------
    textures : ndarray, shape (count, side, side)
        Spline coefficients, as from `fractal_textures`; at least four.
    size : int
        Side of the images, in pixels.
    reach : float
        Largest displacement, in pixels.
    seed : int, optional
        Seed of the pairs.
    difficulty : float, optional
        Largest difference between the dates: 0 for two equal dates, 1 for that of real dates. The
        difference of each pair is drawn up to it.
    device : str, optional
        Device of the images and flows.

    Raises
    ------
    ValueError
        If there are fewer than four textures, or if they are too small to be rotated.
    """

    def __init__(
        self,
        textures: npt.NDArray[np.float32],
        size: int,
        reach: float,
        seed: int = 0,
        difficulty: float = 1.0,
        device: str = "cpu",
    ):
        if len(textures) < TEXTURES_PER_PAIR:
            raise ValueError(f"at least four textures are needed, got {len(textures)}")
        if SCALES[1] * size * 2**0.5 > textures.shape[-1]:
            raise ValueError(
                f"textures of {textures.shape[-1]} pixels are too small for rotated pairs of {size}"
            )
        self.textures = torch.from_numpy(textures).to(device)[:, None]
        self.size = size
        self.reach = reach
        self.seed = seed
        self.difficulty = difficulty

    def draw(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw pairs by their numbers.

        Parameters
        ----------
        numbers : sequence of int
            Numbers of the pairs.

        Returns
        -------
        pairs : torch.Tensor, shape (B, 2, size, size)
            Reference and secondary, NaN no data.
        flows : torch.Tensor, shape (B, 2, size, size)
            Displacement in pixels; NaN where the surface would fold, as where fast ice overruns
            stable ground.
        """
        device = self.textures.device
        generators = [np.random.default_rng([self.seed, number]) for number in numbers]
        draws = RandomDraws(generators, device)
        flow = draw_motion(self.size, self.reach, draws)
        difficulty = self.difficulty * draws.uniform(0, 1)
        scene = _Scene(self.textures, self.size, self.reach, difficulty, draws)
        grid = pixel_grid(self.size, self.size, device).expand(len(numbers), -1, -1, -1)
        reference = degrade(scene.read(grid + flow, 0), difficulty, draws)
        secondary = degrade(scene.read(grid, 1), difficulty, draws)
        known_flow = torch.where(_folds(flow), float("nan"), flow)
        return torch.cat([reference, secondary], dim=1), known_flow

    def samples(self, count: int) -> list[Sample]:
        """Draw the first pairs as arrays.

        Parameters
        ----------
        count : int
            Number of pairs.

        Returns
        -------
        list of (pair, flow)
            Images and displacement in pixels, each ``(2, size, size)``.
        """
        pairs, flows = self.draw(range(count))
        return list(zip(pairs.cpu().numpy(), flows.cpu().numpy(), strict=True))


def _folds(flow: torch.Tensor) -> torch.Tensor:
    """Mask of pixels where a flow folds the surface, ``(B, 1, H, W)``."""
    down, along = torch.gradient(flow, dim=(2, 3))
    area = (1 + along[:, :1]) * (1 + down[:, 1:]) - along[:, 1:] * down[:, :1]
    return area <= 0


class _Scene:
    """The surface of each pair of a batch: mixed textures, bands and shading.

    Shaded bumps of the bed stay in place while the ice moves over them. The position of the sun
    differs between the dates.
    """

    def __init__(
        self,
        textures: torch.Tensor,
        size: int,
        reach: float,
        difficulty: torch.Tensor,
        draws: RandomDraws,
    ):
        self.size = size
        # Rotate, scale and shift the texture, so that no two crops are alike.
        self.transform = _draw_transform(draws)
        half_side = textures.shape[-1] / 2
        room = half_side - 1 - SCALES[1] * (size / 2**0.5 + reach)
        self.center = half_side + max(room, 0) * draws.uniform(-1, 1, 2)
        surface, bed, reference_own, secondary_own = draws.choice(len(textures), TEXTURES_PER_PAIR)
        self.surface = textures[surface]
        self.own_textures = (textures[reference_own], textures[secondary_own])
        self.ageing = difficulty * draws.uniform(0, 1)  # amplitude of each date's own texture
        grid = pixel_grid(size, size, textures.device).expand(len(difficulty), -1, -1, -1)
        shading_amplitude = difficulty * draws.uniform(0, 1)
        height = read_spline(textures[bed], self._to_texture(grid))
        down, along = torch.gradient(height, dim=(2, 3))
        azimuth = draws.uniform(0, 2 * math.pi)
        turn = difficulty * draws.normal(0, SUN_TURN)
        self.shadings = [
            shading_amplitude * SLOPE_LIGHT * (angle.cos() * along + angle.sin() * down)
            for angle in (azimuth, azimuth + turn)
        ]
        self.wave = draws.uniform(*WAVE_NUMBERS, 2)
        self.banded = draws.likely(BANDED)

    def read(self, points: torch.Tensor, date: int) -> torch.Tensor:
        """Brightness ``(B, 1, H, W)`` of a date whose pixels show the surface at `points`."""
        positions = self._to_texture(points)
        light = read_spline(self.surface, positions)
        light = light + self.ageing * read_spline(self.own_textures[date], positions)
        bands = torch.sin((self.wave * points).sum(1, keepdim=True) + light)
        return light + self.banded * bands + self.shadings[date]

    def _to_texture(self, points: torch.Tensor) -> torch.Tensor:
        """Positions in the texture of positions in the frame."""
        centered = points - (self.size - 1) / 2
        return torch.einsum("bij,bjhw->bihw", self.transform, centered) + self.center


def _draw_transform(draws: RandomDraws) -> torch.Tensor:
    """Draw a rotation and scaling from the frame to the texture, ``(B, 2, 2)``."""
    angle = draws.uniform(0, 2 * math.pi)
    scale = draws.uniform(*SCALES)
    rotation = torch.cat([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1)
    return (scale * rotation).view(-1, 2, 2)
