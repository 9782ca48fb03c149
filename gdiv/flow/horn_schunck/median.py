"""A median filter for displacement fields on a CPU, that leaves NaN out."""

import numpy as np

from gdiv.flow.horn_schunck.compiled import compiled

_f = np.float32


def median_filter(field: np.ndarray, size: int) -> np.ndarray:
    """Median over a `size` x `size` window (odd), NaN left out; to within 1/16000 of the field's range.

    Found by halving the range of values and counting the neighbours below, whole rows at a time, which the
    compiler turns into a few instructions for 32 pixels. Sorting 81 values a pixel, as a median filter
    usually does, cannot be. At the frame the window is cut; where it is all NaN, so is the median.

    Raises
    ------
    ValueError
        If `size` is even, under one or over 181.
    """
    if not 1 <= size <= 181 or size % 2 == 0:  # 181 squared is what 16 bits count
        raise ValueError(f"a median needs an odd window of at most 181 pixels, got {size}")
    field = np.ascontiguousarray(field, np.float32)
    low, high = _range(field)
    if low > high:
        return np.full(field.shape, np.nan, np.float32)
    step = max((high - low) / _TOP, _f(1e-30))
    full = bool(np.isfinite(field).all())
    return _median(_quantise(field, low, step, size // 2), size, low, step, full)


_BITS = 14  # a difference of two levels, NaN's among them, fits 16 bits with its sign
_TOP = 2**_BITS - 2


@compiled
def _range(field):
    low, high = _f(np.inf), _f(-np.inf)
    for y in range(field.shape[0]):
        for x in range(field.shape[1]):
            value = field[y, x]
            if np.isfinite(value):
                low, high = min(low, value), max(high, value)
    return low, high


@compiled
def _quantise(field, low, step, reach):
    """Levels from 0 to `_TOP`, above it for NaN, with `reach` columns of NaN on both sides."""
    height, width = field.shape
    levels = np.full((height, width + 2 * reach), np.int16(_TOP + 1))
    for y in range(height):
        for x in range(width):
            level = (field[y, x] - low) / step + _f(0.5)
            levels[y, x + reach] = np.int16(level) if 0 <= level < _TOP + 1 else np.int16(_TOP + 1)
    return levels


@compiled
def _median(levels, size, least, step, full):
    """The lower median of each window, of what is not NaN."""
    height, width = levels.shape[0], levels.shape[1] - size + 1
    found = np.empty((height, width), np.float32)
    low, high, middle = (
        np.empty(width, np.int16),
        np.empty(width, np.int16),
        np.empty(width, np.int16),
    )
    below, every = np.empty(width, np.int16), np.empty(width, np.int16)
    beyond = np.full(width, np.int16(_TOP + 1))
    for y in range(height):
        first, last = max(y - size // 2, 0), min(y + size // 2 + 1, height)
        if full:
            for x in range(width):
                every[x] = -(last - first) * (
                    min(x + size // 2, width - 1) - max(x - size // 2, 0) + 1
                )
        else:
            _count(levels, first, last, beyond, size, every)
        low[:], high[:] = 0, _TOP
        for _ in range(_BITS):
            for x in range(width):
                middle[x] = (low[x] + high[x] + 1) >> 1
            _count(levels, first, last, middle, size, below)
            for x in range(width):
                # Fewer than half of the window lies below its lower median. Counts are negative.
                above = 2 * below[x] > every[x]
                low[x] = middle[x] if above else low[x]
                high[x] = high[x] if above else np.int16(middle[x] - 1)
        for x in range(width):
            found[y, x] = low[x] * step + least if every[x] < 0 else _f(np.nan)
    return found


@compiled
def _count(levels, first, last, bound, size, below):
    """Minus the number of values smaller than `bound` in the window that starts at each pixel.

    The sign of a difference, spread over its 16 bits, is minus one where it is negative.
    """
    below[:] = 0
    for y in range(first, last):
        start = 0
        while start + 9 <= size:
            row = levels[y, start:]
            for x in range(below.size):
                b = bound[x]
                below[x] += (
                    (np.int16(row[x] - b) >> np.int16(15))
                    + (np.int16(row[x + 1] - b) >> np.int16(15))
                    + (np.int16(row[x + 2] - b) >> np.int16(15))
                    + (np.int16(row[x + 3] - b) >> np.int16(15))
                    + (np.int16(row[x + 4] - b) >> np.int16(15))
                    + (np.int16(row[x + 5] - b) >> np.int16(15))
                    + (np.int16(row[x + 6] - b) >> np.int16(15))
                    + (np.int16(row[x + 7] - b) >> np.int16(15))
                    + (np.int16(row[x + 8] - b) >> np.int16(15))
                )
            start += 9
        while start < size:
            row = levels[y, start:]
            for x in range(below.size):
                below[x] += np.int16(row[x] - bound[x]) >> np.int16(15)
            start += 1
