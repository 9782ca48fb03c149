"""Table that compares the difficulty of the twin with real pairs."""

from collections.abc import Mapping
from typing import Any

from published_values import format_table

from gdiv.flow.matchers.registry import matcher_label

__all__ = ["realism_table"]

MATCHERS = ("horn-schunck", "raft", "correlation", "dis")


def realism_table(results: Mapping[str, Any]) -> str:
    """Format spread of stable ground, registration and correlation of real pairs and the twin.

    Parameters
    ----------
    results : dict
        Published results of `results/realism.py`.

    Returns
    -------
    str
        Introduction and tables in Markdown.
    """
    real = results["real"]
    easy, hard = results["easy"], results["hard"]
    moreno = real["perito-moreno"]
    introduction = (
        "Pairs of Perito Moreno, 10 to 20 days apart: real pairs, and pairs of its twin with all "
        "difficulties off and on. The last columns are the ratio twin / real. The real scenes are "
        "JPEG renderings; the Landsat pair of Yahtse shows the range between real sites."
    )
    heads = (
        "per pair",
        "real, Perito Moreno",
        "real, Yahtse",
        "twin, off",
        "twin, on",
        "off / real",
        "on / real",
    )
    rows = []
    for name in MATCHERS:
        label = f"stable ground, NMAD, {matcher_label(name)}, px"
        values = [part[name]["nmad"] for part in _parts(results)]
        rows.append((label, *_cells(values)))
    registration = [part["registration"] for part in _parts(results)]
    rows.append(("spread of the registration, px", *_cells(registration)))
    ground = [part["dis"]["ground"] for part in _parts(results)]
    rows.append(("correlation of stable ground after DIS", *_cells(ground)))
    ice = [part["dis"]["ice"] for part in _parts(results)]
    rows.append(("correlation of ice after DIS, 10 to 20 days", *_cells(ice)))
    zmutt = real["zmutt"]["dis"]["ice"]
    annual = [part["mer-de-glace"]["dis"]["ice"] for part in (easy, hard)]
    note = (
        f"After one year, the correlation of ice after DIS is {zmutt:.2f} for the real pair of "
        f"Zmutt, and {annual[0]:.2f} and {annual[1]:.2f} for the twin of Mer de Glace. Errors of "
        "the scene classification could not be calibrated, because none of these real scenes has "
        f"one. Values are averages of {moreno['pairs']} pairs."
    )
    return "\n".join([introduction, "", *format_table(heads, rows), "", note])


def _parts(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Measurements of the columns: both real sites, and the twin with difficulties off and on."""
    real = results["real"]
    return [
        real["perito-moreno"],
        real["yahtse"],
        results["easy"]["perito-moreno"],
        results["hard"]["perito-moreno"],
    ]


def _cells(values: list[float]) -> list[str]:
    """Cells of the values, and of the twin's values relative to the first."""
    ratios = [value / values[0] for value in values[2:]]
    return [f"{value:.3f}" for value in values] + [f"{ratio:.2f}" for ratio in ratios]
