"""Section of the page on networks: whether Horn-Schunck labels or exact motion teach more."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from published_values import MISSING, format_table
from scipy import stats

__all__ = ["hypothesis_lines"]

#: Titles of the networks and of what they learn from.
NETWORKS = {
    "paper": "the paper's, 5.2 million weights",
    "gdiv": "gdiv's, alone, 0.23 million",
    "small": "as large as RAFT-small, 1.0 million",
    "gdiv, Sobel x and y": "gdiv's, given Sobel's x and y as two bands",
}
SOURCES = {
    "drawn": "drawn pairs",
    "truth": "exact motion of the twin",
    "paper labels": "labels by the paper's Horn-Schunck",
    "labels": "labels by gdiv's Horn-Schunck",
    "mixed": "half labels, half drawn pairs",
}


def hypothesis_lines(results: Mapping[str, Any]) -> list[str]:
    """Section on what teaches more.

    Parameters
    ----------
    results : dict
        Published results of `bench/hypothesis.py`.

    Returns
    -------
    list of str
        Lines of Markdown.
    """
    rows = results["rows"]
    first, steps = results["first_steps"], results["steps"]
    seeds = len({row["seed"] for row in rows})
    fixed = {"zero motion": results["zero"]}
    fixed |= {SOURCES[name]: scores for name, scores in results["labels"].items()}
    cells = [
        (name, MISSING, f"{scores['error']:.2f}", f"{100 * scores['along']:+.1f} %", MISSING)
        for name, scores in fixed.items()
    ]
    for network, title in NETWORKS.items():
        cells += _network_cells([row for row in rows if row["network"] == network], title)
    return [
        "## Do labels or exact motion teach more?",
        "",
        "The paper trains its network on Horn-Schunck labels and lets it replace them. Here each "
        f"network is first trained for {first:,} steps on drawn pairs, and then for {steps} more "
        f"on one source, by {results['batch']} samples of 64 x 64 px a step. Rows *from random "
        "weights* have all of these steps on labels, as in the paper, and one seed. The source is "
        "the synthetic twin of Argentière (not satellite data). The score is the distance from its "
        "exact motion in two windows that no training tile overlaps; labels themselves are scored "
        "where there are any. Under the random split, training has seen the ice. Mean ± standard "
        f"deviation of {seeds} seeds of the second training; the last column is the mean of the "
        "paired differences between seeds, with its 95 % interval (Student's t). This is a CPU's "
        "scale, far from the paper's 14,871 tiles and 100 epochs.",
        "",
        *format_table(
            (
                "network",
                "learned from",
                "error, px",
                "motion lost",
                "error less exact motion's",
            ),
            cells,
        ),
        "",
        "At this scale no network comes near the labels that it learns from. Labels teach more "
        "than exact motion, probably because they are missing where the images cannot be matched. "
        "A random split flatters. The networks of stride 8 learn nothing from so few samples.",
    ]


def _network_cells(rows: Sequence[Mapping[str, Any]], title: str) -> list[tuple[str, ...]]:
    """Rows of one network."""
    groups: dict[tuple[str, str, bool], dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["split"], row["source"], row["alone"])
        groups.setdefault(key, {})[row["seed"]] = row
    exact = groups.get(("space", "truth", False), {})
    cells = []
    for (split, source, alone), by_seed in groups.items():
        learned = SOURCES[source]
        if split == "random":
            learned += ", random split"
        if alone:
            learned += ", from random weights"
        errors = [row["error"] for row in by_seed.values()]
        along = [100 * row["along"] for row in by_seed.values()]
        paired = [] if alone or by_seed is exact else sorted(set(by_seed) & set(exact))
        differences = [by_seed[seed]["error"] - exact[seed]["error"] for seed in paired]
        lost = f"{_spread(along, '+.1f')} %"
        cells.append((title, learned, _spread(errors, ".2f"), lost, _mean(differences)))
    return cells


def _spread(values: Sequence[float], form: str) -> str:
    """Mean with the standard deviation, if there is more than one value."""
    text = format(np.mean(values), form)
    return f"{text} ± {np.std(values, ddof=1):{form.strip('+')}}" if len(values) > 1 else text


def _mean(differences: Sequence[float]) -> str:
    """Mean with its interval."""
    if len(differences) < 2:
        return MISSING
    low, high = stats.ttest_1samp(differences, 0).confidence_interval()
    return f"{np.mean(differences):+.2f} ({low:+.2f} to {high:+.2f})"
