"""Scenes too large to be matched whole: by blocks, each with a halo of its surroundings.

What happens at a pixel reaches others, in Horn-Schunck through smoothness, on the coarsest level farthest, in
RAFT through what its layers see, and fades with distance. A halo deep enough makes a block's inner part the same
as if the scene had been matched whole.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from gdiv.flow.horn_schunck.kernels_numba import BEYOND
from gdiv.flow.horn_schunck.solver import DEFAULT, MIN_SIDE, Settings, solve_horn_schunck

if TYPE_CHECKING:
    from gdiv.flow.raft.network import Raft


def solve_in_blocks(
    reference,
    secondary,
    settings: Settings = DEFAULT,
    mask: np.ndarray | None = None,
    block: int = 2048,
    halo: int = 512,
    workers: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement of a large pair. Beside the answer, a block with its halo a worker is in memory, or a strip of rows.

    Parameters
    ----------
    reference, secondary
        `(H, W)`, NumPy arrays or anything that gives one when sliced (a memory map, a Zarr array); NaN is no data.
    settings
        With `contrast` as feature: the others are scaled by the whole image.
    mask
        As of `gdiv.flow.horn_schunck.solver.horn_schunck`.
    block, halo
        Pixels: the blocks' side, and how much each sees around it. Multiples of the coarsest level's pixel
        (16 for five levels), so that all blocks have one pyramid. With a halo of 256 blocks agree with the whole
        to a thousandth of a pixel (the median filter's step where flows differ by more than 16); at the rim of
        a void or of what `mask` leaves out, to a few hundredths.
    workers
        Blocks at a time, in threads. The answer does not depend on it.

    Returns
    -------
    u, v
        float32 `(H, W)`, as of `gdiv.flow.horn_schunck.solver.horn_schunck`.

    Raises
    ------
    ValueError
        If the shapes differ, the sides are no such multiples, a block is too small for the pyramid, or the
        feature is not `contrast`.
    """
    shape = tuple(reference.shape)
    if len(shape) != 2 or shape != tuple(secondary.shape):
        raise ValueError(
            f"two images of one (H, W) shape are needed, got {shape} and {tuple(secondary.shape)}"
        )
    if mask is not None and tuple(mask.shape) != shape:
        raise ValueError(f"the mask's shape {tuple(mask.shape)} is not the images' {shape}")
    if settings.feature != "contrast":
        raise ValueError(
            f"blocks need the feature contrast; {settings.feature} is scaled by the whole image"
        )
    settings = replace(settings, levels=settings.levels_of(shape))
    pixel = 2 ** (settings.levels - 1)
    if block % pixel or halo % pixel:
        raise ValueError(
            f"block and halo must be multiples of {pixel} pixels, got {block} and {halo}"
        )
    if block // 2 + halo < MIN_SIDE * pixel and max(shape) > block:
        raise ValueError(
            f"half a block and its halo must have {MIN_SIDE * pixel} pixels, got {block // 2 + halo}"
        )

    grains = [_grain(image, _spans(shape[0], block)) for image in (reference, secondary)]
    u, v = np.empty(shape, np.float32), np.empty(shape, np.float32)

    def solve(window):
        inner, outer, kept = window
        counted = None if mask is None else mask[outer]
        images = (np.asarray(image[outer]) for image in (reference, secondary))
        found = solve_horn_schunck(*images, settings, counted, grains)
        u[inner], v[inner] = found[0][kept], found[1][kept]

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(solve, _windows(shape, block, halo)))
    return u, v


def predict_in_blocks(
    network: "Raft", reference, secondary, block: int = 1024, halo: int = 128
) -> np.ndarray:
    """RAFT's flow `(2, H, W)` in pixels of a large pair, a block with its halo in memory.

    Block and halo are multiples of 8, so that blocks share the whole's cells. What a network scales by the whole
    image (the floor of the contrast, the features' mean) it scales by the block; with the `gdiv` preset that changes
    hundredths of a pixel.

    Raises
    ------
    ValueError
        If the shapes differ, or block or halo are no such multiples.
    """
    from gdiv.flow.raft.network import predict_flow

    if tuple(reference.shape) != tuple(secondary.shape):
        raise ValueError(
            f"two images of one shape are needed, got {reference.shape} and {secondary.shape}"
        )
    if block % 8 or halo % 8:
        raise ValueError(f"block and halo must be multiples of 8 pixels, got {block} and {halo}")
    shape = tuple(reference.shape[-2:])
    flow = np.empty((2, *shape), np.float32)
    for inner, outer, kept in _windows(shape, block, halo):
        images = (np.asarray(image[..., *outer]) for image in (reference, secondary))
        flow[:, *inner] = predict_flow(network, *images)[:, *kept]
    return flow


def _windows(shape, block, halo):
    """Of each block the slices of itself, of it with its halo, and of itself within that."""
    for span in product(*(_spans(side, block) for side in shape)):
        inner = tuple(slice(start, stop) for start, stop in span)
        outer = tuple(
            slice(max(start - halo, 0), min(stop + halo, side))
            for (start, stop), side in zip(span, shape, strict=True)
        )
        kept = tuple(
            slice(own.start - around.start, own.stop - around.start)
            for own, around in zip(inner, outer, strict=True)
        )
        yield inner, outer, kept


def _spans(side, block):
    """Starts and ends of blocks; what is left over is added to the last one if it is less than half a block."""
    starts = list(range(0, side, block))
    if len(starts) > 1 and side - starts[-1] < block / 2:
        starts.pop()
    return list(zip(starts, [*starts[1:], side], strict=True))


def _grain(image, spans):
    """As `gdiv.flow.horn_schunck.kernels_numba.grain`, some rows at a time."""
    total = count = 0.0
    for top, bottom in spans:
        rows = np.asarray(image[top:bottom], np.float32)
        steps = np.abs(np.diff(np.where(np.abs(rows) < BEYOND, rows, np.nan), axis=1))
        known = np.isfinite(steps)
        total += float(steps.sum(where=known, dtype=np.float64))
        count += float(known.sum())
    return total / count if count else 0.0
