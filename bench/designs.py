"""Compare designs of the network that RAFT hybrid could be, on the dev split of the benchmark.

The first table needs no training: the network alone, on enlarged images, after another matcher, and
with its refinement. The second trains variants of the refining network for the same number of
steps, starting from the weights of the network alone; with so few steps, only the ranking is
meaningful. `python bench/designs.py` takes half an hour on two cores and writes
`results/published/bench-designs.json`. Scores and checkpoints are stored in `runs`, so an
interrupted run resumes.
"""

import argparse
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from networks import ROOT
from speed import set_threads
from tqdm import tqdm

from gdiv.benchmark.evaluation import Contestant, evaluate
from gdiv.benchmark.results import UNIT, summarise_benchmark
from gdiv.benchmark.running import TRAINED_ON, contestant
from gdiv.benchmark.suite import list_cases
from gdiv.files import write_json
from gdiv.flow.horn_schunck.warping import warp_back
from gdiv.flow.matchers.errors import estimate_errors
from gdiv.flow.matchers.measurement import local_correlation
from gdiv.flow.matchers.raft import shipped_network
from gdiv.flow.matchers.registry import get_matcher
from gdiv.flow.raft.checkpoints import transfer
from gdiv.flow.raft.config import PRESETS
from gdiv.flow.raft.costs import CostVolume
from gdiv.flow.raft.hybrid import START_SIGMA, predict_hybrid, refine_start
from gdiv.flow.raft.network import Raft, predict_flow
from gdiv.flow.training.loop import TrainConfig, train_network
from gdiv.flow.training.prewarped import Prewarped
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.images.arrays import Flow, Image
from gdiv.images.contrast import local_contrast
from gdiv.images.sampling import compose_flows
from gdiv.study.pretraining_data import CROP, REST_REACH, find_shipped_start
from gdiv.study.provenance import code_hash

__all__ = ["DESIGNS", "VARIANTS", "main", "train_variant"]

TARGET = ROOT / "results" / "published" / "bench-designs.json"
STORE = ROOT / "runs" / "benchmark"
REFINEMENT = PRESETS["refinement"]
refining_network = partial(shipped_network, "refinement")
#: Training of a variant.
STEPS = 100
BATCH = 8
RATE = 5e-4
SEED = 6
TEXTURES = 24


class _NoCosts(Raft):
    """A network without costs, which only warps and refines, like MicroFlow and WAFT."""

    def _match(self, reference: torch.Tensor, secondary: torch.Tensor) -> CostVolume:
        costs = super()._match(reference, secondary)
        costs.planes = [torch.zeros_like(plane) for plane in costs.planes]
        return costs


def _network_alone(reference: Image, secondary: Image) -> Flow:
    """The network alone."""
    return predict_flow(shipped_network(), reference, secondary)


def _network_on_enlarged(reference: Image, secondary: Image) -> Flow:
    """The network alone, on images enlarged twice."""
    height, width = reference.shape
    size = (2 * width, 2 * height)
    images = [
        cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) for image in (reference, secondary)
    ]
    flow = predict_flow(shipped_network(), *images)
    parts = [cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) for part in flow]
    return np.stack(parts) / 2


def _start(name: str, reference: Image, secondary: Image) -> Flow:
    """Smoothed displacement of a matcher."""
    parts = [np.nan_to_num(part) for part in get_matcher(name).match(reference, secondary)[:2]]
    return np.stack([cv2.GaussianBlur(part, (0, 0), START_SIGMA) for part in parts])


def _refine_result(
    find: Callable[[Image, Image], Flow],
    load: Callable[[], Raft],
    reference: Image,
    secondary: Image,
) -> Flow:
    """A network after a start."""
    return refine_start(load(), reference, secondary, find(reference, secondary))[:2]


def _hybrid(load: Callable[[], Raft], reference: Image, secondary: Image) -> Flow:
    """The hybrid with a refining network."""
    return predict_hybrid(shipped_network(), load(), reference, secondary)


def _forward_backward_errors(reference: Image, secondary: Image) -> Flow:
    """The hybrid, with the forward-backward error of each component."""
    flow = _hybrid(refining_network, reference, secondary)[:2]
    back = _hybrid(refining_network, secondary, reference)[:2]
    return np.concatenate([flow, np.abs(compose_flows(flow, back))])


def _errors_of_flips(reference: Image, secondary: Image) -> Flow:
    """The hybrid, with errors from the spread over the images and their three mirror images."""
    flows = []
    for across, down in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        images = [image[::down, ::across] for image in (reference, secondary)]
        u, v, *_ = _hybrid(refining_network, *images)
        flows.append(np.stack([across * u[::down, ::across], down * v[::down, ::across]]))
    return np.concatenate([flows[0], np.std(flows, axis=0)])


def _errors_of_the_match(reference: Image, secondary: Image) -> Flow:
    """The hybrid, with errors estimated as for any other matcher."""
    u, v, *_ = _hybrid(refining_network, reference, secondary)
    first, second = local_contrast(reference), local_contrast(secondary)
    moved, inside = warp_back(second, u, v)
    correlation, valid = local_correlation(first, moved, inside)
    return np.stack([u, v, *estimate_errors(first, moved, valid, u, v, correlation)])


#: Designs by their names in the published results.
DESIGNS: dict[str, Callable[[Image, Image], Flow]] = {
    "network alone": _network_alone,
    "network alone, images enlarged twice": _network_on_enlarged,
    "network after correlation": partial(
        _refine_result, partial(_start, "correlation"), shipped_network
    ),
    "network after DIS": partial(_refine_result, partial(_start, "dis"), shipped_network),
    "network after Horn-Schunck": partial(
        _refine_result, partial(_start, "horn-schunck"), shipped_network
    ),
    "refinement after Horn-Schunck": partial(
        _refine_result, partial(_start, "horn-schunck"), refining_network
    ),
    "choice of Horn-Schunck and network, not refined": find_shipped_start,
    "choice refined by the network alone": partial(
        _refine_result, find_shipped_start, shipped_network
    ),
    "choice refined": partial(_refine_result, find_shipped_start, refining_network),
    "mean of that and a solution from it: RAFT hybrid": partial(_hybrid, refining_network),
    "RAFT hybrid, errors from forward and backward": _forward_backward_errors,
    "RAFT hybrid, errors from four mirror images": _errors_of_flips,
    "RAFT hybrid, errors estimated as for any matcher": _errors_of_the_match,
}

#: Variants of the refining network, all trained in the same way.
VARIANTS: dict[str, Callable[[], Raft]] = {
    "as it ships": lambda: Raft(REFINEMENT),
    "stride 4": lambda: Raft(replace(REFINEMENT, stride=4)),
    "no cost volume": lambda: _NoCosts(REFINEMENT),
    "no Gauss-Newton steps": lambda: Raft(replace(REFINEMENT, fine=0)),
    "2 refinements": lambda: Raft(replace(REFINEMENT, iterations=2)),
    "errors not predicted": lambda: Raft(replace(REFINEMENT, errors=False)),
}


def train_variant(name: str, folder: Path) -> Raft:
    """Train a variant of the refining network, or load it.

    Parameters
    ----------
    name : str
        One of `VARIANTS`.
    folder : Path
        Folder of the checkpoints.

    Returns
    -------
    Raft
        Network in evaluation mode.
    """
    torch.manual_seed(SEED)
    network = VARIANTS[name]()
    transfer(shipped_network(), network)
    renderer = PairRenderer(fractal_textures(TEXTURES, SEED), CROP, REST_REACH, seed=SEED)
    config = TrainConfig(STEPS, BATCH, RATE, seed=SEED, validate_every=STEPS // 4)
    checkpoint = folder / f"design-{name.replace(' ', '-')}.safetensors"
    draw = Prewarped(renderer.draw, find_shipped_start)
    train_network(network, draw, [], config, checkpoint)
    return network.eval()


def _score(
    matches: dict[str, Callable[[Image, Image], Flow]], scenes: Path, trained_on: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Rows of the dev split for each kind, relative to the unit."""
    source = Path(__file__).read_bytes()
    identity = code_hash() + hashlib.sha256(source).hexdigest()[:16]
    contestants = [contestant(UNIT)]
    contestants += [
        Contestant(name, match, f"{identity} {name}", trained_on) for name, match in matches.items()
    ]
    cases = list_cases("dev")
    scores, skipped = evaluate(contestants, cases, STORE, scenes)
    return summarise_benchmark(contestants, cases, scores, skipped)["rows"]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, default=ROOT.parent / "shared" / "real")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "pretrain")
    arguments = parser.parse_args()
    set_threads(1)
    results = {"steps": STEPS, "designs": _score(DESIGNS, arguments.scenes, TRAINED_ON["raft"])}
    write_json(TARGET, results | {"variants": []}, indent=None)
    trained = {}
    for name in tqdm(VARIANTS, desc="variants"):
        network = train_variant(name, arguments.folder)
        trained[name] = partial(predict_hybrid, shipped_network(), network)
    results["variants"] = _score(trained, arguments.scenes, TRAINED_ON["raft"])
    write_json(TARGET, results, indent=None)
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the tables")


if __name__ == "__main__":
    main()
