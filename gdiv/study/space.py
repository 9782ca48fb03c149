"""Check the disk space for stores before they are written."""

import errno
import shutil
from pathlib import Path

import xarray as xr

from gdiv.files import Location, file_sizes

__all__ = ["check_space"]

#: Smallest size of a compressed store relative to its size in memory: in the demo, 0.3 for zero
#: motion, 0.45 for the cube, and 0.7 to 0.9 for displacements and series.
COMPRESSED = 0.3


def check_space(dataset: xr.Dataset, path: Location) -> None:
    """Check that a dataset fits on the disk, before hours of work are lost on a full disk.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset to be written.
    path : Path or upath.UPath
        Its store; object stores are not checked. The space of its unfinished part counts as free;
        that of an earlier store does not, because it is replaced only when the new one is complete.

    Raises
    ------
    OSError
        If the free space is less than the smallest compressed size of the dataset.
    """
    if not isinstance(path, Path):
        return
    needed = COMPRESSED * dataset.nbytes
    written = sum(file_sizes(path.with_suffix(".part")))
    free = shutil.disk_usage(path.parent).free + written
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"{path.stem} takes at least {needed / 1e9:.2f} GB, but only {free / 1e9:.2f} GB are "
            f"free in its folder; free some space and repeat the command, which then resumes",
        )
