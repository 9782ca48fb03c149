"""Numba's compiler with the options that all kernels share."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["FloatArray", "compile_kernel", "f32", "inline_kernel"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

#: float32 array that a kernel reads or writes.
FloatArray: TypeAlias = npt.NDArray[np.float32]

#: Literals in kernels are ``f32(0.5)``: a bare ``0.5`` would turn the arithmetic into float64.
f32 = np.float32

# Reassociation lets LLVM vectorise the loops over a row. The order of a kernel's loads then decides
# how its sums are rounded: swapping two statements can change a displacement by 1e-4 pixel. NaN
# handling stays exact, because the `nnan` flag is not among the options.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}


def compile_kernel(function: Kernel) -> Kernel:
    """Compile a kernel at its first call and cache the machine code on disk.

    Parameters
    ----------
    function : callable
        Function of NumPy arrays and scalars that Numba can compile.

    Returns
    -------
    callable
        The kernel, with the signature of `function`.

    Notes
    -----
    Numba looks for a writable cache folder next to the code and in the user's home, and raises if
    there is none, as in a read-only container. In that case each process compiles the kernel.
    """
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:
        return njit(**OPTIONS)(function)


def inline_kernel(function: Kernel) -> Kernel:
    """Mark a function for inlining into every kernel that calls it.

    Parameters
    ----------
    function : callable
        Function of NumPy arrays and scalars that Numba can compile.

    Returns
    -------
    callable
        The function, with its signature.

    Notes
    -----
    Without inlining, a process has two versions of a function that calculates in floating point:
    one compiled alone, one within the kernel that calls it, and each rounds in its own way. Which
    of them runs depends on what was loaded from the cache, so that the process that compiles a
    kernel would get another displacement than the next one. Functions that only copy or count need
    not be inlined.
    """
    return njit(inline="always", **OPTIONS)(function)
