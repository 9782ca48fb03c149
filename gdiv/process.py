"""Settings of the process that make threads and memory cheap, made when gdiv is imported."""

import ctypes
import os

__all__ = ["prepare_process"]

#: Parameters of `mallopt` in the C library of GNU, and their values in bytes. By default it returns
#: freed memory above 32 MB to the system, which must clear it at the next use: a third of the time
#: of a large pair. See https://sourceware.org/glibc/manual/latest/html_node/Malloc-Tunable-Parameters.html
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT = {MMAP_THRESHOLD: 64 * 2**20, TRIM_THRESHOLD: 256 * 2**20}


def prepare_process() -> None:
    """Let idle threads sleep and freed memory be reused, unless the environment says otherwise.

    The command, its kernels and cluster workers all import gdiv and so share these settings, except
    that Dask's workers have a setting of their own for memory.
    """
    # Read once, when torch is loaded. Idle OpenMP threads then sleep instead of spinning, which
    # would slow down other processes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    chosen_by_user = any(name.startswith("MALLOC_") for name in os.environ)
    if os.name == "posix" and not chosen_by_user:
        set_parameter = getattr(ctypes.CDLL(None), "mallopt", None)  # only GNU has it
        for parameter, value in KEPT.items():
            if set_parameter is not None:
                set_parameter(parameter, value)
