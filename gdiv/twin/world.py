"""Parts of the twin that do not change between scenes: ice, valley walls and their textures."""

from datetime import date

import numpy as np
from odc.geo.geobox import GeoBox
from scipy import ndimage

from gdiv.catalog import Glacier
from gdiv.images.arrays import Component, Image
from gdiv.images.textures import fractal_texture, smooth_field
from gdiv.twin.clock import clock_of
from gdiv.twin.distortion import Patterns
from gdiv.twin.front import CalvingFront
from gdiv.twin.ice import Ice, vary_branches
from gdiv.twin.inputs import WORLD_KEY, require_description
from gdiv.twin.rendering import TEXTURE_SIZE, crop_periodic, mix
from gdiv.twin.terrain import draw_relief

__all__ = ["AGEING_YEARS", "World"]

#: Textures of the ageing of the surface; one replaces the other every year.
AGEING_YEARS = 8

# All numbers were chosen by eye on the twin of the Mer de Glace.
LATTICE_MARGIN = 12  # pixels beyond the farthest travel, for interpolation
MAX_PAD = 400  # pixels, so that the lattice of a very fast glacier fits into memory
RELIEF_SMOOTHING = 300  # m, sigma; errors of a terrain model are smooth

# Stable ground.
PATCH_LENGTHS = (400, 90)  # m, correlation lengths of patches of snow and plants
PATCH_RATIO = 0.5  # amplitude of the small patches over that of the large
ROUGH_SLOPE = 1.1  # of the spectrum of rock
TREE_LINE = 0.45  # of the height of the walls, above the lowest ice
TREE_LINE_SPREAD = 120  # m by which patches raise and lower it
TREE_LINE_WIDTH = 150  # m from full to no cover
BARE_MARGIN = 60  # m beside the ice, without plants
PLANT_CONTRAST = 0.4
ROUGH_CONTRAST = 0.22  # of log-brightness
PATCH_CONTRAST = 0.12  # of log-brightness
TILL_CONTRAST = 0.25  # of log-brightness: fresh till is light
TILL_WIDTH = 90  # m, fading distance of the till left by the retreating ice

# Ice.
FINE_SLOPES = (1.2, 0.7)  # of the spectra of two textures
FINE_CONTRASTS = (0.12, 0.08)  # of log-brightness
DEBRIS_LENGTH = 300  # m, correlation length of patches of debris
DEBRIS_PATCHES = 0.12  # contrast of the patches
DEBRIS_GRAIN = 0.05  # contrast of single blocks
AGEING_SLOPE = 0.9  # of the spectrum of ageing

# Ogives. They are wider than today's annual motion, because the glacier was faster when they
# formed.
OGIVE_PERIOD = 2.1  # years of motion of today's ice
OGIVE_NUMBERS = (-80, 80)  # first and last ogive for which strength and width are drawn
OGIVE_STRENGTH = (0.4, 1.2)  # range, relative to the mean contrast
OGIVE_JITTER = 0.12  # of a period, sigma
OGIVE_CONTRAST = 0.42  # of log-brightness
OGIVE_SMOOTHING = 0.8  # pixels, sigma
OGIVE_MAX_AGE = 190  # yr; debris hides older ones
OGIVE_CLEAN = (1.3, 1.6)  # visibility without debris, and its loss per fraction of debris

# Crevasses.
CREVASSE_SLOPE = 0.4  # of the spectrum
CREVASSE_STRETCH = 2.2
CREVASSE_ANGLE = 0.3  # radian
CREVASSE_CONTRAST = 0.3  # of log-brightness
CREVASSE_SPEED = 0.7  # of the fastest ice; crevasses begin to open at half of this


class World:
    """Ice, valley walls and textures, with the appearance of the ice on a reference date.

    The lattice of the world is larger than the scenes, since material in a late scene was still
    outside the frame on the reference date.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog, with a description of its twin.
    geobox : GeoBox
        Grid of the scenes.
    epoch : date
        Reference date, on which material is at its position on the lattice.
    span_years : float
        Maximum time between the reference date and a scene.
    seed : int
        Seed of the speeds of the ice, of relief and of textures.

    Attributes
    ----------
    pad : int
        Pixels by which the lattice is wider than the scenes on each side.
    grid : GeoBox
        Grid of the lattice; all arrays below are on it unless stated.
    shape : tuple of int
        ``(H, W)`` of the lattice.
    spacing : float
        Size of a pixel in metres.
    ice : Ice
        Geometry and velocity of the ice.
    elevation : ndarray, shape (H, W)
        Elevation in metres.
    patchiness : ndarray, shape (H, W)
        Noise of about unit spread that makes the limits of snow and plants irregular.
    plants : ndarray, shape (H, W)
        Fraction of the ground under plants, 0 to 1.
    ground : ndarray, shape (4, H, W)
        Reflectance of stable ground.
    conditions : TwinConditions
        Difficulties of the twin.
    clock : Clock
        Time in which the ice moves.
    front : CalvingFront
        Calving front, if there is one.
    patterns : Patterns
        Smooth elevation and thinning on the grid of the scenes, for the geolocation errors.
    ice_brightness : ndarray, shape (H, W)
        Spline coefficients of the log-brightness of the ice.
    ice_debris : ndarray, shape (H, W)
        Spline coefficients of the debris of the ice.
    ageing : list of ndarray, shape (H, W)
        Spline coefficients of the textures that appear and disappear year by year, of unit spread.
    crevasses : list of ndarray, shape (H, W)
        Spline coefficients of the crevasses of each year, log-brightness.
    """

    def __init__(
        self, glacier: Glacier, geobox: GeoBox, epoch: date, span_years: float, seed: int
    ) -> None:
        rng = np.random.default_rng([seed, WORLD_KEY])
        twin = require_description(glacier)
        self.glacier = glacier
        self.geobox = geobox
        self.epoch = epoch
        self.spacing = abs(geobox.resolution.x)
        branches = vary_branches(twin.branches, seed)
        fastest = max(point[3] for branch in branches for point in branch.points)
        travel = np.ceil(fastest * span_years / self.spacing)
        self.pad = int(min(travel + LATTICE_MARGIN, MAX_PAD))
        self.grid = geobox.pad(self.pad, self.pad)
        self.shape = (self.grid.height, self.grid.width)
        self.conditions = twin.conditions
        self.clock = clock_of(glacier)
        self.ice = Ice(glacier, self.grid, seed)
        self.front = CalvingFront(
            twin.conditions.front, self.ice.length, self.clock.middle, self.spacing, seed
        )
        # The steps below draw from one generator, so a different order would change the world.
        self.elevation = draw_relief(
            self.ice.distance, self.ice.elevation, twin.relief, self.spacing, rng
        )
        self.patchiness = self._draw_patchiness(rng)
        rough = self._draw_texture(ROUGH_SLOPE, rng)
        self.plants = self._plants(rough, twin.relief)
        self.ground = self._ground(rough)
        self.patterns = Patterns(self._relief_pattern(), self.cut(self.ice.thinning_pattern))
        self._draw_ice_look(rng)
        self.ageing = [_spline(self._draw_texture(AGEING_SLOPE, rng)) for _ in range(AGEING_YEARS)]
        self.crevasses = [_spline(self._draw_crevasses(rng)) for _ in range(AGEING_YEARS)]

    def scene_velocity(self) -> tuple[Component, Component]:
        """Cut the velocity of the ice to the grid of the scenes.

        Returns
        -------
        vx, vy : ndarray
            Velocity in m/yr, positive east and north.
        """
        return self.cut(self.ice.vx), self.cut(self.ice.vy)

    def cut(self, lattice: Image) -> Image:
        """Cut a lattice to the grid of the scenes.

        Parameters
        ----------
        lattice : ndarray, shape (H, W)
            Values on the lattice of the world.

        Returns
        -------
        ndarray
            Values on the grid of the scenes.
        """
        return lattice[self.pad : -self.pad, self.pad : -self.pad]

    def _draw_texture(
        self, slope: float, rng: np.random.Generator, stretch: float = 1.0, angle: float = 0.0
    ) -> Image:
        """Draw a fractal texture on the lattice."""
        texture = fractal_texture(TEXTURE_SIZE, slope, rng, stretch, angle)
        return crop_periodic(texture, self.shape)

    def _draw_patchiness(self, rng: np.random.Generator) -> Image:
        """Draw large and small patches."""
        large, small = PATCH_LENGTHS
        large_patches = smooth_field(self.shape, large / self.spacing, rng)
        small_patches = smooth_field(self.shape, small / self.spacing, rng)
        return large_patches + PATCH_RATIO * small_patches

    def _plants(self, rough: Image, height: float) -> Image:
        """Fraction of vegetation: below a patchy tree line, and not beside the ice."""
        tree_line = self.ice.elevation.min() + TREE_LINE * height
        above = self.elevation + TREE_LINE_SPREAD * self.patchiness - tree_line
        cover = np.clip(0.5 - above / TREE_LINE_WIDTH, 0, 1)
        density = np.clip(1 + PLANT_CONTRAST * rough, 0, 1)
        return cover * (self.ice.distance > BARE_MARGIN) * density

    def _ground(self, rough: Image) -> Image:
        """Reflectance of plants, rock and fresh till."""
        distance = self.ice.distance
        till = np.exp(-distance / TILL_WIDTH) * (distance > 0)
        tone = np.exp(
            ROUGH_CONTRAST * rough + PATCH_CONTRAST * self.patchiness + TILL_CONTRAST * till
        )
        return mix({"plants": self.plants, "rock": 1 - self.plants}) * tone

    def _relief_pattern(self) -> Image:
        """Smooth elevation on the grid of the scenes, scaled to 0 to 1."""
        height = self.cut(self.elevation)
        height = ndimage.gaussian_filter(height, RELIEF_SMOOTHING / self.spacing)
        return (height - height.min()) / np.ptp(height)

    def _draw_ice_look(self, rng: np.random.Generator) -> None:
        """Draw the log-brightness and the debris of the ice on the reference date."""
        smooth, grain = (self._draw_texture(slope, rng) for slope in FINE_SLOPES)
        patches = smooth_field(self.shape, DEBRIS_LENGTH / self.spacing, rng)
        ogives = self._draw_ogives(rng)
        crevasses = self._draw_crevasses(rng)
        smooth_contrast, grain_contrast = FINE_CONTRASTS
        brightness = smooth_contrast * smooth + grain_contrast * grain + ogives - crevasses
        cover = self.ice.debris
        debris = np.clip(cover + DEBRIS_PATCHES * patches * cover + DEBRIS_GRAIN * grain, 0, 1)
        self.ice_brightness = _spline(brightness)
        self.ice_debris = _spline(debris)

    def _draw_ogives(self, rng: np.random.Generator) -> Image:
        """Draw a light and a dark band for each period of motion below the icefall.

        Strength and width vary between bands.
        """
        age = self.ice.age
        period = np.nan_to_num(age, nan=0.0) / OGIVE_PERIOD
        number = np.arange(*OGIVE_NUMBERS)
        strength = rng.uniform(*OGIVE_STRENGTH, number.size)
        jitter = rng.normal(0, OGIVE_JITTER, number.size)
        phase = period + np.interp(period, number, jitter)
        band = np.sin(2 * np.pi * phase) * np.interp(period, number, strength)
        clean, loss = OGIVE_CLEAN
        visibility = np.clip(clean - loss * self.ice.debris, 0, 1)
        visibility = visibility * np.isfinite(age) * (age < OGIVE_MAX_AGE)
        return OGIVE_CONTRAST * ndimage.gaussian_filter(band * visibility, OGIVE_SMOOTHING)

    def _draw_crevasses(self, rng: np.random.Generator) -> Image:
        """Draw dark crevasses on the fastest ice."""
        texture = self._draw_texture(CREVASSE_SLOPE, rng, CREVASSE_STRETCH, CREVASSE_ANGLE)
        # Only the peaks of the texture, above one standard deviation, are crevasses.
        crevasses = np.clip(texture - 1, 0, None)
        speed = np.hypot(self.ice.vx, self.ice.vy)
        fast = np.clip(speed / (CREVASSE_SPEED * speed.max()) - 0.5, 0, 1)
        return CREVASSE_CONTRAST * crevasses * fast


def _spline(lattice: Image) -> Image:
    """Cubic spline coefficients of a lattice."""
    return ndimage.spline_filter(lattice, mode="nearest").astype(np.float32)
