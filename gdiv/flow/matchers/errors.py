"""Image-based error of each vector after the match.

The error of a vector is predicted from three quantities:

- the error in the position of the surrounding texture due to noise: the residual of the match
  divided by the image gradients (Lucas and Kanade 1981; the Cramér-Rao bound of a shift, Robinson
  and Milanfar 2004, doi:10.1109/TIP.2004.834661),
- the local correlation after the match,
- the local change of the displacement, since matches fail at margins and discontinuities.

The image-based error is the product of their powers. Scale and exponents come from a quantile
regression (Koenker and Bassett 1978, doi:10.2307/1913643) of the true errors of Horn-Schunck on the
dev split of the benchmark and on further cases of its kinds. `gdiv.flow.matchers.calibration`
converts it to the standard error of each matcher.
"""

import cv2
import numpy as np

from gdiv.images.arrays import Component, Image, Mask

__all__ = ["estimate_errors"]

# Scale, and powers of the three parts.
_SCALE = 1.10
_POWERS = (0.52, 0.12, 0.71)
# Added to the parts, so that none of them is zero: pixels, 1, pixels per pixel.
_OFFSETS = (0.001, 0.02, 0.01)
# Widths of the neighbourhoods of gradients and of the displacement, pixels.
_SIGMA = 3.0
_FLOW_SIGMA = 1.0
_MIN_WEIGHT = 1e-3
_MIN_DETERMINANT = 1e-8


def estimate_errors(
    first: Image, moved: Image, counts: Mask, u: Component, v: Component, correlation: Image
) -> tuple[Image, Image]:
    """Estimate the error of both components of a displacement.

    Parameters
    ----------
    first, moved : ndarray, shape (H, W)
        Local contrast of the reference, and of the secondary resampled along the displacement.
    counts : ndarray of bool, shape (H, W)
        Mask of pixels with data in both.
    u, v : ndarray, shape (H, W)
        Displacement in pixels.
    correlation : ndarray, shape (H, W)
        Local correlation after the match, 0 to 1.

    Returns
    -------
    sigma_u, sigma_v : ndarray, shape (H, W)
        float32, error of each component, in pixels.

    Examples
    --------
    >>> from gdiv.images.textures import fractal_texture
    >>> texture = fractal_texture(64, 1.3, seed=0)
    >>> zero, one = np.zeros((2, 64, 64), np.float32), np.ones((64, 64), np.float32)
    >>> sigma_u, _ = estimate_errors(texture, texture, one > 0, *zero, one)
    >>> bool(sigma_u.max() < 0.01)
    True
    """
    reference = np.nan_to_num(first)
    residual = moved - reference
    middle = 0.5 * (moved + reference)
    gradient_y: Image = np.gradient(middle, axis=0)
    gradient_x: Image = np.gradient(middle, axis=1)

    def mean(values: Image) -> Image:
        blurred = cv2.GaussianBlur(np.where(counts, values, 0).astype(np.float32), (0, 0), _SIGMA)
        return np.asarray(blurred, np.float32)

    xx, xy, yy = (
        mean(gradient_x**2),
        mean(gradient_x * gradient_y),
        mean(gradient_y**2),
    )
    weight = np.maximum(mean(np.ones_like(reference)), _MIN_WEIGHT)
    noise = mean(residual**2) / weight
    determinant = np.maximum(xx * yy - xy**2, _MIN_DETERMINANT)
    common = (
        _SCALE
        * (1 + _OFFSETS[1] - correlation) ** _POWERS[1]
        * (_slope(u, v) + _OFFSETS[2]) ** _POWERS[2]
    )
    sigma_u, sigma_v = (
        (common * (np.sqrt(noise * across / determinant) + _OFFSETS[0]) ** _POWERS[0])
        for across in (yy, xx)
    )
    return sigma_u.astype(np.float32), sigma_v.astype(np.float32)


def _slope(u: Component, v: Component) -> Image:
    """Magnitude of the gradient of the displacement, pixels per pixel."""
    smooth = [
        cv2.GaussianBlur(np.nan_to_num(part).astype(np.float32), (0, 0), _FLOW_SIGMA)
        for part in (u, v)
    ]
    return np.sqrt(sum(gradient**2 for part in smooth for gradient in np.gradient(part)))
