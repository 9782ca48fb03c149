"""Test whether a network learns more from Horn-Schunck labels than from exact motion.

The paper trains its network on Horn-Schunck labels. Here networks are first trained on drawn pairs,
and then on the same number of samples from each source: drawn pairs, the exact motion of a
synthetic twin, its labels from the paper's Horn-Schunck and from gdiv's, and a mixture. All are
scored against the exact motion in the two held-out windows of the split by space. Labels are also
learned under a random split, whose training tiles include the ice of these windows. The last rows
follow the paper's recipe: only its labels, from random weights, with about the total number of
samples of the other rows, for gdiv's network and, under the random split, for the paper's.

The experiment has a small scale: `python bench/hypothesis.py` takes 1.5 hours on one core.
`results/published/bench-hypothesis.json` is written after each row, and an interrupted run resumes.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

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

__all__ = ["NETWORKS", "SOURCES", "Row", "Twin", "main", "score", "sobel_bands"]

TARGET = ROOT / "results" / "published" / "bench-hypothesis.json"
#: Glacier whose twin is used for training.
GLACIER = "argentiere"
#: Side of a tile, pixels, and longest displacement of drawn pairs.
SIDE = 64
REACH = 10.0
#: Difficulty of drawn pairs, from 0 to 1.
DIFFICULTY = 0.5
#: Steps of the common training on drawn pairs, and of the training that follows on one source.
FIRST_STEPS = 2500
STEPS = 150
BATCH = 8
FIRST_RATE = 4e-4
RATE = 2e-4
SEEDS = (0, 1, 2)
#: Minimum motion for measuring shrinkage, pixels.
FAST = 2.0
TEXTURES = 24

#: Number of pairs, and of steps, for training from random weights; few pairs, so that each tile is
#: repeated many times.
FEW_PAIRS = 4
STEPS_ALONE = 2600

#: gdiv's network without a start; a network of the size of RAFT-small with gdiv's costs near zero
#: displacement and first flow, without which it does not learn from so few samples; gdiv's network
#: with Sobel gradients as two input bands; and the paper's network with six refinements.
NETWORKS: dict[str, RaftConfig] = {
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
        reach=4,
        levels=1,
        radius=3,
        first_flow=True,
        iterations=6,
    ),
    "gdiv, Sobel x and y": replace(PRESETS["gdiv"], channels=2),
    "paper": replace(PRESETS["paper"], iterations=6),
}
#: Sources of training data.
SOURCES = ("drawn", "truth", "paper labels", "labels", "mixed")


class Row(NamedTuple):
    """One training: network, source, split of the twin, seed, and random initial weights or not."""

    network: str
    source: str
    split: str
    seed: int
    alone: bool = False

    @property
    def sobel(self) -> bool:
        """True if the input of the network is gradients instead of images."""
        return NETWORKS[self.network].channels == 2


@dataclass
class Twin:
    """The twin's pairs with their exact motion and their labels.

    Attributes
    ----------
    folder : Path
        Folder of the rendered twin.
    """

    folder: Path

    @cached_property
    def _pairs(self) -> Any:
        return twin_pairs(self.folder / "twin", GLACIER)

    @cached_property
    def flows(self) -> dict[str, Flow]:
        """Displacement of all pairs by source."""
        return {
            "truth": self._pairs.flows,
            "paper labels": self._label(PAPER),
            "labels": self._label(DEFAULT),
        }

    def _label(self, settings: Settings) -> Flow:
        """Displacement of all pairs by Horn-Schunck; NaN where the images match poorly."""
        images, pairs, *_ = self._pairs
        labels = []
        for reference, secondary in tqdm(pairs, desc="labels", leave=False):
            match = match_images(
                "horn-schunck", images[reference], images[secondary], settings=settings
            )
            poor = match.quality < MIN_QUALITY
            labels.append(np.where(poor, np.float32(np.nan), np.stack([match.u, match.v])))
        return np.stack(labels)

    def samples(self, source: str, split: str, sets: Sequence[str], few: bool = False) -> Samples:
        """Tiles of given sets of a split, from all or a few pairs, with the motion of a source."""
        images, pairs, _, ice = self._pairs
        tiles = [tile for tile in list_tiles(pairs, ice, SIDE, split) if tile.set in sets]
        if few:
            tiles = [tile for tile in tiles if tile.pair < FEW_PAIRS]
        return Samples(images, pairs, self.flows[source], tiles, SIDE)

    def test_samples(self, source: str, sobel: bool = False) -> list[tuple[Image, Flow]]:
        """Every tile of the held-out windows of the split by space, once and not rotated."""
        samples = self.samples(source, "space", ("validation", "test"))
        tiles = list(samples.spread(len(samples.tiles)))[::4]
        return [(_bands(pair), flow) for pair, flow in tiles] if sobel else tiles

    def draw(self, source: str, split: str, sobel: bool = False) -> Draw:
        """Training samples of a source; with `sobel`, gradients along x and y replace images."""
        renderer = PairRenderer(
            fractal_textures(TEXTURES, 1), SIDE, REACH, seed=3, difficulty=DIFFICULTY
        )
        if source == "drawn":
            draw: Draw = renderer.draw
        elif source == "mixed":
            labelled = self.samples("labels", split, ("train",)).draw
            draw = Mixture([(renderer.draw, BATCH // 2), (labelled, BATCH // 2)])
        else:
            draw = self.samples(source, split, ("train",)).draw
        return _SobelDraw(draw) if sobel else draw


class _SobelDraw:
    """Pairs with the gradients of each image as its bands, computed after rotating the pair."""

    def __init__(self, draw: Draw):
        self.draw = draw

    def __call__(self, numbers: Any) -> tuple[torch.Tensor, torch.Tensor]:
        pairs, flows = self.draw(numbers)
        return torch.from_numpy(np.stack([_bands(pair) for pair in pairs.numpy()])), flows


def _bands(pair: Image) -> Image:
    """Gradients of both images of a pair, ``(4, H, W)``."""
    return np.concatenate([sobel_bands(image) for image in pair])


def sobel_bands(image: Image) -> Image:
    """Sobel gradients along x and y, ``(2, H, W)``; NaN next to no data."""
    return np.stack([ndimage.sobel(image, axis, mode="nearest") for axis in (1, 0)])


def score(flows: Iterable[Flow], samples: Sequence[tuple[Image, Flow]]) -> dict[str, float]:
    """Mean error and shrinkage over test tiles.

    Parameters
    ----------
    flows : iterable of ndarray, shape (2, H, W)
        Displacement of each tile, NaN where there is none.
    samples : sequence of (pair, flow)
        Tiles with their exact motion.

    Returns
    -------
    dict
        ``error`` in pixels, and ``along``: mean ratio of measured to true motion along the true
        motion, minus 1, where ice moves by more than `FAST` pixels.
    """
    errors, along = [], []
    for flow, (pair, true) in zip(flows, samples, strict=True):
        difference = flow - true
        is_valid = np.isfinite(difference).all(0) & np.isfinite(pair).all(0)
        speed = np.hypot(*true)
        errors.append(np.hypot(*difference)[is_valid])
        shift = (difference * true).sum(0) / np.maximum(speed, 1e-6) ** 2
        along.append(shift[is_valid & (speed > FAST)])
    return {
        "error": float(np.concatenate(errors).mean()),
        "along": float(np.concatenate(along).mean()),
    }


def _train(
    network: Raft, draw: Draw, steps: int, rate: float, seed: int, path: Path
) -> dict[str, Any]:
    """Train a network in place; an interrupted training resumes."""
    config = TrainConfig(steps, BATCH, rate, seed=seed, validate_every=max(steps // 25, 25))
    return train_network(network, draw, [], config, path)


def _train_row(row: Row, folder: Path, twin: Twin) -> Raft:
    """Network of a row, trained."""
    torch.manual_seed(row.seed if row.alone else 0)
    network = Raft(NETWORKS[row.network])
    name = row.network.replace(", ", "-").replace(" ", "-")
    source = row.source.replace(" ", "-")
    path = folder / f"hypothesis-{name}-{source}-{row.split}-{row.seed}-{row.alone}.safetensors"
    if row.alone:
        draw = twin.samples(row.source, row.split, ("train",), few=True).draw
        _train(network, draw, STEPS_ALONE, FIRST_RATE, row.seed, path)
    else:
        draw = twin.draw(row.source, row.split, row.sobel)
        first = folder / f"hypothesis-{name}.safetensors"
        drawn_samples = twin.draw("drawn", "space", row.sobel)
        _train(network, drawn_samples, FIRST_STEPS, FIRST_RATE, 9, first)
        _train(network, draw, STEPS, RATE, row.seed, path)
    return network


def score_row(row: Row, folder: Path, twin: Twin) -> dict[str, Any]:
    """Train the network of a row, and score it on the test tiles.

    Parameters
    ----------
    row : Row
        Network and training data.
    folder : Path
        Folder of the weights.
    twin : Twin
        Pairs to train on and to score on.

    Returns
    -------
    dict
        The row and its score.
    """
    network = _train_row(row, folder, twin)
    samples = twin.test_samples("truth", row.sobel)
    flows = (predict_flow(network, *np.split(pair, 2)) for pair, _ in samples)
    return {**row._asdict(), **score(flows, samples)}


def _plan() -> list[Row]:
    """List all rows. Networks of stride 8 have one seed, since they learned nothing with it."""
    rows = [Row("gdiv", source, "space", seed) for seed in SEEDS for source in SOURCES]
    rows += [Row("gdiv, Sobel x and y", "labels", "space", seed) for seed in SEEDS]
    rows += [Row("gdiv", "labels", "random", seed) for seed in SEEDS]
    rows += [Row("small", source, "space", 0) for source in SOURCES]
    rows += [Row("gdiv", "paper labels", split, 0, alone=True) for split in ("random", "space")]
    return [*rows, Row("paper", "paper labels", "random", 0, alone=True)]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "runs" / "pretrain", help="folder of the twin"
    )
    folder = parser.parse_args().folder
    results = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    twin = Twin(folder)
    if not results:
        samples = twin.test_samples("truth")
        results = {"glacier": GLACIER, "batch": BATCH, "first_steps": FIRST_STEPS, "steps": STEPS}
        results["zero"] = score([np.zeros_like(flow) for _, flow in samples], samples)
        results["labels"] = {
            source: score([flow for _, flow in twin.test_samples(source)], samples)
            for source in ("paper labels", "labels")
        }
        results["rows"] = []
    done = [tuple(row[key] for key in Row._fields) for row in results["rows"]]
    for row in tqdm([row for row in _plan() if tuple(row) not in done], desc="rows"):
        results["rows"].append(score_row(row, folder, twin))
        TARGET.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the tables")


if __name__ == "__main__":
    main()
