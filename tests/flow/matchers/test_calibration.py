"""Every matcher has a shipped calibration, and user matchers keep their stated errors."""

import numpy as np
import pytest

import gdiv
from gdiv.flow.matchers.calibration import calibrated_errors
from gdiv.flow.matchers.matching import match_images
from gdiv.images.textures import fractal_texture

SHOWN = np.full((2, 16, 16), 0.1, np.float32)


class Stating:
    """A matcher that returns zero motion with a stated error of 0.75 pixels."""

    name = "stating"
    label = "Stating"
    colour = "#000000"
    reach = 1.0
    cost = 0.1
    needs = ()

    def match(self, reference, secondary):
        zero = np.zeros(reference.shape, np.float32)
        return zero, zero, zero + 0.75, zero + 0.75


def test_a_user_matcher_keeps_its_stated_errors():
    texture = fractal_texture(64, 1.3, seed=0)
    match = match_images(Stating(), texture, texture)
    assert np.nanmin(match.sigma_u) == np.nanmax(match.sigma_u) == np.float32(0.75)
    # Failed matches are detected from the images.
    assert match.quality.min() > 0.9


@pytest.mark.parametrize("matcher", ["horn-schunck", "dis", "correlation", "farneback", "other"])
def test_a_forward_backward_error_raises_the_stated_error(matcher):
    near, far = (calibrated_errors(matcher, SHOWN, residual=SHOWN[0] * k) for k in (0.1, 20))
    assert (near < far).all() and np.isfinite(near).all()


def test_a_pixel_without_a_forward_backward_error_gets_that_of_its_neighbours():
    residual = np.full((16, 16), 0.3, np.float32)
    residual[8, 8] = np.nan
    sigma = calibrated_errors("dis", SHOWN, residual=residual)
    assert sigma == pytest.approx(sigma[0, 0, 0], rel=1e-3)


@pytest.mark.parametrize("matcher", ["horn-schunck", "raft", "dis", "correlation"])
def test_two_thirds_of_errors_are_within_the_stated_error(matcher):
    """On a case of the test split, which was not used for calibration."""
    pair = gdiv.load_case("test-drawn-sliding-05")
    match = match_images(matcher, pair.reference, pair.secondary, check_consistency=True)
    counted = pair.counted & np.isfinite(match.u)
    error = np.abs(np.stack([match.u, match.v]) - pair.flow)
    covered = (error <= np.stack([match.sigma_u, match.sigma_v]))[:, counted].mean()
    assert 0.5 < covered < 0.9
