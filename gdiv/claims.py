"""Claims: the numbers of a run that are worth quoting, each with unit and meaning, in its `claims.json`."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gdiv.store import write_json


def read(folder: Path) -> dict[str, dict]:
    """The claims of the run in `folder` by key, each with `value`, `unit`, `meaning`; empty before there are any."""
    file = folder / "claims.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def record(folder: Path, key: str, value: float, unit: str, meaning: str) -> None:
    """Add a claim, or take an earlier one of that key away where the value is not finite."""
    claims = read(folder)
    if np.isfinite(value):
        claims[key] = {"value": float(f"{value:.4g}"), "unit": unit, "meaning": meaning}
    else:
        claims.pop(key, None)
    write_json(folder / "claims.json", dict(sorted(claims.items())))


def forget(folder: Path, keys: Iterable[str]) -> None:
    """Drop the claims of a notebook that is about to run: it may not make them again."""
    if claims := read(folder):
        write_json(folder / "claims.json", {key: claim for key, claim in claims.items() if key not in keys})


def table(claims: dict[str, dict]) -> str:
    """Claims as aligned text, a line each."""
    width = max((len(key) for key in claims), default=0)
    return "\n".join(
        f"  {key:<{width}}  {claim['value']:>9g} {claim['unit']:<8} {claim['meaning']}" for key, claim in claims.items()
    )
