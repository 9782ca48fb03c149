"""Detect damaged results by recording the size and hash of each file and checking them on use.

Chunks of datasets have checksums, so flipped bits are detected when a chunk is read. A missing
chunk would read as no data, so files are counted.
"""

import hashlib
from pathlib import Path
from typing import Any

import xarray as xr

from gdiv.files import Location, file_sizes, read_record, short_message, write_json
from gdiv.study.results import locate
from gdiv.study.storage import zarr_target

__all__ = [
    "RECORD",
    "check_run",
    "describe_damage",
    "measure_size",
    "read_state",
    "recorded_sizes",
    "update_size",
]

#: File in which a run records its notebooks.
RECORD = "run.json"
#: Largest file that is hashed as a whole, bytes.
LARGEST_HASHED = 2**26


def measure_size(path: Location) -> list[Any]:
    """Record the size and hash of a file or a store.

    Parameters
    ----------
    path : Path or upath.UPath
        File or store.

    Returns
    -------
    list
        For a store: number of files and bytes. For a file: 1, bytes, and a hash unless it is
        large.
    """
    if not isinstance(path, Path) or path.is_dir():
        sizes = file_sizes(path)
        return [len(sizes), sum(sizes)]
    size = path.stat().st_size
    if size > LARGEST_HASHED:
        return [1, size]
    return [1, size, hashlib.sha256(path.read_bytes()).hexdigest()[:16]]


def describe_damage(path: Location, recorded: list[Any]) -> str:
    """Describe the difference between a result and its record.

    Parameters
    ----------
    path : Path or upath.UPath
        File or store.
    recorded : list
        From `measure_size`.

    Returns
    -------
    str
        The difference; empty if there is none.
    """
    if not path.exists():
        return "it is missing"
    found = measure_size(path)
    if found == recorded:
        return ""
    if found[0] != recorded[0]:
        return f"it has {found[0]} files instead of {recorded[0]}"
    if found[1] != recorded[1]:
        return f"it has {found[1]} bytes instead of {recorded[1]}"
    return "its content has changed"


def check_run(folder: Path) -> dict[str, str]:
    """Check every result that a run has recorded, and read every chunk of its datasets.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    dict of str to str
        Fault of each result, by its path; empty if there is none.
    """
    found = {}
    for name, recorded in recorded_sizes(folder).items():
        path = locate(folder, name)
        found[name] = describe_damage(path, recorded)
        if not found[name] and path.suffix == ".zarr":
            found[name] = _unreadable(path)
    return found


def _unreadable(store: Location) -> str:
    """Reason why a chunk of a store cannot be read; empty if all can be read."""
    try:
        with xr.open_zarr(**zarr_target(store), consolidated=False, chunks={}) as data:
            for variable in data.variables.values():
                if variable.chunks is not None:
                    for block in variable.data.blocks.ravel():  # one at a time, to bound the memory
                        block.compute()
    except Exception as error:  # any codec may fail
        return f"a chunk cannot be read ({short_message(error)})"
    return ""


def recorded_sizes(folder: Path) -> dict[str, list[Any]]:
    """Read the records of all results of a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    dict of str to list
        From `measure_size`, by the path of the result below the folder.
    """
    return {
        name: recorded
        for measures in _measures_of(read_state(folder))
        for name, recorded in measures.items()
    }


def update_size(folder: Path, name: str) -> None:
    """Update the record of a result, for example after a notebook was run by hand.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    name : str
        Path of the result below the folder.
    """
    state = read_state(folder)
    recorded = [measures for measures in _measures_of(state) if name in measures]
    for measures in recorded:
        measures[name] = measure_size(locate(folder, name))
    if recorded:
        write_json(folder / RECORD, state)


def _measures_of(state: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """Records of the results of each notebook; other content of the file is ignored."""
    return [entry.get("measures", {}) for entry in state.values() if isinstance(entry, dict)]


def read_state(folder: Path) -> dict[str, Any]:
    """Read the record of each notebook's last success.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    dict
        Records by the number of the notebook; empty if the file is damaged or missing.
    """
    return read_record(folder / RECORD)
