"""Measure the speed of matchers on two threads, of the median filter and of the solver."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch
from peers import PEERS, Match, PeerSettings
from scipy import ndimage
from tqdm import tqdm

from gdiv.benchmark.cases import Pair
from gdiv.flow.horn_schunck import kernels_numba
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.relaxation import relax
from gdiv.flow.horn_schunck.settings import QUADRATIC, Settings

__all__ = ["measure_median", "measure_solver", "measure_two_threads", "set_threads"]

MILLISECONDS = 1000  # per second
MICROSECONDS = 1e6  # per second
#: Side of the window of the median, pixels, as in the paper.
MEDIAN_WINDOW = 9
#: Weight of the smoothness term; the time of a step does not depend on it.
WEIGHT = 8.0
#: Jacobi steps that are timed together.
STEPS = 40
#: Size of the arrays copied to measure memory bandwidth: 200 MB, more than any cache.
COPIED_VALUES = 50_000_000
#: Number of repetitions of a fast and of a slow call.
FAST_REPEATS = 15
SLOW_REPEATS = 5
#: Rounds of `measure_two_threads`.
ROUNDS = 2


def set_threads(count: int) -> None:
    """Set the number of threads that OpenCV and torch use."""
    cv2.setNumThreads(count)
    torch.set_num_threads(count)


def measure_two_threads(
    pairs: Sequence[Pair], settings: Mapping[str, PeerSettings]
) -> list[dict[str, Any]]:
    """Measure milliseconds per pair of each peer on two threads.

    The result is the faster of two options: one pair per thread, or both threads on one pair if the
    library supports it.
    """
    rows = []
    for name in tqdm(settings, desc="two threads", leave=False):
        match = PEERS[name].make(**settings[name])
        seconds = []
        with ThreadPoolExecutor(2) as pool:
            for threads_per_pair in (1, 2):
                set_threads(threads_per_pair)
                run = pool.map if threads_per_pair == 1 else map
                for _ in range(ROUNDS):
                    seconds.append(_time_pairs(match, pairs, run))
        set_threads(1)
        rows.append({"matcher": name, "milliseconds": MILLISECONDS * min(seconds)})
    return rows


def _time_pairs(match: Match, pairs: Sequence[Pair], run: Callable[..., Iterable[Any]]) -> float:
    """Seconds per pair, over two passes through the pairs; `run` maps the match over them."""
    references = [pair.reference for pair in pairs] * 2
    secondaries = [pair.secondary for pair in pairs] * 2
    start = time.perf_counter()
    list(run(match, references, secondaries))
    return (time.perf_counter() - start) / len(references)


def _median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Median duration of a call in seconds, after one warm-up call."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def measure_median(size: int = 256) -> dict[str, Any]:
    """Time the median filters of gdiv and of SciPy on a square field."""
    field = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    ours = _median_seconds(lambda: median_filter(field, MEDIAN_WINDOW), FAST_REPEATS)
    theirs = _median_seconds(lambda: ndimage.median_filter(field, MEDIAN_WINDOW), SLOW_REPEATS)
    return {
        "size": size,
        "milliseconds": MILLISECONDS * ours,
        "scipy_milliseconds": MILLISECONDS * theirs,
        "ratio": theirs / ours,
    }


def measure_solver(size: int) -> dict[str, Any]:
    """Time a Jacobi step, and compute the memory bandwidth it would need without a cache.

    Parameters
    ----------
    size : int
        Side of the images, pixels.

    Returns
    -------
    dict
        Row of the published results; ``share`` is the bandwidth relative to that of copying large
        arrays.
    """
    image = np.random.default_rng(0).normal(size=(size, size))
    level = kernels_numba.finest_level(image, 1)
    mask = np.ones(level.shape, np.float32)
    settings = QUADRATIC
    work = kernels_numba.Workspace(level, level, mask, settings.stencil)
    u, v = kernels_numba.zero_flow(level)
    work.update_flow(u, v, WEIGHT, settings.relaxation_factors(), False)
    factors = Settings(iterations=STEPS).relaxation_factors()
    seconds = _median_seconds(
        lambda: relax(work.a, work.b, work.c, work.u, work.v, size, factors), FAST_REPEATS
    )
    # A step reads three coefficients and both components of half of the pixels, and both components
    # of their neighbours; it writes two. All are 4 bytes.
    values_per_pixel = 3 + 2 + 2 + 2
    moved = STEPS * size * size / 2 * 4 * values_per_pixel
    copied = _copy_bandwidth()
    return {
        "size": size,
        "microseconds_a_step": MICROSECONDS * seconds / STEPS,
        "solver_bytes_per_second": moved / seconds,
        "copy_bytes_per_second": copied,
        "share": moved / seconds / copied,
    }


def _copy_bandwidth() -> float:
    """Memory bandwidth of copying large arrays (reads and writes), bytes per second."""
    source = np.ones(COPIED_VALUES, np.float32)
    target = np.empty(COPIED_VALUES, np.float32)
    return 2 * source.nbytes / _median_seconds(lambda: np.copyto(target, source), SLOW_REPEATS)
