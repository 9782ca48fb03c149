"""Train the weights shipped with gdiv: ``make weights``.

Run ``torchrun --nproc-per-node N -m gdiv.study.pretraining`` on N GPUs. Interrupted training
resumes.

A network is trained in stages, each with its own checkpoint. Stage "drawn" uses textures moved by a
drawn flow; "twin" adds pairs of the synthetic twins of two glaciers, whose displacement is exact.
The weights of the preset "gdiv" are those after "twin". Stage "rest" trains the preset "refinement"
on the same sources, warped back by its start. Two more stages test the benefit of labels: "labels"
uses Horn-Schunck's displacement of the twins' pairs, and "mixed" uses all sources. The twin of Mer
de Glace and all scenes of Mer de Glace and Perito Moreno are reserved for scoring.
"""

import argparse
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from tqdm import tqdm

from gdiv.files import replacing
from gdiv.flow.raft.checkpoints import SHIPPED, load_weights, save_weights, transfer
from gdiv.flow.raft.network import PRESETS, Raft
from gdiv.flow.training.loop import TrainConfig, train_network
from gdiv.flow.training.prewarped import prewarp
from gdiv.flow.training.scores import Sample, score_network, score_zero_motion
from gdiv.study.pretraining_data import (
    GLACIERS,
    Sources,
    find_shipped_start,
    hash_scenes,
    held_out,
    render_glacier,
)
from gdiv.study.provenance import code_hash

__all__ = ["STAGES", "Stage", "device_name", "main", "pretrain", "show_progress"]

#: Seed of the first weights.
WEIGHTS_SEED = 1
#: Seeds of the held-out pairs: with differences between the dates, and without.
HARD_SEED = 10_001
CLEAN_SEED = 10_002
#: Sources that need the twins.
TWIN_SOURCES = {"twin", "twin_rest", "labels"}


@dataclass(frozen=True)
class Stage:
    """One stage of the training.

    Attributes
    ----------
    counts : dict
        Number of samples per batch, by source; sources are attributes of
        `gdiv.study.pretraining_data.Sources`.
    train : TrainConfig
        Settings of the training.
    """

    counts: dict[str, int]
    train: TrainConfig

    @property
    def refines(self) -> bool:
        """True if the network refines a start."""
        return any(source.endswith("_rest") for source in self.counts)


#: Stages by name, in their intended order.
STAGES = {
    "drawn": Stage(
        {"drawn": 8}, TrainConfig(steps=2000, batch=8, rate=1e-3, seed=1, validate_every=100)
    ),
    "twin": Stage(
        {"drawn": 5, "twin": 3},
        TrainConfig(steps=3000, batch=8, rate=5e-4, seed=2, validate_every=50),
    ),
    "rest": Stage(
        {"drawn_rest": 6, "twin_rest": 2},
        TrainConfig(steps=3800, batch=8, rate=5e-4, seed=5, validate_every=50),
    ),
    "labels": Stage(
        {"labels": 8}, TrainConfig(steps=100, batch=8, rate=1e-4, seed=3, validate_every=100)
    ),
    "mixed": Stage(
        {"drawn": 4, "twin": 2, "labels": 2},
        TrainConfig(steps=100, batch=8, rate=1e-4, seed=4, validate_every=100),
    ),
}


def pretrain(
    preset: str,
    folder: Path,
    scenes: Path | None,
    stages: Sequence[str],
    device: str,
    start_weights: Path | None = None,
) -> Raft:
    """Train a network in stages, each starting from the weights of the previous one.

    Parameters
    ----------
    preset : str
        Name of the network's sizes in `gdiv.flow.raft.network.PRESETS`.
    folder : Path
        Folder of checkpoints, weights and twins. An interrupted training resumes from it.
    scenes : Path or None
        Folder of an ItemCollection whose scenes provide textures in addition to random ones.
    stages : sequence of str
        Names of stages in `STAGES`.
    device : str
        Device to train on.
    start_weights : Path, optional
        Initial weights; random by default.

    Returns
    -------
    Raft
        Network after the last stage. After each stage, the first process writes its weights to
        ``PRESET-STAGE-weights.safetensors``.
    """
    torch.manual_seed(WEIGHTS_SEED)
    network = Raft(PRESETS[preset])
    begin_card = None
    if start_weights:
        earlier, begin_card = load_weights(start_weights)
        transfer(earlier, network)
    _render_twins(folder / "twin", stages)
    sources = Sources(folder, scenes, device)
    for number, name in enumerate(stages):
        hard, clean = _held_out_pairs(STAGES[name])
        checkpoint = folder / f"{preset}-{name}.safetensors"
        _train_stage(network, name, sources, hard, checkpoint)
        if _is_first_process():
            card = {
                **_stage_card(stages[: number + 1]),
                "begin": begin_card,
                "scenes": scenes.name if scenes else "",
                "scene_hashes": hash_scenes(scenes) if scenes else {},
                "revision": code_hash(),
                "device": device_name(device),
                **_score_card(network, hard, clean, device),
            }
            save_weights(network, _weights_path(folder, preset, name), **card)
    return network


def _is_first_process() -> bool:
    """Check whether this is the process that renders, reports and writes."""
    return not dist.is_initialized() or dist.get_rank() == 0


def _render_twins(folder: Path, stages: Sequence[str]) -> None:
    """Render the twins needed by the stages in the first process, while the others wait."""
    used = {source for name in stages for source in STAGES[name].counts}
    if _is_first_process() and used & TWIN_SOURCES:
        for glacier in tqdm(GLACIERS, desc="rendering twins", unit="glacier"):
            render_glacier(folder, glacier)
    if dist.is_initialized():
        dist.barrier()


def _train_stage(
    network: Raft, name: str, sources: Sources, validation: Sequence[Sample], checkpoint: Path
) -> None:
    """Train a network through one stage, with a progress bar."""
    stage = STAGES[name]
    draw = sources.mix(stage.counts)
    silent = not _is_first_process()
    with tqdm(total=stage.train.steps, desc=name, unit="step", disable=silent) as bar:
        report = partial(show_progress, bar)
        train_network(network, draw, validation, stage.train, checkpoint, sources.device, report)


def show_progress(bar: "tqdm[NoReturn]", row: Mapping[str, float]) -> None:
    """Show a row of the training history on the progress bar.

    Parameters
    ----------
    bar : tqdm
        Bar that counts steps.
    row : mapping
        Row from `gdiv.flow.training.loop.train_network`.
    """
    bar.update(int(row["step"]) - bar.n)
    bar.set_postfix(loss=f"{row['loss']:.3f}", error_px=f"{row['validation']:.3f}")


def device_name(device: str) -> str:
    """Name a device for the card of weights.

    Parameters
    ----------
    device : {"cuda", "cpu"}
        Device of the training.

    Returns
    -------
    str
        Name of the GPU, or ``"CPU"``.
    """
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


def _stage_card(stages: Sequence[str]) -> dict[str, Any]:
    """Training stages of a network, for the card of its weights."""
    return {"stages": list(stages), "steps": {name: STAGES[name].train.steps for name in stages}}


def _held_out_pairs(stage: Stage) -> tuple[list[Sample], list[Sample]]:
    """Held-out pairs with and without differences between dates, warped back by the start."""
    pairs = [held_out(1, HARD_SEED), held_out(0, CLEAN_SEED)]
    if stage.refines:
        pairs = [[prewarp(each, find_shipped_start) for each in part] for part in pairs]
    return pairs[0], pairs[1]


def _score_card(
    network: Raft, hard: Sequence[Sample], clean: Sequence[Sample], device: str
) -> dict[str, float]:
    """Errors of a network and of zero motion on held-out pairs, for the card of its weights."""
    return {
        "error_px_hard": score_network(network, hard, device),
        "error_px_clean": score_network(network, clean, device),
        "zero_px_hard": score_zero_motion(hard),
        "zero_px_clean": score_zero_motion(clean),
    }


def _weights_path(folder: Path, preset: str, stage: str) -> Path:
    """File of the weights after a stage."""
    return folder / f"{preset}-{stage}-weights.safetensors"


def main() -> None:
    """Run the command line of ``python -m gdiv.study.pretraining``."""
    parser = _parser()
    arguments = parser.parse_args()
    stages = arguments.stages.split(",")
    unknown = [name for name in stages if name not in STAGES]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; choose from: {', '.join(STAGES)}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # torchrun sets RANK and LOCAL_RANK.
    if "RANK" in os.environ:
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    pretrain(
        arguments.preset,
        arguments.folder,
        arguments.scenes,
        stages,
        device,
        arguments.begin,
    )
    if arguments.ship and _is_first_process():
        weights = _weights_path(arguments.folder, arguments.preset, stages[-1])
        with replacing(SHIPPED.with_stem(arguments.preset)) as partial:
            shutil.copyfile(weights, partial)
    if dist.is_initialized():
        dist.destroy_process_group()


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="gdiv", choices=PRESETS, help="sizes of the network")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("runs/pretrain"),
        help="folder of checkpoints, weights and twins",
    )
    parser.add_argument(
        "--scenes",
        type=Path,
        help="folder of an ItemCollection whose scenes provide additional textures",
    )
    parser.add_argument(
        "--stages", default="drawn,twin", help="comma-separated list of: " + ", ".join(STAGES)
    )
    parser.add_argument("--begin", type=Path, help="initial weights, instead of random ones")
    parser.add_argument(
        "--ship", action="store_true", help="replace the weights shipped with gdiv by the result"
    )
    return parser


if __name__ == "__main__":
    main()
