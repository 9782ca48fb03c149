"""How a synthetic glacier looks: relief, surfaces, light and weather, as reflectance a band.

Everything is drawn on a regular grid in metres with y downwards (row order); random fields come from a
`numpy.random.Generator`. The spectra are rounded from Sentinel-2 scenes of Alpine tongues in July.
"""

import numpy as np
from scipy import ndimage

from gdiv.images.textures import fractal_texture, smooth_field

BANDS = ("blue", "green", "red", "nir")
SPECTRA = {  # surface reflectance in the order of BANDS
    "ice": (0.36, 0.36, 0.34, 0.29),
    "debris": (0.13, 0.145, 0.155, 0.185),
    "rock": (0.12, 0.135, 0.15, 0.19),
    "plants": (0.035, 0.06, 0.045, 0.30),
    "snow": (0.88, 0.87, 0.85, 0.76),
    "cloud": (0.66, 0.65, 0.64, 0.66),
}
SCL = {
    "nodata": 0,
    "shadow": 2,
    "cloud_shadow": 3,
    "plants": 4,
    "ground": 5,
    "cloud": 9,
    "cirrus": 10,
    "snow": 11,
}


def crop_periodic(texture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A texture tiled and cut to `shape`."""
    repeats = [-(-n // m) for n, m in zip(shape, texture.shape, strict=True)]
    return np.tile(texture, repeats)[: shape[0], : shape[1]]


def relief(
    distance: np.ndarray, ice_elevation: np.ndarray, height: float, spacing: float, rng
) -> np.ndarray:
    """Elevation in metres: valley walls with gullies that rise with the distance from the ice (metres)."""
    shape = distance.shape
    wall = 1 - np.exp(-np.maximum(distance, 0) / (0.9 * height))
    broad = smooth_field(shape, 1500 / spacing, rng)
    # Ridged noise: the absolute value of smooth noise has creases, as erosion leaves them.
    ridges = sum(
        2.0**-k * (0.8 - np.abs(smooth_field(shape, 700 / spacing / 2**k, rng))) for k in range(5)
    )
    rough = crop_periodic(fractal_texture(512, 1.7, rng), shape)
    return (
        ice_elevation
        + height * wall * (0.85 + 0.25 * broad)
        + 0.42 * height * wall * ridges
        + 18 * np.sqrt(wall) * rough
    )


def illumination(
    elevation: np.ndarray, spacing: float, sun_azimuth: float, sun_elevation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Light on each slope relative to flat ground, and where a ridge casts its shadow. Angles in degrees."""
    azimuth, height = np.radians(sun_azimuth), np.radians(sun_elevation)
    down, east = np.gradient(elevation, spacing)
    towards = np.array([np.sin(azimuth), -np.cos(azimuth)])  # of the sun, as (column, row)
    cosine = (np.sin(height) - np.cos(height) * (towards[0] * east + towards[1] * down)) / np.sqrt(
        1 + east**2 + down**2
    )
    shadow = np.zeros(elevation.shape, bool)
    for step in range(2, 60, 2):
        ridge = ndimage.shift(
            elevation, (-step * towards[1], -step * towards[0]), order=1, mode="nearest"
        )
        shadow |= ridge - elevation > step * spacing * np.tan(height)
    light = np.where(shadow, 0, np.maximum(cosine, 0)) / np.sin(height)
    return ndimage.gaussian_filter(0.16 + 0.84 * light, 0.6).clip(0, 1.9), shadow


def mix(fractions: dict[str, np.ndarray]) -> np.ndarray:
    """Reflectance `(band, y, x)` of surfaces that share a pixel; the fractions need not sum to one."""
    total = sum(fractions.values())
    return sum(
        np.asarray(SPECTRA[name], np.float32)[:, None, None] * (part / total)
        for name, part in fractions.items()
    )


def clouds(
    shape: tuple[int, int], cover: float, spacing: float, sun_azimuth: float, rng
) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of a fractal cloud field over about `cover` of the scene, and of its shadow, each 0..1."""
    if cover <= 0:
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    field = sum(2.0**-k * smooth_field(shape, max(2000 / spacing / 2**k, 2), rng) for k in range(6))
    threshold = np.quantile(field, 1 - min(cover, 0.999))
    opacity = np.clip((field - threshold) / 0.35, 0, 1)
    azimuth = np.radians(sun_azimuth)
    offset = 700 / spacing  # a cloud base of about 1 km under a July sun
    shadow = ndimage.shift(opacity, (offset * np.cos(azimuth), -offset * np.sin(azimuth)), order=1)
    return opacity.astype(np.float32), (shadow * (1 - opacity)).astype(np.float32)
