"""Save and load weights."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_networks import TINY, make_network

from gdiv.flow.raft import checkpoints, network as raft
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.scores import score_network, score_zero_motion


def test_shipped_weights_recover_motion_and_document_their_training():
    clean = PairRenderer(fractal_textures(12, 777), 128, 8, seed=4, difficulty=0).samples(32)
    network, card = checkpoints.load_weights()
    # The error is not zero, because some ice is only a few cells wide.
    assert score_network(network, clean) < 0.17 * score_zero_motion(clean)
    assert {"stages", "steps", "scenes", "device", "error_px_hard", "error_px_clean"} <= set(card)
    assert checkpoints.SHIPPED.stat().st_size < 16e6


def test_saved_weights_load_unchanged(tmp_path):
    network = make_network().eval()
    checkpoints.save_weights(network, tmp_path / "w.safetensors", steps=1)
    loaded, card = checkpoints.load_weights(tmp_path / "w.safetensors")
    assert card == {"steps": 1} and loaded.config == TINY
    pair = np.random.default_rng(0).normal(size=(2, 40, 40)).astype(np.float32)
    assert np.array_equal(raft.predict_flow(network, *pair), raft.predict_flow(loaded, *pair))


@pytest.mark.parametrize(
    "fault", ["missing", "no safetensors", "other file", "truncated", "other sizes"]
)
def test_invalid_weights_raise_an_error(tmp_path, fault):
    path = tmp_path / "bad.safetensors"
    checkpoints.save_weights(make_network(), path)
    whole = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "no safetensors":
        path.write_bytes(b"not weights")
    elif fault == "other file":
        save_file({"weight": torch.zeros(2)}, path)
    elif fault == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        metadata = {"config": json.dumps({**make_network().config.__dict__, "hidden": 24})}
        save_file(
            {k: v.contiguous() for k, v in make_network().state_dict().items()}, path, metadata
        )
    with pytest.raises(ValueError, match="holds no gdiv weights"):
        checkpoints.load_weights(path)
