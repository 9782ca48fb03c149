"""Journal of a running notebook: the results and files that it reads and writes, one per line.

`gdiv.study.notebook` uses the journal to decide whether a notebook must run again.
"""

import os
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["JOURNAL", "Action", "log_access", "read_journal"]

#: Environment variable that names the journal of the run that executes this process.
JOURNAL = "GDIV_JOURNAL"

#: Kind of access.
Action: TypeAlias = Literal["read", "wrote"]


def log_access(action: Action, name: str) -> None:
    """Log that this process has read or written a result, if it is part of a run.

    Parameters
    ----------
    action : {"read", "wrote"}
        Kind of access.
    name : str
        Name of the result or file.
    """
    path = os.environ.get(JOURNAL)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{action} {name}\n")


def read_journal(path: Path, action: Action) -> list[str]:
    """Read the names logged for one kind of access.

    Parameters
    ----------
    path : Path
        Journal.
    action : {"read", "wrote"}
        Kind of access.

    Returns
    -------
    list of str
        Names, sorted and without duplicates.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    entries = [line.partition(" ") for line in lines]
    return sorted({name for verb, _, name in entries if verb == action})
