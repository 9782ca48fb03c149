"""The network, the training loop and the tiles."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gdiv.catalog import load_catalog
from gdiv.flow import raft, tiles, train
from gdiv.flow.losses import endpoint_error, sequence_loss
from gdiv.flow.synthetic import SyntheticPairs
from gdiv.imagery.grid import study_grid
from gdiv.imagery.ice import Ice


@pytest.fixture(scope="module")
def clean():
    return [SyntheticPairs(128, 6, seed=7, textures=4, difficulty=0).sample(i) for i in range(4)]


@pytest.mark.parametrize("shape", [(64, 64), (70, 93), (33, 128)])
@pytest.mark.parametrize("preset", raft.PRESETS)
def test_network_keeps_any_size(preset, shape):
    torch.manual_seed(0)
    network = raft.Raft(raft.PRESETS[preset]).eval()
    images = torch.randn(2, 1, 1, *shape)
    with torch.inference_mode():
        (flow,) = network(*images, iterations=1)
    assert flow.shape == (1, 2, *shape) and flow.isfinite().all()


def test_network_takes_several_bands():
    network = raft.Raft(raft.RaftConfig(channels=3)).eval()
    assert network(torch.randn(1, 3, 32, 32), torch.randn(1, 3, 32, 32), iterations=1)[-1].shape == (1, 2, 32, 32)


def test_all_pairs_and_local_cost_volume_agree_within_reach():
    torch.manual_seed(1)
    first, second = torch.randn(2, 1, 16, 12, 14)
    near = raft.CostVolume(first, second, raft.RaftConfig(reach=6, radius=2))
    every = raft.CostVolume(first, second, raft.RaftConfig(reach=0, radius=2))
    flow = torch.rand(1, 2, 12, 14) * 3 - 1.5
    inner = (..., slice(4, -4), slice(4, -4))
    assert torch.allclose(near.lookup(flow)[inner], every.lookup(flow)[inner], atol=1e-4)


def test_shipped_weights_find_motion_and_name_their_making(clean):
    network, card = train.load_weights(train.SHIPPED)
    error = train.score(network, clean)
    assert error < 0.3 * train.score_zero(clean)
    assert {"data", "steps", "seed", "error_px_hard", "error_px_clean"} <= set(card)
    assert train.SHIPPED.stat().st_size < 16e6


def test_a_file_that_is_no_weights_is_an_error(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(ValueError, match="holds no gdiv weights"):
        train.load_weights(tmp_path / "bad.safetensors")


TINY = raft.RaftConfig(features=16, hidden=16, reach=2, radius=1, iterations=2)


def tiny():
    torch.manual_seed(0)
    return raft.Raft(TINY)


def test_training_learns_and_resumes_to_the_same_result(tmp_path):
    pairs = SyntheticPairs(64, 3, seed=2, textures=3, difficulty=0)
    validation = [pairs.sample(1000 + i) for i in range(4)]
    config = train.TrainConfig(steps=6, batch=2, rate=1e-3, validate_every=3, bf16=False)
    whole, history = tiny(), None
    history = train.train(whole, pairs.sample, validation, config, tmp_path / "whole.safetensors")
    assert [row["step"] for row in history] == [3, 6]

    class Killed(Exception):
        pass

    def kill(row):
        if row["step"] == 3:
            raise Killed

    # The state is written before it is reported, so a kill in the report comes after step 3 is safe.
    broken = tiny()
    with pytest.raises(Killed):
        train.train(broken, pairs.sample, validation, config, tmp_path / "state.safetensors", report=kill)
    resumed = tiny()
    again = train.train(resumed, pairs.sample, validation, config, tmp_path / "state.safetensors")
    assert again == history
    for first, second in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(first, second)
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert json.loads(file.metadata()["run"])["train"]["steps"] == 6


def test_other_data_or_other_first_weights_do_not_resume(tmp_path):
    config = train.TrainConfig(steps=1, batch=1, validate_every=1, bf16=False)
    for seed in (1, 2):
        pairs = SyntheticPairs(64, 3, seed=seed, textures=3, difficulty=0)
        drawn = []
        train.train(
            tiny(), lambda n, d=drawn, p=pairs: d.append(n) or p.sample(n), [pairs.sample(9)], config, tmp_path / "s"
        )
        assert len(drawn) > 2, "trained anew, not taken from the other run's checkpoint"


def test_training_lowers_the_error(tmp_path):
    pairs = SyntheticPairs(64, 4, seed=3, textures=3, difficulty=0)
    sample = pairs.sample(0)
    network = tiny()
    before = train.score(network, [sample])
    train.train(
        network,
        lambda n: sample,
        [sample],
        train.TrainConfig(steps=40, batch=1, rate=2e-3, bf16=False, validate_every=40),
        tmp_path / "s.safetensors",
    )
    assert train.score(network, [sample]) < 0.7 * before


def test_weights_survive_a_round_trip(tmp_path):
    network = tiny().eval()
    train.save_weights(network, tmp_path / "w.safetensors", steps=1)
    again, card = train.load_weights(tmp_path / "w.safetensors")
    assert card == {"steps": 1} and again.config == TINY
    pair = np.random.default_rng(0).normal(size=(2, 40, 40)).astype(np.float32)
    assert np.array_equal(train.answer(network, pair), train.answer(again, pair))


def test_loss_ignores_what_is_not_known():
    truth = torch.zeros(1, 2, 4, 4)
    truth[..., 0] = float("nan")
    valid = truth.isfinite().all(1)
    flow = torch.ones(1, 2, 4, 4)
    assert float(sequence_loss([flow], truth, valid)) == pytest.approx(2)
    assert float(sequence_loss([flow, flow], truth, valid, gamma=0.5)) == pytest.approx(3)
    assert endpoint_error(flow, truth, valid) == pytest.approx(2**0.5)


def test_a_split_by_space_shares_no_pixel():
    glacier = np.ones((420, 200), bool)
    found = tiles.list_tiles(3, glacier, 96, "space")
    seen = {name: np.zeros(glacier.shape, bool) for name in tiles.SHARES}
    for tile in found:
        seen[tile.set][tile.row : tile.row + 96, tile.column : tile.column + 96] = True
    assert all(seen[name].any() for name in seen)
    assert (
        not (seen["train"] & seen["validation"]).any()
        and not (seen["train"] & seen["test"]).any()
        and not (seen["validation"] & seen["test"]).any()
    )


def test_every_glacier_of_the_catalog_can_be_split_by_space():
    catalog = load_catalog()
    for key, entry in catalog.glaciers.items():
        ice = Ice(entry, study_grid(entry.bbox, entry.epsg)).mask
        for profile in catalog.profiles.values():
            found = tiles.list_tiles(1, ice, profile.tile, "space")
            assert {tile.set for tile in found} == set(tiles.SHARES), key


def test_a_random_split_has_the_papers_shares():
    found = tiles.list_tiles(170, np.ones((512, 512), bool), 256, "random", seed=4)
    counts = {name: sum(tile.set == name for tile in found) / len(found) for name in tiles.SHARES}
    assert counts == pytest.approx(tiles.SHARES, abs=1e-3)
    assert {tile.turns for tile in found} == {0, 1, 2, 3}
    assert found == tiles.list_tiles(170, np.ones((512, 512), bool), 256, "random", seed=4)


def test_tiles_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="take a smaller tile"):
        tiles.list_tiles(1, np.ones((100, 100), bool), 128, "random")
    with pytest.raises(ValueError, match="no tile of 96 pixels is left for train, validation, test under the space"):
        tiles.list_tiles(1, np.ones((100, 150), bool), 96, "space")
    with pytest.raises(ValueError, match="random, space"):
        tiles.list_tiles(1, np.ones((200, 200), bool), 96, "time")


def test_samples_are_cut_on_the_fly_and_repeat():
    rng = np.random.default_rng(0)
    images, labels = (
        rng.normal(size=(2, 200, 200)).astype(np.float32),
        rng.normal(size=(1, 2, 200, 200)).astype(np.float32),
    )
    found = tiles.list_tiles(1, np.ones((200, 200), bool), 64, "random")
    samples = tiles.Samples(images, [(0, 1)], labels, found, 64, seed=3)
    pair, _ = samples[0]
    tile = found[0]
    assert np.array_equal(
        pair[0], np.rot90(images[0, tile.row : tile.row + 64, tile.column : tile.column + 64], tile.turns)
    )
    assert all(np.array_equal(a, b) for a, b in zip(samples.draw(17), samples.draw(17), strict=True))
    assert {tuple(samples.draw(n)[0][0, 0]) for n in range(len(found))} == {
        tuple(samples[n][0][0, 0]) for n in range(len(found))
    }
