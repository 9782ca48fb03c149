"""Score predictions."""

import numpy as np
import pytest

from gdiv.flow.training.scores import rms_differences


def test_rms_differences_use_pixels_with_a_label():
    """RMS length of the difference vectors, times the speed of one pixel."""
    flow = np.zeros((2, 4, 4), np.float32)
    flow[:, 0] = np.nan
    prediction = np.full((2, 4, 4), 9, np.float32)
    prediction[0, 1:] = 3
    prediction[1, 1:] = [0, 0, 4, 4]
    samples = [(np.zeros((2, 4, 4)), flow)] * 2
    differences = rms_differences([prediction, np.zeros_like(flow)], samples, 10)
    assert differences == pytest.approx([10 * 17**0.5, 0])
