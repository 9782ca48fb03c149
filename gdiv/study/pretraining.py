"""Make the weights that ship: `make weights`, or `torchrun --nproc-per-node N -m gdiv.study.pretraining` on N GPUs; resumable.

What is learned from, in stages, each with its own checkpoint: exact displacement drawn on the fly, then the same with
pairs of the twin's glaciers, whose motion was planted; that is what ships. Two more stages show what labels would
add: Horn-Schunck's of these pairs, and all of it mixed. Mer de Glace's twin and every scene of Mer de Glace and
Perito Moreno are left for scoring.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
import torch
import torch.distributed as dist
from tqdm import tqdm

import gdiv
from gdiv.catalog import load_catalog
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.raft.checkpoints import SHIPPED, load_weights, save_weights
from gdiv.flow.raft.network import PRESETS, Raft
from gdiv.flow.training.loop import (
    Draw,
    TrainConfig,
    score_network,
    score_zero_motion,
    train_network,
)
from gdiv.flow.training.renderer import PairRenderer, fractal_textures, spline_coefficients
from gdiv.flow.training.tiles import Mixture, Samples, Tile
from gdiv.imagery.grid import study_grid
from gdiv.twin import scenes as twin
from gdiv.velocity import validation

CROP, REACH, SIDE = (
    128,
    14,
    512,
)  # pixels: side of a sample, longest motion drawn, side of a texture
GLACIERS = ("argentiere", "tasman")
SEED = 11  # of their twins; studies render with another


@dataclass(frozen=True)
class Stage:
    """Which shares of a batch come from where (`drawn`, `twin`, `labels`), and how it is trained."""

    shares: dict[str, int]
    train: TrainConfig


STAGES = {
    "drawn": Stage(
        {"drawn": 8}, TrainConfig(steps=2000, batch=8, rate=1e-3, seed=1, validate_every=100)
    ),
    "twin": Stage(
        {"drawn": 5, "twin": 3},
        TrainConfig(steps=4000, batch=8, rate=5e-4, seed=2, validate_every=100),
    ),
    "labels": Stage(
        {"labels": 8}, TrainConfig(steps=100, batch=8, rate=1e-4, seed=3, validate_every=100)
    ),
    "mixed": Stage(
        {"drawn": 4, "twin": 2, "labels": 2},
        TrainConfig(steps=100, batch=8, rate=1e-4, seed=4, validate_every=100),
    ),
}


def scene_textures(folder: Path) -> np.ndarray:
    """`(count, 512, 512)` spline coefficients of the near-infrared scenes of an ItemCollection in `folder`."""
    items = json.loads((folder / "items.json").read_text(encoding="utf-8"))["features"]
    found = []
    for item in items:
        with rasterio.open(folder / item["assets"]["nir08"]["href"]) as file:
            image = file.read(1).astype(np.float32)
        for part in (image[:SIDE, :SIDE], image[-SIDE:, -SIDE:]):
            room = [(0, SIDE - side) for side in part.shape]
            found.append(spline_coefficients(np.pad(part, room, mode="reflect")))
    return np.stack(found)


def textures(scenes: Path | None, seed: int = 1) -> np.ndarray:
    """Forty random textures and, where `scenes` names a folder of real ones, eight of those."""
    random = fractal_textures(40, seed)
    if scenes is None:
        return random
    real = scene_textures(scenes)
    return np.concatenate([random, *[real] * max(1, round(8 / len(real)))])


def render(folder: Path, glacier: str) -> Path:
    """The folder of the twin of a glacier, rendered if it is not there yet."""
    entry = load_catalog().glaciers[glacier]
    return twin.render_twin(
        entry, study_grid(entry.bbox, entry.epsg), [2, 3, 3], folder / glacier, SEED
    ).parent


def twin_pairs(
    folder: Path, glacier: str
) -> tuple[np.ndarray, list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Scenes of the twin of a glacier, pairs about a year apart, their planted displacement, and where ice is.

    Clouded, snowed-in and differently registered scenes are all in it. Arrays are as `gdiv.flow.training.tiles.Samples` takes
    them; the displacement is the one of the images, mis-registration included.
    """
    place = render(folder, glacier)
    truth = validation.read_truth(place)
    assert truth is not None, "the twin was rendered above, its truth with it"
    images, names = [], []
    for item in json.loads((place / "items.json").read_text(encoding="utf-8"))["features"]:
        if "nir" in item["assets"] and item["id"] not in names:
            with rasterio.open(place / item["assets"]["nir"]["href"]) as file:
                images.append(file.read(1).astype(np.float32))
            names.append(item["id"])
    days = truth.day.sel(scene=names).values
    pairs = [
        (i, j)
        for i in range(len(names))
        for j in range(len(names))
        if 200 < days[j] - days[i] < 500
    ][::3]
    flows = np.stack(
        [np.stack(twin.true_displacement(truth, names[i], names[j])) for i, j in pairs]
    )
    flows[np.broadcast_to(np.hypot(*flows.swapaxes(0, 1))[:, None] > REACH, flows.shape)] = np.nan
    return np.stack(images), pairs, flows, np.hypot(truth.vx, truth.vy).values > 0


def label(reference: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """What a study would learn from: Horn-Schunck `(2, H, W)`, NaN where the images do not agree after it."""
    found = match_images("horn-schunck", reference, secondary)
    known = (found.quality >= 0.5) & (np.hypot(found.u, found.v) <= REACH)
    return np.where(known, np.stack([found.u, found.v]), np.float32(np.nan))


def windows(ice: np.ndarray, pairs: int, step: int = CROP // 4) -> list[Tile]:
    """Every window of every pair, four turns each, a fifth of which at least is ice."""
    rows, columns = (range(0, side - CROP + 1, step) for side in ice.shape)
    places = [(r, c) for r in rows for c in columns if ice[r : r + CROP, c : c + CROP].mean() > 0.2]
    return [
        Tile(pair, r, c, turns, "train")
        for pair in range(pairs)
        for r, c in places
        for turns in range(4)
    ]


class Sources:
    """What a stage may draw from; twins are rendered and labelled when first asked for."""

    def __init__(self, folder: Path, scenes: Path | None, device: str):
        self.folder, self.device = folder, device
        self.drawn = PairRenderer(textures(scenes), CROP, REACH, seed=1, device=device).draw

    @cached_property
    def twin(self) -> Draw:
        return self._samples(exact=True)

    @cached_property
    def labels(self) -> Draw:
        return self._samples(exact=False)

    def _samples(self, exact: bool) -> Draw:
        parts = []
        for number, glacier in enumerate(
            tqdm(GLACIERS, desc="twins" if exact else "labels", unit="glacier")
        ):
            images, pairs, flows, ice = twin_pairs(self.folder / "twin", glacier)
            if not exact:
                flows = np.stack([label(images[i], images[j]) for i, j in pairs])
            samples = Samples(
                images, pairs, flows, windows(ice, len(pairs)), CROP, SEED + number, self.device
            )
            parts.append((samples.draw, 1))
        return Mixture(parts)


def held_out(difficulty: float, seed: int, count: int = 32) -> list[tuple[np.ndarray, np.ndarray]]:
    """Drawn pairs of textures that no training saw."""
    return PairRenderer(fractal_textures(12, 777), CROP, REACH, seed, difficulty).samples(count)


def pretrain(
    preset: str,
    folder: Path,
    scenes: Path | None,
    stages: Sequence[str],
    device: str,
    begin: Path | None = None,
) -> Raft:
    """Train a preset through `stages`, each from where the one before ended, the first from `begin`; resumable."""
    torch.manual_seed(1)
    network, past = Raft(PRESETS[preset]), None
    if begin:
        earlier, past = load_weights(begin)
        network.load_state_dict(earlier.state_dict())
    first = not dist.is_initialized() or dist.get_rank() == 0
    if first and {"twin", "labels"} & {source for name in stages for source in STAGES[name].shares}:
        for glacier in tqdm(GLACIERS, desc="rendering twins", unit="glacier"):
            render(folder / "twin", glacier)
    if dist.is_initialized():
        dist.barrier()
    sources, hard, clean = Sources(folder, scenes, device), held_out(1, 10_001), held_out(0, 10_002)
    for name in stages:
        stage = STAGES[name]
        draw = Mixture(
            [(getattr(sources, source), share) for source, share in stage.shares.items()]
        )
        with tqdm(total=stage.train.steps, desc=name, unit="step", disable=not first) as bar:

            def report(row, bar=bar):
                bar.update(row["step"] - bar.n)
                bar.set_postfix(loss=f"{row['loss']:.3f}", error_px=f"{row['validation']:.3f}")

            train_network(
                network,
                draw,
                hard,
                stage.train,
                folder / f"{preset}-{name}.safetensors",
                device,
                report,
            )
        if not first:
            continue
        save_weights(
            network,
            folder / f"{preset}-{name}-weights.safetensors",
            stages=list(stages[: stages.index(name) + 1]),
            steps={key: STAGES[key].train.steps for key in stages[: stages.index(name) + 1]},
            begin=past,
            scenes=scenes.name if scenes else "",
            revision=gdiv.code_hash(),
            device=torch.cuda.get_device_name() if device == "cuda" else "CPU",
            error_px_hard=score_network(network, hard, device),
            error_px_clean=score_network(network, clean, device),
            zero_px_hard=score_zero_motion(hard),
            zero_px_clean=score_zero_motion(clean),
        )
    return network


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="gdiv", choices=PRESETS)
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/pretrain"), help="checkpoints and twins"
    )
    parser.add_argument(
        "--scenes", type=Path, help="folder of an ItemCollection whose scenes lend their texture"
    )
    parser.add_argument(
        "--stages", default="drawn,twin", help="comma-separated, of: " + ", ".join(STAGES)
    )
    parser.add_argument("--begin", type=Path, help="weights to begin from, instead of from nothing")
    parser.add_argument(
        "--ship", action="store_true", help="put the result where gdiv loads its weights from"
    )
    arguments = parser.parse_args()
    stages = arguments.stages.split(",")
    if unknown := [name for name in stages if name not in STAGES]:
        parser.error(f"no stage {', '.join(unknown)}; there are: {', '.join(STAGES)}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if "RANK" in os.environ:
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    pretrain(arguments.preset, arguments.folder, arguments.scenes, stages, device, arguments.begin)
    if arguments.ship and int(os.environ.get("RANK", 0)) == 0:
        path = SHIPPED.with_stem(arguments.preset)
        path.write_bytes(
            (arguments.folder / f"{arguments.preset}-{stages[-1]}-weights.safetensors").read_bytes()
        )

    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
