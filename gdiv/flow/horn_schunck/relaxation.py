"""Warp, linearise, relax: one step of Horn-Schunck on a CPU.

What makes it fast: whole rows in float32 for the compiler to vectorise; no division, branch or allocation in
the iterations; the pixels of a chessboard's two colours stored apart, because a Jacobi step of one colour
needs the other alone, so half of the work falls away (Golub and Varga 1961); and iterations that follow one
another down the image a row apart, so that a row is read from the cache once for all of them.
"""

import math

import cv2
import numpy as np

from gdiv.flow.horn_schunck.compiled import compiled

_f = np.float32
_EDGE = 16  # floats before and after a row of `u` and `v`, so that rows start on a cache line


class Workspace:
    """The arrays of one level that its warps share."""

    def __init__(self, first, second, counted, stencil):
        height, width = first.shape
        half = (width + 1) // 2
        row = -(-half // 16) * 16
        self.first, self.second, self.counted = first, second, counted
        self.taps = taps(first.image), taps(second.image)
        self.stencil = np.asarray(stencil, np.float32)
        # Rows that are a power of two apart would share the cache's sets: an odd number of lines a row.
        self.a, self.b, self.c = (
            _aligned(2, height, row + 16 * (row // 16 % 2 == 0)) for _ in range(3)
        )
        self.u, self.v = (
            _aligned(2, height, row + 2 * _EDGE + 16 * (row // 16 % 2)) for _ in range(2)
        )
        self.mean = np.empty((height, width + 6), np.float32)
        self.moved = [
            (np.empty(first.shape, np.float32), np.empty(first.shape, np.float32)) for _ in range(2)
        ]

    def step(self, u, v, weight, omegas, symmetric):
        """One warp: the flow that solves the equations linearised at `u, v`, in place."""
        (first, first_valid), (second, second_valid) = self.moved
        if symmetric:
            warp(self.taps[0], self.first.valid, u, v, _f(-0.5), first, first_valid)
        else:
            first, first_valid, _ = self.first
        warp(
            self.taps[1], self.second.valid, u, v, _f(0.5 if symmetric else 1), second, second_valid
        )
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
        solve(*coefficients, self.u, self.v, u.shape[1], omegas)
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
        raise ValueError(
            f"an image of {image.shape} pixels is too large to be read between them; take blocks"
        )
    return cv2.copyMakeBorder(image, 1, 2, 1, 2, cv2.BORDER_REPLICATE)


@compiled
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
            c3[x] = (
                a * flat[i + three]
                + b * flat[j + three]
                + c * flat[k + three]
                + d * flat[m + three]
            )
            seen[y, x] = inside[x] * flat_valid[np.uint64(nearest[x])]
        for x in range(width):
            t = part[x]
            cubic = _f(3) * (c1[x] - c2[x]) + c3[x] - c0[x]
            square = _f(2) * c0[x] - _f(5) * c1[x] + _f(4) * c2[x] - c3[x]
            moved[y, x] = c1[x] + _f(0.5) * t * (c2[x] - c0[x] + t * (square + t * cubic))


@compiled
def _linearise(
    first, second, first_valid, second_valid, counted, u, v, weight, stencil, mean, a, b, c
):
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
        s1, s2, s3 = (
            mean[min(y + 1, height - 1)],
            mean[min(y + 2, height - 1)],
            mean[min(y + 3, height - 1)],
        )
        here = mean[y]
        for x in range(width):
            ix = (
                k1 * (here[x + 4] - here[x + 2])
                + k2 * (here[x + 5] - here[x + 1])
                + k3 * (here[x + 6] - here[x])
            )
            iy = (
                k1 * (s1[x + 3] - n1[x + 3])
                + k2 * (s2[x + 3] - n2[x + 3])
                + k3 * (s3[x + 3] - n3[x + 3])
            )
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


@compiled
def _pack(field, packed):
    """Both colours of `field` side by side, and the mirror images of the pixels beside the frame."""
    height, width = field.shape
    for y in range(height):
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width - start + 1) // 2):
                packed[colour, y, _EDGE + i] = field[y, 2 * i + start]
            _mirror(packed, colour, y, start, width)


@compiled
def _unpack(packed, field):
    height, width = field.shape
    for y in range(height):
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width - start + 1) // 2):
                field[y, 2 * i + start] = packed[colour, y, _EDGE + i]


@compiled
def _mirror(packed, colour, y, start, width):
    """No flux through the sides: the pixel beyond the frame is the one before the frame's last."""
    if start == 1:
        packed[colour, y, _EDGE - 1] = packed[colour, y, _EDGE]
    if (width - start) % 2 == 0:
        i = _EDGE + (width - start) // 2
        packed[colour, y, i] = packed[colour, y, max(i - 1, _EDGE)]


@compiled
def solve(a, b, c, u, v, width, omegas):
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
