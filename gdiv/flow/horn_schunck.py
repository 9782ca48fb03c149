"""Multi-level Horn-Schunck optical flow on the CPU.

Finds the displacement `(u, v)` with ``secondary(x + u, y + v) = reference(x, y)`` that minimises

    sum over pixels of (Ix u + Iy v + It)^2 + weight / 4 * (|grad u|^2 + |grad v|^2)

on a pyramid, from coarse to fine. At each level the secondary is warped by the flow so far, the data
term is linearised there, and the linear equations are solved for the whole flow by Jacobi iterations
under Chebyshev acceleration. `a, b, c` below are Ix, Iy and It, each divided by
sqrt(weight + Ix^2 + Iy^2), so that an iteration needs no division.

Sources: Horn and Schunck 1981, doi:10.1016/0004-3702(81)90024-2; Meinhardt-Llopis et al. 2013,
doi:10.5201/ipol.2013.20 (pyramid and warps); Keys 1981, doi:10.1109/TASSP.1981.1163711 (bicubic,
a = -0.5); Wright 1993 and Golub and Varga 1961, doi:10.1007/BF01386013 (Chebyshev semi-iteration).
"""

import cv2
import numpy as np
from numba import njit

# Reassociation lets LLVM vectorise the rows; NaN handling stays exact because `nnan` is not among them.
_fast = dict(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})


def horn_schunck(
    reference: np.ndarray,
    secondary: np.ndarray,
    *,
    levels: int = 5,
    warps: int = 6,
    iterations: int = 40,
    weight: float = 3.0,
    median: int = 9,
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement from `reference` to `secondary`, in pixels.

    Parameters
    ----------
    reference, secondary
        float32 `(H, W)` of equal shape, on a scale with a spread of about one
        (`gdiv.flow.contrast.local_contrast` gives that). NaN contributes nothing and is filled by smoothness.
    levels
        Pyramid levels, each half the size; the coarsest keeps at least 16 pixels. More levels reach
        farther: about 1.5 pixels at the coarsest, so 24 with five.
    warps
        Linearisations a level.
    iterations
        Chebyshev-Jacobi iterations a warp.
    weight
        Smoothness against squared brightness difference. Larger is smoother and fills gaps from farther; a
        hundredth of the default is right for clean images, the default for dates a year apart.
    median
        Side of the square median filter applied to the result; 1 leaves it out.

    Returns
    -------
    u, v
        float32 `(H, W)`, positive along columns and along rows; finite everywhere.

    Raises
    ------
    ValueError
        If the images are not two-dimensional or differ in shape.
    """
    if reference.ndim != 2 or reference.shape != secondary.shape:
        raise ValueError(f"two images of one (H, W) shape are needed, got {reference.shape} and {secondary.shape}")
    pyramid = [tuple(_fill(image) for image in (reference, secondary))]
    for _ in range(levels - 1):
        if min(pyramid[-1][0][0].shape) < 32:
            break
        pyramid.append(tuple(_halve(*image) for image in pyramid[-1]))

    u = v = np.zeros(pyramid[-1][0][0].shape, np.float32)
    for (first, first_valid), (second, second_valid) in reversed(pyramid):
        u, v = (
            _resize_flow(u, first.shape[1] / u.shape[1], first.shape),
            _resize_flow(v, first.shape[0] / v.shape[0], first.shape),
        )
        for _ in range(warps):
            warped, warped_valid = warp(second, second_valid, u, v)
            a, b, c = _data_term(first, warped, first_valid * warped_valid, u, v, np.float32(weight))
            u, v = _solve(a, b, c, u, v, iterations)
    if median > 1:
        u, v = median_filter(u, median), median_filter(v, median)
    return u, v


def _fill(image):
    """The image with zero for NaN, and its validity. Validity loses two pixels: bicubic taps reach that far."""
    valid = np.isfinite(image)
    eroded = cv2.erode(valid.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1)
    return np.where(valid, image, 0).astype(np.float32), eroded.astype(np.float32)


def _halve(image, valid):
    """One pyramid level up: a blurred, half-size image; valid where at least half of its area is."""
    size = ((image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)
    share = cv2.GaussianBlur(valid, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(image * valid, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE) / np.maximum(share, 1e-3)
    half_valid = (cv2.resize(share, size, interpolation=cv2.INTER_LINEAR) > 0.5).astype(np.float32)
    return cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR) * half_valid, half_valid


def _resize_flow(component, ratio, shape):
    return cv2.resize(component, shape[::-1], interpolation=cv2.INTER_LINEAR) * np.float32(ratio)


@njit(**_fast)
def warp(image, valid, u, v):
    """`image` and its validity read at `(x + u, y + v)`; both zero where that leaves the frame."""
    height, width = image.shape
    warped = np.zeros_like(image)
    ok = np.zeros_like(image)
    wx = np.empty(4, np.float32)
    wy = np.empty(4, np.float32)
    for y in range(height):
        for x in range(width):
            px, py = x + u[y, x], y + v[y, x]
            if px < 0 or py < 0 or px > width - 1 or py > height - 1:
                continue
            x0, y0 = int(px), int(py)
            _keys(px - x0, wx)
            _keys(py - y0, wy)
            total = np.float32(0)
            for j in range(4):
                row = min(max(y0 + j - 1, 0), height - 1)
                along = np.float32(0)
                for i in range(4):
                    along += wx[i] * image[row, min(max(x0 + i - 1, 0), width - 1)]
                total += wy[j] * along
            warped[y, x] = total
            ok[y, x] = valid[int(py + 0.5), int(px + 0.5)]
    return warped, ok


@njit(**_fast)
def _keys(t, out):
    """Keys' four bicubic weights for a point at fraction `t` between the middle two."""
    out[0] = -0.5 * t + t * t - 0.5 * t * t * t
    out[1] = 1.0 - 2.5 * t * t + 1.5 * t * t * t
    out[2] = 0.5 * t + 2.0 * t * t - 1.5 * t * t * t
    out[3] = -0.5 * t * t + 0.5 * t * t * t


@njit(**_fast)
def _data_term(first, warped, valid, u, v, weight):
    """a, b, c at every pixel: five-tap derivatives of the frames' average; zero where either is not valid."""
    height, width = first.shape
    a, b, c = np.zeros_like(first), np.zeros_like(first), np.zeros_like(first)
    mean = np.float32(0.5) * (first + warped)
    for y in range(height):
        n1, n2 = max(y - 1, 0), max(y - 2, 0)
        s1, s2 = min(y + 1, height - 1), min(y + 2, height - 1)
        for x in range(width):
            w1, w2 = max(x - 1, 0), max(x - 2, 0)
            e1, e2 = min(x + 1, width - 1), min(x + 2, width - 1)
            ix = (np.float32(8) * (mean[y, e1] - mean[y, w1]) - (mean[y, e2] - mean[y, w2])) * np.float32(1 / 12)
            iy = (np.float32(8) * (mean[s1, x] - mean[n1, x]) - (mean[s2, x] - mean[n2, x])) * np.float32(1 / 12)
            scale = valid[y, x] / np.sqrt(weight + ix * ix + iy * iy)
            a[y, x] = ix * scale
            b[y, x] = iy * scale
            c[y, x] = (warped[y, x] - first[y, x] - ix * u[y, x] - iy * v[y, x]) * scale
    return a, b, c


@njit(**_fast)
def _solve(a, b, c, u, v, iterations):
    """Chebyshev-accelerated Jacobi; the one-pixel rim repeats the edge (no flux through the frame)."""
    height, width = a.shape
    radius2 = np.float32(0.98**2)  # spectral radius of the Jacobi step, squared: larger overshoots on rough data
    new_u, old_u = np.empty((height + 2, width + 2), np.float32), np.empty((height + 2, width + 2), np.float32)
    new_v, old_v = np.empty_like(new_u), np.empty_like(new_u)
    old_u[1:-1, 1:-1], old_v[1:-1, 1:-1] = u, v
    new_u[:], new_v[:] = 0, 0
    omega = np.float32(1)
    for k in range(iterations):
        _rim(old_u)
        _rim(old_v)
        for y in range(1, height + 1):
            for x in range(1, width + 1):
                ubar = np.float32(0.25) * (old_u[y - 1, x] + old_u[y + 1, x] + old_u[y, x - 1] + old_u[y, x + 1])
                vbar = np.float32(0.25) * (old_v[y - 1, x] + old_v[y + 1, x] + old_v[y, x - 1] + old_v[y, x + 1])
                t = a[y - 1, x - 1] * ubar + b[y - 1, x - 1] * vbar + c[y - 1, x - 1]
                new_u[y, x] += omega * (ubar - a[y - 1, x - 1] * t - new_u[y, x])
                new_v[y, x] += omega * (vbar - b[y - 1, x - 1] * t - new_v[y, x])
        new_u, old_u = old_u, new_u
        new_v, old_v = old_v, new_v
        omega = 1 / (1 - radius2 / 2) if k == 0 else 1 / (1 - radius2 * omega / 4)
        omega = np.float32(omega)
    return old_u[1:-1, 1:-1].copy(), old_v[1:-1, 1:-1].copy()


@njit(**_fast)
def _rim(field):
    field[0, :], field[-1, :] = field[1, :], field[-2, :]
    field[:, 0], field[:, -1] = field[:, 1], field[:, -2]


@njit(**_fast)
def median_filter(field, size):
    """Median over a `size` x `size` window, NaN left out, to within 1/4096 of the window's range of values.

    The value is found by bisection on the count of smaller neighbours: whole rows at a time, so that
    the compiler vectorises it, where sorting 81 values a pixel cannot be. All-NaN windows give NaN.
    """
    height, width = field.shape
    reach = size // 2
    out = np.empty_like(field)
    low, high = np.empty(width, np.float32), np.empty(width, np.float32)
    count, half = np.empty(width, np.int32), np.empty(width, np.int32)
    for y in range(height):
        top, bottom = max(y - reach, 0), min(y + reach + 1, height)
        low[:], high[:], half[:] = np.inf, -np.inf, 0
        for row in range(top, bottom):
            for shift in range(-reach, reach + 1):
                for x in range(max(0, -shift), min(width, width - shift)):
                    value = field[row, x + shift]
                    if value == value:
                        low[x] = min(low[x], value)
                        high[x] = max(high[x], value)
                        half[x] += 1
        for _ in range(12):
            count[:] = 0
            for row in range(top, bottom):
                for shift in range(-reach, reach + 1):
                    for x in range(max(0, -shift), min(width, width - shift)):
                        count[x] += field[row, x + shift] <= np.float32(0.5) * (low[x] + high[x])
            for x in range(width):
                middle = np.float32(0.5) * (low[x] + high[x])
                if 2 * count[x] >= half[x]:
                    high[x] = middle
                else:
                    low[x] = middle
        for x in range(width):
            out[y, x] = np.float32(0.5) * (low[x] + high[x]) if half[x] > 0 else np.float32(np.nan)
    return out
