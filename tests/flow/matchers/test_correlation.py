"""Normalised cross-correlation of chips."""

import numpy as np
import pytest
from texture_pairs import shift_texture

from gdiv.flow.matchers.correlation import correlate_chips, parabola_vertex


@pytest.mark.parametrize("position", [-0.4, 0.0, 0.3])
def test_the_vertex_of_a_parabola_is_exact(position):
    values = 1 - (np.array([-1.0, 0.0, 1.0]) - position) ** 2
    assert parabola_vertex(values) == pytest.approx(position)


def test_values_without_a_maximum_have_their_vertex_in_the_middle():
    assert parabola_vertex(np.array([1.0, 1.0, 1.0])) == 0
    assert parabola_vertex(np.array([2.0, 1.0, 2.0])) == 0


def test_chips_without_data_take_the_motion_of_their_neighbours():
    reference, secondary = shift_texture(4, -3)
    reference = reference.copy()
    reference[40:100, 40:100] = np.nan
    u, v = correlate_chips(reference, secondary)
    assert np.median(u[60:80, 60:80]) == pytest.approx(4, abs=0.1)
    assert np.median(v[60:80, 60:80]) == pytest.approx(-3, abs=0.1)


def test_motion_beyond_the_reach_is_not_found():
    reference, secondary = shift_texture(9, 0)
    u, _ = correlate_chips(reference, secondary, reach=5)
    assert np.abs(u).max() <= 5


def test_images_without_texture_have_no_motion():
    u, v = correlate_chips(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32))
    assert not u.any()
    assert not v.any()
