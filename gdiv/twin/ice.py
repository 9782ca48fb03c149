"""Geometry and velocity of the twin's ice."""

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import features
from scipy import ndimage

from gdiv.catalog import Branch, Glacier
from gdiv.images.arrays import Component, Image, Mask, Series
from gdiv.twin.inputs import ICE_KEY, require_description
from gdiv.twin.motion import advect
from gdiv.twin.streams import Streams, join_streams

__all__ = ["Ice", "vary_branches"]

# All numbers were chosen by eye on the twin of the Mer de Glace.
MARGIN_WIDTH = 220  # m, width of the margin slowed by drag
MARGIN_EXPONENT = 2.5  # larger values confine the drag to the outermost ice
VELOCITY_SMOOTHING = 60  # m, sigma
SLIP_SMOOTHING = 15  # m, sigma, of ice that slips at its margin
SPEED_VARIATION = 0.15  # of the speeds of the catalog with another seed, sigma
WIDTH_VARIATION = 0.1  # of the widths
ELEVATION_SMOOTHING = 300  # m, sigma
THINNING_MARGIN = 100  # m, distance from a margin beyond which thinning is undiminished
THINNING_SMOOTHING = 60  # m, sigma
DEBRIS_SMOOTHING = 2  # pixels, sigma
MASK_SMOOTHING = 0.7  # pixels, sigma, to avoid stair-stepped margins


def vary_branches(branches: list[Branch], seed: int) -> list[Branch]:
    """Vary the speed and the width of each stream; seed 0 changes nothing.

    Parameters
    ----------
    branches : list of Branch
        Streams of the catalog.
    seed : int
        Seed of the variation.

    Returns
    -------
    list of Branch
        The varied streams.
    """
    if seed == 0:
        return branches
    rng = np.random.default_rng([seed, ICE_KEY])
    varied = []
    for branch in branches:
        width = np.exp(WIDTH_VARIATION * rng.normal())
        speed = np.exp(SPEED_VARIATION * rng.normal())
        points = [(lon, lat, w * width, v * speed) for lon, lat, w, v in branch.points]
        varied.append(branch.model_copy(update={"points": points}))
    return varied


class Ice:
    """Geometry and motion of the twin's ice on a grid.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog, with a description of its twin.
    geobox : GeoBox
        Grid, in metres with rows running south.
    seed : int, optional
        Seed of the glacier: 0 for that of the catalog, whose stakes move at the measured speeds.
        Other seeds give different speeds and widths.

    Attributes
    ----------
    spacing : float
        Size of a pixel in metres.
    outline : shapely.Geometry
        Outline of all streams.
    mask : ndarray of bool, shape (H, W)
        True on ice.
    fraction : ndarray, shape (H, W)
        Fraction of ice in each pixel, 0 to 1: the mask at the resolution of the instrument.
    vx : ndarray, shape (H, W)
        Velocity in m/yr, positive east; 0 outside the ice.
    vy : ndarray, shape (H, W)
        Velocity in m/yr, positive north; 0 outside the ice.
    elevation : ndarray, shape (H, W)
        Elevation of the ice surface in metres, extended beyond the ice.
    debris : ndarray, shape (H, W)
        Fraction of the surface under debris, 0 to 1.
    age : ndarray, shape (H, W)
        Years since the ice left the icefall; NaN outside streams with ogives.
    distance : ndarray, shape (H, W)
        Distance to the ice in metres, 0 on it.
    thickness : ndarray, shape (H, W)
        Thickness in metres, 0 off the ice.
    length : float
        Length of the longest centreline in metres.
    along : ndarray, shape (H, W)
        Position down the streams, 0 to 1; 0 off the ice.
    thinning_pattern : ndarray, shape (H, W)
        Thinning relative to the terminus, smooth.
    thinning : ndarray, shape (H, W)
        Thinning in m/yr.
    """

    def __init__(self, glacier: Glacier, geobox: GeoBox, seed: int = 0) -> None:
        twin = require_description(glacier)
        self.spacing = abs(geobox.resolution.x)
        slip = twin.conditions.margin_slip
        streams = join_streams(twin, vary_branches(twin.branches, seed), geobox)
        self.outline = streams.outline
        self.mask: Mask = features.rasterize(
            [self.outline], geobox.shape, transform=geobox.affine
        ).astype(bool)
        # Drag slows ice at a margin of the whole glacier, but not where two streams meet.
        # Therefore, speed depends on the distance to the outline, regardless of the stream.
        inside = ndimage.distance_transform_edt(self.mask) * self.spacing
        drag = 1 - (1 - slip) * np.clip(1 - inside / MARGIN_WIDTH, 0, 1) ** MARGIN_EXPONENT
        smoothing = SLIP_SMOOTHING if slip else VELOCITY_SMOOTHING
        self.vx: Component = self._smooth_inside(streams.east / streams.total * drag, smoothing)
        self.vy: Component = self._smooth_inside(streams.north / streams.total * drag, smoothing)
        debris = ndimage.gaussian_filter(streams.debris / streams.total, DEBRIS_SMOOTHING)
        self.debris: Image = debris * self.mask
        self.age: Image = streams.age
        self.fraction: Image = ndimage.gaussian_filter(self.mask.astype(np.float32), MASK_SMOOTHING)
        self.elevation: Image = self._surface(streams, twin.elevation)
        self.along: Image = streams.along / streams.total * self.mask
        self.length = streams.length
        self.thickness: Image = streams.thickness / streams.total * self.mask
        # Ice thins most at the terminus, not at all at the head, and less towards the margins.
        foot, head = twin.elevation
        low = np.clip((head - self.elevation) / (head - foot), 0, 1)
        thinning = low * self.mask * np.clip(inside / THINNING_MARGIN, 0, 1)
        thinning = ndimage.gaussian_filter(thinning, THINNING_SMOOTHING / self.spacing)
        self.thinning_pattern: Image = thinning
        self.thinning: Image = twin.conditions.thinning * thinning
        self.distance: Image = ndimage.distance_transform_edt(~self.mask) * self.spacing

    def _smooth_inside(self, velocity: Component, sigma: float) -> Component:
        """Smooth a velocity over a distance in metres; 0 outside the ice."""
        inside = np.where(self.mask, velocity, 0)
        return ndimage.gaussian_filter(inside, sigma / self.spacing) * self.mask

    def _surface(self, streams: Streams, elevation: tuple[float, float]) -> Image:
        """Elevation that decreases linearly from head to foot, extended to the valley walls."""
        foot, head = elevation
        along = np.where(streams.weight > 0, streams.along / streams.total, 0)
        # Pixels outside the ice take the elevation of the nearest ice.
        nearest = ndimage.distance_transform_edt(
            streams.weight <= 0, return_distances=False, return_indices=True
        )
        surface = head - (head - foot) * along[tuple(nearest)]
        return ndimage.gaussian_filter(surface, ELEVATION_SMOOTHING / self.spacing)

    def advect(self, column: Series, row: Series, years: float) -> tuple[Series, Series]:
        """Advect points of the grid with the ice.

        Parameters
        ----------
        column, row : ndarray, shape (N,)
            Positions in pixels.
        years : float
            Time to integrate over. Negative values move the points backwards.

        Returns
        -------
        column, row : ndarray, shape (N,)
            Positions after `years`, in pixels.
        """
        return advect(self.vx, self.vy, self.spacing, column, row, years)
