"""Training loop: one frozen configuration and one function.

Samples are drawn by their numbers with ``draw(numbers)``, which returns images ``(B, 2 C, H, W)``
(the bands of the reference and then of the secondary, NaN no data) and flows ``(B, 2, H, W)``, NaN
where unknown. `gdiv.flow.training.samples` cuts them from scenes, `gdiv.flow.training.renderer`
draws them.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from gdiv.flow.raft.checkpoints import fingerprint, resume, round_moments, save_state
from gdiv.flow.raft.network import Raft
from gdiv.flow.training.losses import sequence_loss
from gdiv.flow.training.scores import Sample, score_network
from gdiv.images.tensors import stays_inside

__all__ = ["Draw", "TrainConfig", "learning_rate", "train_network"]

#: Offset between the first samples of consecutive seeds; larger than any run.
SEED_STRIDE = 10**9
#: The learning rate warms up over one in this many steps, as in RAFT (Teed and Deng 2020).
WARM_UP = 20
#: Hexadecimal digits of the hash of a batch.
HASH_DIGITS = 16

#: Images and flows of samples by their numbers; a pure function.
Draw: TypeAlias = Callable[[Sequence[int]], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run.

    Attributes
    ----------
    steps : int
        Number of weight updates.
    batch : int
        Samples per step, of all processes together.
    rate : float
        Largest learning rate; see `learning_rate`.
    decay : float
        Weight decay of AdamW.
    clip : float
        Maximum norm of the gradient; larger gradients are clipped.
    gamma : float
        Weight of a refinement relative to the next, for
        `gdiv.flow.training.losses.sequence_loss`.
    seed : int
        Seed of the samples; different seeds give different samples.
    validate_every : int
        Steps between validations.
    bf16 : bool
        Compute the network in bfloat16 on a GPU, where float32 takes 1.5 times as long. A CPU
        always computes in float32.
    compact : bool
        Round the moments of AdamW to bfloat16 at every validation, so that a checkpoint takes 8
        instead of 12 bytes per weight.
    """

    steps: int = 200
    batch: int = 4
    rate: float = 2e-4
    decay: float = 1e-4
    clip: float = 1.0
    gamma: float = 0.8
    seed: int = 0
    validate_every: int = 50
    bf16: bool = True
    compact: bool = False

    def validates_after(self, step: int) -> bool:
        """Check whether a validation follows a step; one always follows the last step.

        Parameters
        ----------
        step : int
            Number of the step, from 0.

        Returns
        -------
        bool
            True if it does.
        """
        return (step + 1) % self.validate_every == 0 or step + 1 == self.steps


def train_network(
    network: Raft,
    draw: Draw,
    validation: Sequence[Sample],
    config: TrainConfig,
    checkpoint: Path,
    device: str = "cpu",
    report: Callable[[dict[str, float]], None] = lambda row: None,
    seconds: float = math.inf,
) -> list[dict[str, float]]:
    """Train a network in place, or resume its training.

    Under torch's launcher (``torchrun``, with `torch.distributed` initialised) every process draws
    and learns from its part of each batch; the result equals that of one process with the whole
    batch.

    Parameters
    ----------
    network : Raft
        Network with initial weights. It is moved to `device` and left in evaluation mode.
    draw : callable
        Returns samples by number. It must be a pure function of the numbers, so that a resumed run
        draws the same samples as an uninterrupted one.
    validation : sequence of (pair, flow)
        Samples ``(2 C, H, W)`` and ``(2, H, W)`` that are scored at every validation.
    config : TrainConfig
        Settings.
    checkpoint : Path
        Safetensors file, written at every validation. An unfinished run of the same settings,
        first weights and samples is resumed from it.
    device : str, optional
        Device to train on.
    report : callable, optional
        Called with each new row of the history, by the first process.
    seconds : float, optional
        Stop at the first validation after this time; the next call resumes.

    Returns
    -------
    list of dict
        One row per validation: `step`, `loss` (mean since the last validation) and `validation`
        (mean end-point error), both in pixels. The last step is below ``config.steps`` if training
        stopped after `seconds`.

    Raises
    ------
    ValueError
        If the batch cannot be divided equally among the processes.
    """
    if config.batch % _process_count():
        raise ValueError(
            f"a batch of {config.batch} does not divide among {_process_count()} processes; "
            "make it a multiple of their number"
        )
    network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    run = _run_identity(network, draw, config)
    start, history = resume(network, optimiser, run, Path(checkpoint), device)
    trainer = _Trainer(network, optimiser, config, device)
    losses: list[float] = []
    begun = time.monotonic()
    for step in range(start, config.steps):
        losses.append(trainer.train_step(step, draw))
        if config.validates_after(step):
            row = {
                "step": step + 1,
                "loss": float(np.mean(losses)),
                "validation": score_network(network, validation, device),
            }
            losses.clear()
            history.append(row)
            if config.compact:
                round_moments(optimiser)
            if trainer.rank == 0:
                save_state(network, optimiser, run, history, Path(checkpoint), config.compact)
                report(row)
            if time.monotonic() - begun > seconds:
                break
    network.eval()
    return history


def learning_rate(step: int, config: TrainConfig) -> float:
    """Learning rate of a step: linear warm-up, then cosine decay to zero.

    Parameters
    ----------
    step : int
        Number of the step, from 0.
    config : TrainConfig
        Settings; `rate` is the largest learning rate.

    Returns
    -------
    float
        Learning rate.

    Examples
    --------
    >>> config = TrainConfig(steps=100, rate=1.0)
    >>> [round(learning_rate(step, config), 2) for step in (0, 4, 50, 99)]
    [0.2, 1.0, 0.5, 0.0]
    """
    warm_up = (step + 1) / max(1, config.steps // WARM_UP)
    cosine = 0.5 + 0.5 * math.cos(math.pi * step / config.steps)
    return config.rate * min(warm_up, cosine)


class _Trainer:
    """One process's part of the training of a network."""

    def __init__(
        self, network: Raft, optimiser: torch.optim.Optimizer, config: TrainConfig, device: str
    ):
        self.network = network
        self.optimiser = optimiser
        self.config = config
        self.device = device
        self.processes = _process_count()
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        several = self.processes > 1
        self.learner = DistributedDataParallel(network) if several else network

    def train_step(self, step: int, draw: Draw) -> float:
        """Update the weights once and return the loss of the whole batch."""
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, config)
        pair, truth = (part.to(self.device) for part in draw(self._sample_numbers(step)))
        valid = stays_inside(truth) & pair.isfinite().all(1)
        count = self._sum_over_processes(valid.sum())
        # Most CPUs compute convolutions in bfloat16 ten times slower than in float32.
        bf16 = config.bf16 and self.device != "cpu"
        with torch.autocast(self.device, torch.bfloat16, enabled=bf16):
            flows = self.learner(*pair.chunk(2, dim=1))
        # Gradients are averaged over the processes. Each process therefore multiplies its part of
        # the mean over the whole batch by the number of processes.
        loss = self.processes * sequence_loss(flows, truth, valid, config.gamma, count)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimiser.step()
        return self._sum_over_processes(loss.detach() / self.processes).item()

    def _sample_numbers(self, step: int) -> range:
        """Numbers of this process's samples in a step."""
        size = self.config.batch // self.processes
        first = self.config.seed * SEED_STRIDE + step * self.config.batch + self.rank * size
        return range(first, first + size)

    def _sum_over_processes(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of a value over all processes."""
        if self.processes > 1:
            dist.all_reduce(value)
        return value


def _process_count() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def _run_identity(network: Raft, draw: Draw, config: TrainConfig) -> str:
    """Identity of a run: its settings, first weights and samples, as JSON."""
    parts = {
        "train": asdict(config),
        "network": asdict(network.config),
        "from": fingerprint(network),
        "data": _hash_first_batch(draw, config),
    }
    return json.dumps(parts)


def _hash_first_batch(draw: Draw, config: TrainConfig) -> str:
    """Hash of the samples of the first batch."""
    first = config.seed * SEED_STRIDE
    parts = draw(range(first, first + config.batch))
    content = b"".join(part.cpu().numpy().tobytes() for part in parts)
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
