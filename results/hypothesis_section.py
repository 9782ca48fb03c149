"""Section on networks: comparison of training on Horn-Schunck labels and on exact motion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from published_values import MISSING, format_table
from scipy import stats

__all__ = ["hypothesis_lines"]

#: Titles of the networks and of their training data.
NETWORKS = {
    "paper": "the paper's, 5.2 million weights",
    "gdiv": "gdiv's, without Horn-Schunck, 0.23 million weights",
    "small": "of the size of RAFT-small, 1.0 million weights",
    "gdiv, Sobel x and y": "gdiv's, given Sobel's x and y as two bands",
}
SOURCES = {
    "drawn": "drawn pairs",
    "truth": "exact motion of the twin",
    "paper labels": "labels from the paper's Horn-Schunck",
    "labels": "labels from gdiv's Horn-Schunck",
    "mixed": "half labels, half drawn pairs",
}


def hypothesis_lines(results: Mapping[str, Any]) -> list[str]:
    """Format the section that compares training data.

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
        "## Training on labels or on exact motion",
        "",
        "The paper trains its network on Horn-Schunck labels and then uses the network instead of "
        f"Horn-Schunck. Here each network is first trained for {first:,} steps on drawn pairs, and "
        f"then for {steps} steps on one source, with {results['batch']} samples of 64 x 64 px per "
        "step. Rows *from random weights* use labels for all of these steps, as in the paper, and "
        "one seed. The pairs of the second training are those of the synthetic twin of Argentière "
        "(not satellite data). The score is the mean end-point error against its exact motion in "
        "two windows that no training tile overlaps, except under the random split, where training "
        "includes the ice of these windows. Labels are scored where they exist. The table gives "
        f"the mean ± standard deviation over {seeds} seeds of the second training. The last column "
        "is the mean of the paired differences between the error of a row and that of exact "
        "motion, with its 95 % interval (Student's t). Negative values favour the row. The "
        "training is limited to what a CPU allows, far below the paper's 14,871 tiles and 100 "
        "epochs.",
        "",
        *format_table(
            (
                "network",
                "learned from",
                "error, px",
                "bias along flow",
                "error minus that of exact motion, px",
            ),
            cells,
        ),
        "",
        "At this scale, no network is nearly as accurate as the labels that it is trained on "
        "(error at least 2.87 px against 0.23 px). gdiv's network learns more from labels than "
        "from exact motion, probably because labels are missing where the images cannot be "
        "matched. Scores of the random split are lower, because the network was trained on the "
        "same ice. The networks with a stride of 8 (those of the paper and of the size of "
        "RAFT-small) learn nothing from so few samples.",
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
