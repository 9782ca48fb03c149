"""Textures and flows of random shape."""

import numpy as np
import pytest

from gdiv.images.textures import fractal_texture, random_flow, smooth_field


def neighbour_correlation(image, axis):
    """Correlation of pixels with their neighbours along an axis."""
    shifted = np.roll(image, 1, axis)
    return np.corrcoef(image.ravel(), shifted.ravel())[0, 1]


def test_textures_have_zero_mean_and_unit_spread_and_are_repeatable():
    texture = fractal_texture(128, 1.3, seed=3)
    assert texture.dtype == np.float32
    assert texture.mean() == pytest.approx(0, abs=1e-5)
    assert texture.std() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(texture, fractal_texture(128, 1.3, seed=3))
    assert not np.array_equal(texture, fractal_texture(128, 1.3, seed=4))


def test_textures_are_periodic():
    texture = fractal_texture(128, 1.3, seed=3)
    steps = np.abs(np.diff(texture, axis=1)).mean()
    assert np.abs(texture[:, 0] - texture[:, -1]).mean() == pytest.approx(steps, rel=0.3)


def test_a_larger_slope_gives_smoother_textures():
    rough, smooth = (fractal_texture(128, slope, seed=3) for slope in (0.8, 2.0))
    assert neighbour_correlation(smooth, 1) > neighbour_correlation(rough, 1) + 0.1


def test_anisotropic_textures_are_stretched_along_their_angle():
    along_columns = fractal_texture(128, 1.0, seed=3, anisotropy=2.5)
    along_rows = fractal_texture(128, 1.0, seed=3, anisotropy=2.5, angle=np.pi / 2)
    for texture, axis in ((along_columns, 1), (along_rows, 0)):
        assert neighbour_correlation(texture, axis) > neighbour_correlation(texture, 1 - axis) + 0.1


def test_smooth_fields_have_unit_spread_and_their_correlation_length():
    field = smooth_field((200, 150), 20, np.random.default_rng(0))
    assert field.shape == (200, 150)
    assert field.std() == pytest.approx(1, abs=0.01)
    distant = np.corrcoef(field[:, :-60].ravel(), field[:, 60:].ravel())[0, 1]
    assert neighbour_correlation(field, 1) > 0.95 > 0.5 > abs(distant)


def test_random_flows_have_about_their_reach():
    flows = [random_flow((64, 64), 5, np.random.default_rng(seed)) for seed in range(30)]
    longest = [np.hypot(*flow).max() for flow in flows]
    assert 2 < np.max(longest) < 11
    assert all(flow.shape == (2, 64, 64) and flow.dtype == np.float32 for flow in flows)
