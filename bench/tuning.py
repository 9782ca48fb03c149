"""Choose the settings of each peer by coordinate descent."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from peers import PEERS, Match, Peer, PeerSettings
from tqdm import tqdm

__all__ = ["Loss", "tune", "tune_peer"]

#: Loss of a match, smaller is better.
Loss: TypeAlias = Callable[[Match], float]


def tune(
    loss: Loss, label: str, kept: Mapping[str, tuple[PeerSettings, int]]
) -> tuple[dict[str, PeerSettings], dict[str, int]]:
    """Choose the settings with the smallest loss for each peer.

    Parameters
    ----------
    loss : callable
        Loss of a match.
    label : str
        Label of the progress bar.
    kept : dict
        Settings and number of settings tried of peers that are not tuned again.

    Returns
    -------
    best : dict
        Settings by peer.
    tried : dict
        Number of settings tried by peer.
    """
    best = {}
    tried = {}
    for name, peer in tqdm(PEERS.items(), desc=f"tune {label}", leave=False):
        settings, count = kept[name] if name in kept else tune_peer(peer, _of_settings(peer, loss))
        best[name] = settings
        tried[name] = count
    return best, tried


def _of_settings(peer: Peer, loss: Loss) -> Callable[[PeerSettings], float]:
    """Convert the loss of a match to a loss of settings."""
    return lambda settings: loss(peer.make(**settings))


def tune_peer(peer: Peer, loss: Callable[[PeerSettings], float]) -> tuple[PeerSettings, int]:
    """Choose the settings of one peer.

    Parameters
    ----------
    peer : Peer
        The peer.
    loss : callable
        Loss of settings, smaller is better.

    Returns
    -------
    settings : dict
        Best settings.
    tried : int
        Number of settings tried; none is tried twice.
    """
    losses: dict[tuple[Any, ...], float] = {}

    def loss_of(settings: PeerSettings) -> float:
        key = tuple(settings.values())
        if key not in losses:
            losses[key] = loss(settings)
        return losses[key]

    candidates = [_descend(choices, loss_of) for choices in peer.choices]
    best = min(candidates, key=loss_of) if len(candidates) > 1 else candidates[0]
    return best, max(len(losses), 1)


def _descend(
    choices: Mapping[str, list[Any]], loss_of: Callable[[PeerSettings], float]
) -> PeerSettings:
    """Optimise one setting after the other, twice, starting from the first value of each."""
    settings = {key: options[0] for key, options in choices.items()}
    if all(len(options) == 1 for options in choices.values()):
        return settings
    for key in [*choices, *choices]:
        settings = min(({**settings, key: option} for option in choices[key]), key=loss_of)
    return settings
