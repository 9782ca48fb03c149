"""The steps of Horn-Schunck on a CPU, for one pair of NumPy arrays.

`gdiv.flow.horn_schunck.kernels_torch` has the same steps, by the same names, for batches on any device of torch. Here are the
levels of the pyramid and what is compared on them; the step itself is `gdiv.flow.horn_schunck.relaxation`.
"""

import math
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from gdiv.flow.horn_schunck.compiled import compiled
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.relaxation import Workspace

__all__ = ["Level", "Workspace", "contrast", "double", "finest", "grain", "halve", "halve_mask"]
__all__ += ["mask_level", "median_filter", "no_flow", "sobel", "standardise"]
_f = np.float32
BEYOND = 1e15  # a value as large is a fill value, not brightness


class Level(NamedTuple):
    """One level of the pyramid: `image`, finite everywhere, and `valid`, one or zero; float32 `(H, W)`.

    `full` says that all is valid, which spares half of the work.
    """

    image: np.ndarray
    valid: np.ndarray
    full: bool

    @property
    def shape(self):
        return self.image.shape


def finest(image, multiple: int) -> Level:
    """The image and where it is finite; padded on the far sides to sides that are a multiple of `multiple`.

    It is taken about its mean, so that squares of a small contrast on a high level keep their digits.
    """
    image = np.asarray(image)
    finite = np.abs(image) < BEYOND
    full = bool(finite.all())
    mean = image.mean(where=finite, dtype=np.float64) if finite.any() else 0.0
    # In the image's own type, before it is cut to 32 bits.
    centred = image - image.dtype.type(mean) if image.dtype.kind == "f" else image - mean
    image = np.ascontiguousarray(centred if full else np.where(finite, centred, 0), np.float32)
    if np.abs(image).max() <= 8 * np.finfo(centred.dtype).eps * abs(mean):
        image[:] = 0  # one brightness everywhere: what is left of it is rounding
    valid = finite.astype(np.float32)
    below, right = (-side % multiple for side in image.shape)
    if below or right:
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        valid = cv2.copyMakeBorder(valid, 0, below, 0, right, cv2.BORDER_CONSTANT)
    return Level(image, valid, full and not below and not right)


def mask_level(mask, like: Level) -> np.ndarray:
    below, right = (large - small for large, small in zip(like.shape, mask.shape, strict=True))
    return cv2.copyMakeBorder(np.asarray(mask, np.float32), 0, below, 0, right, cv2.BORDER_CONSTANT)


def halve_mask(mask):
    return (_half(mask) > 0.5).astype(np.float32)


def halve(level: Level) -> Level:
    """Blurred and sampled at half the size; valid where at least half of the area is."""
    image = _half(_local_mean(level.image, level, gaussian(1.0)))
    if level.full:
        return Level(image, _half(level.valid), True)
    valid = halve_mask(level.valid)
    return Level(image * valid, valid, False)


@cache
def gaussian(sigma: float) -> np.ndarray:
    """Weights of a Gaussian out to three standard deviations, with sum one."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def _blur(image, kernel):
    return cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_CONSTANT)


def _local_mean(image, level, kernel):
    """Mean of `image` under the kernel, over what is valid and in the frame."""
    if level.full:
        reach = kernel.size // 2
        rows, columns = (
            np.convolve(np.ones(side, np.float32), kernel)[reach : reach + side]
            for side in image.shape
        )
        return _divide(_blur(image, kernel), rows, columns)
    return _blur(image * level.valid, kernel) / np.maximum(_blur(level.valid, kernel), _f(1e-3))


@compiled
def _divide(blurred, rows, columns):
    inverse = _f(1) / columns
    for y in range(blurred.shape[0]):
        scale = _f(1) / rows[y]
        for x in range(blurred.shape[1]):
            blurred[y, x] *= scale * inverse[x]
    return blurred


def _half(image):
    return cv2.resize(
        image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_LINEAR
    )


def double(component):
    """A component of the flow on the next finer level, in its pixels."""
    size = (component.shape[1] * 2, component.shape[0] * 2)
    return cv2.resize(component, size, interpolation=cv2.INTER_LINEAR) * _f(2)


def grain(level: Level) -> float:
    """Mean absolute difference of horizontal neighbours: how strong the image's finest texture is."""
    return _grain(level.image, level.valid)


@compiled
def _grain(image, valid):
    total, count = 0.0, 0.0
    for y in range(image.shape[0]):
        for x in range(image.shape[1] - 1):
            both = valid[y, x] * valid[y, x + 1]
            total += both * abs(image[y, x + 1] - image[y, x])
            count += both
    return total / count if count > 0 else 0.0


def contrast(level: Level, sigma: float, floor: float) -> Level:
    """Local mean removed, divided by the local spread plus `floor`, cut at plus and minus three."""
    kernel = gaussian(sigma)
    centred, squared = _centre(level.image, _local_mean(level.image, level, kernel), level.valid)
    return _shrink(level, _scale(centred, _local_mean(squared, level, kernel), _f(floor)))


@compiled
def _centre(image, mean, valid):
    centred, squared = np.empty_like(image), np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            centred[y, x] = (image[y, x] - mean[y, x]) * valid[y, x]
            squared[y, x] = centred[y, x] * centred[y, x]
    return centred, squared


@compiled
def _scale(centred, variance, floor):
    for y in range(centred.shape[0]):
        for x in range(centred.shape[1]):
            value = centred[y, x] / (np.sqrt(variance[y, x]) + floor + _f(1e-30))
            centred[y, x] = min(max(value, _f(-3)), _f(3))
    return centred


def standardise(level: Level) -> Level:
    """Mean removed, divided by the standard deviation."""
    count = max(float(level.valid.sum(dtype=np.float64)), 1)
    mean = float((level.image * level.valid).sum(dtype=np.float64)) / count
    centred = (level.image - _f(mean)) * level.valid
    spread = math.sqrt(float((centred * centred).sum(dtype=np.float64)) / count)
    return _shrink(level, centred / _f(spread + 1e-30))


def sobel(level: Level) -> Level:
    """Magnitude of the Sobel gradient, per pixel; valid where all of its neighbours are."""
    across, down = (
        cv2.Sobel(level.image, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))
    )
    level = _shrink(level, np.hypot(across, down))
    return Level(level.image * level.valid, level.valid, level.full)


def _shrink(level, image):
    """A level with this image, valid where all neighbours are."""
    valid = (
        level.valid
        if level.full
        else cv2.erode(level.valid, np.ones((3, 3), np.uint8), borderValue=1)
    )
    return Level(image, valid, level.full)


def no_flow(level: Level):
    return np.zeros(level.shape, np.float32), np.zeros(level.shape, np.float32)
