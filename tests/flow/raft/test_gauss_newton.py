"""Gauss-Newton steps."""

from dataclasses import replace

import numpy as np
import torch
from small_networks import make_renderer

from gdiv.flow.raft import network as raft


def test_an_untrained_network_recovers_small_motion():
    """Gauss-Newton steps from zero motion need no training."""
    torch.manual_seed(0)
    network = raft.Raft(replace(raft.PRESETS["gdiv"], first_flow=False)).eval()
    # Near the frame, the secondary shows texture that the reference does not contain.
    inner = (slice(None), slice(16, -16), slice(16, -16))
    ratios = [
        np.hypot(*(raft.predict_flow(network, *pair) - flow)[inner]).mean()
        / np.hypot(*flow[inner]).mean()
        for pair, flow in make_renderer(128, reach=2).samples(12)
    ]
    assert np.median(ratios) < 0.5
