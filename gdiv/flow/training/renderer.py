"""Endless training pairs whose displacement is known exactly, drawn on the device that trains.

A texture is a cubic B-spline; the spline *is* the scene, so reading it at displaced points adds no
interpolation error. The flow is given on the reference grid, and the secondary is read where the inverse of
the flow leads. What real dates do to a pair (sun, shadow, snow, cloud, ageing, noise, voids) is added on
purpose: without it a network learns brightness constancy, and fails on real scenes.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from gdiv.images.textures import fractal_texture

GRID = 16  # coefficients a side of a smooth field


def fractal_textures(count: int, seed: int, side: int = 512) -> np.ndarray:
    """`(count, side, side)` spline coefficients of random textures, rough to smooth, some stretched as flow does."""
    rng = np.random.default_rng([seed, count])
    return np.stack(
        [
            spline_coefficients(
                fractal_texture(
                    side, rng.uniform(0.5, 2.2), rng, rng.uniform(1, 1.8), rng.uniform(0, np.pi)
                )
            )
            for _ in range(count)
        ]
    )


def spline_coefficients(texture: np.ndarray) -> np.ndarray:
    """Cubic B-spline coefficients, float32 `(H, W)`, of a texture of that size, brought to unit spread."""
    texture = (texture - texture.mean()) / texture.std()
    return ndimage.spline_filter(texture.astype(np.float64), mode="mirror").astype(np.float32)


def read_spline(coefficients: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """Value of a cubic B-spline at points: four bilinear reads do what sixteen taps do (Sigg and Hadwiger 2005).

    Parameters
    ----------
    coefficients
        `(B, C, h, w)`.
    at
        `(B, 2, H, W)`, the points as (column, row) in cells of the lattice; beyond it the edge is repeated.

    Returns
    -------
    torch.Tensor
        `(B, C, H, W)`.
    """
    whole = at.floor()
    f = at - whole
    first, last = (1 - f) ** 3 / 6, f**3 / 6
    second = 2 / 3 - f**2 + f**3 / 2
    low = first + second
    # Reading bilinearly at this place weighs the two lower taps as the spline does; the same for the upper two.
    places = whole - 1 + second / low, whole + 1 + last / (1 - low)
    size = torch.tensor(coefficients.shape[:1:-1], device=at.device).view(1, 2, 1, 1)
    places = [(2 * place + 1) / size - 1 for place in places]
    total = 0
    for row, weigh_row in zip(places, (low, 1 - low), strict=True):
        for column, weigh_column in zip(places, (low, 1 - low), strict=True):
            points = torch.stack([column[:, 0], row[:, 1]], dim=-1)
            found = F.grid_sample(coefficients, points, padding_mode="border", align_corners=False)
            total = total + (weigh_column[:, :1] * weigh_row[:, 1:]) * found
    return total


def invert(flow: torch.Tensor, iterations: int = 8) -> torch.Tensor:
    """For each pixel `p` of the secondary the `x` of the reference with `x + flow(x) = p`, `(B, 2, H, W)` as (x, y)."""
    height, width = flow.shape[-2:]
    grid = pixels(height, width, flow.device)
    size = torch.tensor([width, height], device=flow.device)
    points = grid - flow
    for _ in range(iterations):
        at = (2 * points.movedim(1, -1) + 1) / size - 1
        points = grid - F.grid_sample(flow, at, padding_mode="border", align_corners=False)
    return points


def non_invertible(flow: torch.Tensor, came_from: torch.Tensor, least: float = 0.1) -> torch.Tensor:
    """Where, within the frame, the inverse misses what the flow started from by `least` pixels, `(B, 1, H, W)`."""
    height, width = flow.shape[-2:]
    grid, size = (
        pixels(height, width, flow.device),
        torch.tensor([width, height], device=flow.device).view(1, 2, 1, 1),
    )
    there = grid + flow
    back = F.grid_sample(
        came_from, ((2 * there + 1) / size - 1).movedim(1, -1), align_corners=False
    )
    seen = ((there >= 0) & (there <= size - 1)).all(1, keepdim=True)
    return seen & ((back - grid).square().sum(1, keepdim=True) > least**2)


def pixels(height: int, width: int, device=None) -> torch.Tensor:
    """`(1, 2, H, W)`, each pixel's (column, row)."""
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([column, row])[None].to(device, torch.float32)


class PairRenderer:
    """Pairs of `size` x `size` pixels with displacements of up to `reach`; a pair is a pure function of its number.

    Parameters
    ----------
    textures
        `(count, side, side)` spline coefficients, as of `fractal_textures`; at least four.
    difficulty
        How much the dates may differ at most: 0 for two identical dates, 1 for what real dates show. How much a
        pair has of it is drawn for each.
    """

    def __init__(
        self,
        textures: np.ndarray,
        size: int,
        reach: float,
        seed: int = 0,
        difficulty: float = 1.0,
        device: str = "cpu",
    ):
        if len(textures) < 4:
            raise ValueError(f"a pair mixes four textures, got {len(textures)}")
        if 1.15 * size * 2**0.5 > textures.shape[-1]:
            raise ValueError(
                f"textures of {textures.shape[-1]} pixels are too small for pairs of {size}, turned"
            )
        self.textures = torch.from_numpy(textures).to(device)[:, None]
        self.size, self.reach, self.seed, self.difficulty = size, reach, seed, difficulty

    def draw(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Reference and secondary `(B, 2, H, W)`, NaN no data, and the flow between them `(B, 2, H, W)` in pixels.

        The flow is NaN where no inverse leads back to it, as where fast ice would run over a still bank.
        """
        chance = _RandomDraws(
            [np.random.default_rng([self.seed, number]) for number in numbers], self.textures.device
        )
        size, count = self.size, len(numbers)
        flow = self._flow(chance)
        hard = self.difficulty * chance.uniform(0, 1)
        grid = pixels(size, size, self.textures.device).expand(count, -1, -1, -1)
        came_from = invert(flow)

        # The texture turned, stretched and moved about, so that no two crops are alike.
        angle, scale = chance.uniform(0, 2 * math.pi), chance.uniform(0.75, 1.15)
        turn = (
            scale * torch.cat([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1)
        ).view(count, 2, 2)
        side = self.textures.shape[-1]
        room = side / 2 - 1 - 1.15 * (size / 2**0.5 + self.reach)
        centre = side / 2 + max(room, 0) * chance.uniform(-1, 1, 2)

        def place(at):
            turned = torch.einsum("bij,bjhw->bihw", turn, at - (size - 1) / 2)
            return turned + centre

        base, still, first_own, second_own = chance.choice(len(self.textures), 4)
        age = hard * chance.uniform(0, 1)  # amplitude of the texture each date has for itself
        # Bumps that the bed makes and the sun shades stay where they are while the ice moves through.
        shading = hard * chance.uniform(0, 1) * read_spline(self.textures[still], place(grid))
        wave, striped = chance.uniform(-0.7, 0.7, 2), chance.likely(0.25)
        images = []
        for at, own in ((grid, first_own), (came_from, second_own)):
            light = read_spline(self.textures[base], place(at)) + age * read_spline(
                self.textures[own], place(at)
            )
            bands = torch.sin((wave * at).sum(1, keepdim=True) + light)  # like ogives
            images.append(self._spoil(light + striped * bands + shading, hard, chance))
        return torch.cat(images, dim=1), torch.where(
            non_invertible(flow, came_from), float("nan"), flow
        )

    def samples(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The first `count` pairs as `(pair (2, H, W), flow (2, H, W))`."""
        return list(zip(*(part.cpu().numpy() for part in self.draw(range(count))), strict=True))

    def _flow(self, chance):
        """Smooth motion everywhere, or a tongue between still banks; some mis-registration over all.

        Half of the tongues slide along their banks, whose margin may then be sharp: nothing opens or is run over.
        The others run anywhere, and where they meet a bank too sharply have no inverse.
        """
        size = self.size
        angle = chance.uniform(0, 2 * math.pi) + 0.5 * chance.field(
            size, chance.uniform(0.3, 1.2) * size
        )
        speed = self.reach * chance.uniform(0, 1) ** 1.5
        varied = (speed * (1 + 0.3 * chance.field(size, chance.uniform(0.3, 1.2) * size))).clamp(
            0, self.reach
        )
        length = chance.uniform(0.3, 0.8) * size
        bank = chance.field(size, length) - chance.normal(-0.3, 0.3)
        inside = torch.sigmoid(2 * bank * length / chance.uniform(1, 8))
        tongue = chance.likely(0.5)
        anywhere = (
            torch.where(tongue, inside, 1) * varied * torch.cat([angle.cos(), angle.sin()], dim=1)
        )
        down, along = torch.gradient(bank, dim=(2, 3))
        contour = torch.cat([down, -along], dim=1)
        fastest = (
            (inside * contour)
            .square()
            .sum(1, keepdim=True)
            .amax((2, 3), keepdim=True)
            .sqrt()
            .clamp(min=1e-6)
        )
        sliding = speed * inside * contour / fastest
        return torch.where(tongue & chance.likely(0.5), sliding, anywhere) + chance.normal(
            0, 0.25, 2
        )

    def _spoil(self, light, hard, chance):
        """What one date does to the scene: uneven sun, shadow, snow, cloud, noise, voids."""
        size = self.size

        def patch(share, low, high):
            """Where a smooth field is high: about one pixel's edge, about a sixth of the frame or less."""
            length = chance.uniform(low, high)
            field = chance.field(size, length) - chance.uniform(0.8, 2.0)
            return chance.likely(share * hard) * torch.sigmoid(field * length)

        light = light * torch.exp(0.35 * hard * chance.field(size, chance.uniform(20, 80)))
        light = light + hard * chance.uniform(0, 1.5) * chance.field(size, chance.uniform(25, 80))
        level = light.mean((2, 3), keepdim=True) - 2.5
        shadow = patch(0.5, 20, 60) * chance.uniform(0.3, 0.9)
        light = level + (light - level) * (1 - shadow)
        for share, low, high in ((0.4, 8, 30), (0.3, 20, 60)):  # snow, cloud
            cover = patch(share, low, high) * chance.uniform(0.6, 1)
            light = (1 - cover) * light + cover * (
                chance.uniform(1, 4) + 0.3 * chance.field(size, 6)
            )
        light = light + (chance.uniform(0, 0.3) * hard + 0.01) * chance.noise(size)
        void = patch(0.15, 20, 60) > 0.5
        return torch.where(void, float("nan"), chance.uniform(0.2, 5) * light)


class _RandomDraws:
    """Numbers drawn for each pair from its own generator, as `(B, C, 1, 1)`; fields and noise as `(B, 1, H, W)`."""

    def __init__(self, generators, device):
        self.generators, self.device = generators, device
        self.noisy = [
            torch.Generator(device).manual_seed(int(rng.integers(2**62))) for rng in generators
        ]

    def _each(self, draw):
        drawn = np.stack([draw(rng) for rng in self.generators]).astype(np.float32)
        return torch.from_numpy(drawn).to(self.device)

    def uniform(self, low, high, count=1):
        return self._each(lambda rng: rng.uniform(low, high, (count, 1, 1)))

    def normal(self, mean, spread, count=1):
        return self._each(lambda rng: rng.normal(mean, spread, (count, 1, 1)))

    def likely(self, share):
        """True with probability `share`, a number or `(B, 1, 1, 1)`."""
        return self.uniform(0, 1) < share

    def choice(self, options, count):
        drawn = np.stack(
            [rng.choice(options, count, replace=False) for rng in self.generators], axis=1
        )
        return torch.from_numpy(drawn).to(self.device)

    def field(self, size, length):
        """Smooth noise of unit spread whose bumps are about `length` pixels (a number or `(B, 1, 1, 1)`) wide.

        None are narrower than an eleventh of `size`.
        """
        coarse = self._each(lambda rng: rng.normal(0, 1 / 0.45, (GRID, GRID)))
        cells = torch.as_tensor(size / length, dtype=torch.float32, device=self.device).clamp(
            max=GRID - 5
        )
        at = (
            torch.arange(size, device=self.device) / size * cells.view(-1, 1, 1) + 2
        )  # (B or 1, 1, size)
        distance = (
            at.movedim(-1, 1) - torch.arange(GRID, device=self.device)
        ).abs()  # (B or 1, size, GRID)
        near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance).clamp(min=0) ** 3 / 6
        basis = torch.where(distance < 1, near, far)
        return (basis @ coarse @ basis.mT)[:, None]

    def noise(self, size):
        drawn = [torch.randn(1, size, size, generator=g, device=self.device) for g in self.noisy]
        return torch.stack(drawn)
