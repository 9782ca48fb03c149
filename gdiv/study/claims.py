"""Claims: the quotable numbers of a run, each with unit and meaning, in its ``claims.json``."""

import json
import textwrap
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias, TypedDict

import numpy as np
import pandas as pd

from gdiv.files import write_json
from gdiv.study.workspace import StudyError

__all__ = [
    "Claim",
    "claims_frame",
    "forget_claims",
    "format_claims",
    "read_claims",
    "record_claim",
]

#: Width of a terminal, characters.
WIDTH = 96
#: Minimum number of claims of one kind that are printed as a table.
ROWS = 8
#: Smallest widths, in characters, of a column of a table and of the meaning beside a claim.
MIN_COLUMN = 7
MIN_MEANING = 20
#: Spaces before the label of a row, and between the columns of a table.
INDENT = "  "
GAP = 2


class Claim(TypedDict):
    """One quotable number."""

    value: float
    unit: str
    meaning: str


#: Claims by key.
Claims: TypeAlias = dict[str, Claim]


def read_claims(folder: Path) -> Claims:
    """Read the claims of a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    dict
        Claims by key, each with ``value``, ``unit`` and ``meaning``; empty if there are none.

    Raises
    ------
    StudyError
        If the file is damaged.
    """
    file = folder / "claims.json"
    if not file.exists():
        return {}
    try:
        content: Claims = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(
            f"{file} is damaged ({error}); remove it and run.json in the same folder, and the run "
            f"recreates both"
        ) from None
    return content


def record_claim(folder: Path, key: str, value: float, unit: str, meaning: str) -> None:
    """Add or replace a claim.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    key : str
        Name of the claim, such as ``mosaic.raft.rmse``: kind, row and column of a table.
    value : float
        Value, stored with four significant digits. If it is not finite, the claim is removed.
    unit : str
        Unit; "1" for fractions and counts.
    meaning : str
        Meaning in a few words.
    """
    claims = read_claims(folder)
    if np.isfinite(value):
        claims[key] = {"value": float(f"{value:.4g}"), "unit": unit, "meaning": meaning}
    else:
        claims.pop(key, None)
    write_json(folder / "claims.json", dict(sorted(claims.items())))


def claims_frame(folder: Path, start: str) -> pd.DataFrame:
    """Tabulate claims.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    start : str
        Prefix of the keys of the claims to tabulate.

    Returns
    -------
    pandas.DataFrame
        Columns ``value``, ``unit`` and ``meaning``, indexed by the key.
    """
    chosen = {key: claim for key, claim in read_claims(folder).items() if key.startswith(start)}
    return pd.DataFrame.from_dict(chosen, orient="index", columns=["value", "unit", "meaning"])


def forget_claims(folder: Path, keys: Iterable[str]) -> None:
    """Remove the claims of a notebook before it runs, since it may no longer record them.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    keys : iterable of str
        Keys of the claims to remove.
    """
    claims = read_claims(folder)
    if claims:
        forgotten = set(keys)
        kept = {key: claim for key, claim in claims.items() if key not in forgotten}
        write_json(folder / "claims.json", kept)


def format_claims(claims: Claims, groups: dict[str, list[str]]) -> str:
    """Format claims for a terminal, at most `WIDTH` columns wide.

    Parameters
    ----------
    claims : dict
        Claims by key, from `read_claims`.
    groups : dict of list of str
        Keys of claims by the title to print above them.

    Returns
    -------
    str
        One block per group. Claims of one kind for several matchers or networks form a table with
        one row each; each other claim takes one line with its meaning.
    """
    blocks = []
    for title, keys in groups.items():
        chosen = {key: claims[key] for key in keys if key in claims}
        if chosen:
            blocks.append("\n".join([title, *_format_group(chosen)]))
    return "\n\n".join(blocks)


def _format_group(claims: Claims) -> list[str]:
    """Format the claims of one group: single lines first, then tables."""
    tables = _tables(claims)
    in_tables = {key for keys in tables for key in keys}
    single = {key: claim for key, claim in claims.items() if key not in in_tables}
    parts = [_format_lines(single)] if single else []
    for keys in tables:
        parts.append(_format_table({key: claims[key] for key in keys}))
    return parts


def _tables(claims: Claims) -> list[list[str]]:
    """Keys KIND.ROW.COLUMN of each kind that has enough claims for a table."""
    kinds: dict[str, list[str]] = {}
    for key in claims:
        if key.count(".") == 2:
            kinds.setdefault(key.split(".")[0], []).append(key)
    return [keys for keys in kinds.values() if len(keys) > ROWS]


def _format_lines(claims: Claims) -> str:
    """Format one line per claim, with its meaning wrapped beside the value."""
    width = max(map(len, claims))
    lines = []
    for key, claim in claims.items():
        head = f"{INDENT}{key:<{width}} {claim['value']:>9g} {claim['unit']:<7}"
        room = max(WIDTH - len(head), MIN_MEANING)
        first, *others = textwrap.wrap(claim["meaning"], room) or [""]
        lines.append(head + first)
        lines += [" " * len(head) + other for other in others]
    return "\n".join(lines)


def _format_table(claims: Claims) -> str:
    """Table of the claims KIND.ROW.COLUMN of one kind, as many columns side by side as fit."""
    kind = next(iter(claims)).split(".")[0]
    cells: dict[str, Claims] = {}  # by column and row
    for key, claim in claims.items():
        _, row, name = key.split(".")
        cells.setdefault(name, {})[row] = claim
    rows = list(dict.fromkeys(key.split(".")[1] for key in claims))
    width = max(map(len, [*rows, kind]))
    heads = [f"{INDENT}{head:<{width}}" for head in (kind, "", *rows)]
    columns = [_format_column(name, cells[name], rows) for name in cells]
    lines = []
    while columns:
        count = _count_fitting_columns(
            [len(column[0]) for column in columns], WIDTH - len(heads[0])
        )
        lines += ["".join(texts) for texts in zip(heads, *columns[:count], strict=True)]
        columns = columns[count:]
    return "\n".join(lines)


def _format_column(name: str, claims: Claims, rows: list[str]) -> list[str]:
    """Lines of one column of a table, padded to one width: name, unit, and one value per row.

    Values have three significant digits; a row without a claim is empty.
    """
    unit = next(iter(claims.values()))["unit"]
    values = [f"{claims[row]['value']:.3g}" if row in claims else "" for row in rows]
    width = max(len(name), MIN_COLUMN) + GAP
    return [f"{text:>{width}}" for text in (name, unit, *values)]


def _count_fitting_columns(widths: list[int], room: int) -> int:
    """Number of columns that fit side by side, at least one."""
    return sum(total <= room for total in accumulate(widths)) or 1
