"""The recurrent update, and the upsampling from cells to pixels."""

import pytest
import torch
from small_networks import TINY

from gdiv.flow.raft.update import Update, Upsampling


def test_an_untrained_update_predicts_no_change():
    update = Update(TINY)
    for parameter in update.head[-1].parameters():
        assert not parameter.any()


def test_upsampling_keeps_uniform_values():
    upsampling = Upsampling(TINY)
    flow = torch.ones(1, 2, 6, 7) * torch.tensor([1.5, -0.5]).view(1, 2, 1, 1)
    pixels = upsampling(flow, torch.zeros(1, TINY.hidden, 6, 7))
    assert pixels.shape == (1, 2, 6 * TINY.stride, 7 * TINY.stride)
    expected = torch.tensor([1.5, -0.5])
    assert (pixels - expected.view(1, 2, 1, 1)).abs().max() < 1e-4


def test_untrained_upsampling_is_approximately_bilinear():
    cells = TINY.stride * torch.arange(8.0).expand(1, 2, 8, 8)
    pixels = Upsampling(TINY)(cells, torch.zeros(1, TINY.hidden, 8, 8))
    inner = pixels[0, 0, 16, 8:-8]
    assert inner.detach().diff().numpy() == pytest.approx(1, abs=0.15)
