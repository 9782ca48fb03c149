"""Match pairs that are too large to be matched whole, block by block.

Each block is read with a halo and stored when it is finished, so that only a few blocks are in
memory, regardless of the size of the scene. Bias and spread of stable ground are estimated first,
in windows distributed over it.
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
from gdiv.velocity.stable_ground import excess_variance

__all__ = ["BLOCK", "HALO", "LARGE", "is_large", "match_large_pair"]

#: Maximum number of pixels of a scene that is matched whole.
LARGE = 3000 * 3000
#: Side of a block and width of its halo, pixels: multiples of the coarsest pixels of Horn-Schunck
#: and of the cells of RAFT.
BLOCK = 1024
HALO = 128
#: Side of a window of stable ground, fraction of ground in a good window, and maximum number.
GROUND = 256
MIN_GROUND = 0.3
MAX_WINDOWS = 24
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
        True for more than nine million pixels.
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
        Function that matches two windows of the images; its third argument is their position, as
        two slices.
    images : sequence of two dask.array.Array
        Reference and secondary, ``(y, x)``.
    snow : sequence of two dask.array.Array
        Snow in either, bool ``(y, x)``.
    stable : ndarray of bool, shape (H, W)
        Stable ground.
    shift : ndarray, shape (2,)
        Registration shift to subtract, pixels.
    min_quality : float
        Minimum quality of a vector on stable ground.

    Returns
    -------
    fields : dask.array.Array
        float32 ``(6, y, x)``: u, v, quality, sigma_u, sigma_v and residual.
    statistics : dask.array.Array
        Bias and spread of stable ground, ``(4,)``, in pixels.
    """
    shape = stable.shape
    lazy_images = [_LazyImage(image) for image in images]
    lazy_snow = [_LazyImage(each) for each in snow]
    samples = [
        delayed(_sample_ground)(
            match,
            lazy_images,
            lazy_snow,
            stable[window.inner],
            window,
            shift,
            min_quality,
        )
        for window in _ground_windows(stable)
    ]
    summary = delayed(_summarise_ground)(samples)
    windows = list(block_windows(shape, BLOCK, HALO))
    matched = [
        da.from_delayed(
            delayed(_match_block)(match, lazy_images, window, shift, summary),
            (FIELDS, *(part.stop - part.start for part in window.inner)),
            np.float32,
        )
        for window in windows
    ]
    columns = sum(window.inner[0].start == 0 for window in windows)
    rows = [matched[start : start + columns] for start in range(0, len(matched), columns)]
    statistics = da.from_delayed(delayed(_bias_and_spread)(summary), (4,), np.float32)
    fields = da.concatenate([da.concatenate(row, axis=2) for row in rows], axis=1)
    return fields, statistics


class _LazyImage:
    """An image that is read window by window, within the task that needs the window.

    If windows were tasks of their own, chunks that several of them share would stay in memory. The
    class also hides the array from Dask, which would make tasks of it.
    """

    def __init__(self, array: da.Array) -> None:
        self.array = array

    def read(self, window: tuple[slice, ...]) -> npt.NDArray[Any]:
        """Read a window."""
        values: npt.NDArray[Any] = self.array[window].compute(scheduler="synchronous")
        return values


def _ground_windows(stable: Mask) -> list[BlockWindow]:
    """Choose windows of stable ground: a sample of good windows, or else those with most ground."""
    windows = list(block_windows(stable.shape, GROUND, HALO))
    stable_fractions = np.array([stable[window.inner].mean() for window in windows])
    good_windows = np.flatnonzero(stable_fractions >= MIN_GROUND)
    if good_windows.size >= MAX_WINDOWS:
        places = good_windows[np.linspace(0, good_windows.size - 1, MAX_WINDOWS).astype(int)]
    else:
        best_windows = np.argsort(-stable_fractions, kind="stable")[:MAX_WINDOWS]
        places = np.sort(best_windows[stable_fractions[best_windows] > 0])
    return [windows[place] for place in places]


def _fields(
    match: Matching,
    images: Sequence[_LazyImage],
    window: BlockWindow,
    shift: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Fields of one window without its halo, minus the registration shift."""
    reference, secondary = (image.read(window.outer) for image in images)
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
    match: Matching,
    images: Sequence[_LazyImage],
    snow: Sequence[_LazyImage],
    stable: Mask,
    window: BlockWindow,
    shift: npt.NDArray[np.float32],
    min_quality: float,
) -> npt.NDArray[np.float32]:
    """Displacement and errors of stable ground in a window, ``(4, N)``."""
    fields = _fields(match, images, window, shift)
    snow_before, snow_after = (each.read(window.inner) for each in snow)
    ground = stable & ~(snow_before | snow_after) & (fields[2] > min_quality)
    chosen: npt.NDArray[np.float32] = fields[[0, 1, 3, 4]]
    return chosen[:, ground & np.isfinite(chosen).all(0)]


def _summarise_ground(samples: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Bias and spread of stable ground, and variance in excess of stated errors, ``(6,)``."""
    nothing = np.empty((4, 0), np.float32)
    u, v, sigma_u, sigma_v = np.concatenate([nothing, *samples], axis=1)
    statistics = stable_ground_statistics(u, v, np.ones(u.shape, bool))
    beyond = excess_variance(u, sigma_u), excess_variance(v, sigma_v)
    return np.array([*statistics.values(), *beyond], np.float32)


def _bias_and_spread(summary: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Stored part of the summary of stable ground."""
    return summary[:4]


def _match_block(
    match: Matching,
    images: Sequence[_LazyImage],
    window: BlockWindow,
    shift: npt.NDArray[np.float32],
    summary: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Fields of one block, with errors that include the excess error on stable ground."""
    fields = _fields(match, images, window, shift)
    fields[3:5] = np.sqrt(fields[3:5] ** 2 + summary[4:6, None, None])
    return fields
