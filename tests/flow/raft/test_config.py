"""Sizes of the network."""

import pytest

from gdiv.flow.raft import network as raft


def test_a_cost_volume_of_limited_reach_has_one_level():
    with pytest.raises(ValueError, match="reach 4 and 2 levels"):
        raft.Raft(raft.RaftConfig(levels=2))
