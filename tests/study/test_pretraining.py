"""Stages of pretraining and the weights they made."""

import pytest

from gdiv.flow.raft.checkpoints import load_weights
from gdiv.flow.raft.network import PRESETS
from gdiv.flow.training.scores import score_network, score_zero_motion
from gdiv.study import pretraining, pretraining_data


def test_shipped_weights_have_the_scores_on_their_card():
    network, card = load_weights()
    assert network.config == PRESETS["gdiv"]
    hard = pretraining_data.held_out(1, 10_001)[:8]
    assert score_network(network, hard) < 0.5 * score_zero_motion(hard)
    assert score_network(network, pretraining_data.held_out(0, 10_002)) == pytest.approx(
        card["error_px_clean"], rel=0.02
    )


@pytest.mark.parametrize("stage", pretraining.STAGES.values(), ids=pretraining.STAGES)
def test_the_counts_of_a_stage_add_up_to_its_batch(stage):
    assert sum(stage.counts.values()) == stage.train.batch
