"""What the weights that ship are learned from."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from gdiv.flow.raft.checkpoints import load_weights
from gdiv.flow.raft.network import PRESETS
from gdiv.flow.training.loop import score_network, score_zero_motion
from gdiv.flow.training.tiles import Mixture
from gdiv.images.contrast import local_contrast
from gdiv.study import pretraining as pretrain


def test_the_twin_lends_exact_displacement(monkeypatch, twin_folder):
    """Moved back by it, a secondary looks like its reference; mis-registration is in it."""
    monkeypatch.setattr(pretrain, "render", lambda folder, glacier: twin_folder)
    images, pairs, flows, ice = pretrain.twin_pairs(twin_folder, "mer-de-glace")
    assert len(pairs) == len(flows) >= 3 and 0 < ice.mean() < 1
    gains, images = (
        [],
        [local_contrast(image) for image in images],
    )  # clouds and sun are not what moves
    for (first, second), flow in zip(pairs, flows, strict=True):
        known = ice & np.isfinite(flow[0])
        at = np.indices(ice.shape) + np.nan_to_num(flow[::-1])
        moved = ndimage.map_coordinates(images[second], at, order=1, mode="nearest")
        kept, still = (
            np.corrcoef(images[first][known], image[known])[0, 1]
            for image in (moved, images[second])
        )
        gains.append(kept - still)
    assert np.median(gains) > 0.1


def test_windows_hold_ice():
    ice = np.zeros((300, 300), bool)
    ice[:, :150] = True
    found = pretrain.windows(ice, 2)
    assert {tile.pair for tile in found} == {0, 1} and {tile.turns for tile in found} == {
        0,
        1,
        2,
        3,
    }
    assert all(ice[t.row : t.row + 128, t.column : t.column + 128].mean() > 0.2 for t in found)


def test_a_mixture_keeps_the_shares_whatever_is_asked_for():
    def source(value):
        return lambda numbers: (
            torch.full((len(numbers), 2), value),
            torch.tensor([[float(n)] for n in numbers]),
        )

    mixed = Mixture([(source(1.0), 5), (source(2.0), 3)])
    values, numbers = mixed(range(16))
    assert values[:, 0].tolist() == ([1.0] * 5 + [2.0] * 3) * 2
    assert numbers[:5, 0].tolist() == [0, 1, 2, 3, 4] and numbers[8:13, 0].tolist() == [
        5,
        6,
        7,
        8,
        9,
    ]
    assert numbers[5:8, 0].tolist() == [0, 1, 2] and numbers[13:, 0].tolist() == [3, 4, 5]
    assert mixed([5, 0])[0][:, 0].tolist() == [2.0, 1.0]
    nested = Mixture([(source(1.0), 5), (Mixture([(source(2.0), 1), (source(3.0), 1)]), 3)])
    found = nested(range(80))[0][:, 0]
    assert [(found == value).sum() for value in (1, 2, 3)] == [50, 15, 15]


def test_real_scenes_lend_their_texture(real):
    textures = pretrain.textures(real / "aletsch-2020-07")
    assert textures.shape == (48, 512, 512) and np.isfinite(textures).all()
    assert len(pretrain.textures(None)) == 40


def test_the_weights_that_ship_are_of_the_preset_and_score_as_their_card_says():
    network, card = load_weights()
    assert network.config == PRESETS["gdiv"]
    hard = pretrain.held_out(1, 10_001)[:8]
    assert score_network(network, hard) < 0.5 * score_zero_motion(hard)
    assert score_network(network, pretrain.held_out(0, 10_002)) == pytest.approx(
        card["error_px_clean"], rel=0.02
    )


@pytest.mark.parametrize("stage", pretrain.STAGES.values(), ids=pretrain.STAGES)
def test_a_stage_deals_out_its_whole_batch(stage):
    assert sum(stage.shares.values()) == stage.train.batch
