"""Samples warped back by a start."""

import numpy as np
import torch
from small_networks import make_renderer

from gdiv.flow.training.prewarped import Prewarped, prewarp, remaining_flow
from gdiv.images.sampling import compose_flows


def test_start_and_residual_add_up_to_the_motion():
    """This also holds for a start that varies in space and is off by a pixel."""
    rows, columns = np.mgrid[:64, :64].astype(np.float32)
    flow = np.stack([3 + np.sin(rows / 9), np.cos(columns / 7)]).astype(np.float32)
    start = flow + np.stack([np.cos(columns / 8), np.sin(rows / 6)]).astype(np.float32)
    rest = remaining_flow(flow, start)
    assert np.abs(compose_flows(rest, start) - flow).max() < 0.05
    assert np.abs(remaining_flow(flow, flow)).max() < 0.05


def test_prewarping_with_the_true_motion_leaves_no_residual():
    ((pair, flow),) = make_renderer(96, reach=3).samples(1)
    (reference, moved), rest = prewarp((pair, flow), lambda *images: flow)
    assert np.nanmax(np.abs(rest)) < 0.05
    both = np.isfinite(moved)
    before = np.corrcoef(pair[0][both], pair[1][both])[0, 1]
    after = np.corrcoef(reference[both], moved[both])[0, 1]
    assert after > 0.99 > before


def test_ice_that_leaves_the_frame_is_not_learned():
    ((pair, flow),) = make_renderer(64).samples(1)
    away = np.zeros_like(flow)
    away[0] = 40
    _, rest = prewarp((pair, away), lambda *images: np.zeros_like(flow))
    assert np.isnan(rest[:, :, 30:]).all() and np.isfinite(rest[:, :, :20]).all()


def test_samples_are_a_pure_function_of_their_numbers():
    def half(reference, secondary):
        return np.full((2, *reference.shape), 0.5, np.float32)

    draw = Prewarped(make_renderer(difficulty=1).draw, half)
    single, several = draw([5]), draw([4, 5])
    for alone, among in zip(single, several, strict=True):
        assert torch.allclose(alone[0], among[1], atol=1e-4, equal_nan=True)
