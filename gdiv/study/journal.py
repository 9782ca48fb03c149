"""Journal of a running notebook: what it reads and writes, one line each, for the run that executes it."""

import os
from pathlib import Path

JOURNAL = "GDIV_JOURNAL"  # environment variable: the file that a run wants to be written


def log_access(action: str, name: str) -> None:
    """Note that this process has `read` or `wrote` the thing called `name`, if a run asks for it."""
    if place := os.environ.get(JOURNAL):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{action} {name}\n")


def read_journal(place: Path, action: str) -> list[str]:
    """Names noted with `action` in the journal `place`, sorted, each once."""
    lines = place.read_text(encoding="utf-8").splitlines()
    return sorted({line.partition(" ")[2] for line in lines if line.partition(" ")[0] == action})
