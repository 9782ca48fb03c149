"""Local contrast and gradients of an image.

Illumination, snow and haze change between dates, so the assumption of constant brightness behind
optical flow fails on real scenes. Local contrast removes the local mean and divides by the local
spread. It keeps the texture that moves with the ice and removes most of the effect of illumination.
"""

import cv2
import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Image

__all__ = ["local_contrast", "sobel_gradient"]

#: Floor of the local spread, as a fraction of its median over the image. It prevents sensor noise
#: in featureless snow from being amplified to full contrast. Chosen by eye on Alpine scenes.
SPREAD_FLOOR = 0.2
#: Minimum fraction of valid neighbours, to avoid division by zero.
MIN_VALID = 1e-6
#: Sum of the positive weights of a Sobel kernel times the step of two pixels.
SOBEL_SCALE = 8


def local_contrast(image: Image, sigma: float = 5.0, limit: float = 3.0) -> Image:
    """Remove the local mean and divide by the local standard deviation.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Brightness on any scale. NaN is no data.
    sigma : float, optional
        Standard deviation of the Gaussian neighbourhood, in pixels. A larger value keeps broader
        brightness patterns and more of the illumination.
    limit : float, optional
        Values are clipped to plus and minus this many local standard deviations, so that one
        bright boulder or snow patch does not dominate its neighbourhood.

    Returns
    -------
    ndarray, shape (H, W)
        float32, dimensionless, NaN where `image` is.

    Notes
    -----
    The variance is computed around the mean at each pixel. `gdiv.images.tensors.local_contrast` is
    the same operation for the network. Horn-Schunck instead normalises each pyramid level by the
    local variance of the image after removing its local mean
    (`gdiv.flow.horn_schunck.features.level_contrast`). The two are not interchangeable: weights
    trained with one yield a 40 % larger error with the other.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(64, 64))
    >>> bool(np.allclose(local_contrast(image), local_contrast(7 * image + 100), atol=1e-3))
    True
    """
    image = np.asarray(image, np.float32)
    valid = np.isfinite(image)
    if not valid.any():
        return np.full_like(image, np.nan)
    # Variances are differences of large numbers: centre on a global value first.
    centred = np.where(valid, image - np.median(image[valid]), 0).astype(np.float32)

    def blur(values: Image) -> Image:
        # OpenCV keeps the type of the pixels; its stubs leave it open.
        return cv2.GaussianBlur(  # type: ignore[return-value]
            values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT
        )

    coverage = np.maximum(blur(valid.astype(np.float32)), MIN_VALID)
    mean = blur(centred) / coverage
    variance = blur(centred**2) / coverage - mean**2
    spread = np.sqrt(np.maximum(variance, 0))
    floor = SPREAD_FLOOR * np.median(spread[valid]) + 1e-6
    contrast = np.clip((centred - mean) / (spread + floor), -limit, limit)
    return np.where(valid, contrast, np.nan).astype(np.float32)


def sobel_gradient(image: Image) -> tuple[Image, Image]:
    """Compute Sobel derivatives along columns and along rows.

    The paper filters its images "in both the x and y directions" to enhance contrast and mitigate
    shadows; it does not state how the two are combined.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Image; NaN spreads by one pixel.

    Returns
    -------
    gradient_x, gradient_y : ndarray, shape (H, W)
        Derivatives in the unit of `image` per pixel: a ramp of one unit per pixel yields 1.

    Examples
    --------
    >>> ramp = np.tile(np.arange(5.0), (5, 1))
    >>> [float(part[2, 2]) for part in sobel_gradient(ramp)]
    [1.0, 0.0]
    """
    gradient_x = ndimage.sobel(image, axis=1, mode="nearest") / SOBEL_SCALE
    gradient_y = ndimage.sobel(image, axis=0, mode="nearest") / SOBEL_SCALE
    return gradient_x, gradient_y
