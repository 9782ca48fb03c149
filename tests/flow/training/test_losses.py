"""Losses of training."""

import pytest
import torch

from gdiv.flow.training.losses import endpoint_error, sequence_loss


def test_the_loss_ignores_pixels_without_a_label():
    truth = torch.zeros(1, 2, 4, 4)
    truth[..., 0] = float("nan")
    valid = truth.isfinite().all(1)
    flow = torch.ones(1, 2, 4, 4)
    assert float(sequence_loss([flow], truth, valid)) == pytest.approx(2)
    assert float(sequence_loss([flow, flow], truth, valid, gamma=0.5)) == pytest.approx(3)
    assert float(sequence_loss([flow], truth, valid, count=torch.tensor(24))) == pytest.approx(1)
    assert endpoint_error(flow, truth, valid) == pytest.approx(2**0.5)
