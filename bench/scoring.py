"""Score matches: against a known displacement, and by self-consistency on real pairs."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from peers import PEERS, Match, PeerSettings
from real_cases import PeritoMoreno
from tqdm import tqdm
from tuning import Loss

from gdiv.benchmark.cases import Pair
from gdiv.images.arrays import Component, Flow, Image, Mask, Series
from gdiv.images.sampling import compose_flows
from gdiv.images.statistics import along_flow_ratio, nmad, pool_components

__all__ = [
    "bias_along_flow",
    "flow_error",
    "mean_error_loss",
    "score_peers",
    "score_peers_on_real",
    "self_consistency_loss",
]

#: Minimum motion for the bias along flow, pixels.
MIN_MOTION = 0.5
MILLISECONDS = 1000  # per second


def flow_error(flow: Flow, pair: Pair) -> Series:
    """Distance from the true displacement at the scored pixels of a pair, in pixels."""
    return np.hypot(*(flow - pair.flow))[pair.counted]


def bias_along_flow(flow: Flow, pair: Pair) -> Series:
    """Relative bias of the motion (negative: motion lost) at the moving pixels of a pair."""
    moving: Mask = pair.counted & (np.hypot(*pair.flow) > MIN_MOTION)
    return along_flow_ratio(flow, pair.flow, moving) - 1


def mean_error_loss(pairs: Sequence[Pair]) -> Loss:
    """Loss for tuning on pairs with a known displacement: the mean error in pixels."""

    def loss(match: Match) -> float:
        flows = [np.asarray(match(pair.reference, pair.secondary)[:2]) for pair in pairs]
        errors = [flow_error(flow, pair) for flow, pair in zip(flows, pairs, strict=True)]
        return float(np.mean([np.nanmean(error) for error in errors]))

    return loss


def self_consistency_loss(moreno: PeritoMoreno) -> Loss:
    """Loss for tuning on real pairs: sum of agreement, closure and spread of stable ground."""

    def loss(match: Match) -> float:
        scores = _score_real(moreno, [np.asarray(match(*images)[:2]) for images in moreno.images])
        return scores["agreement"] + scores["closure"] + scores["still"]

    return loss


def score_peers(
    pairs: Sequence[Pair], settings: Mapping[str, PeerSettings], label: str, repeats: int = 1
) -> list[dict[str, Any]]:
    """Score peers on pairs with a known displacement.

    All peers run on one pair before the next, so that drifts in machine speed affect them equally.

    Parameters
    ----------
    pairs : sequence of Pair
        Pairs to score on.
    settings : dict
        Settings of each peer.
    label : str
        Name of the case.
    repeats : int, optional
        Number of repetitions per pair. More repetitions give a better median time.

    Returns
    -------
    list of dict
        One row per peer.
    """
    matches = _make_matches(settings)
    errors: dict[str, list[Series]] = {name: [] for name in matches}
    biases: dict[str, list[Series]] = {name: [] for name in matches}
    seconds: dict[str, list[float]] = {name: [] for name in matches}
    for pair in tqdm(pairs, desc=f"score {label}", leave=False):
        for _ in range(repeats):
            for name, match in matches.items():
                flow, duration = _time_match(match, pair.reference, pair.secondary)
                seconds[name].append(duration)
                errors[name].append(flow_error(flow, pair))
                biases[name].append(bias_along_flow(flow, pair))
    rows = []
    for name in matches:
        error = np.concatenate(errors[name])
        rows.append(
            {
                "case": label,
                "matcher": name,
                "settings": settings[name],
                "error_mean": np.nanmean(error),
                "error_median": np.nanmedian(error),
                "error_p95": np.nanpercentile(error, 95),
                "along": np.nanmedian(np.concatenate(biases[name])),
                "valid": np.isfinite(error).mean(),
                "milliseconds": MILLISECONDS * np.median(seconds[name]),
            }
        )
    return rows


def score_peers_on_real(
    moreno: PeritoMoreno, settings: Mapping[str, PeerSettings]
) -> list[dict[str, Any]]:
    """Score peers by self-consistency on real pairs; one row per peer."""
    matches = _make_matches(settings)
    flows: dict[str, list[Flow]] = {name: [] for name in matches}
    seconds: dict[str, list[float]] = {name: [] for name in matches}
    for images in tqdm(moreno.images, desc="real pairs", leave=False):
        for name, match in matches.items():
            flow, duration = _time_match(match, *images)
            flows[name].append(flow)
            seconds[name].append(duration)
    rows = []
    for name in matches:
        row = {
            "case": "real",
            "matcher": name,
            "settings": settings[name],
            "milliseconds": MILLISECONDS * np.median(seconds[name]),
        }
        rows.append(row | _score_real(moreno, flows[name]))
    return rows


def _make_matches(settings: Mapping[str, PeerSettings]) -> dict[str, Match]:
    """Match of each peer with its settings."""
    return {name: PEERS[name].make(**chosen) for name, chosen in settings.items()}


def _time_match(match: Match, reference: Image, secondary: Image) -> tuple[Flow, float]:
    """Displacement and its computing time in seconds."""
    start = time.perf_counter()
    flow = np.asarray(match(reference, secondary)[:2])
    return flow, time.perf_counter() - start


def _score_real(moreno: PeritoMoreno, flows: Sequence[Flow]) -> dict[str, Any]:
    """Score the displacement of real pairs without truth.

    Zero motion is best in two of the scores, so matchers must be ranked by all scores together.
    """
    spreads: list[float] = []
    biases = []
    distances = []
    fractions = []
    product = 0.0
    square = 0.0
    for flow, stable, chips in zip(flows, moreno.stable, moreno.chips, strict=True):
        u, v = flow
        spreads.append(float(pool_components(nmad(u[stable]), nmad(v[stable]))))
        biases.append(np.hypot(np.nanmedian(u[stable]), np.nanmedian(v[stable])))
        rows, columns = chips[:, :2].astype(int).T
        expected = chips[:, 2:].T
        estimate = flow[:, rows, columns]
        distances.append(np.hypot(*(estimate - expected)))
        product = product + np.nansum(estimate * expected)
        square = square + np.sum(expected[:, np.isfinite(estimate[0])] ** 2)
        fractions.append(np.isfinite(u)[moreno.ice].mean())
    return {
        "agreement": np.nanmedian(np.concatenate(distances)),
        "along": product / square - 1,
        "closure": np.nanmedian(_closure_error(flows)[moreno.ice]),
        "still": np.mean(spreads),
        "still_bias": np.mean(biases),
        "valid": np.mean(fractions),
    }


def _closure_error(flows: Sequence[Flow]) -> Component:
    """Distance between the first two flows in sequence and the third, in pixels."""
    first, second, direct = flows[:3]
    return np.hypot(*(compose_flows(first, second, outside=np.nan) - direct))
