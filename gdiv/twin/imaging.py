"""Images of the twin's world at one acquisition: light, ice, snow, clouds, sensor and classes.

Texture moves with the ice. A scene samples the lattice of the reference date at the material point
that has moved to each pixel, so the displacement between two scenes is exact, regardless of the
interpolation of the texture.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from gdiv.catalog import Glacier, TwinConditions
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.images.arrays import Component, Image, Mask, Series
from gdiv.images.sampling import pixel_grid
from gdiv.images.textures import fractal_texture
from gdiv.twin.acquisitions import Acquisition
from gdiv.twin.classification import ICE_MIN, Surface, classify_surface, confuse_classes
from gdiv.twin.distortion import Distortion
from gdiv.twin.inputs import SCENE_KEY, require_description
from gdiv.twin.rendering import (
    TEXTURE_SIZE,
    Clouds,
    crop_periodic,
    draw_clouds,
    mix,
    spectrum,
)
from gdiv.twin.terrain import illuminate
from gdiv.twin.world import AGEING_YEARS, World

__all__ = ["Sun", "TwinImage", "image_world"]

# All numbers were chosen by eye on the twin of the Mer de Glace.
# Sun at the time of Sentinel-2's pass, about 10:30 local time; it is highest early in the season.
SUN_ELEVATION = 62  # degrees, the highest of the season
SUN_DESCENT = 28  # degrees, times a power of the fraction of the season from the peak
SUN_PEAK = 0.15  # fraction of the season at which the sun is highest
SUN_EXPONENT = 1.2
NORTHERN_AZIMUTH = 150  # degrees at the beginning of the season
SOUTHERN_AZIMUTH = 30
AZIMUTH_DRIFT = 12  # degrees over the season

# Ice.
MIN_FRACTION = 0.01  # minimum ice fraction of a pixel for which material is sampled
YEAR_ZERO = 4  # index of the ageing texture of the reference date, in the middle of `AGEING_YEARS`
DAILY_FRACTION = 0.5  # daily change of the ice relative to the change from year to year
DAILY_SLOPE = 0.9  # of the spectrum of daily changes: melt and wetness

# Snow.
EARLY_LINE_DROP = 700  # m by which the snow line is lower when the season begins
EARLY_FRACTION = 0.3  # of the season, after which the snow line is at its final elevation
FRESH_LINE_DROP = 900  # m by which fresh snow lowers the line
LINE_SPREAD = 90  # m by which patches raise and lower the line
LINE_WIDTH = 60  # m from bare to covered
STEEPNESS_LOSS = 0.8  # loss of cover on a slope of 45 degrees
FRESH_COVER = 0.92  # of a scene with fresh snow
FRESH_GAPS = 0.3  # cover that patches remove
SNOW_PATCHES = 0.05  # of log-brightness
SNOW_GRAIN = 0.03  # of log-brightness

# Atmosphere and sensor.
CLOUD_SHADOW = 0.65  # fraction of the light that a cloud blocks
GAIN_SPREAD = 0.04  # sigma of the gain between scenes
HAZE_SPREAD = 0.006  # reflectance, sigma
NOISE = (0.003, 0.003, 0.003, 0.003)  # reflectance, sigma, in the order of the bands
BAND_NOISE = (0.004, 0.003, 0.003, 0.0035)  # the same where bands differ
REFLECTANCE_RANGE = (0.0001, 1.5)  # 0 would be no data


class Sun(NamedTuple):
    """Position of the sun in degrees."""

    azimuth: float  # clockwise from north
    elevation: float  # above the horizon


class TwinImage(NamedTuple):
    """One rendered acquisition."""

    reflectance: Image  # (4, H, W), in the order of BANDS
    classes: npt.NDArray[np.uint8]  # (H/2, W/2), scene classification
    sun: Sun


class _IceSurface(NamedTuple):
    """Appearance of the ice on the day of one scene."""

    fraction: Image  # of ice in each pixel
    debris: Image  # fraction of the surface
    reflectance: Image  # (4, H, W)


@dataclass(frozen=True)
class _View:
    """Positions on the world's lattice that the pixels of one scene show."""

    rows: Image
    columns: Image
    on_ice: Mask  # pixels with ice
    ice_columns: Series  # position of their material on the reference date
    ice_rows: Series
    melange: Mask  # pixels of ice mélange beyond a calving front

    def sample(self, lattice: Component, order: int = 1) -> Image:
        """Sample a lattice of stable ground, light or snow."""
        points = [self.rows, self.columns]
        return ndimage.map_coordinates(lattice, points, order=order, mode="nearest")

    def sample_material(self, coefficients: Image) -> Image:
        """Sample a spline texture that moves with the ice; 0 where there is no ice."""
        field = np.zeros(self.rows.shape, np.float32)
        points = [self.ice_rows, self.ice_columns]
        field[self.on_ice] = ndimage.map_coordinates(
            coefficients, points, order=3, mode="nearest", prefilter=False
        )
        return field


def image_world(
    world: World,
    acquisition: Acquisition,
    distortion: Distortion,
    seed: int,
) -> TwinImage:
    """Render one acquisition of the twin's world.

    Parameters
    ----------
    world : World
        Ice, valley walls and textures.
    acquisition : Acquisition
        Day, fault and clouds of the scene.
    distortion : Distortion
        Geolocation errors of the scene.
    seed : int
        Seed of weather and noise.

    Returns
    -------
    TwinImage
        Reflectance, classification at half the resolution, and position of the sun.
    """
    # The steps below draw from `rng`, so a different order would give different scenes.
    rng = np.random.default_rng([seed, SCENE_KEY, acquisition.day.toordinal()])
    day = acquisition.day.toordinal()
    conditions = world.conditions
    sun = _sun_position(world.glacier, acquisition.day)
    lit = illuminate(
        world.elevation, world.spacing, sun.azimuth, sun.elevation, conditions.band_light
    )
    view = _view(world, distortion, day)

    years = (acquisition.day - world.epoch).days / DAYS_PER_YEAR
    ice = _ice_surface(world, view, years, rng)
    reflectance = _blend_ground_and_ice(world, view, ice, day, rng)
    snow = _snow_cover(world, view, acquisition)
    reflectance = _cover_with_snow(reflectance, snow, view.sample(world.patchiness), rng)
    reflectance = reflectance * np.stack([view.sample(band) for band in lit.light])
    clouds = draw_clouds(snow.shape, acquisition.cover, world.spacing, sun.azimuth, rng)
    reflectance = _cover_with_clouds(reflectance, clouds)
    reflectance = _measure(reflectance, conditions, rng)

    shadow = view.sample(lit.shadow.astype(np.float32))
    surface = Surface(view.sample(world.plants), ice.fraction, ice.debris, snow, shadow)
    classes = confuse_classes(classify_surface(surface, clouds), conditions.class_errors, rng)
    return TwinImage(reflectance, classes, sun)


def _season_progress(glacier: Glacier, day: date) -> float:
    """Fraction of the melt season that has passed on a day."""
    year = glacier.season.year_of(day)
    assert year is not None, "acquisitions are planned within the season"
    first, last = glacier.season.dates(year)
    return (day - first).days / (last - first).days


def _sun_position(glacier: Glacier, day: date) -> Sun:
    """Position of the sun at the time of the satellite's pass."""
    progress = _season_progress(glacier, day)
    elevation = SUN_ELEVATION - SUN_DESCENT * abs(progress - SUN_PEAK) ** SUN_EXPONENT
    if glacier.bbox[1] > 0:
        return Sun(NORTHERN_AZIMUTH + AZIMUTH_DRIFT * progress, elevation)
    return Sun(SOUTHERN_AZIMUTH - AZIMUTH_DRIFT * progress, elevation)


def _view(world: World, distortion: Distortion, day: float) -> _View:
    """Compute the lattice position and the material that each pixel shows."""
    height, width = world.geobox.shape
    columns, rows = distortion.to_world(world.patterns, *pixel_grid((height, width), np.float64))
    columns, rows = columns + world.pad, rows + world.pad
    points = [rows, columns]
    fraction = ndimage.map_coordinates(world.ice.fraction, points, order=1, mode="nearest")
    along = ndimage.map_coordinates(world.ice.along, points, order=1, mode="nearest")
    melange = (fraction > ICE_MIN) & world.front.beyond(along, day)
    on_ice = (fraction > MIN_FRACTION) & ~melange
    # For scenes after the reference date, the material was upstream of its pixel.
    years = world.clock.ice_years(world.epoch.toordinal(), day)
    ice_columns, ice_rows = world.ice.advect(columns[on_ice], rows[on_ice], -years)
    return _View(rows, columns, on_ice, ice_columns, ice_rows, melange)


def _ice_surface(world: World, view: _View, years: float, rng: np.random.Generator) -> _IceSurface:
    """Sample the appearance of the material in each pixel, aged to the day of the scene.

    Ageing decorrelates the images of a pair. One texture fades into the next over a year, and a
    new texture is drawn for each day.
    """
    change = world.conditions.ice_change
    aged = change * _fade(world.ageing, view, years)
    daily = fractal_texture(TEXTURE_SIZE, DAILY_SLOPE, rng)
    aged += DAILY_FRACTION * change * crop_periodic(daily, view.rows.shape)
    if world.conditions.opening_crevasses:
        aged -= _fade(world.crevasses, view, years)
    debris = np.clip(view.sample_material(world.ice_debris), 0, 1)
    brightness = np.exp(view.sample_material(world.ice_brightness) + aged)
    reflectance = mix({"ice": 1 - debris, "debris": debris}) * brightness
    return _IceSurface(view.sample(world.ice.fraction), debris, reflectance)


def _fade(textures: list[Image], view: _View, years: float) -> Image:
    """Blend the textures of two successive years, one fading into the other."""
    season, phase = divmod(years + YEAR_ZERO, 1)
    fading = view.sample_material(textures[int(season) % AGEING_YEARS])
    emerging = view.sample_material(textures[(int(season) + 1) % AGEING_YEARS])
    # Cosine and sine keep the variance constant during the transition.
    return np.cos(phase * np.pi / 2) * fading + np.sin(phase * np.pi / 2) * emerging


def _blend_ground_and_ice(
    world: World, view: _View, ice: _IceSurface, day: float, rng: np.random.Generator
) -> Image:
    """Reflectance of stable ground, ice and mélange, blended at the margin of the ice.

    Stable ground changes from day to day: wet rock, melting snow and plants.
    """
    ground = np.stack([view.sample(band, order=3) for band in world.ground])
    daily = crop_periodic(fractal_texture(TEXTURE_SIZE, DAILY_SLOPE, rng), view.rows.shape)
    ground = ground * np.exp(world.conditions.ground_change * daily)
    reflectance = ground * (1 - ice.fraction) + ice.reflectance * ice.fraction
    if view.melange.any():
        melange = world.front.melange(view.columns, view.rows, day)
        reflectance = np.where(view.melange, melange, reflectance)
    return reflectance


def _snow_cover(world: World, view: _View, acquisition: Acquisition) -> Image:
    """Fraction of each pixel under snow."""
    fresh = acquisition.kind == "snow"
    progress = _season_progress(world.glacier, acquisition.day)
    line = (
        require_description(world.glacier).snow_line
        - EARLY_LINE_DROP * (1 - min(progress / EARLY_FRACTION, 1)) ** 2
        - (FRESH_LINE_DROP if fresh else 0)
    )
    above = (world.elevation + LINE_SPREAD * world.patchiness - line) / LINE_WIDTH
    slope = np.hypot(*np.gradient(world.elevation, world.spacing))
    # Snow stays on ice regardless of the slope of the interpolated surface.
    shed = STEEPNESS_LOSS * (world.ice.distance > 0) * slope
    snow = np.clip(view.sample(above - shed), 0, 1)
    if fresh:
        gaps = FRESH_GAPS * np.clip(view.sample(world.patchiness), 0, 1)
        snow = np.clip(snow + FRESH_COVER - gaps, 0, 1)
    return snow


def _cover_with_snow(
    reflectance: Image, snow: Image, patchiness: Image, rng: np.random.Generator
) -> Image:
    """Blend a surface with snow of uneven brightness."""
    grain = rng.normal(size=snow.shape)
    white = spectrum("snow") * np.exp(SNOW_PATCHES * patchiness + SNOW_GRAIN * grain)
    return reflectance * (1 - snow) + white * snow


def _cover_with_clouds(reflectance: Image, clouds: Clouds) -> Image:
    """Darken the ground in cloud shadow, and hide it behind clouds."""
    shaded = reflectance * (1 - CLOUD_SHADOW * clouds.shadow)
    return shaded * (1 - clouds.opacity) + spectrum("cloud") * clouds.opacity


def _measure(reflectance: Image, conditions: TwinConditions, rng: np.random.Generator) -> Image:
    """Add the gain, haze, stripes and noise of one acquisition."""
    gain = 1 + GAIN_SPREAD * rng.normal()
    haze = HAZE_SPREAD * abs(rng.normal())
    bands, _, width = reflectance.shape
    stripes = conditions.stripes * rng.normal(size=(bands, 1, width))
    level = np.array(BAND_NOISE if conditions.band_light else NOISE)[:, None, None]
    noise = level * rng.normal(size=reflectance.shape)
    return np.clip(gain * reflectance + haze + stripes + noise, *REFLECTANCE_RANGE)
