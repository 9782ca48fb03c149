"""Pyramid of one image on a CPU: its levels, and displacements between them."""

import math
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from gdiv.conventions import MAX_BRIGHTNESS
from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.images.arrays import Image, Mask

__all__ = [
    "MIN_WEIGHT",
    "ROUNDING_STEPS",
    "Level",
    "double",
    "finest_level",
    "gaussian",
    "halve",
    "halve_mask",
    "local_mean",
    "pad_mask",
    "zero_flow",
]

#: Minimum sum of Gaussian weights on valid pixels, to avoid division by zero where no pixel is
#: valid.
MIN_WEIGHT = 1e-3
#: Deviation from the mean up to which an image counts as uniform, in rounding errors of the mean.
#: For exact sums, 1 would suffice; the rest is a margin chosen by hand.
ROUNDING_STEPS = 8


class Level(NamedTuple):
    """One level of the pyramid.

    Attributes
    ----------
    image : ndarray
        float32 ``(H, W)``, brightness or a feature of it, finite everywhere.
    valid : ndarray
        float32 ``(H, W)``, one where the image has data, else zero.
    full : bool
        True if every pixel is valid, which halves the work of a local mean.
    """

    image: FloatArray
    valid: FloatArray
    full: bool

    @property
    def shape(self) -> tuple[int, int]:
        """``(H, W)`` of the level."""
        height, width = self.image.shape
        return height, width


def finest_level(image: Image, multiple: int) -> Level:
    """Turn an image into the finest level of its pyramid.

    The mean is subtracted, so that squares of weak contrast at high brightness keep their
    precision. The image is padded at the bottom and at the right.

    Parameters
    ----------
    image : ndarray
        ``(H, W)`` of any real type. NaN, infinity and fill values count as no data.
    multiple : int
        Both sides are padded to a multiple of this many pixels.

    Returns
    -------
    Level
        The centred image. Padding and pixels without data are invalid.
    """
    image = np.asarray(image)
    finite = np.abs(image) < MAX_BRIGHTNESS
    full = bool(finite.all())
    mean = image.mean(where=finite, dtype=np.float64) if finite.any() else 0.0
    # In the image's own type, before it is rounded to float32.
    centred = image - (image.dtype.type(mean) if image.dtype.kind == "f" else mean)
    filled = centred if full else np.where(finite, centred, 0)
    brightness = np.ascontiguousarray(filled, np.float32)
    rounding_error = ROUNDING_STEPS * np.finfo(centred.dtype).eps * abs(mean)
    if np.abs(brightness).max() <= rounding_error:
        brightness[:] = 0  # the image is uniform; any difference is a rounding error
    valid = finite.astype(np.float32)
    below, right = (-side % multiple for side in image.shape)
    if below or right:
        brightness = _pad(brightness, below, right, cv2.BORDER_REPLICATE)
        valid = _pad(valid, below, right, cv2.BORDER_CONSTANT)
    return Level(brightness, valid, full and not below and not right)


def pad_mask(mask: Mask, level: Level) -> FloatArray:
    """Pad a mask with zeros to the shape of a level.

    Parameters
    ----------
    mask : ndarray
        Boolean ``(h, w)``, not larger than the level.
    level : Level
        Finest level of the pyramid.

    Returns
    -------
    ndarray
        float32 ``(H, W)``, one where the mask is True, else zero.
    """
    below, right = (large - small for large, small in zip(level.shape, mask.shape, strict=True))
    return _pad(np.asarray(mask, np.float32), below, right, cv2.BORDER_CONSTANT)


def halve_mask(mask: FloatArray) -> FloatArray:
    """Halve the resolution of a mask of ones and zeros.

    Parameters
    ----------
    mask : ndarray
        float32 ``(H, W)``.

    Returns
    -------
    ndarray
        float32 ``(H / 2, W / 2)``, one where more than half of the area is one, else zero.
    """
    return (_halve_image(mask) > 0.5).astype(np.float32)


def halve(level: Level) -> Level:
    """Blur a level and sample it at half the resolution.

    Parameters
    ----------
    level : Level
        A level with even sides.

    Returns
    -------
    Level
        The next coarser level, valid where more than half of the area is.
    """
    # A standard deviation of one pixel removes most frequencies that half the resolution aliases.
    image = _halve_image(local_mean(level.image, level, gaussian(1.0)))
    if level.full:
        return Level(image, _halve_image(level.valid), True)
    valid = halve_mask(level.valid)
    return Level(image * valid, valid, False)


def double(component: FloatArray) -> FloatArray:
    """Resample a component of the displacement to the next finer level.

    Parameters
    ----------
    component : ndarray
        float32 ``(H, W)``, in pixels of the coarser level.

    Returns
    -------
    ndarray
        float32 ``(2 H, 2 W)``, in pixels of the finer level.
    """
    size = (component.shape[1] * 2, component.shape[0] * 2)
    resized = cv2.resize(component, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32) * f32(2)


def zero_flow(level: Level) -> tuple[FloatArray, FloatArray]:
    """Displacement of zero at every pixel of a level.

    Parameters
    ----------
    level : Level
        A level of the pyramid.

    Returns
    -------
    u, v : ndarray
        float32 ``(H, W)``, two arrays of zeros.
    """
    return np.zeros(level.shape, np.float32), np.zeros(level.shape, np.float32)


@cache
def gaussian(sigma: float) -> FloatArray:
    """Compute the weights of a Gaussian, cut at three standard deviations.

    Parameters
    ----------
    sigma : float
        Standard deviation (pixel).

    Returns
    -------
    ndarray
        float32 ``(2 ceil(3 sigma) + 1,)``, with a sum of one.
    """
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def local_mean(image: FloatArray, level: Level, kernel: FloatArray) -> FloatArray:
    """Average an image under a kernel, over valid pixels in the frame.

    Parameters
    ----------
    image : ndarray
        float32 ``(H, W)``.
    level : Level
        Level of the same shape whose valid pixels are averaged.
    kernel : ndarray
        float32 ``(N,)``, the weights along one axis.

    Returns
    -------
    ndarray
        float32 ``(H, W)``, weighted mean around each pixel.
    """
    if level.full:
        # The weights in the frame are the product of those along rows and along columns.
        reach = kernel.size // 2
        row_weights, column_weights = (
            np.convolve(np.ones(side, np.float32), kernel)[reach : reach + side]
            for side in image.shape
        )
        return _divide(blur(image, kernel), row_weights, column_weights)
    weights: FloatArray = np.maximum(blur(level.valid, kernel), f32(MIN_WEIGHT))
    return blur(image * level.valid, kernel) / weights


@compile_kernel
def _divide(
    blurred: FloatArray,
    row_weights: FloatArray,
    column_weights: FloatArray,
) -> FloatArray:
    """Divide an image by a weight per row and a weight per column, in place."""
    inverse = f32(1) / column_weights
    for y in range(blurred.shape[0]):
        scale = f32(1) / row_weights[y]
        for x in range(blurred.shape[1]):
            blurred[y, x] *= scale * inverse[x]
    return blurred


def _pad(image: FloatArray, below: int, right: int, border: int) -> FloatArray:
    """Pad an image at the bottom and at the right, by OpenCV's kind of `border`."""
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, border), np.float32)


def blur(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """Weighted sum under a kernel along both axes, with zeros beyond the frame.

    Parameters
    ----------
    image : ndarray
        float32 ``(H, W)``.
    kernel : ndarray
        float32 ``(N,)``, the weights along one axis.

    Returns
    -------
    ndarray
        float32 ``(H, W)``.
    """
    blurred = cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32)


def _halve_image(image: FloatArray) -> FloatArray:
    """Average the pixels two by two."""
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.float32)
