"""The training loop: one frozen config, one function, top to bottom.

What is learned from is `draw(numbers)`: samples by their numbers, as images `(B, 2 C, H, W)` (the reference's
bands, then the secondary's, NaN no data) and flow `(B, 2, H, W)`, NaN where unknown. `gdiv.flow.training.tiles` cuts them
from a cube, `gdiv.flow.training.renderer` draws them.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from gdiv.flow.raft.checkpoints import fingerprint, resume, save_state
from gdiv.flow.raft.network import Raft
from gdiv.flow.training.losses import endpoint_error, sequence_loss

SEED_STRIDE = 10**9  # samples between the seeds
Draw = Callable[[Sequence[int]], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class TrainConfig:
    """One training run."""

    steps: int = 200
    batch: int = 4  # samples a step, of all processes together
    rate: float = (
        2e-4  # peak learning rate; warms up over 5 % of the steps, then falls along a cosine
    )
    decay: float = 1e-4
    clip: float = 1.0
    gamma: float = 0.8
    seed: int = 0  # runs of different seeds are given different samples
    validate_every: int = 50
    bf16: bool = True  # bfloat16 arithmetic in the network, half as long again in float32


def train_network(
    network: Raft,
    draw: Draw,
    validation: list[tuple[np.ndarray, np.ndarray]],
    config: TrainConfig,
    checkpoint: Path,
    device: str = "cpu",
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Train `network` in place; resume from `checkpoint` if it holds an unfinished run of this config.

    Under torch's launcher (`torchrun`, with `torch.distributed` initialised) every process draws and learns its
    share of each batch, and the result is that of one process with the whole batch.

    Parameters
    ----------
    draw
        Samples by number; must be a pure function of it, so that a resumed run sees what an uninterrupted one would.
    validation
        Samples `(pair (2 C, H, W), flow (2, H, W))` scored every `validate_every` steps.
    checkpoint
        Safetensors file, written at every validation; a kill loses at most the steps since.
    report
        Called with each new row of the history, by the first process.

    Returns
    -------
    list of dict
        `step`, `loss`, `validation` (mean end-point error, pixels), one row a validation.
    """
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    if config.batch % world:
        raise ValueError(f"a batch of {config.batch} does not divide among {world} processes")
    network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    # A checkpoint is resumed only by the run that left it: same settings, same first weights, same samples.
    parts = {
        "train": asdict(config),
        "network": asdict(network.config),
        "from": fingerprint(network),
    }
    run = json.dumps(parts | {"data": _hash_of_first_batch(draw, config)})
    start, history = resume(network, optimiser, run, Path(checkpoint), device)
    learner = DistributedDataParallel(network) if world > 1 else network
    share, losses = config.batch // world, []
    for step in range(start, config.steps):
        rate = config.rate * min(
            (step + 1) / max(1, config.steps // 20),
            0.5 + 0.5 * math.cos(math.pi * step / config.steps),
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        first = config.seed * SEED_STRIDE + step * config.batch + rank * share
        pair, truth = (part.to(device) for part in draw(range(first, first + share)))
        valid = truth.isfinite().all(1) & pair.isfinite().all(1)
        count = valid.sum()
        if world > 1:
            dist.all_reduce(count)
        with torch.autocast(device, torch.bfloat16, enabled=config.bf16):
            flows = learner(*pair.chunk(2, dim=1))
        # The processes' gradients are averaged, so each takes its part of the joined batch's mean times their number.
        loss = world * sequence_loss(flows, truth, valid, config.gamma, count)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()
        mean = loss.detach() / world
        if world > 1:
            dist.all_reduce(mean)
        losses.append(mean.item())
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            row = {
                "step": step + 1,
                "loss": float(np.mean(losses)),
                "validation": score_network(network, validation, device),
            }
            losses = []
            history.append(row)
            if rank == 0:
                save_state(network, optimiser, run, history, Path(checkpoint))
                report(row)
    network.eval()
    return history


def score_zero_motion(samples) -> float:
    """What `score_network` would give a network that answers zero everywhere, in pixels."""
    errors = [
        np.hypot(*flow)[np.isfinite(flow).all(0) & np.isfinite(pair).all(0)]
        for pair, flow in samples
    ]
    return float(np.mean([error.mean() for error in errors if error.size]))


@torch.no_grad()
def score_network(network: Raft, samples, device: str = "cpu") -> float:
    """Mean end-point error over the samples that have a valid pixel, in pixels."""
    training = network.training
    network.eval()
    errors = []
    for sample in samples:
        pair, truth = (torch.from_numpy(part).to(device)[None] for part in sample)
        valid = truth.isfinite().all(1) & pair.isfinite().all(1)
        if valid.any():
            errors.append(endpoint_error(network(*pair.chunk(2, dim=1))[-1], truth, valid))
    network.train(training)
    return float(np.mean(errors)) if errors else float("nan")


def _hash_of_first_batch(draw, config):
    """A hash of the first batch."""
    first = config.seed * SEED_STRIDE
    parts = draw(range(first, first + config.batch))
    return hashlib.sha256(b"".join(part.cpu().numpy().tobytes() for part in parts)).hexdigest()[:16]
