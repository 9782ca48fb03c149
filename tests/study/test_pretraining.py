"""Stages of pretraining and the resulting weights."""

import hashlib

import pytest

from gdiv.benchmark.cases import TEXTURES
from gdiv.benchmark.suite import list_cases
from gdiv.flow.raft.checkpoints import SHIPPED, load_weights
from gdiv.flow.raft.network import PRESETS
from gdiv.flow.training.prewarped import prewarp
from gdiv.flow.training.scores import score_network, score_zero_motion
from gdiv.study import pretraining, pretraining_data

WEIGHTS = {"gdiv": SHIPPED, "refinement": SHIPPED.with_stem("refinement")}


def held_out(preset, difficulty, seed, count=32):
    """Held-out pairs in the form expected by the network of a preset."""
    pairs = pretraining_data.held_out(difficulty, seed, count)
    if preset == "gdiv":
        return pairs
    return [prewarp(pair, pretraining_data.find_shipped_start) for pair in pairs]


@pytest.mark.parametrize("preset", WEIGHTS)
def test_shipped_weights_have_the_scores_on_their_card(preset):
    network, card = load_weights(WEIGHTS[preset])
    assert network.config == PRESETS[preset]
    clean = held_out(preset, 0, pretraining.CLEAN_SEED)
    assert score_network(network, clean) == pytest.approx(card["error_px_clean"], rel=0.02)
    assert score_zero_motion(clean) == pytest.approx(card["zero_px_clean"], rel=0.02)


@pytest.mark.parametrize("preset", WEIGHTS)
def test_shipped_weights_improve_on_their_start(preset):
    """The start is zero motion for the network alone; errors must never increase."""
    network, _ = load_weights(WEIGHTS[preset])
    clean = held_out(preset, 0, 55, 16)
    assert score_network(network, clean) < 0.95 * score_zero_motion(clean)
    hard = held_out(preset, 1, pretraining.HARD_SEED)
    largest = {"gdiv": 0.5, "refinement": 1.0}[preset]
    assert score_network(network, hard) < largest * score_zero_motion(hard)


def cards():
    """Cards of the shipped weights and of their initial weights."""
    for path in WEIGHTS.values():
        card = load_weights(path)[1]
        while card:
            yield card
            card = card.get("begin")


def test_training_used_nothing_from_the_test_split(real):
    """This includes its scenes, those of the published fields, and its twins."""
    reserved = {texture.folder for texture in TEXTURES["test"]} | {"narrow-warped"}
    files = [file for name in reserved for file in (real / name).rglob("*") if file.is_file()]
    hashes = {hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in files}
    for card in cards():
        assert card["scenes"] not in reserved
        assert not hashes & set(card.get("scene_hashes", {}).values())
    newest = load_weights(SHIPPED)[1]
    assert newest["scene_hashes"] == pretraining_data.hash_scenes(real / newest["scenes"])
    twins = {case.family for case in list_cases("test", ["twin"])}
    assert twins and not twins & set(pretraining_data.GLACIERS)


@pytest.mark.parametrize("stage", pretraining.STAGES.values(), ids=pretraining.STAGES)
def test_the_counts_of_a_stage_add_up_to_its_batch(stage):
    assert sum(stage.counts.values()) == stage.train.batch
