"""Train both presets at the scale of the paper on one GPU: ``python -m gdiv.study.gpu``.

The paper trains on 14,871 tiles of 256 x 256 pixels for 100 epochs. This script draws the same
number of samples from drawn pairs and from the synthetic twins of two glaciers. Each call runs for
at most nine minutes, and the next call resumes from the folder, which stays below 60 MB apart from
the twins. The results are the weights of each preset and ``gpu.json`` with the device, the learning
curves, and the training samples per second compared with torchvision's RAFT, if it is installed.

``--reduced`` runs all steps at a small scale, in one minute on a CPU.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gdiv.files import write_json
from gdiv.flow.raft.checkpoints import load_weights, save_weights
from gdiv.flow.raft.network import PRESETS, Raft
from gdiv.flow.training.loop import TrainConfig, train_network
from gdiv.flow.training.losses import sequence_loss
from gdiv.study.pretraining import HARD_SEED, STAGES, device_name, show_progress
from gdiv.study.pretraining_data import Sources, held_out
from gdiv.study.provenance import code_hash

__all__ = ["PAPER_SCALE", "REDUCED", "Scale", "main", "measure_speed", "train_slices"]

#: Presets that are trained, the smaller one first.
TRAINED = ("gdiv", "paper")
#: Seconds of one call, and of the measurement of each loop.
SLICE = 500.0
MEASURED = 5.0
#: Seed of the first weights.
SEED = 1


@dataclass(frozen=True)
class Scale:
    """Size of a training.

    Attributes
    ----------
    samples : int
        Total number of samples.
    batch : int
        Samples per step.
    size : int
        Side of a sample, in pixels.
    stage : str
        Stage of `gdiv.study.pretraining.STAGES` that defines the mixture of sources.
    """

    samples: int
    batch: int
    size: int
    stage: str

    @property
    def train(self) -> TrainConfig:
        """Configuration of the training loop."""
        steps = self.samples // self.batch
        return TrainConfig(
            steps=steps,
            batch=self.batch,
            rate=5e-4,
            seed=SEED,
            validate_every=max(steps // 100, 1),
            compact=True,
        )


#: Scale of the paper: 14,871 tiles, 100 epochs.
PAPER_SCALE = Scale(samples=14_871 * 100, batch=64, size=256, stage="twin")
REDUCED = Scale(samples=8, batch=2, size=64, stage="drawn")


def train_slices(folder: Path, scale: Scale, device: str, seconds: float) -> dict[str, Any]:
    """Train each preset, or resume its training, until it is finished or the time limit is reached.

    Parameters
    ----------
    folder : Path
        Folder of checkpoints, twins and weights.
    scale : Scale
        Size of the training.
    device : str
        Device to train on.
    seconds : float
        Time for all presets together.

    Returns
    -------
    dict
        By preset, ``done`` and the learning curve as ``history``.
    """
    draw = Sources(folder, None, device, scale.size).mix(STAGES[scale.stage].counts)
    validation = held_out(1, HARD_SEED, 8)
    begun = time.monotonic()
    results: dict[str, Any] = {}
    trained = False
    for name in TRAINED:
        weights = folder / f"{name}-weights.safetensors"
        if weights.exists():
            results[name] = {"done": True, "history": load_weights(weights)[1]["history"]}
            continue
        left = seconds - (time.monotonic() - begun)
        # The first unfinished preset trains at least one step, so that every call makes progress.
        if left <= 0 and trained:
            results[name] = {"done": False, "history": []}
            continue
        trained = True
        torch.manual_seed(SEED)
        network = Raft(PRESETS[name])
        state = folder / f"{name}-state.safetensors"
        with tqdm(total=scale.train.steps, desc=name, unit="step") as bar:
            report = partial(show_progress, bar)
            history = train_network(
                network, draw, validation, scale.train, state, device, report, left
            )
        done = history[-1]["step"] == scale.train.steps
        if done:
            card = {"stages": ["gpu"], "steps": {"gpu": scale.train.steps}, "batch": scale.batch}
            # Half precision suffices, since it matches the arithmetic of the training.
            save_weights(
                network.bfloat16(),
                weights,
                **card,
                size=scale.size,
                device=device_name(device),
                revision=code_hash(),
                history=history,
            )
            state.unlink()
        results[name] = {"done": done, "history": history}
    return results


def measure_speed(scale: Scale, device: str, seconds: float = MEASURED) -> list[dict[str, Any]]:
    """Measure training samples per second of each network: forward pass, loss and backward pass.

    Parameters
    ----------
    scale : Scale
        Size of the training.
    device : str
        Device to measure on.
    seconds : float, optional
        Time for each measurement.

    Returns
    -------
    list of dict
        ``network``, ``bits``, ``compiled`` and ``samples_per_second``. torchvision's networks are
        skipped if it is not installed.
    """
    loops: list[tuple[str, torch.nn.Module, int]] = [
        (name, Raft(PRESETS[name]), 1) for name in TRAINED
    ]
    loops += [(f"torchvision {name}", network, 3) for name, network in _torchvision_networks()]
    compiles = (False, True) if device == "cuda" else (False,)
    rows = []
    for name, network, bands in tqdm(loops, desc="speed"):
        network.to(device).train()
        for bits in (32, 16):
            for compiled in compiles:
                runner = torch.compile(network) if compiled else network
                step = _training_step(runner, bands, bits, scale, device)
                rate = scale.batch * _steps_per_second(step, device, seconds)
                row = {"network": name, "bits": bits, "compiled": compiled}
                rows.append({**row, "samples_per_second": rate})
        network.cpu()
    return rows


def _training_step(
    network: Callable[..., Any], bands: int, bits: int, scale: Scale, device: str
) -> Callable[[], None]:
    """Return a function that runs one training step on noise."""
    images = torch.randn(2, scale.batch, 1, scale.size, scale.size, device=device)
    reference, secondary = images.expand(-1, -1, bands, -1, -1).unbind(0)
    flow = torch.zeros(scale.batch, 2, scale.size, scale.size, device=device)
    valid = torch.ones(scale.batch, scale.size, scale.size, dtype=torch.bool, device=device)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=bits == 16):
            flows = network(reference, secondary)
        sequence_loss(flows, flow, valid).backward()

    return step


def _steps_per_second(step: Callable[[], None], device: str, seconds: float) -> float:
    """Measure the rate of a step, after one warm-up step."""
    step()
    _wait(device)
    begun = time.monotonic()
    count = 0
    while count == 0 or time.monotonic() - begun < seconds:
        step()
        _wait(device)
        count += 1
    return count / (time.monotonic() - begun)


def _wait(device: str) -> None:
    """Wait until the device has finished."""
    if device == "cuda":
        torch.cuda.synchronize()


def _torchvision_networks() -> list[tuple[str, torch.nn.Module]]:
    """Untrained networks of torchvision; none if it is not installed."""
    try:
        optical_flow = importlib.import_module("torchvision.models.optical_flow")
    except (ImportError, RuntimeError):
        return []
    return [(name, getattr(optical_flow, name)()) for name in ("raft_small", "raft_large")]


def main() -> None:
    """Run the command line of ``python -m gdiv.study.gpu``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/gpu"), help="folder of checkpoints and results"
    )
    parser.add_argument("--reduced", action="store_true", help="run at a small scale, for a CPU")
    parser.add_argument("--seconds", type=float, default=SLICE, help="time limit of this call")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not arguments.reduced:
        parser.error("no GPU was found; use --reduced to run all steps on a CPU")
    scale = REDUCED if arguments.reduced else PAPER_SCALE
    target = arguments.folder / "gpu.json"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results = json.loads(target.read_text("utf-8")) if target.exists() else {}
    begun = time.monotonic()
    if "speed" not in results:
        seconds = MEASURED if device == "cuda" else 0
        results = {"device": device_name(device), "speed": measure_speed(scale, device, seconds)}
    left = arguments.seconds - (time.monotonic() - begun)
    results["training"] = train_slices(arguments.folder, scale, device, left)
    write_json(target, results)
    waiting = [name for name, each in results["training"].items() if not each["done"]]
    print(f"wrote {target}")
    if waiting:
        print(f"not finished: {', '.join(waiting)}; the same command resumes")
        sys.exit(3)


if __name__ == "__main__":
    main()
