"""Published numbers, names and sentences shared by several generated tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from gdiv import load_published
from gdiv.study.claims import Claim
from gdiv.study.paper import STAKES

__all__ = [
    "STUDY_MATCHERS",
    "Claims",
    "check_values",
    "compression_note",
    "format_claim",
    "format_table",
    "paper_stake_errors",
    "row_name",
]

#: Claims of a run by key.
Claims: TypeAlias = Mapping[str, Claim]

#: Matchers of the study, in the order of the tables.
STUDY_MATCHERS = ("zero", "horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")
#: Cell of a value that a run does not have.
MISSING = "–"


def format_claim(claims: Claims, key: str, form: str = "{:.2f}") -> str:
    """Format the value of a claim, or a dash if the run has no such claim."""
    return form.format(claims[key]["value"]) if key in claims else MISSING


def row_name(matcher: str) -> str:
    """Name of a matcher in a table, with a note if it is a hybrid."""
    return "raft (hybrid)" if matcher == "raft" else matcher


def format_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table.

    Parameters
    ----------
    heads : sequence of str
        Titles of the columns.
    rows : iterable of sequence of str
        Cells of each row.

    Returns
    -------
    list of str
        Lines without line endings.
    """
    lines = [_format_row(heads), "|---" * len(heads) + "|"]
    return lines + [_format_row(row) for row in rows]


def _format_row(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def check_values(name: str) -> dict[str, Any]:
    """Values of a check of `results/checks.py` by name, as published."""
    return load_published("checks")[name]["values"]


def paper_stake_errors() -> tuple[float, float]:
    """Mean absolute difference from the stakes of the paper, m/yr: Horn-Schunck, RAFT."""
    differences = STAKES.sub(STAKES["measured"], axis=0).abs()
    return float(differences["horn-schunck"].mean()), float(differences["raft"].mean())


def compression_note() -> str:
    """Note on the effect of compression in the Perito Moreno scenes on all their results."""
    edges = check_values("block_edges")
    return (
        "The scenes of Perito Moreno are 8-bit JPEG renderings, not reflectances, and the "
        "compression grid is fixed to the pixels: on clear dates, brightness steps at block edges "
        f"are {edges['least']} to {edges['most']} times the average. This pattern biases every "
        "matcher towards zero motion and makes closure and the spread on stable ground too small."
    )
