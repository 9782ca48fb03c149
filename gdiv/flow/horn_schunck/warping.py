"""Bicubic warp of an image along a displacement, on a CPU."""

import cv2
import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.images.arrays import Flow, Image, Mask

__all__ = ["pad_for_bicubic", "remove_motion", "warp", "warp_back"]

# Pixels. The bicubic kernel reads one pixel before and two after the pixel it starts from.
_TAPS_BEFORE = 1
_TAPS_AFTER = 2
# The kernel indexes pixels with 32-bit integers.
_MAX_PIXELS = 2**31


def pad_for_bicubic(image: FloatArray) -> FloatArray:
    """Repeat the rim of an image, so that the bicubic kernel never reads outside it.

    Parameters
    ----------
    image : ndarray
        float32 ``(H, W)``, finite everywhere.

    Returns
    -------
    ndarray
        float32 ``(H + 3, W + 3)``, with one pixel more before the image and two after it.

    Raises
    ------
    ValueError
        If the image has 2**31 pixels or more.
    """
    if image.size >= _MAX_PIXELS:
        raise ValueError(
            f"an image of {image.shape} pixels is too large to interpolate; solve it in blocks"
        )
    padded = cv2.copyMakeBorder(
        image, _TAPS_BEFORE, _TAPS_AFTER, _TAPS_BEFORE, _TAPS_AFTER, cv2.BORDER_REPLICATE
    )
    return np.asarray(padded, np.float32)


def warp_back(image: FloatArray, u: FloatArray, v: FloatArray) -> tuple[FloatArray, Mask]:
    """Resample an image along a displacement, so that it aligns with the earlier image.

    Parameters
    ----------
    image : ndarray
        float32 ``(H, W)``; NaN is no data.
    u, v : ndarray
        float32 ``(H, W)``, displacement in pixels; NaN counts as no motion.

    Returns
    -------
    moved : ndarray
        float32 ``(H, W)``, the image at ``(x + u, y + v)``.
    inside : ndarray
        Boolean ``(H, W)``, True where that position lies in the frame and has data.
    """
    finite = np.isfinite(image)
    moved = np.empty(u.shape, np.float32)
    inside = np.empty(u.shape, np.float32)
    warp(
        pad_for_bicubic(np.where(finite, image, 0).astype(np.float32)),
        finite.astype(np.float32),
        np.nan_to_num(u),
        np.nan_to_num(v),
        f32(1),
        moved,
        inside,
    )
    return moved, inside > 0


def remove_motion(flow: Flow, image: Image) -> Image:
    """Resample an image along a displacement, so that only the residual displacement remains.

    Parameters
    ----------
    flow : ndarray
        float32 ``(2, H, W)``, displacement in pixels; NaN counts as no motion.
    image : ndarray
        ``(H, W)``, the later image; NaN is no data.

    Returns
    -------
    ndarray
        float32 ``(H, W)``, the image that `warp_back` gives; NaN where it has no data.
    """
    moved, inside = warp_back(image.astype(np.float32), *flow)
    return np.where(inside, moved, np.float32(np.nan))


@compile_kernel
def warp(
    padded: FloatArray,
    valid: FloatArray,
    u: FloatArray,
    v: FloatArray,
    fraction: np.float32,
    moved: FloatArray,
    moved_valid: FloatArray,
) -> None:
    """Sample an image at a fraction of the displacement, with bicubic interpolation.

    Parameters
    ----------
    padded : ndarray
        Image with the rim of `pad_for_bicubic`.
    valid : ndarray
        float32 ``(H, W)``, one where the image has data, else zero.
    u, v : ndarray
        float32 ``(H, W)``, displacement in pixels along columns and along rows.
    fraction : numpy.float32
        Pixel ``(x, y)`` is sampled at ``(x + fraction u, y + fraction v)``.
    moved : ndarray
        float32 ``(H, W)``, overwritten with the samples.
    moved_valid : ndarray
        float32 ``(H, W)``, overwritten with one where the position lies in the frame and its
        nearest pixel is valid, else zero.

    Notes
    -----
    Keys' kernel with a = -0.5 (Keys 1981, doi:10.1109/TASSP.1981.1163711). Each row takes three
    passes: positions and vertical weights, the sixteen reads, the horizontal cubic. The compiler
    vectorises the first and the last pass. It cannot vectorise the reads.
    """
    height, width = u.shape
    last_x = f32(width - 1)
    last_y = f32(height - 1)
    pixels = padded.ravel()
    valid_pixels = valid.ravel()
    # Unsigned indices avoid a test for negative values at each read.
    one = np.uint64(1)
    two = np.uint64(2)
    three = np.uint64(3)
    stride = np.uint64(padded.shape[1])
    corner = np.empty(width, np.int32)
    nearest = np.empty(width, np.int32)
    offset_x = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    # Vertical weights of the four rows, and the interpolated values of the four columns.
    weight0 = np.empty(width, np.float32)
    weight1 = np.empty(width, np.float32)
    weight2 = np.empty(width, np.float32)
    weight3 = np.empty(width, np.float32)
    column0 = np.empty(width, np.float32)
    column1 = np.empty(width, np.float32)
    column2 = np.empty(width, np.float32)
    column3 = np.empty(width, np.float32)
    for y in range(height):
        for x in range(width):
            target_x = f32(x) + fraction * u[y, x]
            target_y = f32(y) + fraction * v[y, x]
            # A displacement of NaN samples the first pixel and is not inside.
            sample_x = min(target_x if target_x > 0 else f32(0), last_x)
            sample_y = min(target_y if target_y > 0 else f32(0), last_y)
            unclipped = (sample_x == target_x) & (sample_y == target_y)
            inside[x] = f32(1) if unclipped else f32(0)
            whole_x = np.int32(sample_x)
            whole_y = np.int32(sample_y)
            corner[x] = whole_y * np.int32(width + 3) + whole_x
            nearest_x = np.int32(sample_x + f32(0.5))
            nearest_y = np.int32(sample_y + f32(0.5))
            nearest[x] = nearest_y * np.int32(width) + nearest_x
            offset_x[x] = sample_x - f32(whole_x)
            s = sample_y - f32(whole_y)
            weight0[x] = s * (f32(-0.5) + s * (f32(1) - f32(0.5) * s))
            weight1[x] = f32(1) + s * s * (f32(1.5) * s - f32(2.5))
            weight2[x] = s * (f32(0.5) + s * (f32(2) - f32(1.5) * s))
            weight3[x] = s * s * (f32(0.5) * s - f32(0.5))
        for x in range(width):
            # First of the four pixels in each of the four rows.
            i = np.uint64(corner[x])
            j = i + stride
            k = j + stride
            m = k + stride
            a = weight0[x]
            b = weight1[x]
            c = weight2[x]
            d = weight3[x]
            column0[x] = a * pixels[i] + b * pixels[j] + c * pixels[k] + d * pixels[m]
            column1[x] = (
                a * pixels[i + one]
                + b * pixels[j + one]
                + c * pixels[k + one]
                + d * pixels[m + one]
            )
            column2[x] = (
                a * pixels[i + two]
                + b * pixels[j + two]
                + c * pixels[k + two]
                + d * pixels[m + two]
            )
            column3[x] = (
                a * pixels[i + three]
                + b * pixels[j + three]
                + c * pixels[k + three]
                + d * pixels[m + three]
            )
            moved_valid[y, x] = inside[x] * valid_pixels[np.uint64(nearest[x])]
        for x in range(width):
            t = offset_x[x]
            cubic = f32(3) * (column1[x] - column2[x]) + column3[x] - column0[x]
            square = f32(2) * column0[x] - f32(5) * column1[x] + f32(4) * column2[x] - column3[x]
            slope = column2[x] - column0[x]
            moved[y, x] = column1[x] + f32(0.5) * t * (slope + t * (square + t * cubic))
