"""Calving front of the twin, and the ice mélange that drifts beyond it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gdiv.catalog import Front
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.images.arrays import Component, Image, Mask
from gdiv.images.textures import fractal_texture
from gdiv.twin.inputs import FRONT_KEY
from gdiv.twin.rendering import TEXTURE_SIZE, mix

__all__ = ["CalvingFront", "FrontState"]

# Mélange; chosen by eye on Sentinel-2 scenes of Greenland's fjords.
MELANGE_SLOPE = 1.0  # of the spectrum of its blocks
ICE_LEVEL = -0.3  # threshold of unit noise above which a pixel is ice instead of water
LEVEL_WIDTH = 0.4
BLOCK_CONTRAST = 0.25  # of log-brightness


class FrontState(NamedTuple):
    """Front and mélange at one scene.

    Attributes
    ----------
    limit : float
        Position of the front down the centreline, 0 to 1; infinite without a front.
    drift : ndarray, shape (2,)
        Drift of the mélange since the first scene, columns and rows, pixels.
    """

    limit: float
    drift: npt.NDArray[np.floating]


class CalvingFront:
    """Front of a twin over time.

    Parameters
    ----------
    front : Front or None
        Front of the catalog; None for ice without one.
    length : float
        Length of the centreline in metres.
    middle : float
        Ordinal day on which the front is at its position in the catalog.
    spacing : float
        Size of a pixel in metres.
    seed : int
        Seed of the drift and the texture of the mélange.
    """

    def __init__(
        self, front: Front | None, length: float, middle: float, spacing: float, seed: int
    ) -> None:
        self.front = front
        self.length = length
        self.middle = middle
        self.spacing = spacing
        self.seed = seed

    def state(self, day: float) -> FrontState:
        """Compute the front and the drift of the mélange on a day.

        Parameters
        ----------
        day : float
            Ordinal day.

        Returns
        -------
        FrontState
            Front and drift.
        """
        if self.front is None:
            return FrontState(float("inf"), np.zeros(2))
        years = (day - self.middle) / DAYS_PER_YEAR
        limit = self.front.position + self.front.advance * years / self.length
        rng = np.random.default_rng([self.seed, FRONT_KEY, int(day)])
        drift = np.round(rng.normal(0, self.front.drift / self.spacing, 2), 3)
        return FrontState(limit, drift)

    def beyond(self, along: Image, day: float) -> Mask:
        """Find the pixels beyond the front.

        Parameters
        ----------
        along : ndarray, shape (H, W)
            Position down the streams, 0 to 1.
        day : float
            Ordinal day.

        Returns
        -------
        ndarray of bool, shape (H, W)
            True beyond the front.
        """
        return along > self.state(day).limit

    def melange(self, columns: Component, rows: Component, day: float) -> Image:
        """Sample the reflectance of the mélange.

        Parameters
        ----------
        columns, rows : ndarray, shape (H, W)
            Points of the lattice in pixels.
        day : float
            Ordinal day.

        Returns
        -------
        ndarray, shape (4, H, W)
            Reflectance in the order of the bands.
        """
        texture = fractal_texture(TEXTURE_SIZE, MELANGE_SLOPE, [self.seed, FRONT_KEY])
        drift = self.state(day).drift
        blocks = ndimage.map_coordinates(
            texture, [rows - drift[1], columns - drift[0]], order=3, mode="grid-wrap"
        )
        ice = np.clip(0.5 + (blocks - ICE_LEVEL) / LEVEL_WIDTH, 0, 1)
        return mix({"ice": ice, "water": 1 - ice}) * np.exp(BLOCK_CONTRAST * blocks)
