"""Train variants of a network on the same tiles and score them on held-out tiles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from gdiv.flow.raft.network import Raft
from gdiv.flow.training.loop import Draw, TrainConfig, train_network
from gdiv.flow.training.samples import Samples
from gdiv.flow.training.scores import score_network, score_zero_motion

__all__ = ["HeldOutScores", "Variant", "score_variants", "train_variants"]

#: Peak learning rate of fine-tuning.
FINE_TUNING_RATE = 1e-4
#: Approximate number of scored tiles: during training, and at its end.
VALIDATION_TILES = 12
TEST_TILES = 24
#: Split whose test tiles are not used to train any variant, regardless of the variant's split.
SPACE = "space"
Splits = Mapping[str, Mapping[str, Samples]]


@dataclass
class Variant:
    """A network and its training samples.

    Attributes
    ----------
    title : str
        Name in figures and tables.
    network : Raft
        Network, trained in place.
    split : str
        Split of the tiles that provides its validation and test sets.
    draw : callable
        Samples to learn from, by number; see `gdiv.train_network`.
    rate : float
        Peak learning rate.
    """

    title: str
    network: Raft
    split: str
    draw: Draw
    rate: float = FINE_TUNING_RATE


class HeldOutScores(NamedTuple):
    """Mean end-point errors in pixels.

    Attributes
    ----------
    before : float
        Weights as shipped against labels, on the test tiles of the variant's own split.
    own : float
        Variant against labels, on the same tiles.
    labels : float
        Variant against labels, on the test tiles of the split by space.
    truth : float
        Variant against the truth, on the same tiles.
    """

    before: float
    own: float
    labels: float
    truth: float


def train_variants(
    variants: Sequence[Variant],
    samples: Splits,
    config: TrainConfig,
    checkpoint: Callable[[str], Path],
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Train each variant in place, resuming from its checkpoint if there is one.

    Parameters
    ----------
    variants : sequence of Variant
        Networks to train.
    samples : mapping of str to mapping of str to Samples
        Tiles by split and set, from `gdiv.flow.training.samples.split_samples`.
    config : TrainConfig
        Settings shared by all variants, except for the learning rate.
    checkpoint : callable
        Path of the checkpoint of a name.
    device : str, optional
        Device to train on. The networks are moved to the CPU afterwards.

    Returns
    -------
    list of dict
        Rows of the history of each variant, with its title as ``network``.
    """
    rows: list[dict[str, Any]] = []
    for number, variant in enumerate(variants):
        history = train_network(
            variant.network,
            variant.draw,
            samples[variant.split]["validation"].spread(VALIDATION_TILES),
            replace(config, rate=variant.rate),
            checkpoint(f"raft-{number}"),
            device,
        )
        variant.network.to("cpu")
        rows += [row | {"network": variant.title} for row in history]
    return rows


def score_variants(
    variants: Sequence[Variant], shipped: Raft, samples: Splits, exact: Samples
) -> dict[str, HeldOutScores]:
    """Score the variants, the shipped weights, zero motion and the labels themselves.

    Parameters
    ----------
    variants : sequence of Variant
        Trained networks.
    shipped : Raft
        Network with the shipped weights.
    samples : mapping of str to mapping of str to Samples
        Tiles by split and set.
    exact : Samples
        Test tiles of the split by space, with the true motion instead of labels.

    Returns
    -------
    dict of str to HeldOutScores
        Scores by title.
    """
    own = {split: parts["test"].spread(TEST_TILES) for split, parts in samples.items()}
    before = {split: score_network(shipped, tiles) for split, tiles in own.items()}
    labelled = own[SPACE]
    true = exact.spread(TEST_TILES)
    zero = score_zero_motion(labelled)
    scores = {"zero flow": HeldOutScores(before[SPACE], zero, zero, score_zero_motion(true))}
    networks = [Variant("as shipped", shipped, SPACE, samples[SPACE]["train"].draw), *variants]
    for variant in networks:
        network = variant.network
        scores[variant.title] = HeldOutScores(
            before[variant.split],
            score_network(network, own[variant.split]),
            score_network(network, labelled),
            score_network(network, true),
        )
    errors = [(pair, label - flow) for (pair, label), (_, flow) in zip(labelled, true, strict=True)]
    scores["the labels themselves"] = HeldOutScores(before[SPACE], 0, 0, score_zero_motion(errors))
    return scores
