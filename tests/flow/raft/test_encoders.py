"""Encoders of the images."""

import pytest
import torch

from gdiv.flow.raft.encoders import Encoder


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("norm", [False, True])
def test_features_have_one_value_per_cell(stride, norm):
    encoder = Encoder(2, 12, narrow=8, stride=stride, blocks=1, norm=norm)
    features = encoder(torch.randn(3, 2, 64, 96))
    assert features.shape == (3, 12, 64 // stride, 96 // stride)
    assert features.isfinite().all()
