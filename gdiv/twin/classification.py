"""Scene classification of the twin, with the errors of a real one."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gdiv.images.arrays import Image
from gdiv.images.textures import smooth_field
from gdiv.twin.rendering import SCL, Clouds

__all__ = ["ICE_MIN", "Surface", "classify_surface", "confuse_classes"]

# Thresholds of the classification.
PLANTS_MIN = 0.5  # fraction of plants
ICE_MIN = 0.5  # fraction of ice
CLEAN_DEBRIS_MAX = 0.45  # fraction of debris on ice that is classed as snow
SNOW_MIN = 0.4  # fraction of snow
SHADOW_MIN = 0.5  # fraction of the pixel in shadow
CLOUD_SHADOW_MIN = 0.25  # opacity
CIRRUS_MIN = 0.06  # opacity
CLOUD_MIN = 0.3  # opacity

# Misclassifications most often reported for Sen2Cor, and the length of their patches in pixels of
# 20 m.
CONFUSIONS = {"snow": "cloud", "ground": "shadow", "cloud": "snow", "cirrus": "snow"}
CONFUSION_LENGTH = 6


class Surface(NamedTuple):
    """Fractions of each pixel ``(H, W)``, 0 to 1."""

    plants: Image
    ice: Image
    debris: Image  # of the ice
    snow: Image
    shadow: Image


def classify_surface(surface: Surface, clouds: Clouds) -> npt.NDArray[np.uint8]:
    """Classify every second pixel of every second row; later classes replace earlier ones.

    Parameters
    ----------
    surface : Surface
        Surface fractions of each pixel.
    clouds : Clouds
        Clouds and their shadow.

    Returns
    -------
    ndarray of uint8, shape (H/2, W/2)
        Classes of Sentinel-2's scene classification.
    """
    classes = np.where(surface.plants > PLANTS_MIN, SCL["plants"], SCL["ground"])
    clean_ice = (surface.ice > ICE_MIN) & (surface.debris < CLEAN_DEBRIS_MAX)
    # Sentinel-2's classification has no class for ice: clean ice is classed as snow.
    classes = np.where(clean_ice | (surface.snow > SNOW_MIN), SCL["snow"], classes)
    classes = np.where(surface.shadow > SHADOW_MIN, SCL["shadow"], classes)
    classes = np.where(clouds.shadow > CLOUD_SHADOW_MIN, SCL["cloud_shadow"], classes)
    classes = np.where(clouds.opacity > CIRRUS_MIN, SCL["cirrus"], classes)
    classes = np.where(clouds.opacity > CLOUD_MIN, SCL["cloud"], classes)
    return classes[::2, ::2].astype(np.uint8)


def confuse_classes(
    classes: npt.NDArray[np.uint8], fraction: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Misclassify patches of pixels, for example bright ice as cloud.

    Parameters
    ----------
    classes : ndarray of uint8, shape (H, W)
        Correct classes.
    fraction : float
        Fraction of the scene in patches; if zero, nothing is drawn from `rng`.
    rng : numpy.random.Generator
        Source of the patches.

    Returns
    -------
    ndarray of uint8, shape (H, W)
        Classes, some of them wrong.
    """
    if not fraction:
        return classes
    height, width = classes.shape
    patches = smooth_field((height, width), CONFUSION_LENGTH, rng)
    wrong = patches > np.quantile(patches, 1 - fraction)
    table = np.arange(max(SCL.values()) + 1, dtype=np.uint8)
    for own, other in CONFUSIONS.items():
        table[SCL[own]] = SCL[other]
    return np.where(wrong, table[classes], classes)
