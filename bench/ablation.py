"""What each choice in the network is worth: `python bench/ablation.py`, a quarter of an hour on two processors.

Every variant differs from the `gdiv` preset in one thing and learns the same few drawn pairs, far fewer than the
weights that ship: read the order, not the errors. Then the stages of `python -m gdiv.study.pretraining`, where their weights
are. Writes `results/published/bench-ablation.json` after each row, and goes on from there.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cases
import numpy as np
import torch
from networks import ROOT, Peer, clock
from tqdm import tqdm

from gdiv.flow.raft.checkpoints import load_weights
from gdiv.flow.raft.network import PRESETS, Raft, predict_flow
from gdiv.flow.training.loop import TrainConfig, train_network
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.scores import score_network, score_zero_motion
from gdiv.images.statistics import along_flow_ratio
from gdiv.images.tensors import local_contrast
from gdiv.study.pretraining import STAGES
from gdiv.study.pretraining_data import held_out
from gdiv.study.provenance import code_hash

TARGET = ROOT / "results" / "published" / "bench-ablation.json"
GDIV = PRESETS["gdiv"]
VARIANTS = {
    "as it ships": lambda: Raft(GDIV),
    "no Gauss-Newton steps": lambda: Raft(replace(GDIV, fine=0)),
    "stride 8": lambda: Raft(replace(GDIV, stride=8, reach=2)),
    "all pairs, two levels": lambda: Raft(replace(GDIV, reach=0, levels=2, first_flow=False)),
    "first flow zero": lambda: Raft(replace(GDIV, first_flow=False)),
    "2 refinements": lambda: Raft(replace(GDIV, iterations=2)),
    "8 refinements": lambda: Raft(replace(GDIV, iterations=8)),
    "hidden 48 instead of 32": lambda: Raft(replace(GDIV, hidden=48)),
    "instance norm": lambda: Raft(replace(GDIV, norm=True)),
    "one contrast, of 5 px": lambda: Raft(replace(GDIV, contrast=(5.0,))),
    "torchvision raft_small, 12 refinements": lambda: Small(),
}


class Small(Peer):
    """torchvision's raft_small, trained as ours: it sees local contrast, too."""

    def __init__(self):
        super().__init__("raft_small")
        self.config = GDIV

    def forward(self, reference, secondary):
        return super().forward(
            *(local_contrast(image, (5.0,)) / 3 for image in (reference, secondary))
        )


def milliseconds(network, repeats=5):
    """A tile of 256 x 256 on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images = torch.randn(2, 1, 1, 256, 256)
    with torch.inference_mode():
        found = 1000 * float(
            np.median([clock(lambda: network.eval()(*images)) for _ in range(repeats)])
        )
    torch.set_num_threads(threads)
    return found


def variant(name, steps, folder):
    torch.manual_seed(1)
    network = VARIANTS[name]()
    drawn = PairRenderer(fractal_textures(24, 5), 128, 12, seed=5)
    hard, clean = held_out(1, 10_001), held_out(0, 10_002)
    config = TrainConfig(steps=steps, batch=4, rate=1e-3, seed=5, validate_every=steps)
    train_network(
        network,
        drawn.draw,
        hard[:1],
        config,
        folder / f"ablation-{name.replace(' ', '-')}.safetensors",
    )
    return {
        "variant": name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "hard": score_network(network, hard),
        "clean": score_network(network, clean),
        "milliseconds": milliseconds(network),
    }


def stages(folder):
    """Errors after each stage of pre-training, on drawn pairs and on Mer de Glace's twin, never learned from."""
    hard, clean, twin = held_out(1, 10_001), held_out(0, 10_002), cases.twin()["score"]
    rows = [
        {
            "stage": "zero flow",
            "hard": score_zero_motion(hard),
            "clean": score_zero_motion(clean),
            **over(twin, None),
        }
    ]
    for name in tqdm(STAGES, desc="stages", leave=False):
        path = folder / f"gdiv-{name}-weights.safetensors"
        if path.exists():
            network, card = load_weights(path)
            drawn = {"hard": score_network(network, hard), "clean": score_network(network, clean)}
            rows.append(
                {"stage": f"{name}, {taken(card)} steps in all", **drawn, **over(twin, network)}
            )
    return rows


def taken(card):
    """Steps that weights have behind them, those of the weights they began from among them."""
    return sum(card["steps"].values()) + (taken(card["begin"]) if card.get("begin") else 0)


def over(pairs, network):
    """Mean error in pixels and median bias along the flow, on what counts of the pairs."""
    errors, along = [], []
    for pair in pairs:
        found = (
            np.zeros_like(pair.flow)
            if network is None
            else predict_flow(network, pair.reference, pair.secondary)
        )
        length = np.hypot(*pair.flow)
        moving = pair.counted & (length > 0.5)
        errors.append(np.hypot(*(found - pair.flow))[pair.counted])
        along.append(along_flow_ratio(found, pair.flow, moving) - 1)
    return {
        "twin": float(np.concatenate(errors).mean()),
        "along": float(np.median(np.concatenate(along))),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "runs" / "pretrain", help="of the stages' weights"
    )
    arguments = parser.parse_args()
    found = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    if (found.get("steps"), found.get("code")) != (arguments.steps, code_hash()):
        found = {"steps": arguments.steps, "code": code_hash(), "variants": [], "stages": []}
    done = {row["variant"] for row in found["variants"]}
    for name in tqdm([name for name in VARIANTS if name not in done], desc="variants"):
        found["variants"].append(variant(name, arguments.steps, arguments.folder))
        TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found["stages"] = stages(arguments.folder)
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"written: {TARGET.relative_to(ROOT)}; python results/render.py makes tables of it")


if __name__ == "__main__":
    main()
