"""Train variants of a network on the same tiles and score them."""

import copy

import numpy as np
import pytest
from small_networks import make_network, make_renderer

from gdiv.flow.training.loop import TrainConfig
from gdiv.flow.training.samples import Samples
from gdiv.flow.training.tiles import Tile
from gdiv.flow.training.variants import Variant, score_variants, train_variants

SIDE = 64


@pytest.fixture(scope="module")
def samples():
    """Train, validation and test tiles of one split, whose labels are the true motion."""
    pair, flow = make_renderer(3 * SIDE).samples(1)[0]
    sets = ("train", "validation", "test")
    tiles = {name: [Tile(0, SIDE * row, 0, 0, name)] for row, name in enumerate(sets)}
    parts = {
        name: Samples(pair, [(0, 1)], flow[None], tiles[name], SIDE) for name in ("train", *sets)
    }
    return {"space": parts}


def test_variants_are_trained_in_place_and_scored(samples, tmp_path):
    shipped = make_network()
    network = copy.deepcopy(shipped)
    variant = Variant("fine-tuned", network, "space", samples["space"]["train"].draw)
    config = TrainConfig(steps=2, batch=2, validate_every=1, bf16=False)
    rows = train_variants([variant], samples, config, lambda name: tmp_path / f"{name}.safetensors")
    assert [row["step"] for row in rows] == [1, 2]
    assert {row["network"] for row in rows} == {"fine-tuned"}
    changed = zip(network.parameters(), shipped.parameters(), strict=True)
    assert any(not first.equal(second) for first, second in changed)

    scores = score_variants([variant], shipped, samples, samples["space"]["test"])
    assert list(scores) == ["zero flow", "as shipped", "fine-tuned", "the labels themselves"]
    assert scores["as shipped"].before == scores["as shipped"].own
    assert scores["fine-tuned"].before == scores["as shipped"].own
    assert scores["the labels themselves"].truth == pytest.approx(0)
    # Here the labels are the truth.
    assert all(np.isclose(score.labels, score.truth) for score in scores.values())
