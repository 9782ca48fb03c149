"""Claims: the numbers of a run that are worth quoting, each with unit and meaning, in its `claims.json`."""

import json
import textwrap
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import numpy as np

from gdiv.study.store import write_json

WIDTH = 96  # columns of a terminal
ROWS = 8  # claims of one kind from which on they are a table


def read_claims(folder: Path) -> dict[str, dict]:
    """The claims of the run in `folder` by key, each with `value`, `unit`, `meaning`; empty before there are any."""
    file = folder / "claims.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def record_claim(folder: Path, key: str, value: float, unit: str, meaning: str) -> None:
    """Add a claim, or take an earlier one of that key away where the value is not finite."""
    claims = read_claims(folder)
    if np.isfinite(value):
        claims[key] = {"value": float(f"{value:.4g}"), "unit": unit, "meaning": meaning}
    else:
        claims.pop(key, None)
    write_json(folder / "claims.json", dict(sorted(claims.items())))


def forget_claims(folder: Path, keys: Iterable[str]) -> None:
    """Drop the claims of a notebook that is about to run: it may not make them again."""
    if claims := read_claims(folder):
        write_json(
            folder / "claims.json", {key: claim for key, claim in claims.items() if key not in keys}
        )


def format_claims(claims: dict[str, dict], groups: dict[str, list[str]]) -> str:
    """Claims as text for a terminal, at most `WIDTH` columns wide.

    Parameters
    ----------
    claims
        As of `read`.
    groups
        Keys of claims by the title to print above them.

    Returns
    -------
    str
        One block per group. Claims of one kind on several matchers or networks are a table, one row
        each; the others are one line each, with their meaning.
    """
    blocks = []
    for title, keys in groups.items():
        chosen = {key: claims[key] for key in keys if key in claims}
        if chosen:
            kinds = _kinds(chosen)
            single = [key for key in chosen if key not in {k for kind in kinds for k in kind}]
            parts = [_lines({key: chosen[key] for key in single})] if single else []
            parts += [_rows({key: chosen[key] for key in kind}) for kind in kinds]
            blocks.append("\n".join([title, *parts]))
    return "\n\n".join(blocks)


def _kinds(claims):
    """Keys KIND.ROW.COLUMN that fill a table: those of a kind with several rows and columns."""
    kinds: dict[str, list[str]] = {}
    for key in claims:
        if key.count(".") == 2:
            kinds.setdefault(key.split(".")[0], []).append(key)
    return [keys for keys in kinds.values() if len(keys) > ROWS]


def _lines(claims):
    width = max(map(len, claims))
    lines = []
    for key, claim in claims.items():
        head = f"  {key:<{width}} {claim['value']:>9g} {claim['unit']:<7}"
        wrapped = textwrap.wrap(claim["meaning"], max(WIDTH - len(head), 20)) or [""]
        lines.append(head + wrapped[0])
        lines += [" " * len(head) + more for more in wrapped[1:]]
    return "\n".join(lines)


def _rows(claims):
    """Claims KIND.ROW.COLUMN of one kind, as many columns side by side as fit."""
    kind = next(iter(claims)).split(".")[0]
    cells = {tuple(key.split(".")[1:]): claim for key, claim in claims.items()}
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    units = {column: claim["unit"] for (_, column), claim in cells.items()}
    label = max(map(len, [*rows, kind])) + 2
    lines = []
    while columns:
        part, columns, wide = _that_fit(columns, WIDTH - label)
        lines.append(f"  {kind:<{label - 2}}" + "".join(f"{name:>{wide[name]}}" for name in part))
        lines.append(" " * label + "".join(f"{units[name]:>{wide[name]}}" for name in part))
        for row in rows:
            shown = ""
            for name in part:
                value = f"{cells[row, name]['value']:.3g}" if (row, name) in cells else ""
                shown += f"{value:>{wide[name]}}"
            lines.append(f"  {row:<{label - 2}}{shown}")
    return "\n".join(lines)


def _that_fit(columns, room):
    """The first columns that fit side by side, those left over, and the width of each."""
    wide = {name: max(len(name), 7) + 2 for name in columns}
    count = sum(total <= room for total in accumulate(wide.values())) or 1
    return columns[:count], columns[count:], wide
