"""Bands, classes, surfaces and clouds of the twin.

Random fields come from a ``numpy.random.Generator``, so the order of the calls matters.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Image
from gdiv.images.textures import smooth_field

__all__ = [
    "BANDS",
    "SCL",
    "TEXTURE_SIZE",
    "Clouds",
    "crop_periodic",
    "draw_clouds",
    "mix",
    "spectrum",
]

#: Bands of a scene, in this order.
BANDS = ("blue", "green", "red", "nir")
#: Surface reflectance in the order of `BANDS`, rounded from Sentinel-2 scenes of Alpine tongues
#: in July.
SPECTRA = {
    "ice": (0.36, 0.36, 0.34, 0.29),
    "debris": (0.13, 0.145, 0.155, 0.185),
    "rock": (0.12, 0.135, 0.15, 0.19),
    "plants": (0.035, 0.06, 0.045, 0.30),
    "snow": (0.88, 0.87, 0.85, 0.76),
    "cloud": (0.66, 0.65, 0.64, 0.66),
    "water": (0.06, 0.05, 0.03, 0.015),
}
#: Classes of the scene classification of Sentinel-2's level 2A (ESA, Sen2Cor).
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
#: Rows and columns of a periodic texture.
TEXTURE_SIZE = 512

# Clouds. All numbers were chosen by eye on the twin of the Mer de Glace.
CLOUD_LENGTH = 2000  # m, correlation length of the largest clouds
CLOUD_OCTAVES = 6
MIN_CLOUD_LENGTH = 2  # pixels
MAX_COVER = 0.999  # fraction of a scene
CLOUD_EDGE = 0.35  # of the cloud field's spread, from clear to opaque
SHADOW_OFFSET = 700  # m from a cloud to its shadow: a base of about 1 km under a July sun


class Clouds(NamedTuple):
    """Clouds over one scene."""

    opacity: Image  # 0 to 1
    shadow: Image  # 0 to 1, where not hidden by a cloud


def crop_periodic(texture: Image, shape: tuple[int, int]) -> Image:
    """Tile a periodic texture and cut it to a shape.

    Parameters
    ----------
    texture : ndarray, shape (M, N)
        Texture with periodic edges.
    shape : tuple of int
        ``(H, W)``.

    Returns
    -------
    ndarray, shape (H, W)
        The texture, starting at its first pixel and repeated where necessary.
    """
    # Round the division up.
    repeats = [-(-wanted // present) for wanted, present in zip(shape, texture.shape, strict=True)]
    return np.tile(texture, repeats)[: shape[0], : shape[1]]


def spectrum(name: str) -> Image:
    """Return the reflectance of a surface in each band.

    Parameters
    ----------
    name : str
        A surface, such as "ice" or "cloud".

    Returns
    -------
    ndarray, shape (4, 1, 1)
        Reflectance in the order of `BANDS`, to multiply with an image.
    """
    return np.asarray(SPECTRA[name], np.float32)[:, None, None]


def mix(fractions: dict[str, Image]) -> Image:
    """Mix the reflectance of surfaces that share a pixel.

    Parameters
    ----------
    fractions : dict of ndarray, shape (H, W)
        Area of each surface. The sum over the surfaces may differ from 1.

    Returns
    -------
    ndarray, shape (4, H, W)
        Reflectance in the order of `BANDS`.
    """
    total = np.sum(list(fractions.values()), axis=0)
    parts = [spectrum(name) * (part / total) for name, part in fractions.items()]
    return np.sum(parts, axis=0)


def draw_clouds(
    shape: tuple[int, int],
    cover: float,
    spacing: float,
    sun_azimuth: float,
    rng: np.random.Generator,
) -> Clouds:
    """Draw a fractal field of clouds and its shadow.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)``.
    cover : float
        Approximate cloud cover of the scene, as a fraction. If zero, nothing is drawn from `rng`.
    spacing : float
        Size of a pixel in metres.
    sun_azimuth : float
        Direction of the sun in degrees, clockwise from north.
    rng : numpy.random.Generator
        Source of the random fields.

    Returns
    -------
    Clouds
        Opacity of the clouds and of their shadow.
    """
    if cover <= 0:
        return Clouds(np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    field: Image = np.zeros(shape, np.float32)
    for octave in range(CLOUD_OCTAVES):
        length = max(CLOUD_LENGTH / spacing / 2**octave, MIN_CLOUD_LENGTH)
        field = field + 2.0**-octave * smooth_field(shape, length, rng)
    threshold = np.quantile(field, 1 - min(cover, MAX_COVER))
    opacity = np.clip((field - threshold) / CLOUD_EDGE, 0, 1)
    azimuth = np.radians(sun_azimuth)
    distance = SHADOW_OFFSET / spacing
    # Direction away from the sun, as (row, column).
    offset = (distance * np.cos(azimuth), -distance * np.sin(azimuth))
    shadow = ndimage.shift(opacity, offset, order=1)
    return Clouds(opacity.astype(np.float32), (shadow * (1 - opacity)).astype(np.float32))
