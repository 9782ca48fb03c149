"""The matcher RAFT: weights and large images."""

import numpy as np
import pytest
from small_networks import make_network
from texture_pairs import shift_texture

from gdiv.flow.matchers import raft
from gdiv.flow.matchers.matching import match_images


@pytest.mark.parametrize("preset", ["gdiv", "refinement"])
def test_a_shipped_network_is_loaded_once_for_evaluation(preset):
    network = raft.shipped_network(preset)
    assert network is raft.shipped_network(preset)
    assert not network.training


def test_another_network_can_propose_the_start():
    """An untrained network does not degrade the result of Horn-Schunck."""
    images = shift_texture(2, 1)
    shipped = raft.MATCHER.match(*images)
    other = raft.MATCHER.match(*images, network=make_network().eval())
    assert np.median(np.abs(other[0] - shipped[0])[8:-8, 8:-8]) < 0.05


def test_the_errors_of_the_network_reach_the_match():
    images = shift_texture(2, 1)
    match = match_images("raft", *images)
    *_, sigma_u, _ = raft.MATCHER.match(*images)
    kept = np.isfinite(match.u)
    assert np.corrcoef(match.sigma_u[kept], sigma_u[kept])[0, 1] > 0.5


def test_large_images_are_matched_in_blocks(monkeypatch):
    images = shift_texture(2, 1)
    whole = match_images("raft", *images)
    monkeypatch.setattr(raft, "MAX_WHOLE", 100)
    parts = match_images("raft", *images)
    assert parts.u[48:-48, 48:-48] == pytest.approx(whole.u[48:-48, 48:-48], abs=0.05)
