"""Arrays of one pyramid level on a CPU, and one warp with them."""

import math

import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, f32
from gdiv.flow.horn_schunck.levels import Level
from gdiv.flow.horn_schunck.relaxation import (
    EDGE,
    linearise,
    merge_colours,
    relax,
    split_colours,
)
from gdiv.flow.horn_schunck.settings import Stencil
from gdiv.flow.horn_schunck.warping import pad_for_bicubic, warp

__all__ = ["Workspace", "allocate_colours"]

_CACHE_LINE = 64  # bytes on x86 and most ARM processors
_FLOATS = 16  # float32 values in a cache line
_REACH = 3  # pixels that the longest central difference reads on each side


class Workspace:
    """Arrays of one pyramid level that its warps share.

    Parameters
    ----------
    reference, secondary : Level
        The two images at this level.
    mask : ndarray
        float32 ``(H, W)``, one where a pixel enters the data term, else zero.
    stencil : tuple of float
        Weights of the central difference at one, two and three pixels.
    """

    def __init__(
        self,
        reference: Level,
        secondary: Level,
        mask: FloatArray,
        stencil: Stencil,
    ) -> None:
        height, width = reference.shape
        self.reference = reference
        self.secondary = secondary
        self.mask = mask
        self.stencil = np.asarray(stencil, np.float32)
        self.padded_reference = pad_for_bicubic(reference.image)
        self.padded_secondary = pad_for_bicubic(secondary.image)
        (self.a, self.b, self.c), (self.u, self.v) = allocate_colours(height, width, 3)
        self.mean = np.empty((height, width + 2 * _REACH), np.float32)
        self.moved_reference = np.empty(reference.shape, np.float32)
        self.moved_reference_valid = np.empty(reference.shape, np.float32)
        self.moved_secondary = np.empty(reference.shape, np.float32)
        self.moved_secondary_valid = np.empty(reference.shape, np.float32)

    def update_flow(
        self, u: FloatArray, v: FloatArray, weight: float, omegas: FloatArray, symmetric: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Solve the equations linearised at a displacement.

        Parameters
        ----------
        u, v : ndarray
            float32 ``(H, W)``, displacement (pixel) to linearise at, overwritten with the solution.
        weight : float
            Weight of the smoothness term.
        omegas : ndarray
            Relaxation factor of each Jacobi step.
        symmetric : bool
            Warp both images by half of the displacement, not the secondary by all of it.

        Returns
        -------
        u, v : ndarray
            The arrays passed, which hold the solution.
        """
        if symmetric:
            reference = self.moved_reference
            reference_valid = self.moved_reference_valid
            warp(
                self.padded_reference,
                self.reference.valid,
                u,
                v,
                f32(-0.5),
                reference,
                reference_valid,
            )
        else:
            reference = self.reference.image
            reference_valid = self.reference.valid
        warp(
            self.padded_secondary,
            self.secondary.valid,
            u,
            v,
            f32(0.5 if symmetric else 1),
            self.moved_secondary,
            self.moved_secondary_valid,
        )
        linearise(
            reference,
            self.moved_secondary,
            reference_valid,
            self.moved_secondary_valid,
            self.mask,
            u,
            v,
            f32(weight),
            self.stencil,
            self.mean,
            self.a,
            self.b,
            self.c,
        )
        split_colours(u, self.u)
        split_colours(v, self.v)
        relax(self.a, self.b, self.c, self.u, self.v, u.shape[1], omegas)
        merge_colours(self.u, u)
        merge_colours(self.v, v)
        return u, v


def allocate_colours(
    height: int, width: int, coefficients: int
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Allocate the arrays in which the pixels of each colour of a chessboard are contiguous.

    Parameters
    ----------
    height, width : int
        Sides of the image.
    coefficients : int
        Number of coefficients of the linear equations.

    Returns
    -------
    coefficients : list of ndarray
        float32 ``(2, H, half row)``, uninitialised.
    components : list of ndarray
        Two of float32 ``(2, H, half row)``, with `EDGE` values of padding at both sides of a row.
    """
    half = (width + 1) // 2
    row = -(-half // _FLOATS) * _FLOATS
    # Rows spaced by a power of two would compete for the same cache sets. An odd number of cache
    # lines per row avoids that.
    even = row // _FLOATS % 2 == 0
    coefficient_row = row + _FLOATS * even
    flow_row = row + 2 * EDGE + _FLOATS * (not even)
    return (
        [_allocate_aligned(2, height, coefficient_row) for _ in range(coefficients)],
        [_allocate_aligned(2, height, flow_row) for _ in range(2)],
    )


def _allocate_aligned(*shape: int) -> FloatArray:
    """Uninitialised float32 array that starts on a cache line."""
    nbytes = 4 * math.prod(shape)
    memory = np.empty(nbytes + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + nbytes].view(np.float32).reshape(shape)
