"""NaN-aware median filter for displacement fields, on a CPU."""

import numpy as np
import numpy.typing as npt

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.images.arrays import Component

__all__ = ["MAX_WINDOW", "median_filter"]

#: Largest side of the window (pixel): a signed 16-bit integer counts up to 181 squared neighbours.
MAX_WINDOW = 181

# Bits of a quantised value. The difference of two values, that of NaN included, fits into a signed
# 16-bit integer.
_BITS = 14
# Largest quantised value. The one above it stands for NaN.
_TOP = 2**_BITS - 2
# Smallest step of the quantisation, to avoid division by zero for a constant field.
_MIN_STEP = 1e-30


def median_filter(field: Component, size: int) -> FloatArray:
    """Filter a field with the median of a square window, ignoring NaN.

    Parameters
    ----------
    field : ndarray
        ``(H, W)`` of any real type. NaN and infinity are ignored.
    size : int
        Side of the window (pixel), odd, from 1 to 181. A larger window is smoother and slower. The
        window is cut at the frame.

    Returns
    -------
    ndarray
        float32 ``(H, W)``, the lower median of each window in units of the field, to within 1/16000
        of its range. NaN where the whole window is NaN.

    Raises
    ------
    ValueError
        If `size` is even, smaller than 1 or larger than 181.

    Notes
    -----
    The median is found by bisection: the range of values is halved repeatedly, and the neighbours
    below the middle are counted. Whole rows are counted at a time, which the compiler turns into
    few instructions for 32 pixels. The usual method, sorting the values of each window, cannot be
    vectorised in this way.
    """
    if not 1 <= size <= MAX_WINDOW or size % 2 == 0:
        raise ValueError(f"size must be an odd window of at most {MAX_WINDOW} pixels, got {size}")
    values = np.ascontiguousarray(field, np.float32)
    low, high = (float(bound) for bound in _finite_range(values))
    if low > high:
        return np.full(values.shape, np.nan, np.float32)
    step = max((high - low) / _TOP, f32(_MIN_STEP))
    full = bool(np.isfinite(values).all())
    quantised = _quantise(values, low, step, size // 2)
    return _window_medians(quantised, size, low, step, full)


@compile_kernel
def _finite_range(field: FloatArray) -> tuple[np.float32, np.float32]:
    """Smallest and largest finite value; infinity and minus infinity if there is none."""
    low = f32(np.inf)
    high = f32(-np.inf)
    for y in range(field.shape[0]):
        for x in range(field.shape[1]):
            value = field[y, x]
            if np.isfinite(value):
                low = min(low, value)
                high = max(high, value)
    return low, high


@compile_kernel
def _quantise(
    field: FloatArray, low: float, step: float | np.float32, reach: int
) -> npt.NDArray[np.int16]:
    """Values from 0 to `_TOP`, one above it for NaN, with `reach` columns of NaN on both sides."""
    height, width = field.shape
    quantised = np.full((height, width + 2 * reach), np.int16(_TOP + 1))
    for y in range(height):
        for x in range(width):
            value = (field[y, x] - low) / step + f32(0.5)
            in_range = 0 <= value < _TOP + 1
            quantised[y, x + reach] = np.int16(value) if in_range else np.int16(_TOP + 1)
    return quantised


@compile_kernel
def _window_medians(
    quantised: npt.NDArray[np.int16], size: int, least: float, step: float | np.float32, full: bool
) -> FloatArray:
    """Lower median of the finite values in each window, in units of the field."""
    height = quantised.shape[0]
    width = quantised.shape[1] - size + 1
    medians = np.empty((height, width), np.float32)
    low = np.empty(width, np.int16)
    high = np.empty(width, np.int16)
    middle = np.empty(width, np.int16)
    # Counts are negative, see `_count_below`.
    below = np.empty(width, np.int16)
    finite = np.empty(width, np.int16)
    nan_bound = np.full(width, np.int16(_TOP + 1))
    for y in range(height):
        first = max(y - size // 2, 0)
        last = min(y + size // 2 + 1, height)
        if full:
            for x in range(width):
                columns = min(x + size // 2, width - 1) - max(x - size // 2, 0) + 1
                finite[x] = -(last - first) * columns
        else:
            _count_below(quantised, first, last, nan_bound, size, finite)
        low[:] = 0
        high[:] = _TOP
        for _ in range(_BITS):
            for x in range(width):
                middle[x] = (low[x] + high[x] + 1) >> 1
            _count_below(quantised, first, last, middle, size, below)
            for x in range(width):
                # Fewer than half of the window lies below its lower median.
                above = 2 * below[x] > finite[x]
                low[x] = middle[x] if above else low[x]
                high[x] = high[x] if above else np.int16(middle[x] - 1)
        for x in range(width):
            medians[y, x] = low[x] * step + least if finite[x] < 0 else f32(np.nan)
    return medians


@compile_kernel
def _count_below(
    quantised: npt.NDArray[np.int16],
    first: int,
    last: int,
    bound: npt.NDArray[np.int16],
    size: int,
    below: npt.NDArray[np.int16],
) -> None:
    """Write minus the number of values below `bound` in the window of each pixel.

    The sign bit of a difference, shifted over all 16 bits, is minus one where the difference is
    negative. Nine columns, the default window, are added in one pass over the row.
    """
    below[:] = 0
    for y in range(first, last):
        start = 0
        while start + 9 <= size:
            row = quantised[y, start:]
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
            row = quantised[y, start:]
            for x in range(below.size):
                below[x] += np.int16(row[x] - bound[x]) >> np.int16(15)
            start += 1
