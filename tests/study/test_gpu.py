"""Training of both presets on one GPU, at a scale for a CPU."""

import json
from dataclasses import replace

import pytest

from gdiv.flow.raft.checkpoints import load_weights
from gdiv.flow.raft.network import PRESETS
from gdiv.study import gpu


@pytest.fixture
def small(monkeypatch):
    """Train only the small preset, on a few small samples."""
    monkeypatch.setattr(gpu, "TRAINED", ("gdiv",))
    return replace(gpu.REDUCED, samples=4)


def test_an_interrupted_training_resumes_and_leaves_weights(tmp_path, small):
    first = gpu.train_slices(tmp_path, small, "cpu", seconds=1e-3)
    assert not first["gdiv"]["done"] and len(first["gdiv"]["history"]) == 1
    second = gpu.train_slices(tmp_path, small, "cpu", seconds=600)
    assert second["gdiv"]["done"] and [row["step"] for row in second["gdiv"]["history"]] == [1, 2]
    network, card = load_weights(tmp_path / "gdiv-weights.safetensors")
    assert network.config == PRESETS["gdiv"] and card["device"] == "CPU"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 60e6
    assert gpu.train_slices(tmp_path, small, "cpu", seconds=600) == second, "done once"


def test_the_state_of_both_presets_fits_the_limit():
    """A compact state takes 8 bytes per weight, finished weights 2."""
    sizes = [
        sum(each.numel() for each in gpu.Raft(PRESETS[name]).parameters()) for name in gpu.TRAINED
    ]
    assert 8 * max(sizes) + 2 * sum(sizes) < 60e6


def test_speeds_are_measured_in_both_precisions(small):
    rows = gpu.measure_speed(small, "cpu", seconds=0)
    own = [row for row in rows if row["network"] == "gdiv"]
    assert [row["bits"] for row in own] == [32, 16]
    assert all(row["samples_per_second"] > 0 for row in rows)


def test_without_a_gpu_the_command_names_the_cure(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit):
        gpu.main()
    assert "--reduced" in capsys.readouterr().err


def test_the_command_writes_its_results(monkeypatch, small, tmp_path):
    monkeypatch.setattr(gpu, "REDUCED", small)
    monkeypatch.setattr("sys.argv", ["gpu", "--reduced", "--folder", str(tmp_path)])
    gpu.main()
    results = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert results["device"] == "CPU" and results["training"]["gdiv"]["done"]
