"""Check the disk space for stores before they are written."""

import errno
import shutil
from pathlib import Path

import xarray as xr

__all__ = ["check_space", "stored_size"]

#: Size of a compressed store relative to its size in memory: in the demo, 0.7 to 0.9 for
#: displacements and series, and 0.45 for the cube.
COMPRESSED = 0.8


def stored_size(path: Path) -> int:
    """Return the size of a file, or of all files of a store.

    Parameters
    ----------
    path : Path
        File or folder.

    Returns
    -------
    int
        Size in bytes.
    """
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def check_space(dataset: xr.Dataset, path: Path) -> None:
    """Check that a dataset fits on the disk, before hours of work are lost on a full disk.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset to be written.
    path : Path
        Its store. The space of an existing store and of its unfinished part counts as free.

    Raises
    ------
    OSError
        If the free space is less than the compressed size of the dataset.
    """
    needed = COMPRESSED * dataset.nbytes
    taken = sum(stored_size(each) for each in (path, path.with_suffix(".part")) if each.exists())
    free = shutil.disk_usage(path.parent).free + taken
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"{path.stem} takes about {needed / 1e9:.2f} GB, but only {free / 1e9:.2f} GB are free "
            f"in its folder; free some space and repeat the command, which then resumes",
        )
