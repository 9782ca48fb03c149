"""Room on the disk: what a store takes, and whether it fits."""

import errno
import shutil
from pathlib import Path

import xarray as xr

__all__ = ["check_space", "stored_size"]

#: Size of a compressed store relative to that in memory: 0.7 to 0.9 for displacements and series of
#: the demo, 0.45 for its cube.
COMPRESSED = 0.8


def stored_size(path: Path) -> int:
    """Size of a file, or of all files of a store.

    Parameters
    ----------
    path : Path
        File or folder.

    Returns
    -------
    int
        Bytes.
    """
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def check_space(dataset: xr.Dataset, path: Path) -> None:
    """Check that the disk has room for a dataset, before hours of work end on a full one.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset to be written.
    path : Path
        Its store. What it and its unfinished part take already is counted as free.

    Raises
    ------
    OSError
        If less is free than the dataset takes when it is compressed.
    """
    needed = COMPRESSED * dataset.nbytes
    taken = sum(stored_size(each) for each in (path, path.with_suffix(".part")) if each.exists())
    free = shutil.disk_usage(path.parent).free + taken
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"{path.stem} takes about {needed / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free in "
            f"its folder; free some, and the same command resumes",
        )
