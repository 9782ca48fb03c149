"""Numba's compiler with the options that all kernels share."""

from collections.abc import Callable
from typing import Any

from numba import njit

# Reassociation lets LLVM vectorise the rows; NaN handling stays exact because `nnan` is not among them.
FAST: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}


def compiled(function: Callable) -> Callable:
    """Compile a kernel at its first call; the machine code is kept on disk where Numba may write.

    Numba looks for a cache folder beside the code and in the user's home, and raises if it may write
    to neither, as in a read-only container. The kernel is then compiled anew in each process.
    """
    try:
        return njit(cache=True, **FAST)(function)
    except RuntimeError:
        return njit(**FAST)(function)
