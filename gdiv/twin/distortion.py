"""Geolocation errors of the twin's scenes.

A pixel `q` of a scene shows the point ``q - shift - relief_shift relief(q) - thinning_shift
thinning(q) - jitter(row of q)`` of the world, in pixels. The first is the mis-registration of the
whole scene. The second and third act along columns, across the track: an error `dh` of the terrain
model displaces a pixel by ``dh tan(incidence)`` (Altena and Kääb 2017, doi:10.3390/rs9030300).
Errors of the relief are constant; thinning ice sinks further below the terrain model each year.
Jitter varies along the track.
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gdiv.catalog import TwinConditions
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.images.arrays import Component, Image, Series
from gdiv.images.textures import smooth_field
from gdiv.twin.acquisitions import ORBIT, OTHER_ORBIT, Acquisition

__all__ = ["Distortion", "Patterns", "draw_distortion"]

MAX_SHIFT = 0.3  # pixels in each direction, about Sentinel-2's multi-temporal registration
SHIFT_DECIMALS = 3  # of a pixel
# Shift of the highest ground due to errors of the terrain model, in pixels. It nearly cancels
# within an orbit, whose scenes have the same view, but not between orbits.
RELIEF_SHIFTS = {ORBIT: 0.1, OTHER_ORBIT: 1.0}
# Tangent of the angle of incidence, positive if the sensor looks from the west; Sentinel-2's swath
# spans about 0.19 to both sides.
TAN_INCIDENCE = {ORBIT: 0.12, OTHER_ORBIT: -0.15}
# Since this day, ESA has used the Copernicus terrain model, with TanDEM-X data of about 2013;
# before, PlanetDEM with data of about 2000 to 2011 over mountains (ESA, baseline 03.00).
MODEL_SWITCH = date(2021, 3, 30)
OLD_MODEL = date(2008, 7, 1)
NEW_MODEL = date(2013, 7, 1)
JITTER_LENGTH = 40  # rows, correlation length of jitter; chosen by eye on shifts of real scenes
INVERSIONS = 8  # fixed-point steps from the world to a pixel; patterns are smooth


class Patterns(NamedTuple):
    """Patterns on the grid of the scenes, from 0 to 1.

    Attributes
    ----------
    relief : ndarray, shape (H, W)
        Smooth elevation.
    thinning : ndarray, shape (H, W)
        Thinning relative to the terminus; 0 off the ice.
    """

    relief: Image
    thinning: Image


class Distortion(NamedTuple):
    """Geolocation errors of one scene, in pixels.

    Attributes
    ----------
    shift : ndarray, shape (2,)
        Shift of the whole scene, columns and rows.
    relief_shift, thinning_shift : float
        Shift along columns where the pattern is 1.
    jitter : ndarray, shape (2, H)
        Shift of each row along columns and rows.
    """

    shift: npt.NDArray[np.floating]
    relief_shift: float
    thinning_shift: float
    jitter: Series

    def to_world(
        self, patterns: Patterns, columns: Component, rows: Component
    ) -> tuple[Component, Component]:
        """Convert positions in the scene to points of the world, in pixels of the scene's grid.

        Parameters
        ----------
        patterns : Patterns
            Patterns of the twin.
        columns, rows : ndarray, shape (H, W)
            Positions in the scene.

        Returns
        -------
        columns, rows : ndarray, shape (H, W)
            Points of the world.
        """
        column_shift, row_shift = self._shifts(patterns, columns, rows)
        return columns - column_shift, rows - row_shift

    def from_world(
        self, patterns: Patterns, columns: Component, rows: Component
    ) -> tuple[Component, Component]:
        """Convert points of the world to positions in the scene; inverse of `to_world`.

        Parameters
        ----------
        patterns : Patterns
            Patterns of the twin.
        columns, rows : ndarray, shape (H, W)
            Points of the world.

        Returns
        -------
        columns, rows : ndarray, shape (H, W)
            Positions in the scene.
        """
        column, row = columns, rows
        for _ in range(INVERSIONS):
            column_shift, row_shift = self._shifts(patterns, column, row)
            column, row = columns + column_shift, rows + row_shift
        return column, row

    def _shifts(
        self, patterns: Patterns, columns: Component, rows: Component
    ) -> tuple[Component, Component]:
        """Shift of positions of the scene, linear between pixels."""
        points = [rows, columns]
        relief = ndimage.map_coordinates(patterns.relief, points, order=1, mode="nearest")
        thinning = ndimage.map_coordinates(patterns.thinning, points, order=1, mode="nearest")
        along_columns, along_rows = (
            ndimage.map_coordinates(part, [rows], order=1, mode="nearest") for part in self.jitter
        )
        column_shift = self.shift[0] + self.relief_shift * relief + self.thinning_shift * thinning
        return column_shift + along_columns, self.shift[1] + along_rows


def draw_distortion(
    acquisition: Acquisition,
    conditions: TwinConditions,
    rows: int,
    spacing: float,
    rng: np.random.Generator,
) -> Distortion:
    """Draw the geolocation errors of one scene.

    Parameters
    ----------
    acquisition : Acquisition
        Day and orbit of the scene.
    conditions : TwinConditions
        Thinning in m/yr and jitter in pixels.
    rows : int
        Rows of the scene.
    spacing : float
        Size of a pixel in metres.
    rng : numpy.random.Generator
        Source of shift and jitter.

    Returns
    -------
    Distortion
        Geolocation errors.
    """
    shift = np.round(rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2), SHIFT_DECIMALS)
    wobble = np.stack([smooth_field((rows, 4), JITTER_LENGTH, rng)[:, 0] for _ in range(2)])
    model = OLD_MODEL if acquisition.day < MODEL_SWITCH else NEW_MODEL
    years = (acquisition.day - model).days / DAYS_PER_YEAR
    # The ice is below the terrain model, so it appears shifted towards the sensor.
    lowering = conditions.thinning * years
    return Distortion(
        shift,
        RELIEF_SHIFTS[acquisition.orbit],
        -lowering * TAN_INCIDENCE[acquisition.orbit] / spacing,
        (conditions.jitter * wobble).astype(np.float64),
    )
