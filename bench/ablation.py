"""Measure the effect of each choice in the network, and of each stage of its training.

`python bench/ablation.py` takes 15 minutes on two cores. Every variant differs from the preset
``gdiv`` in one choice and is trained on the same few drawn pairs, far fewer than for the shipped
weights, so only the ranking of the errors is meaningful. The stages of
`python -m gdiv.study.pretraining` are scored if their weights exist.
`results/published/bench-ablation.json` is written after each row, and an interrupted run resumes.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cases
import numpy as np
import torch
from networks import ROOT, TorchvisionRaft, time_call
from scoring import bias_along_flow, flow_error
from tqdm import tqdm

from gdiv.benchmark.cases import Pair
from gdiv.flow.raft.checkpoints import load_weights
from gdiv.flow.raft.network import PRESETS, Raft, predict_flow
from gdiv.flow.training.loop import TrainConfig, train_network
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.scores import score_network, score_zero_motion
from gdiv.images.tensors import local_contrast
from gdiv.study.pretraining import CLEAN_SEED, HARD_SEED, STAGES
from gdiv.study.pretraining_data import held_out
from gdiv.study.provenance import code_hash

__all__ = ["GDIV", "VARIANTS", "main", "score_stages", "score_variant"]

TARGET = ROOT / "results" / "published" / "bench-ablation.json"
GDIV = PRESETS["gdiv"]
#: Width of the local contrast of the paper's network in pixels, and the factor that scales it to a
#: range of about one, as expected by torchvision's networks.
CONTRAST_WIDTH = 5.0
CONTRAST_SCALE = 3

# Training of a variant.
STEPS = 200
BATCH = 4
RATE = 1e-3
WEIGHTS_SEED = 1
SEED = 5
TEXTURES = 24
#: Side of a sample, and longest displacement, pixels.
SIDE = 128
REACH = 12

#: Side of the timed tile, pixels.
TILE = 256
MILLISECONDS = 1000  # per second


class _SmallTorchvisionRaft(TorchvisionRaft):
    """torchvision's raft_small on local contrast, trainable like gdiv's network."""

    def __init__(self) -> None:
        super().__init__("raft_small")
        self.config = GDIV  # the training stores a configuration with the weights

    def forward(self, reference: torch.Tensor, secondary: torch.Tensor) -> list[torch.Tensor]:
        """Predict the flow from the reference to the secondary."""
        return super().forward(
            local_contrast(reference, (CONTRAST_WIDTH,)) / CONTRAST_SCALE,
            local_contrast(secondary, (CONTRAST_WIDTH,)) / CONTRAST_SCALE,
        )


#: Variants by their names in the published results.
VARIANTS: dict[str, Callable[[], Any]] = {
    "as it ships": lambda: Raft(GDIV),
    "no Gauss-Newton steps": lambda: Raft(replace(GDIV, fine=0)),
    "stride 8": lambda: Raft(replace(GDIV, stride=8, reach=2)),
    "all pairs, two levels": lambda: Raft(replace(GDIV, reach=0, levels=2, first_flow=False)),
    "first flow zero": lambda: Raft(replace(GDIV, first_flow=False)),
    "2 refinements": lambda: Raft(replace(GDIV, iterations=2)),
    "8 refinements": lambda: Raft(replace(GDIV, iterations=8)),
    "hidden 48 instead of 32": lambda: Raft(replace(GDIV, hidden=48)),
    "instance norm": lambda: Raft(replace(GDIV, norm=True)),
    "one contrast, of 5 px": lambda: Raft(replace(GDIV, contrast=(CONTRAST_WIDTH,))),
    "torchvision raft_small, 12 refinements": _SmallTorchvisionRaft,
}


def score_variant(name: str, steps: int, folder: Path) -> dict[str, Any]:
    """Train a variant and score it on held-out pairs.

    Parameters
    ----------
    name : str
        One of `VARIANTS`.
    steps : int
        Steps of the training.
    folder : Path
        Folder of the checkpoint.

    Returns
    -------
    dict
        Row of the published file.
    """
    torch.manual_seed(WEIGHTS_SEED)
    network = VARIANTS[name]()
    renderer = PairRenderer(fractal_textures(TEXTURES, SEED), SIDE, REACH, seed=SEED)
    hard = held_out(1, HARD_SEED)
    clean = held_out(0, CLEAN_SEED)
    config = TrainConfig(steps=steps, batch=BATCH, rate=RATE, seed=SEED, validate_every=steps)
    checkpoint = folder / f"ablation-{name.replace(' ', '-')}.safetensors"
    train_network(network, renderer.draw, hard[:1], config, checkpoint)
    return {
        "variant": name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "hard": score_network(network, hard),
        "clean": score_network(network, clean),
        "milliseconds": _time_tile(network),
    }


def _time_tile(network: torch.nn.Module, repeats: int = 5) -> float:
    """Median time per tile on one thread, milliseconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    reference, secondary = torch.randn(2, 1, 1, TILE, TILE)
    network.eval()
    with torch.inference_mode():
        seconds = [time_call(lambda: network(reference, secondary)) for _ in range(repeats)]
    torch.set_num_threads(threads)
    return MILLISECONDS * float(np.median(seconds))


def score_stages(folder: Path) -> list[dict[str, Any]]:
    """Score zero motion and each stage of the training, on held-out and on twin pairs.

    Parameters
    ----------
    folder : Path
        Folder of the pre-training. Stages without weights are skipped.

    Returns
    -------
    list of dict
        Rows of the published file.
    """
    hard = held_out(1, HARD_SEED)
    clean = held_out(0, CLEAN_SEED)
    twin = cases.twin()["score"]
    zero = {"hard": score_zero_motion(hard), "clean": score_zero_motion(clean)}
    rows = [{"stage": "zero flow", **zero, **_score_twin(twin, None)}]
    for name in tqdm(STAGES, desc="stages", leave=False):
        path = folder / f"gdiv-{name}-weights.safetensors"
        if not path.exists():
            continue
        network, card = load_weights(path)
        stage_scores = {
            "hard": score_network(network, hard),
            "clean": score_network(network, clean),
        }
        stage = f"{name}, {_count_steps(card)} steps in all"
        rows.append({"stage": stage, **stage_scores, **_score_twin(twin, network)})
    return rows


def _count_steps(card: dict[str, Any]) -> int:
    """Total training steps of weights, including those of their initial weights."""
    earlier = _count_steps(card["begin"]) if card.get("begin") else 0
    return sum(card["steps"].values()) + earlier


def _score_twin(pairs: Sequence[Pair], network: Raft | None) -> dict[str, float]:
    """Mean error in pixels and median bias along flow of a network; of zero motion for None."""
    errors = []
    biases = []
    for pair in pairs:
        if network is None:
            flow = np.zeros_like(pair.flow)
        else:
            flow = predict_flow(network, pair.reference, pair.secondary)
        errors.append(flow_error(flow, pair))
        biases.append(bias_along_flow(flow, pair))
    return {
        "twin": float(np.concatenate(errors).mean()),
        "along": float(np.median(np.concatenate(biases))),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps of a variant")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "runs" / "pretrain",
        help="folder of the weights of the stages",
    )
    arguments = parser.parse_args()
    results = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    # Rows from other code or another number of steps are not comparable with new ones.
    if (results.get("steps"), results.get("code")) != (arguments.steps, code_hash()):
        results = {"steps": arguments.steps, "code": code_hash(), "variants": [], "stages": []}
    done = {row["variant"] for row in results["variants"]}
    for name in tqdm([name for name in VARIANTS if name not in done], desc="variants"):
        results["variants"].append(score_variant(name, arguments.steps, arguments.folder))
        _write(results)
    results["stages"] = score_stages(arguments.folder)
    _write(results)
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the tables")


def _write(results: dict[str, Any]) -> None:
    """Write the published file."""
    TARGET.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
