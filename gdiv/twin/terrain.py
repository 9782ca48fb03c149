"""Relief of the twin's valley walls, and the light on them.

Random fields come from a ``numpy.random.Generator``, so the order of the calls matters.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Image, Mask
from gdiv.images.textures import fractal_texture, smooth_field
from gdiv.twin.rendering import TEXTURE_SIZE, crop_periodic

__all__ = ["Illumination", "draw_relief", "illuminate"]

# All numbers were chosen by eye on the twin of the Mer de Glace.
# Relief; factors are relative to the height of the walls.
WALL_SCALE = 0.9  # distance over which a wall rises by 1 - 1/e of its height
WALL_LEVEL = 0.85  # height of the walls
BROAD_AMPLITUDE = 0.25  # of broad shoulders
BROAD_LENGTH = 1500  # m, correlation length of the shoulders
RIDGE_AMPLITUDE = 0.42  # of ridges and gullies
RIDGE_LENGTH = 700  # m, correlation length of the largest ridges
RIDGE_OCTAVES = 5
RIDGE_LEVEL = 0.8  # approximate mean of the absolute value of unit Gaussian noise
ROUGHNESS = 18  # m, of the smallest relief
ROUGHNESS_SLOPE = 1.7  # of its spectrum

# Light.
SHADOW_REACH = 60  # pixels, the farthest ridge that casts a shadow
SHADOW_STEP = 2  # pixels between the distances searched for ridges
# Fraction of the light from the sky: the same for all bands, or for blue, green, red and near
# infrared, since air scatters blue light most.
SKY_LIGHT = (0.16, 0.16, 0.16, 0.16)
BAND_SKY_LIGHT = (0.28, 0.20, 0.14, 0.08)
PENUMBRA = 0.6  # pixels, sigma
MAX_LIGHT = 1.9  # relative to flat ground


class Illumination(NamedTuple):
    """Light on the ground under one position of the sun."""

    light: Image  # (4, H, W), of each band, relative to flat ground
    shadow: Mask  # True where a ridge casts its shadow


def draw_relief(
    distance: Image,
    ice_elevation: Image,
    height: float,
    spacing: float,
    rng: np.random.Generator,
) -> Image:
    """Generate valley walls with ridges and gullies beside the ice.

    Parameters
    ----------
    distance : ndarray, shape (H, W)
        Distance to the ice in metres.
    ice_elevation : ndarray, shape (H, W)
        Elevation of the ice surface in metres, extended beyond the ice.
    height : float
        Height of the walls above the ice in metres.
    spacing : float
        Size of a pixel in metres.
    rng : numpy.random.Generator
        Source of the random fields.

    Returns
    -------
    ndarray, shape (H, W)
        Elevation in metres.
    """
    shape = distance.shape
    wall = 1 - np.exp(-np.maximum(distance, 0) / (WALL_SCALE * height))
    broad = smooth_field(shape, BROAD_LENGTH / spacing, rng)
    ridges = _ridged_noise(shape, RIDGE_LENGTH / spacing, rng)
    texture = fractal_texture(TEXTURE_SIZE, ROUGHNESS_SLOPE, rng)
    rough = crop_periodic(texture, shape)
    return (
        ice_elevation
        + height * wall * (WALL_LEVEL + BROAD_AMPLITUDE * broad)
        + RIDGE_AMPLITUDE * height * wall * ridges
        + ROUGHNESS * np.sqrt(wall) * rough
    )


def _ridged_noise(shape: tuple[int, int], length: float, rng: np.random.Generator) -> Image:
    """Fractal noise with erosion-like creases: the absolute value of smooth noise."""
    total: Image = np.zeros(shape, np.float32)
    for octave in range(RIDGE_OCTAVES):
        scale = 2.0**-octave
        field = smooth_field(shape, length / 2**octave, rng)
        total = total + scale * (RIDGE_LEVEL - np.abs(field))
    return total


def illuminate(
    elevation: Image,
    spacing: float,
    sun_azimuth: float,
    sun_elevation: float,
    band_light: bool = False,
) -> Illumination:
    """Illuminate each slope by sun and sky, and cast the shadows of ridges.

    Parameters
    ----------
    elevation : ndarray, shape (H, W)
        Elevation in metres.
    spacing : float
        Size of a pixel in metres.
    sun_azimuth : float
        Direction of the sun in degrees, clockwise from north.
    sun_elevation : float
        Height of the sun above the horizon in degrees.
    band_light : bool, optional
        True if each band has its own sky light.

    Returns
    -------
    Illumination
        Light relative to flat ground, and shadows cast by ridges.
    """
    azimuth = np.radians(sun_azimuth)
    height = np.radians(sun_elevation)
    # Horizontal direction towards the sun, as (column, row).
    direction = (np.sin(azimuth), -np.cos(azimuth))
    slope_south, slope_east = np.gradient(elevation, spacing)
    # Cosine of the angle between the sun and the normal of the slope.
    rise = direction[0] * slope_east + direction[1] * slope_south
    normal = np.sqrt(1 + slope_east**2 + slope_south**2)
    cosine = (np.sin(height) - np.cos(height) * rise) / normal
    shadow = _cast_shadow(elevation, spacing, direction, height)
    direct = np.where(shadow, 0, np.maximum(cosine, 0)) / np.sin(height)
    sun = ndimage.gaussian_filter(direct, PENUMBRA)
    sky = np.array(BAND_SKY_LIGHT if band_light else SKY_LIGHT, np.float32)[:, None, None]
    light = sky + (1 - sky) * sun
    return Illumination(light.clip(0, MAX_LIGHT), shadow)


def _cast_shadow(
    elevation: Image, spacing: float, direction: tuple[float, float], height: float
) -> Mask:
    """Find the ground that a ridge shades from a sun at `height` (radian) in a direction."""
    column, row = direction
    shadow = np.zeros(elevation.shape, bool)
    for step in range(SHADOW_STEP, SHADOW_REACH, SHADOW_STEP):
        # Shift the ground `step` pixels towards the sun to each pixel.
        offset = (-step * row, -step * column)
        ridge = ndimage.shift(elevation, offset, order=1, mode="nearest")
        shadow |= ridge - elevation > step * spacing * np.tan(height)
    return shadow
