"""Weights and training states as safetensors: what a file was made of is in it, and none is ever unpickled."""

import hashlib
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gdiv.flow.raft.network import Raft, RaftConfig

SHIPPED = Path(__file__).parent / "weights" / "gdiv.safetensors"


def save_weights(network: Raft, path: Path, **card) -> None:
    """Write weights, the network's sizes and what `card` says of them (numbers and strings) as safetensors."""
    metadata = {"config": json.dumps(asdict(network.config)), "card": json.dumps(card)}
    _write({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, Path(path), metadata)


def load_weights(path: Path = SHIPPED) -> tuple[Raft, dict]:
    """The network in eval mode and its card; the ones that ship if no path is given.

    Raises
    ------
    ValueError
        If the file is missing, is not safetensors, or was not written by `save_weights`.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            config = {
                k: tuple(v) if isinstance(v, list) else v
                for k, v in json.loads(metadata["config"]).items()
            }
            network = Raft(RaftConfig(**config))
            network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    except Exception as error:
        raise ValueError(
            f"{path} holds no gdiv weights ({error}); write them with gdiv.flow.raft.checkpoints.save_weights"
        ) from error
    return network.eval(), json.loads(metadata.get("card", "{}"))


def fingerprint(network: Raft) -> str:
    """Sixteen hexadecimal digits that change with any weight."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def save_state(
    network: Raft, optimiser: torch.optim.Optimizer, run: str, history: list[dict], path: Path
) -> None:
    """Write all that the run named `run` needs to go on from here."""
    tensors = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {
            f"optimiser.{index}.{k}": torch.as_tensor(v).contiguous() for k, v in state.items()
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(tensors, path, {"run": run, "history": json.dumps(history)})


def resume(
    network: Raft, optimiser: torch.optim.Optimizer, run: str, path: Path, device: str
) -> tuple[int, list[dict]]:
    """Step and history where the same run was interrupted, its tensors loaded; else (0, [])."""
    if not path.exists():
        return 0, []
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        if metadata.get("run") != run:
            warnings.warn(f"{path.name} is of another run, which this one replaces", stacklevel=3)
            return 0, []
        # AdamW counts its steps on the processor, whatever the device.
        tensors = {
            k: file.get_tensor(k).to("cpu" if k.endswith(".step") else device) for k in file.keys()
        }
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    )
    state = optimiser.state_dict()
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            state["state"].setdefault(int(index), {})[name] = value
    optimiser.load_state_dict(state)
    history = json.loads(metadata["history"])
    return history[-1]["step"], history


def _write(tensors, path, metadata):
    partial = path.with_suffix(".part")
    save_file(tensors, partial, metadata)
    partial.replace(path)
