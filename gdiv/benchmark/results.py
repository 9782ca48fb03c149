"""Results of the benchmark: rows with intervals, ranks of the matchers, and a printed table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gdiv.benchmark.cases import Case, split_hash
from gdiv.benchmark.evaluation import CaseScores, Contestant
from gdiv.benchmark.intervals import Resampling, estimate, summarise
from gdiv.benchmark.kinds import KINDS
from gdiv.benchmark.scores import CLASSES

__all__ = [
    "UNIT",
    "format_real",
    "format_results",
    "relative_error",
    "shared_ranks",
    "summarise_benchmark",
]

#: Matcher whose error is the unit of relative errors: OpenCV's DIS at its finest scale, on local
#: contrast. Of the dense matchers available in libraries, it is the best on real scenes.
UNIT = "dis"


def summarise_benchmark(
    contestants: Sequence[Contestant],
    cases: Sequence[Case],
    scores: Mapping[str, Mapping[str, CaseScores]],
    skipped: Mapping[str, str],
) -> dict[str, Any]:
    """Summarise the scores of all matchers.

    Parameters
    ----------
    contestants : sequence of Contestant
        The matchers.
    cases : sequence of Case
        The requested cases.
    scores : mapping
        Scores by matcher and case, as `gdiv.benchmark.evaluation.evaluate` returns them.
    skipped : mapping
        Reason for each skipped case.

    Returns
    -------
    dict
        ``split``, ``hash`` of the recipes of the cases, ``cases`` (their number by kind),
        ``skipped``, and ``rows``: one per matcher and kind, and one for all but the smooth cases
        ("ice"). A row has the scores of each class as ``[value, low, high]``.
    """
    scored = [case for case in cases if case.name not in skipped]
    rows = []
    groups = {"ice": [case for case in scored if case.kind != "smooth"]}
    groups |= {kind: [case for case in scored if case.kind == kind] for kind in KINDS}
    for group, members in groups.items():
        if not members:
            continue
        names = [case.name for case in members]
        blocks = {name: len(scores[contestants[0].name][name].blocks.pixels) for name in names}
        resampling = Resampling(blocks)
        for contestant in contestants:
            own = {name: scores[contestant.name][name] for name in names}
            row = _row(contestant, group, own, resampling)
            rows.append(row | {"relative": relative_error(own, scores[UNIT], resampling)})
    return {
        "split": cases[0].split if cases else "",
        "hash": split_hash(list(cases)),
        "cases": {group: len(members) for group, members in groups.items() if members},
        "skipped": dict(skipped),
        "rows": rows,
    }


def _row(
    contestant: Contestant,
    group: str,
    scores: Mapping[str, CaseScores],
    resampling: Resampling,
) -> dict[str, Any]:
    """Scores of one matcher in one group of cases."""
    blocks = {name: each.blocks for name, each in scores.items()}
    ause = [each.ause for each in scores.values() if np.isfinite(each.ause)]
    return {
        "matcher": contestant.name,
        "group": group,
        "classes": {
            name: {key: _rounded(each) for key, each in values.items()}
            for name, values in summarise(blocks, resampling).items()
        },
        "seconds_per_megapixel": _round(
            np.median([e.seconds_per_megapixel for e in scores.values()])
        ),
        "ause": _round(np.mean(ause)) if ause else None,
        "trained_on": sum(name.startswith(contestant.trained_on) for name in scores),
    }


def relative_error(
    scores: Mapping[str, CaseScores], unit: Mapping[str, CaseScores], resampling: Resampling
) -> dict[str, list[float | None]]:
    """Average the error of a matcher relative to that of another, geometrically over cases.

    Every case has the same weight, however far its ice moves. Missing vectors count as no motion,
    so that leaving out difficult pixels gains nothing.

    Parameters
    ----------
    scores, unit : mapping of str to CaseScores
        Scores by case of both matchers.
    resampling : Resampling
        Weights of the replicates, the same for both.

    Returns
    -------
    dict
        ``[value, low, high]`` of each class; below 1 the matcher is better than the unit.
    """
    shape = (len(resampling.cases), len(CLASSES))
    logarithms = np.zeros(shape)
    weights = np.zeros(shape)
    for number, name in enumerate(resampling.names):
        own = _case_errors(scores[name], resampling.blocks[name])
        other = _case_errors(unit[name], resampling.blocks[name])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(own / other)
        is_valid = np.isfinite(ratio)
        case = resampling.cases[:, number, None]
        logarithms = logarithms + case * np.where(is_valid, ratio, 0)
        weights = weights + case * is_valid
    with np.errstate(invalid="ignore"):
        mean = np.exp(logarithms / weights)
    return {
        name: _rounded(estimate(mean[:, number]))
        for number, name in enumerate(CLASSES)
        if np.isfinite(mean[0, number])
    }


def _case_errors(scores: CaseScores, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean error ``(replicates, classes)`` of one case."""
    with np.errstate(invalid="ignore", divide="ignore"):
        present = scores.blocks.pixels + scores.blocks.missing
        return (weights @ scores.blocks.filled) / (weights @ present)


def _round(value: Any) -> float | None:
    """Round to four significant digits; None if not finite, as JSON requires."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _rounded(values: Sequence[float]) -> list[float | None]:
    """Rounded value, low and high."""
    return [_round(value) for value in values]


def format_results(results: Mapping[str, Any], group: str = "ice") -> str:
    """Format the error of each matcher as a table, the smallest relative error first.

    Parameters
    ----------
    results : mapping
        Results of `summarise_benchmark`.
    group : str, optional
        Kind of cases, or "ice" for all but the smooth ones.

    Returns
    -------
    str
        One line per matcher. A matcher shares a rank if its interval overlaps that of the best
        matcher of the rank.
    """
    rows = [row for row in results["rows"] if row["group"] == group]
    rows = [row for row in rows if "ice" in row["relative"]]
    rows.sort(key=lambda row: row["relative"]["ice"][0])
    width = max(len(row["matcher"]) for row in rows)
    lines = [
        f"{'':3} {'':{width}}  {'error on ice rel. to ' + UNIT:>27}  {'on ice, px':>10}  "
        f"{'margin, px':>10}  {'bias > 2 px':>11}  {'s/Mpx':>6}"
    ]
    for rank, row in zip(shared_ranks(rows), rows, strict=True):
        value, low, high = row["relative"]["ice"]
        classes = row["classes"]
        error = classes.get("ice", {}).get("error", [None])[0]
        margin = classes.get("margin", {}).get("error", [None])[0]
        bias = classes.get("ice", {}).get("bias", [None])[0]
        lines.append(
            f"{rank:3} {row['matcher']:{width}}  {value:12.2f} ({low:.2f} to {high:.2f})  "
            f"{'-' if error is None else f'{error:.3f}':>10}  "
            f"{'-' if margin is None else f'{margin:.3f}':>10}  "
            f"{'-' if bias is None else f'{100 * bias:+.1f} %':>11}  "
            f"{row['seconds_per_megapixel']:6.2f}"
        )
    return "\n".join(lines)


def shared_ranks(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Rank rows; those whose intervals overlap share a rank.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of `summarise_benchmark`, sorted by relative error.

    Returns
    -------
    list of int
        Rank of each row. A new rank begins where an interval lies above that of the best row of
        the current rank.
    """
    ranks: list[int] = []
    limit = -np.inf
    for number, row in enumerate(rows):
        _, low, high = row["relative"]["ice"]
        if low > limit or not ranks:
            ranks.append(number + 1)
            limit = high
        else:
            ranks.append(ranks[-1])
    return ranks


def format_real(results: Mapping[str, Any]) -> str:
    """Format the scores on real pairs as tables.

    Parameters
    ----------
    results : mapping
        Results of `gdiv.benchmark.evaluation.evaluate_real`.

    Returns
    -------
    str
        One table per site, with its caveat; empty if there are no results.
    """
    lines = []
    for place, result in results.items():
        scores = result["scores"]
        names = list(next(iter(scores.values())))
        width = max(map(len, scores))
        lines += ["", f"{place}: {result['caveat']}"]
        lines += [f"{'':{width}}  " + "  ".join(f"{name:>22}" for name in names)]
        for matcher, row in scores.items():
            cells = [
                f"{row[name][0]:.3f} ({row[name][1]:.3f}-{row[name][2]:.3f})" for name in names
            ]
            lines.append(f"{matcher:{width}}  " + "  ".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)
