"""Errors estimated from stable ground."""

import numpy as np
import pytest

from gdiv.velocity.stable_ground import add_ground_error

ICE = np.arange(200)[:, None] + np.zeros(200) < 100


@pytest.fixture
def sigma():
    """Stated errors of matches: 0.2 px on stable ground and 0.6 px on ice."""
    return np.where(ICE, 0.6, 0.2)


def test_the_excess_error_on_stable_ground_is_added_everywhere(sigma):
    rng = np.random.default_rng(0)
    shake = rng.normal(0, 0.3, (200, 200))
    apparent = shake + sigma * rng.normal(size=(200, 200))
    stated = add_ground_error(apparent, sigma, ~ICE)
    assert stated[ICE].mean() == pytest.approx(np.hypot(0.6, 0.3), abs=0.01)
    assert stated[~ICE].mean() == pytest.approx(np.hypot(0.2, 0.3), abs=0.01)
    for part in (ICE, ~ICE):
        within = (np.abs(apparent) <= stated)[part].mean()
        assert within == pytest.approx(0.68, abs=0.02)


def test_an_offset_of_the_registration_is_part_of_the_error(sigma):
    stated = add_ground_error(np.full((200, 200), 0.5), sigma, ~ICE)
    assert (stated[~ICE] > 0.5).all()


def test_errors_are_unchanged_without_excess_error_or_stable_ground(sigma):
    quiet = np.random.default_rng(0).normal(0, 0.1, (200, 200))
    assert (add_ground_error(quiet, sigma, ~ICE) == sigma).all()
    few = np.zeros((200, 200), bool)
    few[:3, :3] = True
    assert (add_ground_error(quiet + 5, sigma, few) == sigma).all()
