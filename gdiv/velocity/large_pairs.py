"""Match pairs that are too large to be matched whole, block by block.

Each block is read with a halo and stored when it is finished, so that memory holds a few blocks,
whatever the size of the scene. Stable ground is judged over the whole pair: a sample of each block
is kept until all are matched.
"""

from collections.abc import Callable, Sequence
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.delayed import delayed

from gdiv.flow.blocks import BlockWindow, block_windows
from gdiv.flow.matchers.matching import Match
from gdiv.imagery.coregistration import stable_ground_statistics
from gdiv.images.arrays import Image, Mask
from gdiv.velocity.stable_ground import variance_beyond

__all__ = ["BLOCK", "HALO", "LARGE", "is_large", "match_large_pair"]

#: Pixels of a scene above which it is matched in blocks.
LARGE = 3000 * 3000
#: Side of a block and width of its halo, pixels: multiples of the coarsest pixels of Horn-Schunck
#: and of the cells of RAFT.
BLOCK = 1536
HALO = 128
#: Most pixels of stable ground of a block that are kept.
SAMPLE = 50_000
#: Fields of a match: displacement, quality, standard errors, forward-backward error.
FIELDS = 6

Matching = Callable[[Image, Image, tuple[slice, ...]], Match]


def is_large(height: int, width: int) -> bool:
    """Check whether a scene is matched in blocks.

    Parameters
    ----------
    height, width : int
        Pixels.

    Returns
    -------
    bool
        True beyond nine million pixels.
    """
    return height * width > LARGE


def match_large_pair(
    match: Matching,
    images: Sequence[da.Array],
    snow: Sequence[da.Array],
    stable: Mask,
    shift: npt.NDArray[np.float32],
    min_quality: float,
) -> tuple[da.Array, da.Array]:
    """Match one pair in blocks, lazily.

    Parameters
    ----------
    match : callable
        Matches two windows of the images; its third argument is their place, two slices.
    images : sequence of two dask.array.Array
        Reference and secondary, ``(y, x)``.
    snow : sequence of two dask.array.Array
        Snow in either, bool ``(y, x)``.
    stable : ndarray of bool, shape (H, W)
        Stable ground.
    shift : ndarray, shape (2,)
        Registration shift that is subtracted, pixels.
    min_quality : float
        Least quality of a vector that counts on stable ground.

    Returns
    -------
    fields : dask.array.Array
        float32 ``(6, y, x)``: u, v, quality, sigma_u, sigma_v and residual.
    statistics : dask.array.Array
        Bias and spread of stable ground, ``(4,)``, in pixels.
    """
    height, width = stable.shape
    windows = list(block_windows((height, width), BLOCK, HALO))
    matched = [
        delayed(_match_block)(match, *(image[window.outer] for image in images), window, shift)
        for window in windows
    ]
    samples = [
        delayed(_sample_ground)(
            block, stable[window.inner], *(each[window.inner] for each in snow), min_quality
        )
        for block, window in zip(matched, windows, strict=True)
    ]
    summary = delayed(_summarise_ground)(samples)
    finished = [
        da.from_delayed(
            delayed(_with_ground_error)(block, summary),
            (FIELDS, *(part.stop - part.start for part in window.inner)),
            np.float32,
        )
        for block, window in zip(matched, windows, strict=True)
    ]
    columns = sum(window.inner[0].start == 0 for window in windows)
    rows = [finished[start : start + columns] for start in range(0, len(finished), columns)]
    statistics = da.from_delayed(delayed(lambda found: found[:4])(summary), (4,), np.float32)
    fields = da.concatenate([da.concatenate(row, axis=2) for row in rows], axis=1)
    return fields, statistics


def _match_block(
    match: Matching,
    reference: Image,
    secondary: Image,
    window: BlockWindow,
    shift: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Fields of one block, less the registration shift."""
    found = match(reference, secondary, window.outer)
    fields = np.stack(
        [
            found.u - shift[0],
            found.v - shift[1],
            found.quality,
            found.sigma_u,
            found.sigma_v,
            found.residual,
        ]
    )
    return np.ascontiguousarray(fields[:, *window.kept], np.float32)


def _sample_ground(
    fields: npt.NDArray[np.float32],
    stable: Mask,
    snow_before: Mask,
    snow_after: Mask,
    min_quality: float,
) -> npt.NDArray[np.float32]:
    """Displacement and errors of stable ground in a block, ``(4, N)``."""
    ground = stable & ~(snow_before | snow_after) & (fields[2] > min_quality)
    ground &= np.isfinite(fields[[0, 1, 3, 4]]).all(0)
    places = np.flatnonzero(ground)
    places = places[:: max(1, places.size // SAMPLE)]
    chosen: npt.NDArray[np.float32] = fields[[0, 1, 3, 4]].reshape(4, -1)[:, places]
    return chosen


def _summarise_ground(samples: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Bias and spread of stable ground, and the variance beyond the stated errors, ``(6,)``."""
    u, v, sigma_u, sigma_v = np.concatenate(samples, axis=1)
    statistics = stable_ground_statistics(u, v, np.ones(u.shape, bool))
    beyond = variance_beyond(u, sigma_u), variance_beyond(v, sigma_v)
    return np.array([*statistics.values(), *beyond], np.float32)


def _with_ground_error(
    fields: npt.NDArray[np.float32], summary: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    """Fields whose errors contain what stable ground shows beyond them."""
    sigma = np.sqrt(fields[3:5] ** 2 + summary[4:6, None, None])
    complete: npt.NDArray[np.float32] = np.concatenate([fields[:3], sigma, fields[5:]])
    return complete
