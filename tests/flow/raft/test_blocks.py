"""Predict the flow of large images in blocks."""

from functools import partial

import numpy as np

from gdiv.flow.raft import checkpoints, network as raft
from gdiv.flow.raft.blocks import predict_in_blocks
from gdiv.flow.training.renderer import PairRenderer, fractal_textures


def test_blocks_agree_with_the_whole_image():
    # Use a pair that can be matched; otherwise every result would depend on all pixels.
    renderer = PairRenderer(fractal_textures(4, 5, 1024), 512, 5, seed=5, difficulty=0.3)
    pair, flow = renderer.samples(2)[1]
    network, _ = checkpoints.load_weights()
    whole = raft.predict_flow(network, *pair[:, :500])
    assert np.nanmedian(np.hypot(*(whole - flow[:, :500]))) < 0.1
    predict = partial(raft.predict_flow, network)
    parts = predict_in_blocks(predict, *pair[:, :500], block=192, halo=128)
    difference = np.hypot(*(whole - parts))
    assert np.median(difference) < 0.01 and np.percentile(difference, 99) < 0.1
