"""Training data and stages of the weights that ship."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from gdiv.flow.raft.checkpoints import load_weights
from gdiv.flow.raft.network import PRESETS
from gdiv.flow.training.samples import Mixture
from gdiv.flow.training.scores import score_network, score_zero_motion
from gdiv.images.contrast import local_contrast
from gdiv.study import pretraining, pretraining_data


def test_a_twins_displacement_aligns_its_images(monkeypatch, twin_folder):
    """Resampled along its displacement, a secondary resembles its reference; so mis-registration is included."""
    monkeypatch.setattr(pretraining_data, "render_glacier", lambda folder, glacier: twin_folder)
    images, pairs, flows, ice = pretraining_data.twin_pairs(twin_folder, "mer-de-glace")
    assert len(pairs) == len(flows) >= 3 and 0 < ice.mean() < 1
    # Clouds and illumination do not move with the ice.
    contrasts = [local_contrast(image) for image in images]
    gains = []
    for (i, j), flow in zip(pairs, flows, strict=True):
        valid = ice & np.isfinite(flow[0])
        reference = contrasts[i]
        secondary = contrasts[j]
        positions = np.indices(ice.shape) + np.nan_to_num(flow[::-1])
        aligned = ndimage.map_coordinates(secondary, positions, order=1, mode="nearest")
        before = np.corrcoef(reference[valid], secondary[valid])[0, 1]
        after = np.corrcoef(reference[valid], aligned[valid])[0, 1]
        gains.append(after - before)
    assert np.median(gains) > 0.1


def test_windows_hold_ice():
    ice = np.zeros((300, 300), bool)
    ice[:, :150] = True
    tiles = pretraining_data.list_windows(ice, 2)
    assert {tile.pair for tile in tiles} == {0, 1}
    assert {tile.turns for tile in tiles} == {0, 1, 2, 3}
    assert all(ice[t.row : t.row + 128, t.column : t.column + 128].mean() > 0.2 for t in tiles)


def test_a_mixture_keeps_the_counts_of_its_sources():
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
    drawn = nested(range(80))[0][:, 0]
    assert [(drawn == value).sum() for value in (1, 2, 3)] == [50, 15, 15]


def test_textures_of_real_scenes_are_added(real):
    textures = pretraining_data.training_textures(real / "aletsch-2020-07")
    assert textures.shape == (48, 512, 512) and np.isfinite(textures).all()
    assert len(pretraining_data.training_textures(None)) == 40


def test_the_weights_that_ship_match_their_preset_and_the_scores_on_their_card():
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
