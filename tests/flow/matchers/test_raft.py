"""The matcher RAFT: weights and large images."""

import numpy as np
import pytest
from small_networks import make_network
from texture_pairs import shift_texture

from gdiv.flow.matchers import raft
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.raft.network import predict_flow


def test_the_shipped_network_is_loaded_once_for_evaluation():
    network = raft.shipped_network()
    assert network is raft.shipped_network()
    assert not network.training


def test_another_network_can_be_used():
    images = shift_texture(2, 1)
    network = make_network().eval()
    expected = predict_flow(network, *images)
    u, v = raft.MATCHER.match(*images, network=network)
    assert np.array_equal(u, expected[0])
    assert np.array_equal(v, expected[1])


def test_large_images_are_matched_in_blocks(monkeypatch):
    images = shift_texture(2, 1)
    whole = match_images("raft", *images)
    monkeypatch.setattr(raft, "MAX_NEAR_REST", 100)
    parts = match_images("raft", *images)
    assert parts.u[48:-48, 48:-48] == pytest.approx(whole.u[48:-48, 48:-48], abs=0.05)
