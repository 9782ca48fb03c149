"""The twin's world: what its ice, walls, light and weather look like to a satellite on a date."""

from datetime import date

import numpy as np
from odc.geo.geobox import GeoBox
from scipy import ndimage

from gdiv.imagery.pairs import DAYS_PER_YEAR
from gdiv.images.textures import fractal_texture, smooth_field
from gdiv.twin import rendering
from gdiv.twin.ice import Ice
from gdiv.twin.rendering import SCL


class World:
    """What does not change between scenes: ice, walls, textures, and the look of the ice on the reference date."""

    def __init__(self, glacier, geobox: GeoBox, epoch: date, span_years: float, seed: int):
        rng = np.random.default_rng([seed, 2])
        spacing = abs(geobox.resolution.x)
        fastest = max(point[3] for branch in glacier.twin.branches for point in branch.points)
        # Material seen late came in from outside: the lattice is wider than the scene by the farthest travel.
        self.pad = int(min(np.ceil(fastest * span_years / spacing) + 12, 400))
        self.grid = geobox.pad(self.pad, self.pad)
        self.geobox, self.spacing, self.epoch, self.glacier = geobox, spacing, epoch, glacier
        self.ice = ice = Ice(glacier, self.grid)
        shape = self.grid.shape
        self.elevation = rendering.relief(
            ice.distance, ice.elevation, glacier.twin.relief, spacing, rng
        )
        self.patchiness = smooth_field(shape, 400 / spacing, rng) + 0.5 * smooth_field(
            shape, 90 / spacing, rng
        )
        rough = rendering.crop_periodic(fractal_texture(512, 1.1, rng), shape)
        green = (
            self.elevation
            + 120 * self.patchiness
            - (ice.elevation.min() + 0.45 * glacier.twin.relief)
        )
        plants = (
            np.clip(0.5 - green / 150, 0, 1) * (ice.distance > 60) * np.clip(1 + 0.4 * rough, 0, 1)
        )
        fresh = np.exp(-ice.distance / 90) * (
            ice.distance > 0
        )  # bare, light till that the shrinking ice left
        tone = np.exp(0.22 * rough + 0.12 * self.patchiness + 0.25 * fresh)
        self.ground = rendering.mix({"plants": plants, "rock": 1 - plants}) * tone
        self.plants = plants
        self.ice_look, self.ageing = self._ice_look(rng)

    def _ice_look(self, rng):
        """Log-brightness and debris of the ice on the epoch, and one texture a year that comes and goes."""
        shape, ice = self.grid.shape, self.ice
        stretched = [
            rendering.crop_periodic(fractal_texture(512, slope, rng), shape) for slope in (1.2, 0.7)
        ]
        coarse = smooth_field(shape, 300 / self.spacing, rng)
        # Ogives: a light and a dark band each time the ice below the fall has moved on by one spacing. Bands are
        # wider than a year's motion now, because the glacier was faster when they formed; no two are alike.
        born = np.nan_to_num(ice.born, nan=0.0) / 2.1
        year = np.arange(-80, 80)
        strength, kink = rng.uniform(0.4, 1.2, year.size), rng.normal(0, 0.12, year.size)
        band = np.sin(2 * np.pi * (born + np.interp(born, year, kink))) * np.interp(
            born, year, strength
        )
        inner = np.clip(1.3 - 1.6 * ice.debris, 0, 1) * np.isfinite(ice.born) * (ice.born < 190)
        crevasses = np.clip(
            rendering.crop_periodic(fractal_texture(512, 0.4, rng, 2.2, 0.3), shape) - 1, 0, None
        )
        fast = np.clip(
            np.hypot(ice.vx, ice.vy) / (0.7 * np.hypot(ice.vx, ice.vy).max()) - 0.5, 0, 1
        )
        ogives = 0.42 * ndimage.gaussian_filter(band * inner, 0.8)
        light = 0.12 * stretched[0] + 0.08 * stretched[1] + ogives - 0.3 * crevasses * fast
        debris = np.clip(ice.debris + 0.12 * coarse * ice.debris + 0.05 * stretched[1], 0, 1)
        years = [
            0.1 * rendering.crop_periodic(fractal_texture(512, 0.9, rng), shape) for _ in range(8)
        ]
        return tuple(self._spline(part) for part in (light, debris)), [
            self._spline(part) for part in years
        ]

    def _spline(self, lattice):
        return ndimage.spline_filter(lattice, mode="nearest").astype(np.float32)

    def scene(self, plan, shift: np.ndarray, relief_shift: float, seed: int):
        """Reflectance `(band, y, x)` and classification `(y, x)` of one acquisition.

        `plan` is a `gdiv.twin.scenes.Acquisition`; `shift` the scene's mis-registration (columns, rows) in pixels;
        `relief_shift` the largest
        relief-linked one; the whole image is displaced by them.
        """
        rng = np.random.default_rng([seed, 3, plan.day.toordinal()])
        twin, ice = self.glacier.twin, self.ice
        rows, columns = np.meshgrid(
            *(np.arange(n) + self.pad for n in self.geobox.shape), indexing="ij"
        )
        columns = columns - shift[0] - relief_shift * self.relief_pattern()
        rows = rows - shift[1]

        def static(lattice, order=1):
            return ndimage.map_coordinates(lattice, [rows, columns], order=order, mode="nearest")

        first, last = self.glacier.season.dates(self.glacier.season.year_of(plan.day))
        progress = (plan.day - first).days / (last - first).days
        sun_elevation = 62 - 28 * abs(progress - 0.15) ** 1.2
        sun_azimuth = 150 + 12 * progress if self.glacier.bbox[1] > 0 else 30 - 12 * progress
        light, shaded = rendering.illumination(
            self.elevation, self.spacing, sun_azimuth, sun_elevation
        )

        years = (plan.day - self.epoch).days / DAYS_PER_YEAR
        on_ice = static(ice.edge) > 0.01
        source = ice.advect(columns[on_ice], rows[on_ice], -years)

        def material(lattice):
            field = np.zeros(self.geobox.shape, np.float32)
            field[on_ice] = ndimage.map_coordinates(
                lattice, [source[1], source[0]], order=3, mode="nearest", prefilter=False
            )
            return field

        # What decorrelates a pair: two textures take turns over a year, and melt and wetness differ by the day.
        season, turn = divmod(years + 4, 1)
        young, next_young = self.ageing[int(season) % 8], self.ageing[(int(season) + 1) % 8]
        aged = np.cos(turn * np.pi / 2) * material(young) + np.sin(turn * np.pi / 2) * material(
            next_young
        )
        aged += 0.1 * rendering.crop_periodic(fractal_texture(512, 0.9, rng), self.geobox.shape)
        debris = np.clip(material(self.ice_look[1]), 0, 1)
        ice_colour = rendering.mix({"ice": 1 - debris, "debris": debris}) * np.exp(
            material(self.ice_look[0]) + aged
        )

        edge = static(ice.edge)
        reflectance = (
            np.stack([static(band, order=3) for band in self.ground]) * (1 - edge)
            + ice_colour * edge
        )
        line = (
            twin.snow_line
            - 700 * (1 - min(progress / 0.3, 1)) ** 2
            - (900 if plan.kind == "snow" else 0)
        )
        snow_depth = (self.elevation + 90 * self.patchiness - line) / 60 - 0.8 * (
            ice.distance > 0
        ) * np.hypot(*np.gradient(self.elevation, self.spacing))
        snow = np.clip(static(snow_depth), 0, 1)
        if plan.kind == "snow":
            snow = np.clip(snow + 0.92 - 0.3 * np.clip(static(self.patchiness), 0, 1), 0, 1)
        sheen = np.exp(0.05 * static(self.patchiness) + 0.03 * rng.normal(size=snow.shape))
        white = np.asarray(rendering.SPECTRA["snow"], np.float32)[:, None, None] * sheen
        reflectance = (reflectance * (1 - snow) + white * snow) * static(light)

        opacity, cloud_shadow = rendering.clouds(
            self.geobox.shape, plan.cover, self.spacing, sun_azimuth, rng
        )
        reflectance = reflectance * (1 - 0.65 * cloud_shadow)
        reflectance = (
            reflectance * (1 - opacity)
            + np.asarray(rendering.SPECTRA["cloud"], np.float32)[:, None, None] * opacity
        )
        gain, haze = 1 + 0.04 * rng.normal(), 0.006 * abs(rng.normal())
        reflectance = gain * reflectance + haze + 0.003 * rng.normal(size=reflectance.shape)

        classes = np.where(static(self.plants) > 0.5, SCL["plants"], SCL["ground"])
        classes = np.where((edge > 0.5) & (debris < 0.45) | (snow > 0.4), SCL["snow"], classes)
        classes = np.where(static(shaded.astype(np.float32)) > 0.5, SCL["shadow"], classes)
        classes = np.where(cloud_shadow > 0.25, SCL["cloud_shadow"], classes)
        classes = np.where(opacity > 0.06, SCL["cirrus"], classes)
        classes = np.where(opacity > 0.3, SCL["cloud"], classes)
        geometry = {"sun_azimuth": sun_azimuth, "sun_elevation": sun_elevation}
        return np.clip(reflectance, 0.0001, 1.5), classes[::2, ::2].astype(np.uint8), geometry

    def relief_pattern(self):
        """Elevation on the scene's grid as 0..1: what an error of the terrain model scales with."""
        height = self.elevation[self.pad : -self.pad, self.pad : -self.pad]
        height = ndimage.gaussian_filter(height, 300 / self.spacing)
        return (height - height.min()) / np.ptp(height)
