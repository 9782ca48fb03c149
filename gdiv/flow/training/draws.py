"""Random numbers, smooth fields and noise for a batch of drawn pairs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

__all__ = ["RandomDraws"]

#: Coefficients along each side of a smooth field.
FIELD_SIDE = 16
#: Extra coefficients outside the frame for a cubic spline, both sides together.
FIELD_MARGIN = 5
#: Approximate spread of a cubic B-spline surface whose coefficients have unit spread.
FIELD_SPREAD = 0.45
#: Largest seed of torch's generators.
MAX_SEED = 2**62


class RandomDraws:
    """Random draws for each pair of a batch, from the pair's own generator.

    A pair therefore does not depend on the others of its batch. Numbers are ``(B, C, 1, 1)``,
    fields and noise ``(B, 1, H, W)``.

    Parameters
    ----------
    generators : sequence of numpy.random.Generator
        One generator per pair.
    device : torch.device or str
        Device of the results.
    """

    def __init__(self, generators: Sequence[np.random.Generator], device: torch.device | str):
        self.generators = generators
        self.device = device
        self._noise_generators = [
            torch.Generator(device).manual_seed(int(rng.integers(MAX_SEED))) for rng in generators
        ]

    def _draw_each(self, draw: Callable[[np.random.Generator], Any]) -> torch.Tensor:
        """Stack the draws of all generators, float32."""
        values = np.stack([draw(rng) for rng in self.generators]).astype(np.float32)
        return torch.from_numpy(values).to(self.device)

    def uniform(self, low: float, high: float, count: int = 1) -> torch.Tensor:
        """Draw uniform numbers.

        Parameters
        ----------
        low, high : float
            Range of the numbers.
        count : int, optional
            Numbers per pair.

        Returns
        -------
        torch.Tensor, shape (B, count, 1, 1)
            The numbers, float32.
        """
        return self._draw_each(lambda rng: rng.uniform(low, high, (count, 1, 1)))

    def normal(self, mean: float, spread: float, count: int = 1) -> torch.Tensor:
        """Draw normal numbers.

        Parameters
        ----------
        mean, spread : float
            Mean and standard deviation.
        count : int, optional
            Numbers per pair.

        Returns
        -------
        torch.Tensor, shape (B, count, 1, 1)
            The numbers, float32.
        """
        return self._draw_each(lambda rng: rng.normal(mean, spread, (count, 1, 1)))

    def likely(self, probability: float | torch.Tensor) -> torch.Tensor:
        """Draw True with a given probability.

        Parameters
        ----------
        probability : float or torch.Tensor, shape (B, 1, 1, 1)
            Probability of True.

        Returns
        -------
        torch.Tensor of bool, shape (B, 1, 1, 1)
            One value per pair.
        """
        return self.uniform(0, 1) < probability

    def choice(self, options: int, count: int) -> torch.Tensor:
        """Draw distinct integers.

        Parameters
        ----------
        options : int
            Upper bound of the integers, exclusive.
        count : int
            Integers per pair.

        Returns
        -------
        torch.Tensor of int, shape (count, B)
            The integers.
        """
        choices = [rng.choice(options, count, replace=False) for rng in self.generators]
        return torch.from_numpy(np.stack(choices, axis=1)).to(self.device)

    def field(self, size: int, length: float | torch.Tensor) -> torch.Tensor:
        """Draw smooth noise of unit spread.

        The noise is a cubic B-spline with random coefficients.

        Parameters
        ----------
        size : int
            Side of the frame, in pixels.
        length : float or torch.Tensor, shape (B, 1, 1, 1)
            Distance between coefficients, about the width of a bump, in pixels; at least an
            eleventh of `size`.

        Returns
        -------
        torch.Tensor, shape (B, 1, size, size)
            The noise.
        """
        coefficients = self._draw_each(
            lambda rng: rng.normal(0, 1 / FIELD_SPREAD, (FIELD_SIDE, FIELD_SIDE))
        )
        cells = torch.as_tensor(size / length, dtype=torch.float32, device=self.device)
        cells = cells.clamp(max=FIELD_SIDE - FIELD_MARGIN)
        pixels = torch.arange(size, device=self.device)
        positions = pixels / size * cells.view(-1, 1, 1) + 2  # (B or 1, 1, size)
        knots = torch.arange(FIELD_SIDE, device=self.device)
        distance = (positions.movedim(-1, 1) - knots).abs()  # (B or 1, size, FIELD_SIDE)
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = (2 - distance).clamp(min=0) ** 3 / 6
        basis = torch.where(distance < 1, near, far)
        return (basis @ coefficients @ basis.mT)[:, None]

    def noise(self, size: int) -> torch.Tensor:
        """Draw white noise of unit spread.

        Parameters
        ----------
        size : int
            Side of the frame, in pixels.

        Returns
        -------
        torch.Tensor, shape (B, 1, size, size)
            The noise.
        """
        choices = [
            torch.randn(1, size, size, generator=generator, device=self.device)
            for generator in self._noise_generators
        ]
        return torch.stack(choices)
