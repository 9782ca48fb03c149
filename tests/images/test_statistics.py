"""Robust statistics."""

import numpy as np
import pytest

from gdiv.images.statistics import along_flow_ratio, nmad, pool_components


def test_nmad_of_normal_values_is_their_standard_deviation_despite_outliers():
    values = np.random.default_rng(0).normal(5, 2, 100_000)
    values[:1000] = 1e6
    values[1000:2000] = np.nan
    assert nmad(values) == pytest.approx(2, rel=0.03)


def test_an_offset_counts_only_with_a_fixed_centre():
    values = np.full(10, 3.0)
    assert nmad(values) == 0
    assert nmad(values, centre=0) == pytest.approx(3 * 1.4826)


def test_nmad_of_no_values_is_nan():
    assert np.isnan(nmad(np.full(4, np.nan)))


def test_equal_components_keep_their_spread():
    assert pool_components(2.0, 2.0) == pytest.approx(2)
    pooled = pool_components(np.array([1.0, 0.0]), np.array([7.0, 0.0]))
    assert pooled == pytest.approx([5, 0])


def test_motion_across_the_flow_does_not_change_the_ratio_along_it():
    truth = np.stack([np.full((4, 4), 2.0), np.zeros((4, 4))])
    estimate = np.stack([np.full((4, 4), 1.5), np.full((4, 4), 9.0)])
    moving = np.zeros((4, 4), bool)
    moving[:2] = True
    assert along_flow_ratio(estimate, truth, moving).tolist() == [0.75] * 8
