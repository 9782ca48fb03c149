"""Time gdiv's and torchvision's networks, and compare the errors of matchers.

Errors are compared in classes of displacement and of texture. `python bench/networks.py` takes five
minutes on two cores and writes `results/published/bench-networks.json`. It needs torchvision,
installed without dependencies (`pip install --no-deps`) for the existing torch. torchvision's
networks are untrained and take three bands, so only their time is measured. If there is a GPU, the
networks are timed on it instead.
"""

import importlib
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cases
import numpy as np
import torch
from peers import PEERS, PeerSettings
from scoring import flow_error
from torch import library
from tqdm import tqdm

from gdiv.benchmark.smooth import synthetic
from gdiv.flow.raft.network import PRESETS, Raft
from gdiv.flow.training.losses import sequence_loss

__all__ = ["NETWORKS", "ROOT", "TorchvisionRaft", "main", "time_call"]

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "results" / "published" / "bench-networks.json"
#: Side of a tile in the paper, pixels.
TILE = 256
#: Refinements of torchvision's networks; the preset ``gdiv`` has its own number.
REFINEMENTS = 12
#: Lower bounds of the classes of displacement (pixels) and of local spread, and last upper bound.
BINS: dict[str, list[float]] = {
    "displacement": [0, 1, 2, 4, 8, 14],
    "texture": [0, 0.3, 0.5, 0.8, np.inf],
}
#: Pairs for errors by motion and texture, their first seed, and their longest displacement, pixels.
PAIRS = 12
FIRST_SEED = 1000
REACH = 14
#: Peers whose errors by motion and texture are measured.
REPORTED_PEERS = (
    "zero",
    "horn-schunck, default settings",
    "horn-schunck, quadratic",
    "correlation",
    "DIS, finest scale 0",
    "RAFT hybrid",
    "RAFT alone",
)
#: Training batch size on a GPU and on a CPU.
GPU_BATCH = 8
CPU_BATCH = 1
MILLISECONDS = 1000  # per second
OPERATORS = library.Library("torchvision", "FRAGMENT")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def _torchvision_raft(name: str) -> torch.nn.Module:
    """Untrained `raft_small` or `raft_large` of torchvision."""
    try:
        optical_flow = importlib.import_module("torchvision.models.optical_flow")
    except RuntimeError:
        # torchvision's compiled operators may not match this build of torch. RAFT does not use
        # them, but torchvision registers functions for these two, so they must be defined.
        for module in [module for module in sys.modules if module.startswith("torchvision")]:
            del sys.modules[module]
        for operator in ("nms", "qnms"):
            OPERATORS.define(
                f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        optical_flow = importlib.import_module("torchvision.models.optical_flow")
    return getattr(optical_flow, name)()


class TorchvisionRaft(torch.nn.Module):
    """A RAFT of torchvision with the interface of `gdiv.flow.raft.network.Raft`.

    Parameters
    ----------
    name : {"raft_small", "raft_large"}
        Name in torchvision.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = _torchvision_raft(name)

    def forward(self, reference: torch.Tensor, secondary: torch.Tensor) -> list[torch.Tensor]:
        """Predict the flow between images of one band ``(B, 1, H, W)``, in 12 refinements."""
        flows = self.network(
            reference.expand(-1, 3, -1, -1),
            secondary.expand(-1, 3, -1, -1),
            num_flow_updates=REFINEMENTS,
        )
        return flows if self.training else flows[-1:]


class _ComparableRaft(Raft):
    """gdiv's network, with torchvision's number of refinements if it has the same stride."""

    def forward(
        self, reference: torch.Tensor, secondary: torch.Tensor, iterations: int | None = None
    ) -> list[torch.Tensor]:
        """Predict the flow from the reference to the secondary."""
        if iterations is None and self.config.stride == 8:
            iterations = REFINEMENTS
        return super().forward(reference, secondary, iterations)


#: Networks by their names in the published results.
NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "gdiv": lambda: _ComparableRaft(PRESETS["gdiv"]),
    "paper": lambda: _ComparableRaft(PRESETS["paper"]),
    "torchvision raft_small": lambda: TorchvisionRaft("raft_small"),
    "torchvision raft_large": lambda: TorchvisionRaft("raft_large"),
}


def time_call(call: Callable[[], object]) -> float:
    """Duration of a call in seconds."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _time_inference(threads: int, repeats: int = 5) -> list[dict[str, Any]]:
    """Milliseconds per tile, batch 1, with the networks and both precisions interleaved."""
    torch.set_num_threads(threads)
    reference, secondary = torch.randn(2, 1, 1, TILE, TILE, device=DEVICE)
    networks = {name: make().to(DEVICE).eval() for name, make in NETWORKS.items()}
    seconds: dict[tuple[str, int], list[float]] = {
        (name, bits): [] for name in networks for bits in (32, 16)
    }

    def infer(name: str, bits: int) -> float:
        network = networks[name]
        with torch.inference_mode(), torch.autocast(DEVICE, torch.bfloat16, enabled=bits == 16):
            return time_call(lambda: network(reference, secondary))

    for _ in tqdm(range(repeats + 1), desc=f"tiles, {threads} threads", leave=False):
        for (name, bits), durations in seconds.items():
            durations.append(infer(name, bits))
    rows = []
    for (name, bits), durations in seconds.items():
        # The first call is a warm-up and is not counted.
        time_per_tile = MILLISECONDS * float(np.median(durations[1:]))
        rows.append(
            {"network": name, "bits": bits, "threads": threads, "milliseconds": time_per_tile}
        )
    return rows


def _time_training(batch: int, repeats: int = 3) -> list[dict[str, Any]]:
    """Samples per second of forward pass, loss and backward pass on tiles, in bfloat16."""
    pair, flow = torch.randn(2, batch, 2, TILE, TILE, device=DEVICE)
    reference, secondary = pair.chunk(2, dim=1)
    valid = torch.ones(batch, TILE, TILE, dtype=torch.bool, device=DEVICE)
    networks = {name: make().to(DEVICE).train() for name, make in NETWORKS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in networks}

    def train_step(name: str) -> None:
        with torch.autocast(DEVICE, torch.bfloat16):
            flows = networks[name](reference, secondary)
        sequence_loss(flows, flow, valid).backward()

    for _ in tqdm(range(repeats + 1), desc="training", leave=False):
        for name, durations in seconds.items():
            durations.append(time_call(lambda name=name: train_step(name)))  # type: ignore[misc]
    rows = []
    for name, durations in seconds.items():
        # The first call prepares kernels and does not count.
        rate = batch / float(np.median(durations[1:]))
        rows.append({"network": name, "batch": batch, "samples_per_second": rate})
    return rows


def _error_by_class(
    settings: Mapping[str, PeerSettings], count: int = PAIRS
) -> list[dict[str, Any]]:
    """Mean error of peers by true displacement and by local spread, on decorrelated pairs."""
    pairs = [
        synthetic("decorrelation", TILE, FIRST_SEED + number, reach=REACH)
        for number in range(count)
    ]
    values = {
        "displacement": np.concatenate([np.hypot(*pair.flow)[pair.counted] for pair in pairs]),
        "texture": np.concatenate(
            [cases.local_spread(pair.reference)[pair.counted] for pair in pairs]
        ),
    }
    rows: list[dict[str, Any]] = []
    for name, chosen in tqdm(settings.items(), desc="error by class", leave=False):
        match = PEERS[name].make(**chosen)
        error = np.concatenate(
            [
                flow_error(np.asarray(match(pair.reference, pair.secondary)[:2]), pair)
                for pair in pairs
            ]
        )
        for key, bounds in BINS.items():
            classes = np.digitize(values[key], bounds) - 1
            means = [error[classes == number].mean() for number in range(len(bounds) - 1)]
            rows.append({"matcher": name, "by": key, "error": means})
    return rows


def main() -> None:
    """Run all measurements and write the published file."""
    torch.set_num_threads(1)
    bench = json.loads((TARGET.parent / "bench-matchers.json").read_text(encoding="utf-8"))
    tuned = {
        row["matcher"]: row["settings"] for row in bench["rows"] if row["case"] == "decorrelation"
    }
    if DEVICE == "cuda":
        machine = torch.cuda.get_device_name()
    else:
        machine = platform.processor() or platform.machine()
    results = {
        "machine": machine,
        "bins": {key: [float(bound) for bound in bounds[:-1]] for key, bounds in BINS.items()},
        "dependence": _error_by_class({name: tuned[name] for name in REPORTED_PEERS}),
        "inference": _time_inference(1) + (_time_inference(2) if DEVICE == "cpu" else []),
        "training": _time_training(GPU_BATCH if DEVICE == "cuda" else CPU_BATCH),
    }
    TARGET.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the tables")


if __name__ == "__main__":
    main()
