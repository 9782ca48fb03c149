"""Drawn fields look like glaciers and can be inverted."""

import numpy as np
import pytest

from gdiv.benchmark import fields

SIDE = 160


@pytest.mark.parametrize("family", fields.FAMILIES)
@pytest.mark.parametrize(("half_width", "reach"), [(5, 4), (40, 30)])
def test_ice_moves_by_the_reach_and_ground_is_stable(family, half_width, reach):
    field = fields.draw_field(family, SIDE, half_width, reach, np.random.default_rng(3))
    speed = np.hypot(*field.flow)
    assert 0.6 * reach < speed.max() <= reach * 1.01, "smoothing of folds may slow ice"
    assert speed[~field.ice].max() <= 0.0021 * reach
    assert 0.02 < field.ice.mean() < 0.95


def test_no_field_folds():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        field = fields.draw_field("ice-fall", SIDE, 30, 40, rng)
        (u_row, u_column), (v_row, v_column) = (np.gradient(part) for part in field.flow)
        determinant = (1 + u_column) * (1 + v_row) - u_row * v_column
        assert determinant.min() > 0.8 * fields.MIN_DETERMINANT


def test_a_sliding_tongue_moves_at_its_margin():
    rng = np.random.default_rng(5)
    sliding = fields.draw_field("sliding", SIDE, 20, 2.0, rng)
    speed = np.hypot(*sliding.flow)
    near = np.gradient(sliding.ice.astype(float))
    edge = (np.hypot(*near) > 0) & sliding.ice
    assert np.median(speed[np.roll(edge, 0)]) < np.median(speed[sliding.ice])
    assert np.median(speed[sliding.ice]) > 0.6


def test_an_unknown_family_is_rejected():
    with pytest.raises(ValueError, match="choose from: tongue, sliding"):
        fields.draw_field("surge", SIDE, 10, 1.0, np.random.default_rng(0))
