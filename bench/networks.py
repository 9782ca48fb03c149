"""Our networks beside torchvision's RAFTs, and what a matcher's error depends on: `python bench/networks.py`.

torchvision is wanted beside the torch that is installed, without its own dependencies (`pip install --no-deps`); it
serves as a peer for time, three channels wide, with the weights of nobody. Takes five minutes on two processors, and
writes `results/published/bench-networks.json`. Where there is a GPU it is measured instead of the processor.
"""

import importlib
import json
import platform
import sys
import time
from pathlib import Path

import cases
import numpy as np
import torch
from peers import PEERS
from torch import library
from tqdm import tqdm

from gdiv.flow.raft.network import PRESETS, Raft
from gdiv.flow.training.losses import sequence_loss

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "results" / "published" / "bench-networks.json"
TILE, REFINEMENTS = (
    256,
    12,
)  # the paper's tile, torchvision's refinements; the `gdiv` preset takes its own
BINS = {"displacement": [0, 1, 2, 4, 8, 14], "texture": [0, 0.3, 0.5, 0.8, np.inf]}
OPERATORS = library.Library("torchvision", "FRAGMENT")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def torchvision_raft(name: str):
    """`raft_small` or `raft_large` of torchvision, untrained."""
    try:
        optical_flow = importlib.import_module("torchvision.models.optical_flow")
    except RuntimeError:
        # Its compiled operators are for another build of torch; RAFT uses none, but they must have names.
        for module in [module for module in sys.modules if module.startswith("torchvision")]:
            del sys.modules[module]
        for operator in ("nms", "qnms"):
            OPERATORS.define(
                f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        optical_flow = importlib.import_module("torchvision.models.optical_flow")
    return getattr(optical_flow, name)()


class Peer(torch.nn.Module):
    """A torchvision RAFT that is called as ours: a band, any scale, twelve refinements."""

    def __init__(self, name):
        super().__init__()
        self.network = torchvision_raft(name)

    def forward(self, reference, secondary):
        reference, secondary = (image.expand(-1, 3, -1, -1) for image in (reference, secondary))
        flows = self.network(reference, secondary, num_flow_updates=REFINEMENTS)
        return flows if self.training else flows[-1:]


class Ours(Raft):
    def forward(self, reference, secondary):
        return super().forward(
            reference, secondary, REFINEMENTS if self.config.stride == 8 else None
        )


NETWORKS = {
    "gdiv": lambda: Ours(PRESETS["gdiv"]),
    "paper": lambda: Ours(PRESETS["paper"]),
    "torchvision raft_small": lambda: Peer("raft_small"),
    "torchvision raft_large": lambda: Peer("raft_large"),
}


def clock(call):
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def inference(threads: int, repeats: int = 5) -> list[dict]:
    """Milliseconds a tile, batch 1, networks and arithmetic interleaved."""
    torch.set_num_threads(threads)
    images = torch.randn(2, 1, 1, TILE, TILE, device=DEVICE)
    networks = {name: make().to(DEVICE).eval() for name, make in NETWORKS.items()}
    seconds = {(name, bits): [] for name in networks for bits in (32, 16)}
    for _ in tqdm(range(repeats + 1), desc=f"a tile, {threads} threads", leave=False):
        for (name, bits), found in seconds.items():
            with torch.inference_mode(), torch.autocast(DEVICE, torch.bfloat16, enabled=bits == 16):
                found.append(clock(lambda name=name: networks[name](*images)))
    return [
        {
            "network": name,
            "bits": bits,
            "threads": threads,
            "milliseconds": 1000 * float(np.median(found[1:])),
        }
        for (name, bits), found in seconds.items()
    ]


def training(batch: int, repeats: int = 3) -> list[dict]:
    """Samples a second of forward, loss and backward on tiles, bfloat16."""
    pair, flow = torch.randn(2, batch, 2, TILE, TILE, device=DEVICE)
    valid = torch.ones(batch, TILE, TILE, dtype=torch.bool, device=DEVICE)
    networks = {name: make().to(DEVICE).train() for name, make in NETWORKS.items()}
    seconds = {name: [] for name in networks}

    def step(network):
        with torch.autocast(DEVICE, torch.bfloat16):
            flows = network(*pair.chunk(2, dim=1))
        sequence_loss(flows, flow, valid).backward()

    for _ in tqdm(range(repeats + 1), desc="training", leave=False):
        for name, network in networks.items():
            seconds[name].append(clock(lambda network=network: step(network)))
    return [
        {"network": name, "batch": batch, "samples_per_second": batch / float(np.median(found[1:]))}
        for name, found in seconds.items()
    ]


def dependence(settings: dict[str, dict], count: int = 12) -> list[dict]:
    """Mean error by displacement (px) and by texture (local spread over the image's), decorrelated pairs to 14 px."""
    pairs = [cases.synthetic("decorrelation", TILE, 1000 + i, reach=14) for i in range(count)]
    rows = []
    for name, chosen in tqdm(settings.items(), desc="what it depends on", leave=False):
        match = PEERS[name][0](**chosen)
        found = [
            np.hypot(*(np.stack(match(p.reference, p.secondary)) - p.flow))[p.counted]
            for p in pairs
        ]
        of = {
            "displacement": [np.hypot(*p.flow)[p.counted] for p in pairs],
            "texture": [cases.contrast(p.reference)[p.counted] for p in pairs],
        }
        for key, edges in BINS.items():
            place = np.digitize(np.concatenate(of[key]), edges) - 1
            error = np.concatenate(found)
            rows.append(
                {
                    "matcher": name,
                    "by": key,
                    "error": [error[place == i].mean() for i in range(len(edges) - 1)],
                }
            )
    return rows


def main():
    torch.set_num_threads(1)
    bench = json.loads((TARGET.parent / "bench-matchers.json").read_text(encoding="utf-8"))
    tuned = {
        row["matcher"]: row["settings"] for row in bench["rows"] if row["case"] == "decorrelation"
    }
    shown = [
        "zero",
        "horn-schunck, as it comes",
        "horn-schunck",
        "correlation",
        "DIS, finest scale 0",
        "RAFT",
    ]
    found = {
        "machine": torch.cuda.get_device_name()
        if DEVICE == "cuda"
        else platform.processor() or platform.machine(),
        "bins": {key: [float(edge) for edge in edges[:-1]] for key, edges in BINS.items()},
        "dependence": dependence({name: tuned[name] for name in shown}),
        "inference": inference(1) + (inference(2) if DEVICE == "cpu" else []),
        "training": training(8 if DEVICE == "cuda" else 1),
    }
    TARGET.write_text(json.dumps(found, indent=1, default=float) + "\n", encoding="utf-8")
    print(f"written: {TARGET.relative_to(ROOT)}; python results/render.py makes tables of it")


if __name__ == "__main__":
    main()
