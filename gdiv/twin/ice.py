"""Geometry and velocity of the twin's ice."""

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import features
from scipy import ndimage

from gdiv.catalog import Glacier
from gdiv.images.arrays import Component, Image, Mask, Series
from gdiv.twin.inputs import require_description
from gdiv.twin.motion import advect
from gdiv.twin.streams import Streams, join_streams

__all__ = ["Ice"]

# All numbers were chosen by eye on the twin of the Mer de Glace.
MARGIN_WIDTH = 220  # m, width of the margin that drag slows
MARGIN_EXPONENT = 2.5  # larger values confine the drag to the outermost ice
VELOCITY_SMOOTHING = 60  # m, sigma
ELEVATION_SMOOTHING = 300  # m, sigma
DEBRIS_SMOOTHING = 2  # pixels, sigma
MASK_SMOOTHING = 0.7  # pixels, sigma: a margin is not a staircase of pixels


class Ice:
    """Geometry and motion of the twin's ice on a grid.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog, with a description of its twin.
    geobox : GeoBox
        Grid, in metres with rows running south.

    Attributes
    ----------
    spacing : float
        Size of a pixel in metres.
    outline : shapely.Geometry
        Outline of all streams.
    mask : ndarray of bool, shape (H, W)
        True on ice.
    fraction : ndarray, shape (H, W)
        Fraction of ice in each pixel, 0 to 1: the mask as an instrument resolves it.
    vx : ndarray, shape (H, W)
        Velocity in m/yr, positive east; 0 outside the ice.
    vy : ndarray, shape (H, W)
        Velocity in m/yr, positive north; 0 outside the ice.
    elevation : ndarray, shape (H, W)
        Elevation of the ice surface in metres, extended beyond the ice.
    debris : ndarray, shape (H, W)
        Fraction of the surface under debris, 0 to 1.
    age : ndarray, shape (H, W)
        Years since the ice left the ice fall; NaN outside streams with ogives.
    distance : ndarray, shape (H, W)
        Distance to the ice in metres, 0 on it.
    """

    def __init__(self, glacier: Glacier, geobox: GeoBox) -> None:
        twin = require_description(glacier)
        self.spacing = abs(geobox.resolution.x)
        streams = join_streams(twin.branches, geobox)
        self.outline = streams.outline
        self.mask: Mask = features.rasterize(
            [self.outline], geobox.shape, transform=geobox.affine
        ).astype(bool)
        # Drag slows ice at a margin of the whole glacier, but not at the seam of two streams:
        # speed is reduced by the distance to the outline, whatever the stream.
        inside = ndimage.distance_transform_edt(self.mask) * self.spacing
        drag = 1 - np.clip(1 - inside / MARGIN_WIDTH, 0, 1) ** MARGIN_EXPONENT
        self.vx: Component = self._finish_velocity(streams.east, streams.total, drag)
        self.vy: Component = self._finish_velocity(streams.north, streams.total, drag)
        debris = ndimage.gaussian_filter(streams.debris / streams.total, DEBRIS_SMOOTHING)
        self.debris: Image = debris * self.mask
        self.age: Image = streams.age
        self.fraction: Image = ndimage.gaussian_filter(self.mask.astype(np.float32), MASK_SMOOTHING)
        self.elevation: Image = self._surface(streams, twin.elevation)
        self.distance: Image = ndimage.distance_transform_edt(~self.mask) * self.spacing

    def _finish_velocity(self, weighted: Component, total: Image, drag: Image) -> Component:
        """Divide a weighted velocity by the weights, slow it at the margin, and smooth it."""
        velocity = np.where(self.mask, weighted / total * drag, 0)
        return ndimage.gaussian_filter(velocity, VELOCITY_SMOOTHING / self.spacing) * self.mask

    def _surface(self, streams: Streams, elevation: tuple[float, float]) -> Image:
        """Elevation that falls evenly from the head to the foot, extended to the valley walls."""
        foot, head = elevation
        along = np.where(streams.weight > 0, streams.along / streams.total, 0)
        # Each pixel outside the ice takes the elevation of the nearest ice.
        nearest = ndimage.distance_transform_edt(
            streams.weight <= 0, return_distances=False, return_indices=True
        )
        surface = head - (head - foot) * along[tuple(nearest)]
        return ndimage.gaussian_filter(surface, ELEVATION_SMOOTHING / self.spacing)

    def advect(self, column: Series, row: Series, years: float) -> tuple[Series, Series]:
        """Carry points of the grid with the ice.

        Parameters
        ----------
        column, row : ndarray, shape (N,)
            Positions in pixels.
        years : float
            Time to integrate over. Negative values carry the points backwards.

        Returns
        -------
        column, row : ndarray, shape (N,)
            Positions after `years`, in pixels.
        """
        return advect(self.vx, self.vy, self.spacing, column, row, years)
