"""The network, what it learns from, the training loop and the weights."""

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from places import ROOT
from safetensors import safe_open
from safetensors.torch import save_file

from gdiv.catalog import load_catalog
from gdiv.flow.raft import checkpoints
from gdiv.flow.raft import network as raft
from gdiv.flow.raft.blocks import predict_in_blocks
from gdiv.flow.raft.costs import CostVolume
from gdiv.flow.training import loop as train
from gdiv.flow.training import tiles
from gdiv.flow.training.draws import RandomDraws
from gdiv.flow.training.losses import endpoint_error, sequence_loss
from gdiv.flow.training.motion import draw_motion
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.samples import Mixture, Samples, rotate
from gdiv.flow.training.scores import rms_differences, score_network, score_zero_motion
from gdiv.flow.training.splines import read_spline
from gdiv.imagery.grid import study_grid
from gdiv.images.tensors import invert_flow, non_invertible
from gdiv.twin.ice import Ice

TINY = raft.RaftConfig(narrow=8, features=16, hidden=16, fine=4, reach=2, radius=1, iterations=2)
TEXTURES = fractal_textures(4, 3)


def tiny():
    torch.manual_seed(0)
    return raft.Raft(TINY)


def renderer(size=64, reach=3, seed=2, difficulty=0.0):
    return PairRenderer(TEXTURES, size, reach, seed, difficulty)


# ---- network --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 64), (70, 93), (33, 128)])
@pytest.mark.parametrize("preset", raft.PRESETS)
def test_network_keeps_any_size(preset, shape):
    torch.manual_seed(0)
    network = raft.Raft(raft.PRESETS[preset]).eval()
    images = torch.randn(2, 1, 1, *shape)
    with torch.inference_mode():
        (flow,) = network(*images, iterations=1)
    assert flow.shape == (1, 2, *shape) and flow.isfinite().all()


def test_the_papers_network_has_the_papers_size():
    network = raft.Raft(raft.PRESETS["paper"])
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(5.3e6, rel=0.02)


def test_padding_changes_only_what_is_beside_it():
    """A width that does not divide by a cell is padded with no data; the flow far from the edge stays."""
    pair, _ = renderer(120).samples(2)[1]
    network = tiny().eval()
    whole, cut = raft.predict_flow(network, *pair), raft.predict_flow(network, *pair[:, :117, :115])
    assert cut.shape == (2, 117, 115)
    assert np.abs(whole[:, :60, :60] - cut[:, :60, :60]).max() < 0.05


def test_bands_are_learned_from_and_answered():
    """The reference's bands come first in a sample, then the secondary's."""
    ((pair, flow),) = renderer().samples(1)
    images = np.stack([np.stack([image, 2 * image + 1, -image]) for image in pair])
    whole = np.ones((64, 64), bool)
    samples = Samples(images, [(0, 1)], flow[None], [tiles.Tile(0, 0, 0, 0, "train")], 64)
    assert samples[0][0].shape == (6, 64, 64) and np.array_equal(samples[0][0][3:], images[1])
    network = raft.Raft(replace(TINY, channels=3))
    assert np.isfinite(score_network(network, [samples[0]]))
    assert raft.predict_flow(network, *images)[:, whole].shape == (2, 64 * 64)


def test_contrast_and_steps_are_the_same_in_bfloat16():
    """A bright ramp: differences of large numbers, which bfloat16 does not hold."""
    ((pair, _),) = renderer().samples(1)
    pair = torch.from_numpy(pair + np.linspace(0, 50, 64, dtype=np.float32))[None]
    network = tiny().eval()
    seen = []
    network.newton.features.register_forward_hook(
        lambda module, inputs, output: seen.append((inputs[0], output))
    )
    for enabled in (False, True):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            network(*pair.chunk(2, dim=1))
    for plain, cast in zip(*seen, strict=True):
        assert torch.equal(plain, cast)


def test_a_fill_value_is_no_brightness():
    ((pair, _),) = renderer().samples(1)
    filled, void = pair.copy(), pair.copy()
    filled[:, :10], void[:, :10] = 1e20, np.nan
    assert np.array_equal(raft.predict_flow(tiny(), *filled), raft.predict_flow(tiny(), *void))


def test_costs_near_rest_have_one_level():
    with pytest.raises(ValueError, match="reach 4 and 2 levels"):
        raft.Raft(raft.RaftConfig(levels=2))


def test_the_scale_of_brightness_does_not_matter():
    ((pair, _),) = renderer().samples(1)
    network = tiny().eval()
    assert (
        np.abs(
            raft.predict_flow(network, *pair)
            - raft.predict_flow(network, 500 * pair[0] + 3000, 0.1 * pair[1])
        ).max()
        < 1e-2
    )


def test_no_data_is_neither_seen_nor_spread():
    """A void is not texture: what is around it moves as before, and nothing becomes NaN."""
    pair = renderer(96, difficulty=0).samples(1)[0][0]
    spoilt = pair.copy()
    spoilt[1, 40:60, 40:60] = np.nan
    network = checkpoints.load_weights()[0]
    found = raft.predict_flow(network, *spoilt)
    beside = np.ones((96, 96), bool)
    beside[28:72, 28:72] = False
    assert np.isfinite(found).all()
    assert np.abs(found - raft.predict_flow(network, *pair))[:, beside].mean() < 0.05


def test_all_pairs_and_local_costs_have_their_best_at_the_same_place():
    torch.manual_seed(1)
    second = torch.randn(1, 16, 12, 14)
    first = torch.roll(
        second, (-1, 2), dims=(2, 3)
    )  # 1 row down, 2 columns left: first(x) = second(x + flow)
    for reach in (3, 0):
        costs = CostVolume(first, second, reach, 3, 1, torch.tensor(2.7))
        plane = costs.lookup(torch.zeros(1, 2, 12, 14))[0, -49:, 5, 6]
        row, column = divmod(int(plane.argmax()), 7)
        assert (column - 3, row - 3) == (-2, 1)


def test_gradients_reach_every_parameter():
    for config in (
        TINY,
        replace(raft.PRESETS["paper"], features=16, narrow=8, hidden=16, iterations=2),
    ):
        torch.manual_seed(0)
        network = raft.Raft(config).train()
        pair, flow = renderer(difficulty=1).draw(range(2))
        # The flow head starts at zero, which stops gradients into what stands before it at the first step.
        for parameter in network.update.head[-1].parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        sequence_loss(
            network(*pair.chunk(2, dim=1)), flow, torch.ones(2, 64, 64, dtype=bool)
        ).backward()
        idle = [
            name
            for name, p in network.named_parameters()
            if p.grad is None or not p.grad.abs().sum()
        ]
        # A bias before an instance norm has no effect, by construction.
        assert not [name for name in idle if not (config.norm and name.endswith("bias"))]


def test_an_untrained_network_already_measures():
    """Gauss-Newton steps from rest find small motion before anything is learned."""
    torch.manual_seed(0)
    network = raft.Raft(replace(raft.PRESETS["gdiv"], first_flow=False)).eval()
    inner = (
        slice(None),
        slice(16, -16),
        slice(16, -16),
    )  # at the frame what moves in was never seen
    ratios = [
        np.hypot(*(raft.predict_flow(network, *pair) - flow)[inner]).mean()
        / np.hypot(*flow[inner]).mean()
        for pair, flow in renderer(128, reach=2).samples(12)
    ]
    assert np.median(ratios) < 0.5


# ---- what it learns from --------------------------------------------------------------------------


def test_drawn_pairs_are_exact_and_repeat():
    """The secondary, read where the flow leads, is the reference."""
    (pair, flow), *_ = renderer(96, reach=6).samples(2)
    from scipy import ndimage

    at = np.stack(np.meshgrid(np.arange(96), np.arange(96))) + flow
    moved = ndimage.map_coordinates(pair[1], at[::-1], order=3, mode="constant", cval=np.nan)
    inner = np.isfinite(moved)
    # The dates differ by gain and noise alone; a straight line takes the gain off.
    slope, level = np.polyfit(moved[inner], pair[0][inner], 1)
    rest = pair[0][inner] - slope * moved[inner] - level
    assert rest.std() < 0.05 * pair[0].std()
    one, several = renderer(difficulty=1).draw([5]), renderer(difficulty=1).draw([4, 5, 6])
    for alone, among in zip(one, several, strict=True):
        assert torch.allclose(alone[0], among[1], atol=1e-4, equal_nan=True)


def test_what_has_no_inverse_is_not_learned():
    """At the reach that weights learn, every known pixel is found again from where it went."""
    pairs = PairRenderer(TEXTURES, 128, 14, seed=1)
    _, flow = pairs.draw(range(24))
    assert flow.nan_to_num().norm(dim=1).max() < 14 + 1.5  # mis-registration on top
    known = flow.isfinite().all(1)
    assert 0.9 < known.float().mean() < 1
    generators = [np.random.default_rng([1, number]) for number in range(24)]
    filled = draw_motion(128, 14, RandomDraws(generators, "cpu"))
    assert torch.equal(non_invertible(filled, invert_flow(filled))[:, 0], ~known)
    one = torch.zeros(1, 2, 64, 64)
    one[:, 0, :, :32] = 10  # runs over stable ground
    assert (
        non_invertible(one, invert_flow(one))[0, 0, 32, 24:31].all()
        and not non_invertible(one, invert_flow(one))[0, 0, :, 48:].any()
    )


def test_a_spline_is_read_as_scipy_reads_it():
    from scipy import ndimage

    at = torch.rand(1, 2, 20, 20) * 400 + 50
    ours = read_spline(torch.from_numpy(TEXTURES[:1])[:, None], at)[0, 0].numpy()
    theirs = ndimage.map_coordinates(
        TEXTURES[0].astype(float), at[0].numpy()[::-1], order=3, prefilter=False
    )
    assert np.abs(ours - theirs).max() < 1e-4


def test_textures_that_do_not_suffice_are_an_error():
    with pytest.raises(ValueError, match="mixes four textures, got 2"):
        PairRenderer(TEXTURES[:2], 64, 3)
    with pytest.raises(ValueError, match="too small for pairs of 400"):
        PairRenderer(TEXTURES, 400, 3)


def pairs_of(count):
    return [(i, count + i) for i in range(count)]


def test_the_papers_counts():
    """170 pairs of 10 and 17 scenes: 18,360 samples, of them 14,871 / 1,653 / 1,836 (section 2.2)."""
    entry = load_catalog().glaciers["mer-de-glace"]
    ice = Ice(entry, study_grid(entry.bbox, entry.epsg)).mask
    scenes = [(i, 10 + j) for i in range(10) for j in range(17)]
    found = tiles.list_tiles(scenes, ice, 256, "random")
    counts = {name: sum(tile.set == name for tile in found) for name in tiles.SETS}
    assert counts == {"train": 14_871, "validation": 1_653, "test": 1_836} and len(found) == 18_360
    assert found == tiles.list_tiles(scenes, ice, 256, "random")


def test_a_split_by_space_shares_no_pixel():
    glacier = np.ones((420, 200), bool)
    seen = {name: np.zeros(glacier.shape, bool) for name in tiles.SETS}
    for tile in tiles.list_tiles(pairs_of(3), glacier, 96, "space"):
        seen[tile.set][tile.row : tile.row + 96, tile.column : tile.column + 96] = True
    assert all(seen[name].any() for name in seen)
    assert sum(place.astype(int) for place in seen.values()).max() == 1


def test_a_split_by_date_shares_no_scene():
    """Between two seasons, and where a scene ends one pair and begins the next."""
    for scenes in (
        [(i, 4 + j) for i in range(4) for j in range(6)],
        [(i, j) for j in range(12) for i in range(j)],
    ):
        seen = {name: set() for name in tiles.SETS}
        for tile in tiles.list_tiles(scenes, np.ones((200, 200), bool), 96, "date"):
            seen[tile.set] |= set(scenes[tile.pair])
        assert all(seen.values())
        assert sum(map(len, seen.values())) == len(set.union(*seen.values()))


def test_every_glacier_of_the_catalog_can_be_split_by_space():
    catalog = load_catalog()
    for key, entry in catalog.glaciers.items():
        ice = Ice(entry, study_grid(entry.bbox, entry.epsg)).mask
        for profile in catalog.profiles.values():
            found = tiles.list_tiles(pairs_of(1), ice, profile.tile, "space")
            assert {tile.set for tile in found} == set(tiles.SETS), key
            window = next((t.row, t.column) for t in found if t.set == "test")
            assert ice[window[0] :, window[1] :][: profile.tile, : profile.tile].mean() > 0.1, key


def test_tiles_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="take a smaller tile"):
        tiles.list_tiles(pairs_of(1), np.ones((100, 100), bool), 128, "random")
    with pytest.raises(
        ValueError, match="no tile of 96 pixels is left for train, validation, test under the space"
    ):
        tiles.list_tiles(pairs_of(1), np.ones((100, 150), bool), 96, "space")
    with pytest.raises(ValueError, match="date split; take more scenes"):
        tiles.list_tiles(pairs_of(1), np.ones((100, 150), bool), 96, "date")
    with pytest.raises(ValueError, match="random, space, date"):
        tiles.list_tiles(pairs_of(1), np.ones((200, 200), bool), 96, "time")


def test_samples_are_cut_on_the_fly_and_repeat():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 200, 200)).astype(np.float32)
    labels = rng.normal(size=(1, 2, 200, 200)).astype(np.float32)
    found = tiles.list_tiles([(0, 1)], np.ones((200, 200), bool), 64, "random")
    samples = Samples(images, [(0, 1)], labels, found, 64, seed=3)
    pair, _ = samples[1]
    tile = found[1]
    window = images[0, tile.row : tile.row + 64, tile.column : tile.column + 64]
    assert tile.turns == 1 and np.array_equal(pair[0], np.rot90(window))
    assert all(
        torch.equal(a, b) for a, b in zip(samples.draw([17, 3]), samples.draw([17, 3]), strict=True)
    )
    drawn = samples.draw(range(len(found)))[0]
    # Every tile once, as it is or mirrored: its values, sorted, tell it.
    assert {float(p[0].sort().values.sum()) for p in drawn.flatten(2).sort(2).values[:, :, :7]} == {
        float(
            torch.from_numpy(samples[n][0]).flatten(1).sort(1).values[:, :7][0].sort().values.sum()
        )
        for n in range(len(found))
    }


def test_the_whole_pipeline_turns_with_the_scene():
    """Samples of a turned scene are the turned samples: cut, turn and mirror commute with a turn of everything."""
    rng = np.random.default_rng(1)
    images = torch.from_numpy(rng.normal(size=(2, 96, 96)).astype(np.float32))
    labels = torch.from_numpy(rng.normal(size=(2, 96, 96)).astype(np.float32))
    turned = rotate(images, labels, 1)
    whole = Samples(
        images.numpy(), [(0, 1)], labels[None].numpy(), [tiles.Tile(0, 10, 30, 2, "train")], 40
    )
    # A quarter turn takes row r, column c of a window to row 96 - 40 - c, column r.
    other = Samples(
        turned[0].numpy(),
        [(0, 1)],
        turned[1][None].numpy(),
        [tiles.Tile(0, 96 - 40 - 30, 10, 1, "train")],
        40,
    )
    for one, two in zip(whole[0], other[0], strict=True):
        assert np.array_equal(one, two)


# ---- training -------------------------------------------------------------------------------------


@pytest.mark.run
def test_four_tiles_are_learned_by_heart(tmp_path):
    """To under a tenth of a pixel."""
    samples = renderer(64, reach=5, difficulty=0.6).samples(4)
    pair, flow = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
    torch.manual_seed(0)
    network = raft.Raft(replace(TINY, reach=4, radius=2, hidden=32, features=32))
    config = train.TrainConfig(steps=300, batch=4, rate=3e-3, bf16=False, validate_every=300)
    history = train.train_network(
        network, lambda numbers: (pair, flow), samples, config, tmp_path / "s.safetensors"
    )
    assert history[-1]["validation"] < 0.1


def test_training_resumes_to_the_same_result(tmp_path):
    pairs = renderer()
    validation = renderer(seed=9).samples(4)
    config = train.TrainConfig(steps=6, batch=2, rate=1e-3, validate_every=3, bf16=False)
    whole = tiny()
    history = train.train_network(
        whole, pairs.draw, validation, config, tmp_path / "whole.safetensors"
    )
    assert [row["step"] for row in history] == [3, 6]

    class Killed(Exception):
        pass

    def kill(row):
        if row["step"] == 3:
            raise Killed

    # The state is written before it is reported, so a kill in the report comes after step 3 is safe.
    with pytest.raises(Killed):
        train.train_network(
            tiny(), pairs.draw, validation, config, tmp_path / "state.safetensors", report=kill
        )
    resumed = tiny()
    again = train.train_network(
        resumed, pairs.draw, validation, config, tmp_path / "state.safetensors"
    )
    assert again == history
    for first, second in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(first, second)
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert json.loads(file.metadata()["run"])["train"]["steps"] == 6


def test_other_data_or_other_first_weights_do_not_resume(tmp_path):
    """Though it be one source of several that changed. A run that replaces another says so."""
    config = train.TrainConfig(steps=1, batch=2, validate_every=1, bf16=False)
    for seed in (1, 2):
        mixed = Mixture([(renderer().draw, 1), (renderer(seed=seed).draw, 1)])
        drawn = []

        def draw(numbers, drawn=drawn, mixed=mixed):
            drawn.extend(numbers)
            return mixed(numbers)

        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            train.train_network(
                tiny(), draw, renderer().samples(1), config, tmp_path / "s.safetensors"
            )
        assert len(drawn) == 4, "a batch to know the run by, and one to learn from"
        assert any("another run" in str(warning.message) for warning in said) == (seed == 2)


def test_seeds_are_given_other_samples(tmp_path):
    drawn = {1: [], 2: []}
    for seed, numbers in drawn.items():

        def draw(asked, numbers=numbers):
            numbers.extend(asked)
            return renderer().draw(asked)

        config = train.TrainConfig(
            steps=1, batch=2, validate_every=1, seed=seed
        )  # in bfloat16, as it comes
        history = train.train_network(
            tiny(), draw, renderer().samples(1), config, tmp_path / f"{seed}.safetensors"
        )
        assert np.isfinite(history[0]["loss"])
    assert not set(drawn[1]) & set(drawn[2])


DISTRIBUTED = """
import json, sys
from pathlib import Path
import torch
import torch.distributed as dist
from gdiv.flow.training import loop as train
from test_flow import renderer, tiny
dist.init_process_group("gloo")
config = train.TrainConfig(steps=3, batch=4, rate=1e-3, validate_every=1, bf16=False)
network, folder = tiny(), Path(sys.argv[1])
pair, flow = renderer(difficulty=1).draw(range(12))
flow[::3, :, :, :40] = float("nan")  # shares of a batch with unequal numbers of known pixels
draw = lambda numbers: (pair[list(numbers)], flow[list(numbers)])
history = train.train_network(network, draw, renderer(seed=9).samples(2), config, folder / "state.safetensors")
if dist.get_rank() == 0:
    (folder / "history.json").write_text(json.dumps(history))
"""


@pytest.mark.run
def test_two_processes_learn_what_one_does(tmp_path):
    """By torch's launcher over gloo: the losses of one process with the joined batch."""
    script = tmp_path / "two.py"
    script.write_text(DISTRIBUTED, encoding="utf-8")
    histories = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        launch = [
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={count}",
            str(script),
            str(folder),
        ]
        path = os.pathsep.join([str(ROOT / "tests"), *sys.path])
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, *launch], capture_output=True, text=True, env=environment, timeout=300
        )
        assert done.returncode == 0, done.stderr[-2000:]
        histories.append(json.loads((folder / "history.json").read_text(encoding="utf-8")))
    for one, two in zip(*histories, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["validation"] == pytest.approx(one["validation"], rel=1e-3)


def test_a_batch_that_does_not_divide_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(train.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(train.dist, "get_rank", lambda: 0)
    monkeypatch.setattr(train.dist, "get_world_size", lambda: 3)
    with pytest.raises(ValueError, match="batch of 4 does not divide among 3"):
        train.train_network(tiny(), renderer().draw, [], train.TrainConfig(batch=4), tmp_path / "s")


def test_predictions_are_compared_where_the_flow_is_known():
    """The root mean square length of the difference vectors, times the speed of a pixel."""
    flow = np.zeros((2, 4, 4), np.float32)
    flow[:, 0] = np.nan
    prediction = np.full((2, 4, 4), 9, np.float32)
    prediction[0, 1:] = 3
    prediction[1, 1:] = [0, 0, 4, 4]
    samples = [(np.zeros((2, 4, 4)), flow)] * 2
    differences = rms_differences([prediction, np.zeros_like(flow)], samples, 10)
    assert differences == pytest.approx([10 * 17**0.5, 0])


def test_learning_rate_warms_up_and_falls_to_zero():
    config = train.TrainConfig(steps=200, rate=2)
    rates = [train.learning_rate(step, config) for step in range(200)]
    assert rates[0] == pytest.approx(0.2) and rates[9] == pytest.approx(2, rel=0.01)
    assert rates[9:] == sorted(rates[9:], reverse=True) and rates[-1] < 1e-3


def test_loss_ignores_what_is_not_known():
    truth = torch.zeros(1, 2, 4, 4)
    truth[..., 0] = float("nan")
    valid = truth.isfinite().all(1)
    flow = torch.ones(1, 2, 4, 4)
    assert float(sequence_loss([flow], truth, valid)) == pytest.approx(2)
    assert float(sequence_loss([flow, flow], truth, valid, gamma=0.5)) == pytest.approx(3)
    assert float(sequence_loss([flow], truth, valid, count=torch.tensor(24))) == pytest.approx(1)
    assert endpoint_error(flow, truth, valid) == pytest.approx(2**0.5)


# ---- weights --------------------------------------------------------------------------------------


def test_shipped_weights_find_motion_and_name_their_making():
    clean = PairRenderer(fractal_textures(12, 777), 128, 8, seed=4, difficulty=0).samples(32)
    network, card = checkpoints.load_weights()
    assert score_network(network, clean) < 0.05 * score_zero_motion(clean)
    assert {"stages", "steps", "scenes", "device", "error_px_hard", "error_px_clean"} <= set(card)
    assert checkpoints.SHIPPED.stat().st_size < 16e6


def test_blocks_give_what_the_whole_gives():
    # Of a pair that is matched: where a network fails, what it says hangs on everything.
    pair, flow = PairRenderer(fractal_textures(4, 5, 1024), 512, 5, seed=5, difficulty=0.3).samples(
        2
    )[1]
    network, _ = checkpoints.load_weights()
    whole = raft.predict_flow(network, *pair[:, :500])
    assert np.nanmedian(np.hypot(*(whole - flow[:, :500]))) < 0.1
    parts = predict_in_blocks(network, *pair[:, :500], block=192, halo=128)
    off = np.hypot(*(whole - parts))
    assert np.median(off) < 0.01 and np.percentile(off, 99) < 0.1


def test_weights_survive_a_round_trip(tmp_path):
    network = tiny().eval()
    checkpoints.save_weights(network, tmp_path / "w.safetensors", steps=1)
    again, card = checkpoints.load_weights(tmp_path / "w.safetensors")
    assert card == {"steps": 1} and again.config == TINY
    pair = np.random.default_rng(0).normal(size=(2, 40, 40)).astype(np.float32)
    assert np.array_equal(raft.predict_flow(network, *pair), raft.predict_flow(again, *pair))


@pytest.mark.parametrize(
    "fault", ["missing", "no safetensors", "foreign", "cut off", "other sizes"]
)
def test_weights_that_are_none_are_an_error(tmp_path, fault):
    path = tmp_path / "bad.safetensors"
    checkpoints.save_weights(tiny(), path)
    whole = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "no safetensors":
        path.write_bytes(b"not weights")
    elif fault == "foreign":
        save_file({"weight": torch.zeros(2)}, path)
    elif fault == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        metadata = {"config": json.dumps({**tiny().config.__dict__, "hidden": 24})}
        save_file({k: v.contiguous() for k, v in tiny().state_dict().items()}, path, metadata)
    with pytest.raises(ValueError, match="holds no gdiv weights"):
        checkpoints.load_weights(path)
