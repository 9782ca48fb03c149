"""Features of an image that Horn-Schunck compares instead of brightness, on a CPU."""

import math

import cv2
import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.flow.horn_schunck.levels import Level, gaussian, local_mean

__all__ = [
    "CONTRAST_LIMIT",
    "TINY",
    "level_contrast",
    "measure_grain",
    "sobel_magnitude",
    "standardise",
]

#: Limit of the local contrast, in local spreads, so that single bright or dark pixels do not
#: dominate; chosen by hand.
CONTRAST_LIMIT = 3
#: Added to a spread, to avoid division by zero for an image of uniform brightness.
TINY = 1e-30


def measure_grain(level: Level) -> float:
    """Mean absolute difference of horizontal neighbours: the strength of the finest texture.

    Parameters
    ----------
    level : Level
        Finest level of the pyramid.

    Returns
    -------
    float
        Grain in units of the brightness; 0 if no two neighbours are valid.
    """
    return _mean_difference(level.image, level.valid)


@compile_kernel
def _mean_difference(image: FloatArray, valid: FloatArray) -> float:
    """Mean absolute difference of valid horizontal neighbours."""
    total = 0.0
    count = 0.0
    for y in range(image.shape[0]):
        for x in range(image.shape[1] - 1):
            both = valid[y, x] * valid[y, x + 1]
            total += both * abs(image[y, x + 1] - image[y, x])
            count += both
    return total / count if count > 0 else 0.0


def level_contrast(level: Level, sigma: float, floor: float) -> Level:
    """Local contrast of a level: local mean removed, divided by the local spread.

    Parameters
    ----------
    level : Level
        A level of brightness.
    sigma : float
        Standard deviation (pixel of the level) of the Gaussian neighbourhood.
    floor : float
        Added to the local spread, in units of the brightness. A larger floor suppresses weak
        texture more.

    Returns
    -------
    Level
        Local contrast, clipped at plus and minus three. Valid where all neighbours are.
    """
    kernel = gaussian(sigma)
    mean = local_mean(level.image, level, kernel)
    centred, squared = _centre(level.image, mean, level.valid)
    variance = local_mean(squared, level, kernel)
    return _replace_image(level, _scale(centred, variance, f32(floor)))


@compile_kernel
def _centre(
    image: FloatArray, mean: FloatArray, valid: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Subtract the mean where valid; return the difference and its square."""
    centred = np.empty_like(image)
    squared = np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            centred[y, x] = (image[y, x] - mean[y, x]) * valid[y, x]
            squared[y, x] = centred[y, x] * centred[y, x]
    return centred, squared


@compile_kernel
def _scale(centred: FloatArray, variance: FloatArray, floor: np.float32) -> FloatArray:
    """Divide by the local spread plus `floor` and clip, in place."""
    for y in range(centred.shape[0]):
        for x in range(centred.shape[1]):
            value = centred[y, x] / (np.sqrt(variance[y, x]) + floor + f32(TINY))
            centred[y, x] = min(max(value, f32(-CONTRAST_LIMIT)), f32(CONTRAST_LIMIT))
    return centred


def standardise(level: Level) -> Level:
    """Remove the mean of a level and divide by the standard deviation.

    Parameters
    ----------
    level : Level
        A level of brightness or of gradient magnitude.

    Returns
    -------
    Level
        Image of zero mean and unit spread. Valid where all neighbours are.
    """
    count = max(float(level.valid.sum(dtype=np.float64)), 1)
    mean = float((level.image * level.valid).sum(dtype=np.float64)) / count
    centred = (level.image - f32(mean)) * level.valid
    spread = math.sqrt(float((centred * centred).sum(dtype=np.float64)) / count)
    return _replace_image(level, centred / f32(spread + TINY))


def sobel_magnitude(level: Level) -> Level:
    """Magnitude of the Sobel gradient.

    Parameters
    ----------
    level : Level
        A level of brightness.

    Returns
    -------
    Level
        Gradient magnitude in brightness per pixel. Valid where all neighbours are.
    """
    # The weights of Sobel's kernel sum to eight per pixel of distance.
    across = cv2.Sobel(level.image, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(level.image, cv2.CV_32F, 0, 1, scale=1 / 8)
    magnitude = _replace_image(level, np.hypot(across, down))
    return Level(magnitude.image * magnitude.valid, magnitude.valid, magnitude.full)


def _replace_image(level: Level, image: FloatArray) -> Level:
    """Level with another image, valid where all neighbours of the level are."""
    if level.full:
        return Level(image, level.valid, True)
    neighbours = np.ones((3, 3), np.uint8)
    valid = cv2.erode(level.valid, neighbours, borderValue=1)
    return Level(image, np.asarray(valid, np.float32), False)
