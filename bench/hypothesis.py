"""Test whether a network learns more from Horn-Schunck labels than from exact motion.

The paper trains its network on Horn-Schunck labels. Here three networks begin with the same
pretraining on drawn pairs, and are then fine-tuned with equal numbers of samples from each source:
drawn pairs, the exact motion of a synthetic twin, its labels by the paper's Horn-Schunck and by
gdiv's, and a mixture. All are scored against the exact motion on one window, which no training tile
overlaps (the split by space). Some are also trained under a random split, and have then seen the
ice of that window. The last rows are the paper's own recipe: labels alone, from random weights.

All of it is at a small scale: `python bench/hypothesis.py` takes an hour on one
processor. `results/published/bench-hypothesis.json` is written after each row, and an interrupted
run resumes.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import ROOT
from scipy import ndimage
from tqdm import tqdm

from gdiv.flow.horn_schunck.solver import DEFAULT, PAPER, Settings
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.raft.config import PRESETS, RaftConfig
from gdiv.flow.raft.network import Raft, predict_flow
from gdiv.flow.training.loop import Draw, TrainConfig, train_network
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.samples import Mixture, Samples
from gdiv.flow.training.tiles import list_tiles
from gdiv.images.arrays import Flow, Image
from gdiv.study.pretraining_data import MIN_QUALITY, twin_pairs

__all__ = ["NETWORKS", "SOURCES", "Data", "main", "score", "sobel_bands"]

TARGET = ROOT / "results" / "published" / "bench-hypothesis.json"
#: Glacier whose twin is learned from.
GLACIER = "argentiere"
#: Side of a tile, pixels, and longest displacement of drawn pairs.
SIDE = 64
REACH = 10.0
#: Steps of the common pretraining, of fine-tuning, and of training from random weights.
PRETRAINING = 600
FINE_TUNING = 60
FROM_NOTHING = 150
BATCH = 8
PRETRAINING_RATE = 4e-4
FINE_TUNING_RATE = 1e-4
SEEDS = (0, 1, 2)
#: Tiles that are scored, and motion from which shrinkage is measured, pixels.
TEST_TILES = 40
FAST = 2.0
TEXTURES = 24

#: The network of the paper with half its refinements, gdiv's without a start, and one of the size
#: of RAFT-small. The last row has the gradients by Sobel's filter as two bands.
NETWORKS: dict[str, RaftConfig] = {
    "paper": replace(PRESETS["paper"], iterations=8),
    "gdiv": PRESETS["gdiv"],
    "small": replace(
        PRESETS["paper"],
        narrow=32,
        features=128,
        hidden=64,
        blocks=1,
        cost_layers=(96, 80),
        flow_layers=(64, 32),
        separable=False,
        radius=3,
        iterations=8,
    ),
    "gdiv, Sobel x and y": replace(PRESETS["gdiv"], channels=2),
}
#: What is learned from.
SOURCES = ("drawn", "truth", "paper labels", "labels", "mixed")
#: Sources that are also learned under the random split.
LEAKING = ("truth", "labels")


@dataclass
class Data:
    """The twin's pairs, their exact motion, and their labels.

    Attributes
    ----------
    folder : Path
        Folder of the rendered twin.
    sobel : bool
        Replace images by their gradients along x and y.
    """

    folder: Path
    sobel: bool = False

    @cached_property
    def _twin(self) -> Any:
        return twin_pairs(self.folder / "twin", GLACIER)

    @cached_property
    def flows(self) -> dict[str, Flow]:
        """Displacement of all pairs by source."""
        twin = self._twin
        return {
            "truth": twin.flows,
            "paper labels": self._label(PAPER),
            "labels": self._label(DEFAULT),
        }

    def _label(self, settings: Settings) -> Flow:
        """Displacement of all pairs by Horn-Schunck; NaN where the images match poorly."""
        images, pairs, *_ = self._twin
        labels = []
        for reference, secondary in tqdm(pairs, desc="labels", leave=False):
            match = match_images(
                "horn-schunck", images[reference], images[secondary], settings=settings
            )
            poor = match.quality < MIN_QUALITY
            labels.append(np.where(poor, np.float32(np.nan), np.stack([match.u, match.v])))
        return np.stack(labels)

    def samples(self, source: str, split: str, part: str) -> Samples:
        """Tiles of one set of a split with the displacement of a source."""
        images, pairs, _, ice = self._twin
        tiles = [each for each in list_tiles(pairs, ice, SIDE, split) if each.set == part]
        if self.sobel:
            images = np.stack([sobel_bands(image) for image in images])
        return Samples(images, pairs, self.flows[source], tiles, SIDE)

    def draw(self, source: str, split: str) -> Draw:
        """Training samples of a source."""
        renderer = PairRenderer(fractal_textures(TEXTURES, 1), SIDE, REACH, seed=3)
        drawn = _SobelDraw(renderer.draw) if self.sobel else renderer.draw
        if source == "drawn":
            return drawn
        if source == "mixed":
            labelled = self.samples("labels", split, "train").draw
            return Mixture([(drawn, BATCH // 2), (labelled, BATCH // 2)])
        return self.samples(source, split, "train").draw


class _SobelDraw:
    """Drawn pairs with the gradients of each image as its bands."""

    def __init__(self, draw: Draw):
        self.draw = draw

    def __call__(self, numbers: Any) -> tuple[torch.Tensor, torch.Tensor]:
        pairs, flows = self.draw(numbers)
        bands = [np.concatenate([sobel_bands(image) for image in pair]) for pair in pairs.numpy()]
        return torch.from_numpy(np.stack(bands)), flows


def sobel_bands(image: Image) -> Image:
    """Gradients along x and y by Sobel's filter, ``(2, H, W)``; NaN beside no data."""
    return np.stack([ndimage.sobel(image, axis, mode="nearest") for axis in (1, 0)])


def score(predict: Callable[[Image], Flow], samples: Samples) -> dict[str, float]:
    """Mean error and shrinkage over test tiles.

    Parameters
    ----------
    predict : callable
        Predicts the displacement of a pair ``(2 C, H, W)``.
    samples : Samples
        Tiles with their exact motion.

    Returns
    -------
    dict
        ``error`` in pixels, and ``along``: the mean of the predicted motion along the true one,
        relative to it, less 1, where ice moves by more than `FAST` pixels.
    """
    errors, along = [], []
    for pair, flow in samples.spread(TEST_TILES):
        difference = predict(pair) - flow
        known = np.isfinite(flow).all(0) & np.isfinite(pair).all(0)
        speed = np.hypot(*flow)
        errors.append(np.hypot(*difference)[known])
        fast = known & (speed > FAST)
        along.append(((difference * flow).sum(0) / np.maximum(speed, 1e-6) ** 2)[fast])
    return {
        "error": float(np.mean([error.mean() for error in errors if error.size])),
        "along": float(np.concatenate(along).mean()),
    }


def _predict(network: Raft) -> Callable[[Image], Flow]:
    """Prediction of a network from the bands of both images."""

    def predict(pair: Image) -> Flow:
        reference, secondary = np.split(pair, 2)
        return predict_flow(network, reference, secondary)

    return predict


def _train(network: Raft, draw: Draw, steps: int, rate: float, seed: int, path: Path) -> None:
    """Train a network in place; an interrupted training resumes."""
    config = TrainConfig(steps, BATCH, rate, seed=seed, validate_every=max(steps // 4, 1))
    train_network(network, draw, [], config, path)


def _run(
    name: str, source: str, split: str, seed: int, steps: int, folder: Path, data: Data
) -> dict[str, Any]:
    """Train one network on one source, and score it."""
    torch.manual_seed(seed)
    network = Raft(NETWORKS[name])
    key = f"{name}-{source}-{split}-{seed}-{steps}".replace(" ", "-").replace(",", "")
    if steps == FINE_TUNING:
        torch.manual_seed(0)
        network = Raft(NETWORKS[name])
        common = folder / f"hypothesis-{name.replace(' ', '-').replace(',', '')}.safetensors"
        draw = data.draw("drawn", "space")
        _train(network, draw, PRETRAINING, PRETRAINING_RATE, 9, common)
    rate = FINE_TUNING_RATE if steps == FINE_TUNING else PRETRAINING_RATE
    path = folder / f"hypothesis-{key}.safetensors"
    _train(network, data.draw(source, split), steps, rate, seed, path)
    path.unlink()
    own = score(_predict(network), data.samples("truth", split, "test"))
    row = {"network": name, "source": source, "split": split, "seed": seed, "steps": steps}
    return {**row, **own}


def _plan() -> list[tuple[str, str, str, int, int]]:
    """Network, source, split, seed and steps of every row, the most telling first."""
    plain = [name for name in NETWORKS if NETWORKS[name].channels == 1]
    rows = [
        (name, source, "space", seed, FINE_TUNING)
        for seed in SEEDS
        for name in plain
        for source in SOURCES
    ]
    rows += [
        (name, source, "random", seed, FINE_TUNING)
        for seed in SEEDS
        for name in plain
        for source in LEAKING
    ]
    rows += [("gdiv, Sobel x and y", "labels", "space", seed, FINE_TUNING) for seed in SEEDS]
    return rows + [
        (name, "paper labels", "space", seed, FROM_NOTHING) for seed in SEEDS for name in plain
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "runs" / "pretrain", help="folder of the twin"
    )
    arguments = parser.parse_args()
    results = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    kinds = {sobel: Data(arguments.folder, sobel) for sobel in (False, True)}
    if not results:
        test = kinds[False].samples("truth", "space", "test")
        results = {"glacier": GLACIER, "batch": BATCH, "pretraining": PRETRAINING, "rows": []}
        results["zero"] = score(lambda pair: np.zeros((2, SIDE, SIDE), np.float32), test)
        results["labels"] = {
            name: _score_labels(kinds[False], name) for name in ("paper labels", "labels")
        }
    done = [
        [row[key] for key in ("network", "source", "split", "seed", "steps")]
        for row in results["rows"]
    ]
    for row in tqdm([row for row in _plan() if list(row) not in done], desc="rows"):
        name, *_ = row
        data = kinds[NETWORKS[name].channels == 2]
        results["rows"].append(_run(*row, arguments.folder, data))
        TARGET.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written: {TARGET.relative_to(ROOT)}; python results/render.py makes tables of it")


def _score_labels(data: Data, name: str) -> dict[str, float]:
    """Score labels themselves on the test tiles; where there is none, the tile's pixel is left."""
    true, labelled = (data.samples(each, "space", "test") for each in ("truth", name))
    pairs = zip(true.spread(TEST_TILES), labelled.spread(TEST_TILES), strict=True)
    errors, along = [], []
    for (_, flow), (_, label) in pairs:
        both = np.isfinite(flow).all(0) & np.isfinite(label).all(0)
        speed = np.hypot(*flow)
        errors.append(np.hypot(*(label - flow))[both])
        fast = both & (speed > FAST)
        shift = ((label - flow) * flow).sum(0) / np.maximum(speed, 1e-6) ** 2
        along.append(shift[fast])
    return {
        "error": float(np.mean([error.mean() for error in errors if error.size])),
        "along": float(np.concatenate(along).mean()),
    }


if __name__ == "__main__":
    main()
