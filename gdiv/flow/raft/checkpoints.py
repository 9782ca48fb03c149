"""Weights and training states as safetensors, which are never unpickled.

A weights file contains the sizes of its network and a card that documents its training.
"""

import hashlib
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gdiv.files import replacing
from gdiv.flow.raft.network import Raft, RaftConfig

__all__ = [
    "SHIPPED",
    "fingerprint",
    "load_weights",
    "resume",
    "round_moments",
    "save_state",
    "save_weights",
    "transfer",
]

#: The weights shipped with gdiv; those of the other presets are in the same folder.
SHIPPED = Path(__file__).parent / "weights" / "gdiv.safetensors"
#: Hexadecimal digits of a fingerprint.
FINGERPRINT_DIGITS = 16
#: Moments in the state of AdamW.
MOMENTS = ("exp_avg", "exp_avg_sq")


def save_weights(network: Raft, path: Path, **card: Any) -> None:
    """Write the weights of a network as safetensors.

    Parameters
    ----------
    network : Raft
        Network on any device.
    path : Path
        File to write, completely or not at all.
    **card
        Documentation of the training: numbers, strings, and lists and dictionaries of them.
    """
    metadata = {"config": json.dumps(asdict(network.config)), "card": json.dumps(card)}
    tensors = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    _write(tensors, Path(path), metadata)


def load_weights(path: Path = SHIPPED) -> tuple[Raft, dict[str, Any]]:
    """Load a network that `save_weights` wrote.

    Parameters
    ----------
    path : Path, optional
        Weights file; by default the one shipped with gdiv.

    Returns
    -------
    network : Raft
        In evaluation mode, on the CPU.
    card : dict
        Documentation of the training.

    Raises
    ------
    ValueError
        If the file is missing, is not safetensors, or was not written by `save_weights`.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            network = Raft(_read_config(metadata["config"]))
            network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
    except Exception as error:
        raise ValueError(
            f"{path} holds no gdiv weights ({error}); "
            "write them with gdiv.flow.raft.checkpoints.save_weights"
        ) from error
    return network.eval(), json.loads(metadata.get("card", "{}"))


def transfer(source: Raft, target: Raft) -> None:
    """Copy the weights that fit from one network to another.

    Parameters
    ----------
    source : Raft
        Network to copy from.
    target : Raft
        Network that receives every tensor of the same name and shape; it keeps its other tensors.
    """
    own = target.state_dict()
    fitting = {
        key: value
        for key, value in source.state_dict().items()
        if key in own and own[key].shape == value.shape
    }
    target.load_state_dict(own | fitting)


def _read_config(text: str) -> RaftConfig:
    """Read the sizes of a network from JSON, which has lists in place of tuples."""
    values: dict[str, Any] = json.loads(text)
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = tuple(value)
    return RaftConfig(**values)


def fingerprint(network: Raft) -> str:
    """Compute a fingerprint that changes with any weight.

    Parameters
    ----------
    network : Raft
        A network.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def save_state(
    network: Raft,
    optimiser: torch.optim.Optimizer,
    run: str,
    history: list[dict[str, float]],
    path: Path,
    compact: bool = False,
) -> None:
    """Write the state of a training run from which `resume` continues it.

    Parameters
    ----------
    network : Raft
        Network in training.
    optimiser : torch.optim.Optimizer
        Its optimiser.
    run : str
        Identity of the run: its settings, first weights and samples.
    history : list of dict
        One row per validation; `step` of the last row is the number of steps done.
    path : Path
        File to write, completely or not at all. Its folder is created.
    compact : bool, optional
        Write the moments in bfloat16, for which `round_moments` must have rounded them.
    """
    tensors = {f"network.{key}": value.contiguous() for key, value in network.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for key, value in state.items():
            tensor = torch.as_tensor(value).contiguous()
            half = compact and key in MOMENTS
            tensors[f"optimiser.{index}.{key}"] = tensor.bfloat16() if half else tensor
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(tensors, path, {"run": run, "history": json.dumps(history)})


def round_moments(optimiser: torch.optim.Optimizer) -> None:
    """Round the moments of an optimiser to bfloat16, in place.

    An uninterrupted run and one that is resumed from a compact state then have the same moments.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        AdamW with its state.
    """
    for state in optimiser.state.values():
        for key in MOMENTS:
            state[key].copy_(state[key].bfloat16())


def resume(
    network: Raft, optimiser: torch.optim.Optimizer, run: str, path: Path, device: str
) -> tuple[int, list[dict[str, float]]]:
    """Load the state of an interrupted run into a network and its optimiser.

    The state of another run is ignored, with a warning.

    Parameters
    ----------
    network : Raft
        Network that receives the weights.
    optimiser : torch.optim.Optimizer
        Optimiser that receives the state.
    run : str
        Identity of the run, as given to `save_state`.
    path : Path
        File that `save_state` wrote; it may be missing.
    device : str
        Device of the network.

    Returns
    -------
    step : int
        Number of steps done; 0 if there is nothing to resume.
    history : list of dict
        One row per validation.
    """
    if not path.exists():
        return 0, []
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        if metadata.get("run") != run:
            warnings.warn(f"{path.name} is from another run and will be replaced", stacklevel=3)
            return 0, []
        # AdamW counts its steps on the CPU, whatever the device.
        tensors = {
            key: file.get_tensor(key).to("cpu" if key.endswith(".step") else device)
            for key in file.keys()
        }
    _restore(network, optimiser, tensors)
    history = json.loads(metadata["history"])
    return history[-1]["step"], history


def _restore(
    network: Raft, optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Set the weights and the state of the optimiser from the tensors that `save_state` wrote."""
    state = optimiser.state_dict()
    weights = {}
    for key, value in tensors.items():
        owner, name = key.split(".", maxsplit=1)
        if owner == "network":
            weights[name] = value
        else:
            index, name = name.split(".")
            state["state"].setdefault(int(index), {})[name] = value
    network.load_state_dict(weights)
    optimiser.load_state_dict(state)


def _write(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file, completely or not at all."""
    with replacing(path) as partial:
        save_file(tensors, partial, metadata)
