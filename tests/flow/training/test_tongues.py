"""Narrow tongues of ice."""

import numpy as np
import torch

from gdiv.flow.training.draws import RandomDraws
from gdiv.flow.training.tongues import HALF_WIDTHS, MAX_ROUGHNESS, draw_tongues

SIDE = 96
REACH = 20


def draw_many(numbers):
    generators = [np.random.default_rng([3, number]) for number in numbers]
    return draw_tongues(SIDE, REACH, RandomDraws(generators, "cpu"))


def test_tongues_are_narrow_and_fast_and_leave_stable_ground():
    speed = draw_many(range(64)).norm(dim=1)
    fastest = speed.amax((1, 2))
    assert fastest.max() < REACH + 4 * MAX_ROUGHNESS and fastest.min() > 0.005
    assert (fastest > 4).float().mean() > 0.2 and (fastest < 1).float().mean() > 0.2
    moving = (speed > 0.02 * fastest[:, None, None]).float().mean((1, 2))
    assert moving.min() < 2 * HALF_WIDTHS[0] / SIDE * 1.5
    assert (moving < 0.9).float().mean() > 0.6


def test_a_tongue_does_not_depend_on_the_others_of_its_batch():
    alone = draw_many([7])[0]
    among = draw_many([5, 6, 7])[2]
    assert torch.allclose(alone, among, atol=1e-5)
