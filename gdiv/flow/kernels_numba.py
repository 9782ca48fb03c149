"""The steps of Horn-Schunck on a CPU, for one pair of NumPy arrays.

`gdiv.flow.kernels_torch` has the same steps, by the same names, for batches on any device of torch.

What makes it fast: whole rows in float32 for the compiler to vectorise; no division, branch or allocation in
the iterations; the pixels of a chessboard's two colours stored apart, because a Jacobi step of one colour
needs the other alone, so half of the work falls away (Golub and Varga 1961); and iterations that follow one
another down the image a row apart, so that a row is read from the cache once for all of them.
"""

import math
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

# Reassociation lets LLVM vectorise the rows; NaN handling stays exact because `nnan` is not among them.
_fast = dict(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
_f = np.float32
BEYOND = 1e15  # a value as large is a fill value, not brightness
_EDGE = 16  # floats before and after a row of `u` and `v`, so that rows start on a cache line


class Level(NamedTuple):
    """One level of the pyramid: `image`, finite everywhere, and `valid`, one or zero; float32 `(H, W)`.

    `full` says that all is valid, which spares half of the work.
    """

    image: np.ndarray
    valid: np.ndarray
    full: bool

    @property
    def shape(self):
        return self.image.shape


def finest(image, multiple: int) -> Level:
    """The image and where it is finite; padded on the far sides to sides that are a multiple of `multiple`.

    It is taken about its mean, so that squares of a small contrast on a high level keep their digits.
    """
    image = np.asarray(image)
    finite = np.abs(image) < BEYOND
    full = bool(finite.all())
    mean = image.mean(where=finite, dtype=np.float64) if finite.any() else 0.0
    # In the image's own type, before it is cut to 32 bits.
    centred = image - image.dtype.type(mean) if image.dtype.kind == "f" else image - mean
    image = np.ascontiguousarray(centred if full else np.where(finite, centred, 0), np.float32)
    if np.abs(image).max() <= 8 * np.finfo(centred.dtype).eps * abs(mean):
        image[:] = 0  # one brightness everywhere: what is left of it is rounding
    valid = finite.astype(np.float32)
    below, right = (-side % multiple for side in image.shape)
    if below or right:
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        valid = cv2.copyMakeBorder(valid, 0, below, 0, right, cv2.BORDER_CONSTANT)
    return Level(image, valid, full and not below and not right)


def mask_level(mask, like: Level) -> np.ndarray:
    below, right = (large - small for large, small in zip(like.shape, mask.shape, strict=True))
    return cv2.copyMakeBorder(np.asarray(mask, np.float32), 0, below, 0, right, cv2.BORDER_CONSTANT)


def halve_mask(mask):
    return (_half(mask) > 0.5).astype(np.float32)


def halve(level: Level) -> Level:
    """Blurred and sampled at half the size; valid where at least half of the area is."""
    image = _half(_local_mean(level.image, level, gaussian(1.0)))
    if level.full:
        return Level(image, _half(level.valid), True)
    valid = halve_mask(level.valid)
    return Level(image * valid, valid, False)


@cache
def gaussian(sigma: float) -> np.ndarray:
    """Weights of a Gaussian out to three standard deviations, with sum one."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def _blur(image, kernel):
    return cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_CONSTANT)


def _local_mean(image, level, kernel):
    """Mean of `image` under the kernel, over what is valid and in the frame."""
    if level.full:
        reach = kernel.size // 2
        rows, columns = (np.convolve(np.ones(side, np.float32), kernel)[reach : reach + side] for side in image.shape)
        return _divide(_blur(image, kernel), rows, columns)
    return _blur(image * level.valid, kernel) / np.maximum(_blur(level.valid, kernel), _f(1e-3))


@njit(**_fast)
def _divide(blurred, rows, columns):
    inverse = _f(1) / columns
    for y in range(blurred.shape[0]):
        scale = _f(1) / rows[y]
        for x in range(blurred.shape[1]):
            blurred[y, x] *= scale * inverse[x]
    return blurred


def _half(image):
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_LINEAR)


def double(component):
    """A component of the flow on the next finer level, in its pixels."""
    size = (component.shape[1] * 2, component.shape[0] * 2)
    return cv2.resize(component, size, interpolation=cv2.INTER_LINEAR) * _f(2)


def grain(level: Level) -> float:
    """Mean absolute difference of horizontal neighbours: how strong the image's finest texture is."""
    return _grain(level.image, level.valid)


@njit(**_fast)
def _grain(image, valid):
    total, count = 0.0, 0.0
    for y in range(image.shape[0]):
        for x in range(image.shape[1] - 1):
            both = valid[y, x] * valid[y, x + 1]
            total += both * abs(image[y, x + 1] - image[y, x])
            count += both
    return total / count if count > 0 else 0.0


def contrast(level: Level, sigma: float, floor: float) -> Level:
    """Local mean removed, divided by the local spread plus `floor`, cut at plus and minus three."""
    kernel = gaussian(sigma)
    centred, squared = _centre(level.image, _local_mean(level.image, level, kernel), level.valid)
    return _shrink(level, _scale(centred, _local_mean(squared, level, kernel), _f(floor)))


@njit(**_fast)
def _centre(image, mean, valid):
    centred, squared = np.empty_like(image), np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            centred[y, x] = (image[y, x] - mean[y, x]) * valid[y, x]
            squared[y, x] = centred[y, x] * centred[y, x]
    return centred, squared


@njit(**_fast)
def _scale(centred, variance, floor):
    for y in range(centred.shape[0]):
        for x in range(centred.shape[1]):
            value = centred[y, x] / (np.sqrt(variance[y, x]) + floor + _f(1e-30))
            centred[y, x] = min(max(value, _f(-3)), _f(3))
    return centred


def standardise(level: Level) -> Level:
    """Mean removed, divided by the standard deviation."""
    count = max(float(level.valid.sum(dtype=np.float64)), 1)
    mean = float((level.image * level.valid).sum(dtype=np.float64)) / count
    centred = (level.image - _f(mean)) * level.valid
    spread = math.sqrt(float((centred * centred).sum(dtype=np.float64)) / count)
    return _shrink(level, centred / _f(spread + 1e-30))


def sobel(level: Level) -> Level:
    """Magnitude of the Sobel gradient, per pixel; valid where all of its neighbours are."""
    across, down = (cv2.Sobel(level.image, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    level = _shrink(level, np.hypot(across, down))
    return Level(level.image * level.valid, level.valid, level.full)


def _shrink(level, image):
    """A level with this image, valid where all neighbours are."""
    valid = level.valid if level.full else cv2.erode(level.valid, np.ones((3, 3), np.uint8), borderValue=1)
    return Level(image, valid, level.full)


def no_flow(level: Level):
    return np.zeros(level.shape, np.float32), np.zeros(level.shape, np.float32)


class Workspace:
    """The arrays of one level that its warps share."""

    def __init__(self, first: Level, second: Level, counted, stencil):
        height, width = first.shape
        half = (width + 1) // 2
        row = -(-half // 16) * 16
        self.first, self.second, self.counted = first, second, counted
        self.taps = taps(first.image), taps(second.image)
        self.stencil = np.asarray(stencil, np.float32)
        # Rows that are a power of two apart would share the cache's sets: an odd number of lines a row.
        self.a, self.b, self.c = (_aligned(2, height, row + 16 * (row // 16 % 2 == 0)) for _ in range(3))
        self.u, self.v = (_aligned(2, height, row + 2 * _EDGE + 16 * (row // 16 % 2)) for _ in range(2))
        self.mean = np.empty((height, width + 6), np.float32)
        self.moved = [(np.empty(first.shape, np.float32), np.empty(first.shape, np.float32)) for _ in range(2)]

    def step(self, u, v, weight, omegas, symmetric):
        """One warp: the flow that solves the equations linearised at `u, v`, in place."""
        (first, first_valid), (second, second_valid) = self.moved
        if symmetric:
            warp(self.taps[0], self.first.valid, u, v, _f(-0.5), first, first_valid)
        else:
            first, first_valid, _ = self.first
        warp(self.taps[1], self.second.valid, u, v, _f(0.5 if symmetric else 1), second, second_valid)
        coefficients = (self.a, self.b, self.c)
        _linearise(
            first,
            second,
            first_valid,
            second_valid,
            self.counted,
            u,
            v,
            _f(weight),
            self.stencil,
            self.mean,
            *coefficients,
        )
        _pack(u, self.u), _pack(v, self.v)
        _solve(*coefficients, self.u, self.v, u.shape[1], omegas)
        _unpack(self.u, u), _unpack(self.v, v)
        return u, v


def _aligned(*shape):
    count = math.prod(shape)
    memory = np.empty(4 * count + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + 4 * count].view(np.float32).reshape(shape)


def taps(image):
    """`image` with its rim repeated, one pixel before and two after, so that no bicubic tap leaves it."""
    if image.size >= 2**31:
        raise ValueError(f"an image of {image.shape} pixels is too large to be read between them; take blocks")
    return cv2.copyMakeBorder(image, 1, 2, 1, 2, cv2.BORDER_REPLICATE)


@njit(**_fast)
def warp(taps, valid, u, v, share, moved, seen):
    """An image read at `share` of the flow away by Keys' bicubic (a = -0.5); `seen` is zero outside or off `valid`.

    Row by row in three passes: where to read and the vertical weights, the sixteen reads, the horizontal
    cubic. The compiler vectorises the first and the last; the reads it cannot.
    """
    height, width = u.shape
    last_x, last_y = _f(width - 1), _f(height - 1)
    flat, flat_valid = taps.ravel(), valid.ravel()
    # Unsigned indices spare a test for negative ones at each read.
    one, two, three, stride = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(taps.shape[1])
    corner, nearest = np.empty(width, np.int32), np.empty(width, np.int32)
    part, inside = np.empty(width, np.float32), np.empty(width, np.float32)
    w0, w1 = np.empty(width, np.float32), np.empty(width, np.float32)
    w2, w3 = np.empty(width, np.float32), np.empty(width, np.float32)
    c0, c1 = np.empty(width, np.float32), np.empty(width, np.float32)
    c2, c3 = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(height):
        for x in range(width):
            to_x, to_y = _f(x) + share * u[y, x], _f(y) + share * v[y, x]
            # A flow that is NaN reads the first pixel, and is not inside.
            at_x = min(to_x if to_x > 0 else _f(0), last_x)
            at_y = min(to_y if to_y > 0 else _f(0), last_y)
            inside[x] = _f(1) if (at_x == to_x) & (at_y == to_y) else _f(0)
            x0, y0 = np.int32(at_x), np.int32(at_y)
            corner[x] = y0 * np.int32(width + 3) + x0
            nearest[x] = np.int32(at_y + _f(0.5)) * np.int32(width) + np.int32(at_x + _f(0.5))
            part[x] = at_x - _f(x0)
            s = at_y - _f(y0)
            w0[x] = s * (_f(-0.5) + s * (_f(1) - _f(0.5) * s))
            w1[x] = _f(1) + s * s * (_f(1.5) * s - _f(2.5))
            w2[x] = s * (_f(0.5) + s * (_f(2) - _f(1.5) * s))
            w3[x] = s * s * (_f(0.5) * s - _f(0.5))
        for x in range(width):
            i = np.uint64(corner[x])
            j = i + stride
            k = j + stride
            m = k + stride
            a, b, c, d = w0[x], w1[x], w2[x], w3[x]
            c0[x] = a * flat[i] + b * flat[j] + c * flat[k] + d * flat[m]
            c1[x] = a * flat[i + one] + b * flat[j + one] + c * flat[k + one] + d * flat[m + one]
            c2[x] = a * flat[i + two] + b * flat[j + two] + c * flat[k + two] + d * flat[m + two]
            c3[x] = a * flat[i + three] + b * flat[j + three] + c * flat[k + three] + d * flat[m + three]
            seen[y, x] = inside[x] * flat_valid[np.uint64(nearest[x])]
        for x in range(width):
            t = part[x]
            cubic = _f(3) * (c1[x] - c2[x]) + c3[x] - c0[x]
            square = _f(2) * c0[x] - _f(5) * c1[x] + _f(4) * c2[x] - c3[x]
            moved[y, x] = c1[x] + _f(0.5) * t * (c2[x] - c0[x] + t * (square + t * cubic))


@njit(**_fast)
def _linearise(first, second, first_valid, second_valid, counted, u, v, weight, stencil, mean, a, b, c):
    """a, b, c at every pixel, the colours apart; zero where the pixel does not count."""
    height, width = first.shape
    k1, k2, k3 = stencil
    for y in range(height):
        for x in range(width):
            mean[y, x + 3] = _f(0.5) * (first[y, x] + second[y, x])
        mean[y, :3], mean[y, width + 3 :] = mean[y, 3], mean[y, width + 2]
    row = np.zeros((3, width + 1), np.float32)
    for y in range(height):
        n1, n2, n3 = mean[max(y - 1, 0)], mean[max(y - 2, 0)], mean[max(y - 3, 0)]
        s1, s2, s3 = mean[min(y + 1, height - 1)], mean[min(y + 2, height - 1)], mean[min(y + 3, height - 1)]
        here = mean[y]
        for x in range(width):
            ix = k1 * (here[x + 4] - here[x + 2]) + k2 * (here[x + 5] - here[x + 1]) + k3 * (here[x + 6] - here[x])
            iy = k1 * (s1[x + 3] - n1[x + 3]) + k2 * (s2[x + 3] - n2[x + 3]) + k3 * (s3[x + 3] - n3[x + 3])
            counts = first_valid[y, x] * second_valid[y, x] * counted[y, x]
            scale = counts / np.sqrt(weight + ix * ix + iy * iy)
            row[0, x] = ix * scale
            row[1, x] = iy * scale
            row[2, x] = (second[y, x] - first[y, x] - ix * u[y, x] - iy * v[y, x]) * scale
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width + 1 - start) // 2):
                a[colour, y, i] = row[0, 2 * i + start]
                b[colour, y, i] = row[1, 2 * i + start]
                c[colour, y, i] = row[2, 2 * i + start]


@njit(**_fast)
def _pack(field, packed):
    """Both colours of `field` side by side, and the mirror images of the pixels beside the frame."""
    height, width = field.shape
    for y in range(height):
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width - start + 1) // 2):
                packed[colour, y, _EDGE + i] = field[y, 2 * i + start]
            _mirror(packed, colour, y, start, width)


@njit(**_fast)
def _unpack(packed, field):
    height, width = field.shape
    for y in range(height):
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width - start + 1) // 2):
                field[y, 2 * i + start] = packed[colour, y, _EDGE + i]


@njit(**_fast)
def _mirror(packed, colour, y, start, width):
    """No flux through the sides: the pixel beyond the frame is the one before the frame's last."""
    if start == 1:
        packed[colour, y, _EDGE - 1] = packed[colour, y, _EDGE]
    if (width - start) % 2 == 0:
        i = _EDGE + (width - start) // 2
        packed[colour, y, i] = packed[colour, y, max(i - 1, _EDGE)]


@njit(**_fast)
def _solve(a, b, c, u, v, width, omegas):
    """Jacobi steps under the relaxation factors `omegas`, one colour each in turn, in place.

    Step `k` is at row `front - k`: what it needs of step `k - 1`, the rows above, at and below, is done.
    """
    height = u.shape[1]
    steps = omegas.size
    for front in range(height + steps - 1):
        for k in range(max(0, front - height + 1), min(steps, front + 1)):
            y = front - k
            own, other = k & 1, 1 - (k & 1)
            start = (y + own) & 1
            up = y - 1 if y > 0 else min(1, height - 1)
            down = y + 1 if y < height - 1 else max(height - 2, 0)
            omega = omegas[k]
            here_u, here_v = u[own, y, _EDGE:], v[own, y, _EDGE:]
            row_a, row_b, row_c = a[own, y], b[own, y], c[own, y]
            north_u, south_u = u[other, up, _EDGE:], u[other, down, _EDGE:]
            north_v, south_v = v[other, up, _EDGE:], v[other, down, _EDGE:]
            west_u, east_u = u[other, y, _EDGE - 1 + start :], u[other, y, _EDGE + start :]
            west_v, east_v = v[other, y, _EDGE - 1 + start :], v[other, y, _EDGE + start :]
            for i in range((width - start + 1) // 2):
                mean_u = _f(0.25) * ((north_u[i] + south_u[i]) + (west_u[i] + east_u[i]))
                mean_v = _f(0.25) * ((north_v[i] + south_v[i]) + (west_v[i] + east_v[i]))
                residual = row_a[i] * mean_u + row_b[i] * mean_v + row_c[i]
                here_u[i] += omega * (mean_u - row_a[i] * residual - here_u[i])
                here_v[i] += omega * (mean_v - row_b[i] * residual - here_v[i])
            _mirror(u, own, y, start, width)
            _mirror(v, own, y, start, width)


def median(field: np.ndarray, size: int) -> np.ndarray:
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


@njit(**_fast)
def _range(field):
    low, high = _f(np.inf), _f(-np.inf)
    for y in range(field.shape[0]):
        for x in range(field.shape[1]):
            value = field[y, x]
            if np.isfinite(value):
                low, high = min(low, value), max(high, value)
    return low, high


@njit(**_fast)
def _quantise(field, low, step, reach):
    """Levels from 0 to `_TOP`, above it for NaN, with `reach` columns of NaN on both sides."""
    height, width = field.shape
    levels = np.full((height, width + 2 * reach), np.int16(_TOP + 1))
    for y in range(height):
        for x in range(width):
            level = (field[y, x] - low) / step + _f(0.5)
            levels[y, x + reach] = np.int16(level) if 0 <= level < _TOP + 1 else np.int16(_TOP + 1)
    return levels


@njit(**_fast)
def _median(levels, size, least, step, full):
    """The lower median of each window, of what is not NaN."""
    height, width = levels.shape[0], levels.shape[1] - size + 1
    found = np.empty((height, width), np.float32)
    low, high, middle = np.empty(width, np.int16), np.empty(width, np.int16), np.empty(width, np.int16)
    below, every = np.empty(width, np.int16), np.empty(width, np.int16)
    beyond = np.full(width, np.int16(_TOP + 1))
    for y in range(height):
        first, last = max(y - size // 2, 0), min(y + size // 2 + 1, height)
        if full:
            for x in range(width):
                every[x] = -(last - first) * (min(x + size // 2, width - 1) - max(x - size // 2, 0) + 1)
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


@njit(**_fast)
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
