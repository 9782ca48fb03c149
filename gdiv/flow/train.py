"""The training loop: one frozen config, one function, top to bottom.

Samples come from any sequence of `(pair (2, H, W), flow (2, H, W))` numpy arrays whose flow is NaN
where it is unknown: `gdiv.flow.tiles` cuts them from a cube, `gdiv.flow.synthetic` draws them.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gdiv.flow.losses import endpoint_error, sequence_loss
from gdiv.flow.raft import Raft, RaftConfig

SHIPPED = Path(__file__).parent / "weights" / "gdiv.safetensors"


@dataclass(frozen=True)
class TrainConfig:
    """One training run."""

    steps: int = 200
    batch: int = 4
    rate: float = 2e-4  # peak learning rate; warms up over 5 % of the steps, then falls along a cosine
    decay: float = 1e-4
    clip: float = 1.0
    gamma: float = 0.8
    seed: int = 0
    validate_every: int = 50
    bf16: bool = True  # bfloat16 arithmetic in the network, about twice as fast where the processor has it


def train(
    network: Raft,
    draw: Callable[[int], tuple[np.ndarray, np.ndarray]],
    validation: list[tuple[np.ndarray, np.ndarray]],
    config: TrainConfig,
    checkpoint: Path,
    device: str = "cpu",
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Train `network` in place; resume from `checkpoint` if it holds an unfinished run of this config.

    Parameters
    ----------
    draw
        Sample number `n` as a pair and its flow; must be a pure function of `n`, so that a resumed run
        sees what an uninterrupted one would.
    validation
        Samples scored every `validate_every` steps.
    checkpoint
        Safetensors file, written at every validation; a kill loses at most the steps since.
    report
        Called with each new row of the history.

    Returns
    -------
    list of dict
        `step`, `loss`, `validation` (mean end-point error, pixels), one row a validation.
    """
    torch.manual_seed(config.seed)
    network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    # A checkpoint is resumed only by the run that left it: same settings, same first weights, same samples.
    parts = {"train": asdict(config), "network": asdict(network.config), "from": fingerprint(network)}
    run = json.dumps(parts | {"data": _seen(draw)})
    start, history = _resume(network, optimiser, run, Path(checkpoint), device)
    losses = []
    for step in range(start, config.steps):
        rate = config.rate * min(
            (step + 1) / max(1, config.steps // 20), 0.5 + 0.5 * math.cos(math.pi * step / config.steps)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        pair, truth, valid = collate([draw(step * config.batch + i) for i in range(config.batch)], device)
        with torch.autocast(device, torch.bfloat16, enabled=config.bf16):
            flows = network(pair[:, :1], pair[:, 1:])
        loss = sequence_loss(flows, truth, valid, config.gamma)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            row = {"step": step + 1, "loss": float(np.mean(losses)), "validation": score(network, validation, device)}
            losses = []
            history.append(row)
            report(row)
            _save_state(network, optimiser, run, history, Path(checkpoint))
    network.eval()
    return history


def collate(samples, device="cpu"):
    """Samples as tensors: pairs `(B, 2, H, W)` with no data as zero, flows, and where flow and images are known."""
    pair = torch.from_numpy(np.stack([pair for pair, _ in samples])).to(device)
    truth = torch.from_numpy(np.stack([flow for _, flow in samples])).to(device)
    valid = truth.isfinite().all(1) & pair.isfinite().all(1)
    return pair.nan_to_num(0), truth, valid


@torch.inference_mode()
def answer(network: Raft, pair: np.ndarray) -> np.ndarray:
    """The network's flow `(2, H, W)` in pixels for one pair `(2, H, W)` in local contrast."""
    device = next(network.parameters()).device
    images = torch.from_numpy(np.nan_to_num(pair)).to(device)[:, None, None]
    return network.eval()(images[0], images[1])[-1][0].cpu().numpy()


def score_zero(samples) -> float:
    """What `score` would give a network that answers zero everywhere, in pixels."""
    errors = [np.hypot(*flow)[np.isfinite(flow).all(0) & np.isfinite(pair).all(0)] for pair, flow in samples]
    return float(np.mean([error.mean() for error in errors if error.size]))


@torch.no_grad()
def score(network: Raft, samples, device: str = "cpu") -> float:
    """Mean end-point error over the samples that have a valid pixel, in pixels."""
    training = network.training
    network.eval()
    errors = []
    for sample in samples:
        pair, truth, valid = collate([sample], device)
        if valid.any():
            errors.append(endpoint_error(network(pair[:, :1], pair[:, 1:])[-1], truth, valid))
    network.train(training)
    return float(np.mean(errors)) if errors else float("nan")


def save_weights(network: Raft, path: Path, **card) -> None:
    """Write weights, the network's sizes and what `card` says of them (numbers and strings) as safetensors."""
    metadata = {"config": json.dumps(asdict(network.config)), "card": json.dumps(card)}
    path = Path(path)
    partial = path.with_suffix(".part")
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, partial, metadata)
    partial.replace(path)


def fingerprint(network: Raft) -> str:
    """Sixteen hexadecimal digits that change with any weight."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_weights(path: Path) -> tuple[Raft, dict]:
    """The network in eval mode and its card.

    Raises
    ------
    ValueError
        If the file is missing, is not safetensors, or was not written by `save_weights`.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            network = Raft(RaftConfig(**json.loads(metadata["config"])))
            network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    except Exception as error:
        raise ValueError(
            f"{path} holds no gdiv weights ({error}); write them with gdiv.flow.train.save_weights"
        ) from error
    return network.eval(), json.loads(metadata.get("card", "{}"))


def _seen(draw):
    """A hash of the first samples."""
    return hashlib.sha256(b"".join(part.tobytes() for n in (0, 1) for part in draw(n))).hexdigest()[:16]


def _save_state(network, optimiser, run, history, path):
    tensors = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    save_file(tensors, partial, {"run": run, "history": json.dumps(history)})
    partial.replace(path)


def _resume(network, optimiser, run, path, device):
    """Where the same run was interrupted, its tensors loaded; else (0, [])."""
    if not path.exists():
        return 0, []
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        if metadata.get("run") != run:
            return 0, []
        tensors = {key: file.get_tensor(key).to(device) for key in file.keys()}
    network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    state = optimiser.state_dict()
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            state["state"].setdefault(int(index), {})[name] = value
    optimiser.load_state_dict(state)
    history = json.loads(metadata["history"])
    return history[-1]["step"], history
