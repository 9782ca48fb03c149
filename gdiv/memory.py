"""Reuse of freed memory, which importing gdiv switches on where the C library is GNU's."""

import ctypes
import os

__all__ = ["reuse_freed_memory"]

#: Parameters of ``mallopt``, with their values in bytes. By default the library returns freed
#: blocks above 32 MB to the system, which has to clear them when they are used again.
#: See https://man7.org/linux/man-pages/man3/mallopt.3.html
TRIM_THRESHOLD, KEPT_AT_END = -1, 256 * 2**20
MMAP_THRESHOLD, LARGEST_REUSED = -3, 64 * 2**20
#: Variables by which a user, or Dask for its workers, makes this choice.
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def reuse_freed_memory() -> bool:
    """Let the process reuse freed blocks of up to 64 MB, unless the environment has a setting.

    Returns
    -------
    bool
        True if the setting was made; False on other systems, with versions of the library before
        2.35, and where the environment has one.
    """
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if "glibc.malloc" in tunables or any(name in os.environ for name in VARIABLES):
        return False
    if os.name != "posix":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # With the second parameter alone, blocks above 128 kB would be returned, so it comes second.
    return bool(
        mallopt is not None
        and mallopt(MMAP_THRESHOLD, LARGEST_REUSED)
        and mallopt(TRIM_THRESHOLD, KEPT_AT_END)
    )
