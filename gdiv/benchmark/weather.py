"""Differences between the two dates of a pair whose displacement is known exactly.

Every pair has partly new texture, different light and noise; `CONDITIONS` come in addition.
Images have no unit; all amplitudes are relative to `brightness_range`, the 1 to 99 % range.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Image, Mask
from gdiv.images.textures import smooth_field

__all__ = ["CONDITIONS", "add_condition", "brightness_range", "change_light", "renew_texture"]

#: Fraction of the texture's power on ice, below `RENEWED_SCALE` pixels, that another texture
#: replaces.
RENEWED_FRACTION = 0.15
RENEWED_SCALE = 4.0
#: Relative spread and correlation length (pixels) of a smooth gain field, mean gain and offset of
#: the secondary, and noise of both images.
GAIN_SPREAD = 0.10
GAIN_LENGTH = 70
GAIN = 1.05
OFFSET = 0.05
NOISE = 0.01

# Conditions; chosen by eye on Sentinel-2 and Landsat scenes of glaciers.
SHADOW_LENGTH = 45  # pixels, correlation length of the ridges
SHADOW_LEVEL = 0.9  # threshold of unit noise above which shadow lies: a fifth of the image
SHADOW_LIGHT = 0.35  # light that is left in the shadow
SHADOW_SHIFT = (4.0, 14.0)  # pixels by which a shadow moves between the dates
SHADOW_EDGE = 0.7  # pixels, sigma
SNOW_SHIFT = (10.0, 40.0)  # pixels by which the snow line moves
SNOW_WAVE = 12.0  # pixels, spread of its position
SNOW_COVER = 0.7  # fraction of the texture that snow hides
SNOW_BRIGHTNESS = 0.95  # brightness of snow, as a quantile of the image
SNOW_EDGE = 6.0  # pixels from bare to covered
CLOUD_LENGTHS = (60, 25, 10)  # pixels
CLOUD_COVER = 0.35  # fraction of the image
CLOUD_OPACITY = 0.45
STRIPE = 0.025  # amplitude of stripes
STRIPE_PERIOD = (7.0, 23.0)  # pixels


def brightness_range(image: Image) -> float:
    """Compute the range from the 1 % to the 99 % quantile of the pixels with data.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Image; NaN is no data.

    Returns
    -------
    float
        The range, in the unit of the image.
    """
    low, high = np.nanpercentile(image, [1, 99])
    return float(high - low)


def renew_texture(image: Image, ice: Mask, other: Image) -> Image:
    """Replace part of the fine texture on ice by that of another image.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Image.
    ice : ndarray of bool, shape (H, W)
        Pixels to change.
    other : ndarray, shape (H, W)
        Another scene or texture.

    Returns
    -------
    ndarray, shape (H, W)
        Image with the same amount of fine texture; a fraction `RENEWED_FRACTION` of its power is
        new.
    """
    fine = _fine(image)
    new = _fine(other)
    new = new * (fine[ice].std() / max(new[ice].std(), 1e-9)) if ice.any() else new
    changed = image - fine + np.sqrt(1 - RENEWED_FRACTION) * fine + np.sqrt(RENEWED_FRACTION) * new
    ice_weight = ndimage.gaussian_filter(ice.astype(np.float32), 1.0)
    return image * (1 - ice_weight) + changed * ice_weight


def _fine(image: Image) -> Image:
    """Part of an image below `RENEWED_SCALE` pixels."""
    return image - ndimage.gaussian_filter(image, RENEWED_SCALE / 2)


def change_light(
    reference: Image, secondary: Image, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Change gain, offset and noise between two images.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        Images.
    rng : numpy.random.Generator
        Source of the changes.

    Returns
    -------
    reference, secondary : ndarray of float32, shape (H, W)
        The changed images; the reference changes only by noise.
    """
    scale = brightness_range(reference)
    shape = (secondary.shape[0], secondary.shape[1])
    gain = 1 + GAIN_SPREAD * smooth_field(shape, GAIN_LENGTH, rng)
    secondary = secondary * gain * GAIN + OFFSET * scale
    noisy = [image + NOISE * scale * rng.normal(size=shape) for image in (reference, secondary)]
    return noisy[0].astype(np.float32), noisy[1].astype(np.float32)


def add_condition(
    name: str, reference: Image, secondary: Image, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Add one of `CONDITIONS` to a pair.

    Parameters
    ----------
    name : str
        Name of the condition; "none" changes nothing.
    reference, secondary : ndarray, shape (H, W)
        Images.
    rng : numpy.random.Generator
        Source of its shape.

    Returns
    -------
    reference, secondary : ndarray, shape (H, W)
        The changed images.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = rng.normal(size=(64, 64))
    >>> _, striped = add_condition("stripes", image, image, rng)
    >>> bool(0 < np.abs(striped - image).max() < 0.1 * brightness_range(image))
    True
    """
    return CONDITIONS[name](reference, secondary, rng)


def _none(reference: Image, secondary: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Return the images unchanged."""
    return reference, secondary


def _shadow(reference: Image, secondary: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Add cast shadows that move between the dates."""
    height, width = reference.shape
    ridges = smooth_field((height, width), SHADOW_LENGTH, rng)
    distance = rng.uniform(*SHADOW_SHIFT)
    angle = rng.uniform(0, 2 * np.pi)
    offset = (distance * np.sin(angle), distance * np.cos(angle))
    moved = ndimage.shift(ridges, offset, order=1, mode="nearest")
    images = []
    for image, field in ((reference, ridges), (secondary, moved)):
        dark = ndimage.gaussian_filter((field > SHADOW_LEVEL).astype(np.float32), SHADOW_EDGE)
        # Shadow scales the brightness above the darkest pixel, so it also reduces contrast.
        floor = np.nanpercentile(image, 0.5)
        images.append(floor + (image - floor) * (1 - (1 - SHADOW_LIGHT) * dark))
    return images[0], images[1]


def _snow_line(reference: Image, secondary: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Add a snow line that moves up or down between the dates."""
    height, width = reference.shape
    rows, columns = np.mgrid[:height, :width]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (columns - width / 2) + np.sin(angle) * (rows - height / 2)
    along = along + SNOW_WAVE * smooth_field((height, width), GAIN_LENGTH / 2, rng)
    line = rng.uniform(-0.2, 0.2) * width
    shift = rng.choice([-1, 1]) * rng.uniform(*SNOW_SHIFT)
    images = []
    for image, position in ((reference, line), (secondary, line + shift)):
        cover = SNOW_COVER * np.clip((along - position) / SNOW_EDGE, 0, 1)
        white = np.nanquantile(image, SNOW_BRIGHTNESS)
        images.append(image * (1 - cover) + white * cover)
    return images[0], images[1]


def _cloud(reference: Image, secondary: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Add thin cloud to the secondary."""
    height, width = secondary.shape
    field: Image = np.zeros((height, width), np.float32)
    for number, length in enumerate(CLOUD_LENGTHS):
        field = field + 2.0**-number * smooth_field((height, width), length, rng)
    threshold = np.quantile(field, 1 - CLOUD_COVER)
    opacity = CLOUD_OPACITY * np.clip((field - threshold) / field.std(), 0, 1)
    white = np.nanquantile(secondary, 0.99)
    return reference, secondary * (1 - opacity) + white * opacity


def _stripes(reference: Image, secondary: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Add stripes along the satellite track, different on each date."""
    height, width = reference.shape
    rows, columns = np.mgrid[:height, :width]
    angle = rng.uniform(-0.3, 0.3)
    across = np.cos(angle) * columns + np.sin(angle) * rows
    images = []
    for image in (reference, secondary):
        period = rng.uniform(*STRIPE_PERIOD)
        wave = np.sin(2 * np.pi * (across / period + rng.uniform()))
        images.append(image + STRIPE * brightness_range(image) * wave)
    return images[0], images[1]


#: Conditions by name: functions of both images and a random generator.
CONDITIONS: dict[str, Callable[[Image, Image, np.random.Generator], tuple[Image, Image]]] = {
    "none": _none,
    "shadow": _shadow,
    "snow-line": _snow_line,
    "cloud": _cloud,
    "stripes": _stripes,
}
