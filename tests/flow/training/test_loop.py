"""The training loop: learning, resuming, distribution."""

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
from small_networks import TINY, make_network, make_renderer

from gdiv.flow.raft import network as raft
from gdiv.flow.training import loop as train
from gdiv.flow.training.samples import Mixture


@pytest.mark.run
def test_training_overfits_four_tiles(tmp_path):
    """The error falls below a tenth of a pixel."""
    samples = make_renderer(64, reach=5, difficulty=0.6).samples(4)
    pair, flow = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
    torch.manual_seed(0)
    network = raft.Raft(replace(TINY, reach=4, radius=2, hidden=32, features=32))
    config = train.TrainConfig(steps=300, batch=4, rate=3e-3, bf16=False, validate_every=300)
    history = train.train_network(
        network, lambda numbers: (pair, flow), samples, config, tmp_path / "s.safetensors"
    )
    assert history[-1]["validation"] < 0.1


def test_resumed_training_gives_the_same_result(tmp_path):
    pairs = make_renderer()
    validation = make_renderer(seed=9).samples(4)
    config = train.TrainConfig(steps=6, batch=2, rate=1e-3, validate_every=3, bf16=False)
    whole = make_network()
    history = train.train_network(
        whole, pairs.draw, validation, config, tmp_path / "whole.safetensors"
    )
    assert [row["step"] for row in history] == [3, 6]

    class Killed(Exception):
        pass

    def kill(row):
        if row["step"] == 3:
            raise Killed

    # The state is written before it is reported, so the process dies after storing step 3.
    with pytest.raises(Killed):
        train.train_network(
            make_network(),
            pairs.draw,
            validation,
            config,
            tmp_path / "state.safetensors",
            report=kill,
        )
    resumed = make_network()
    repeated = train.train_network(
        resumed, pairs.draw, validation, config, tmp_path / "state.safetensors"
    )
    assert repeated == history
    for first, second in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(first, second)
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert json.loads(file.metadata()["run"])["train"]["steps"] == 6


def test_training_on_other_data_restarts(tmp_path):
    """This holds even if only one of several sources has changed; a warning reports it."""
    config = train.TrainConfig(steps=1, batch=2, validate_every=1, bf16=False)
    for seed in (1, 2):
        mixed = Mixture([(make_renderer().draw, 1), (make_renderer(seed=seed).draw, 1)])
        drawn = []

        def draw(numbers, drawn=drawn, mixed=mixed):
            drawn.extend(numbers)
            return mixed(numbers)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train.train_network(
                make_network(), draw, make_renderer().samples(1), config, tmp_path / "s.safetensors"
            )
        assert len(drawn) == 4, "one batch identifies the run, one is learned from"
        assert any("another run" in str(warning.message) for warning in caught) == (seed == 2)


def test_different_seeds_draw_different_samples(tmp_path):
    drawn = {1: [], 2: []}
    for seed, numbers in drawn.items():

        def draw(requested, numbers=numbers):
            numbers.extend(requested)
            return make_renderer().draw(requested)

        # In bfloat16, the default.
        config = train.TrainConfig(steps=1, batch=2, validate_every=1, seed=seed)
        history = train.train_network(
            make_network(),
            draw,
            make_renderer().samples(1),
            config,
            tmp_path / f"{seed}.safetensors",
        )
        assert np.isfinite(history[0]["loss"])
    assert not set(drawn[1]) & set(drawn[2])


DISTRIBUTED = """
import json, sys
from pathlib import Path
import torch
import torch.distributed as dist
from gdiv.flow.training import loop as train
from small_networks import make_network, make_renderer
dist.init_process_group("gloo")
config = train.TrainConfig(steps=3, batch=4, rate=1e-3, validate_every=1, bf16=False)
network = make_network()
folder = Path(sys.argv[1])
pair, flow = make_renderer(difficulty=1).draw(range(12))
flow[::3, :, :, :40] = float("nan")  # unequal numbers of labelled pixels
draw = lambda numbers: (pair[list(numbers)], flow[list(numbers)])
validation = make_renderer(seed=9).samples(2)
history = train.train_network(network, draw, validation, config, folder / "state.safetensors")
if dist.get_rank() == 0:
    (folder / "history.json").write_text(json.dumps(history))
"""


@pytest.mark.run
def test_two_processes_learn_the_same_as_one(tmp_path):
    """Two processes of torch's launcher yield the losses of one process with the whole batch."""
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


def test_an_indivisible_batch_raises_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(train.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(train.dist, "get_rank", lambda: 0)
    monkeypatch.setattr(train.dist, "get_world_size", lambda: 3)
    with pytest.raises(ValueError, match="batch of 4 does not divide among 3"):
        train.train_network(
            make_network(), make_renderer().draw, [], train.TrainConfig(batch=4), tmp_path / "s"
        )


def test_the_learning_rate_warms_up_and_decays_to_zero():
    config = train.TrainConfig(steps=200, rate=2)
    rates = [train.learning_rate(step, config) for step in range(200)]
    assert rates[0] == pytest.approx(0.2) and rates[9] == pytest.approx(2, rel=0.01)
    assert rates[9:] == sorted(rates[9:], reverse=True) and rates[-1] < 1e-3
