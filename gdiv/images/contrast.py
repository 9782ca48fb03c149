"""Local contrast: an image's brightness relative to its surroundings.

Between two dates the sun, the snow and the haze change, so the brightness-constancy assumption behind
Horn-Schunck fails on real scenes. Removing the local mean and dividing by the local spread keeps the
texture that moves with the ice and drops what the illumination did to it.
"""

import cv2
import numpy as np


def local_contrast(image: np.ndarray, sigma: float = 5.0, limit: float = 3.0) -> np.ndarray:
    """Remove the local mean and divide by the local standard deviation.

    Parameters
    ----------
    image
        Float `(H, W)`; NaN is no data.
    sigma
        Standard deviation of the Gaussian neighbourhood, in pixels. Larger keeps broader brightness
        patterns and more of the illumination.
    limit
        Values are clipped to plus and minus this many local standard deviations, so that one bright
        boulder or snow patch does not outweigh its neighbourhood.

    Returns
    -------
    numpy.ndarray
        float32 `(H, W)`, dimensionless, NaN where `image` is.
    """
    image = np.asarray(image, np.float32)
    valid = np.isfinite(image)
    if not valid.any():
        return np.full_like(image, np.nan)
    # Variances are differences of large numbers: centre on a global value first.
    filled = np.where(valid, image - np.median(image[valid]), 0).astype(np.float32)

    def blur(values):
        return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)

    share = np.maximum(blur(valid.astype(np.float32)), 1e-6)
    mean = blur(filled) / share
    spread = np.sqrt(np.maximum(blur(filled**2) / share - mean**2, 0))
    # The floor keeps sensor noise in flat, featureless snow from being blown up to full contrast.
    floor = 0.2 * np.median(spread[valid]) + 1e-6
    contrast = np.clip((filled - mean) / (spread + floor), -limit, limit)
    return np.where(valid, contrast, np.nan).astype(np.float32)
