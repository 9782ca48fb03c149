"""Calving front and mélange."""

import numpy as np
import pytest

from gdiv.catalog import Front
from gdiv.images.sampling import pixel_grid
from gdiv.twin.front import CalvingFront


def make_front(front):
    return CalvingFront(front, length=10_000.0, middle=0.0, spacing=10.0, seed=1)


def test_a_front_retreats_down_the_centreline():
    front = make_front(Front(position=0.7, advance=-500, drift=50))
    assert front.state(0).limit == 0.7
    assert front.state(365.25).limit == pytest.approx(0.65)
    along = np.linspace(0, 1, 101)[None]
    assert front.beyond(along, 365.25).sum() > front.beyond(along, 0).sum()


def test_melange_drifts_between_scenes():
    front = make_front(Front(position=0.7, drift=50))
    columns, rows = pixel_grid((40, 40), float)
    first, second = front.melange(columns, rows, 10), front.melange(columns, rows, 20)
    drift = front.state(20).drift - front.state(10).drift
    moved = front.melange(columns + drift[0], rows + drift[1], 20)
    assert np.abs(moved - first).max() < 1e-6
    assert np.abs(second - first).max() > 0.05


def test_without_a_front_no_pixel_is_beyond_it():
    assert not make_front(None).beyond(np.ones((3, 3)), 0).any()
