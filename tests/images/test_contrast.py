"""Local contrast and gradients of images."""

import numpy as np
import pytest

from gdiv.images.contrast import local_contrast, sobel_gradient
from gdiv.images.textures import fractal_texture


def test_sobel_gradient_of_a_ramp_equals_its_slope():
    y, x = np.mgrid[0:8, 0:8].astype(float)
    gradient_x, gradient_y = sobel_gradient(x + 2 * y)
    assert gradient_x[2:-2, 2:-2] == pytest.approx(1)
    assert gradient_y[2:-2, 2:-2] == pytest.approx(2)


def test_local_contrast_removes_smooth_illumination():
    texture = fractal_texture(128, 1.0, 3)
    y, x = np.mgrid[0:128, 0:128] / 128
    lit = 3000 + 500 * (1 + x) * texture + 2000 * y
    difference = np.abs(local_contrast(lit) - local_contrast(texture))
    assert np.median(difference) < 0.05


def test_local_contrast_is_limited_and_keeps_missing_data():
    image = fractal_texture(64, 1.0, 3)
    image[30, 30] = 1000
    image[5:10, 5:10] = np.nan
    contrast = local_contrast(image, limit=2.0)
    assert contrast.dtype == np.float32
    assert np.array_equal(np.isnan(contrast), np.isnan(image))
    assert np.nanmax(np.abs(contrast)) == 2
    assert np.isnan(local_contrast(np.full((8, 8), np.nan))).all()
