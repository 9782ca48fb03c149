"""Evaluate splines."""

import numpy as np
import torch
from scipy import ndimage
from small_networks import TEXTURES

from gdiv.flow.training.splines import read_spline


def test_read_spline_agrees_with_scipy():
    points = torch.rand(1, 2, 20, 20) * 400 + 50
    ours = read_spline(torch.from_numpy(TEXTURES[:1])[:, None], points)[0, 0].numpy()
    theirs = ndimage.map_coordinates(
        TEXTURES[0].astype(float), points[0].numpy()[::-1], order=3, prefilter=False
    )
    assert np.abs(ours - theirs).max() < 1e-4
