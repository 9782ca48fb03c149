"""Random motion of drawn pairs."""

import numpy as np
import torch
from small_networks import TEXTURES

from gdiv.flow.training.draws import RandomDraws
from gdiv.flow.training.motion import draw_motion
from gdiv.flow.training.renderer import PairRenderer
from gdiv.images.tensors import invert_flow, non_invertible


def test_pixels_without_inverse_flow_are_not_learned():
    """At the reach of pretraining, the flow of each labelled pixel can be inverted."""
    pairs = PairRenderer(TEXTURES, 128, 14, seed=1)
    _, flow = pairs.draw(range(24))
    assert flow.nan_to_num().norm(dim=1).max() < 14 + 1.5  # mis-registration on top
    valid = flow.isfinite().all(1)
    assert 0.9 < valid.float().mean() < 1
    generators = [np.random.default_rng([1, number]) for number in range(24)]
    filled = draw_motion(128, 14, RandomDraws(generators, "cpu"))
    assert torch.equal(non_invertible(filled, invert_flow(filled))[:, 0], ~valid)
    overrun = torch.zeros(1, 2, 64, 64)
    overrun[:, 0, :, :32] = 10  # runs over stable ground
    assert (
        non_invertible(overrun, invert_flow(overrun))[0, 0, 32, 24:31].all()
        and not non_invertible(overrun, invert_flow(overrun))[0, 0, :, 48:].any()
    )
