"""Equations of Horn-Schunck with robust penalties, and the Jacobi steps that solve them, on a CPU.

The penalties depend on the displacement, so they are recomputed at each warp and fixed while the
linear equations are solved (lagged diffusivity, Vogel and Oman 1996, doi:10.1137/0917016).
`gdiv.flow.horn_schunck.robust_torch` has the same steps for a batch.
"""

import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.flow.horn_schunck.levels import Level, blur, gaussian
from gdiv.flow.horn_schunck.relaxation import EDGE, merge_colours, mirror, split_colours
from gdiv.flow.horn_schunck.settings import (
    NOISE_SIGMA,
    OUTLIER,
    TENSOR_SIGMA,
    Stencil,
    weigh_noise,
)
from gdiv.flow.horn_schunck.warping import pad_for_bicubic, warp
from gdiv.flow.horn_schunck.workspace import allocate_colours

__all__ = ["RobustWorkspace"]

_REACH = 3  # pixels that the longest central difference reads on each side
_MIN_FRACTION = f32(1e-3)  # minimum fraction of a neighbourhood with data


class RobustWorkspace:
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
        self, reference: Level, secondary: Level, mask: FloatArray, stencil: Stencil
    ) -> None:
        height, width = reference.shape
        self.reference = reference
        self.counts = reference.valid * mask
        self.secondary = secondary
        self.padded_secondary = pad_for_bicubic(secondary.image)
        self.stencil = np.asarray(stencil, np.float32)
        self.coefficients, (self.u, self.v) = allocate_colours(height, width, 9)
        self.moved = np.empty(reference.shape, np.float32)
        self.moved_valid = np.empty(reference.shape, np.float32)
        self.mean = np.empty((height, width + 2 * _REACH), np.float32)
        self.products = np.empty((5, height, width), np.float32)
        self.squares = np.empty(reference.shape, np.float32)
        self.smoothness = np.empty(reference.shape, np.float32)

    def update_flow(
        self, u: FloatArray, v: FloatArray, weight: float, omegas: FloatArray, slope: float
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
        slope : float
            Change of the displacement between neighbouring pixels at which a margin begins.

        Returns
        -------
        u, v : ndarray
            The arrays passed, which hold the solution.
        """
        warp(
            self.padded_secondary,
            self.secondary.valid,
            u,
            v,
            f32(1),
            self.moved,
            self.moved_valid,
        )
        _multiply(
            self.reference.image,
            self.moved,
            self.counts,
            self.moved_valid,
            u,
            v,
            self.stencil,
            self.mean,
            self.products,
            self.squares,
        )
        certainty = self._certainty()
        kernel = gaussian(TENSOR_SIGMA)
        products = np.stack([blur(certainty * product, kernel) for product in self.products])
        _weigh_smoothness(u, v, f32(weight / 4), f32(slope), self.smoothness)
        north, south, west, east, uu, uv, vv, cu, cv = self.coefficients
        _combine(products, self.smoothness, north, south, west, east, uu, uv, vv, cu, cv)
        split_colours(u, self.u)
        split_colours(v, self.v)
        _relax(north, south, west, east, uu, uv, vv, cu, cv, self.u, self.v, u.shape[1], omegas)
        merge_colours(self.u, u)
        merge_colours(self.v, v)
        return u, v

    def _certainty(self) -> FloatArray:
        """Weight of the data term at each pixel, low where the images differ after the warp."""
        kernel = gaussian(NOISE_SIGMA)
        part = blur(self.counts * self.moved_valid, kernel)
        variance = blur(self.squares, kernel) / np.maximum(part, _MIN_FRACTION)
        return np.asarray(weigh_noise(variance), np.float32)


@compile_kernel
def _multiply(
    reference: FloatArray,
    moved: FloatArray,
    reference_counts: FloatArray,
    moved_counts: FloatArray,
    u: FloatArray,
    v: FloatArray,
    stencil: FloatArray,
    mean: FloatArray,
    products: FloatArray,
    squares: FloatArray,
) -> None:
    """Products of the gradients and the temporal difference, and that difference squared."""
    height, width = reference.shape
    k1, k2, k3 = stencil
    for y in range(height):
        for x in range(width):
            mean[y, x + 3] = f32(0.5) * (reference[y, x] + moved[y, x])
        mean[y, :3] = mean[y, 3]
        mean[y, width + 3 :] = mean[y, width + 2]
    for y in range(height):
        north1 = mean[max(y - 1, 0)]
        north2 = mean[max(y - 2, 0)]
        north3 = mean[max(y - 3, 0)]
        south1 = mean[min(y + 1, height - 1)]
        south2 = mean[min(y + 2, height - 1)]
        south3 = mean[min(y + 3, height - 1)]
        here = mean[y]
        for x in range(width):
            ix = (
                k1 * (here[x + 4] - here[x + 2])
                + k2 * (here[x + 5] - here[x + 1])
                + k3 * (here[x + 6] - here[x])
            )
            iy = (
                k1 * (south1[x + 3] - north1[x + 3])
                + k2 * (south2[x + 3] - north2[x + 3])
                + k3 * (south3[x + 3] - north3[x + 3])
            )
            difference = moved[y, x] - reference[y, x]
            outlying = difference / f32(OUTLIER)
            counts = reference_counts[y, x] * moved_counts[y, x]
            data = counts / np.sqrt(f32(1) + outlying * outlying)
            it = difference - ix * u[y, x] - iy * v[y, x]
            products[0, y, x] = data * ix * ix
            products[1, y, x] = data * ix * iy
            products[2, y, x] = data * iy * iy
            products[3, y, x] = data * ix * it
            products[4, y, x] = data * iy * it
            squares[y, x] = counts * difference * difference


@compile_kernel
def _weigh_smoothness(
    u: FloatArray, v: FloatArray, weight: np.float32, slope: np.float32, smoothness: FloatArray
) -> None:
    """Weight of the smoothness term at each pixel, low where the displacement changes fast."""
    height, width = u.shape
    threshold = slope * slope
    for y in range(height):
        up = max(y - 1, 0)
        down = min(y + 1, height - 1)
        for x in range(width):
            left = max(x - 1, 0)
            right = min(x + 1, width - 1)
            change = (
                (u[y, right] - u[y, x]) ** 2
                + (u[y, x] - u[y, left]) ** 2
                + (u[down, x] - u[y, x]) ** 2
                + (u[y, x] - u[up, x]) ** 2
                + (v[y, right] - v[y, x]) ** 2
                + (v[y, x] - v[y, left]) ** 2
                + (v[down, x] - v[y, x]) ** 2
                + (v[y, x] - v[up, x]) ** 2
            )
            smoothness[y, x] = weight * threshold / (f32(0.5) * change + threshold)


@compile_kernel
def _combine(
    products: FloatArray,
    smoothness: FloatArray,
    north: FloatArray,
    south: FloatArray,
    west: FloatArray,
    east: FloatArray,
    uu: FloatArray,
    uv: FloatArray,
    vv: FloatArray,
    cu: FloatArray,
    cv: FloatArray,
) -> None:
    """Coefficients of a Jacobi step: weights of the neighbours, and the inverse of each system.

    No flux leaves the frame: the weight of a neighbour beyond it is zero.
    """
    height, width = smoothness.shape
    half = f32(0.5)
    row = np.empty((9, width + 1), np.float32)
    for y in range(height):
        for x in range(width):
            own = smoothness[y, x]
            n = half * (own + smoothness[y - 1, x]) if y > 0 else f32(0)
            s = half * (own + smoothness[y + 1, x]) if y < height - 1 else f32(0)
            w = half * (own + smoothness[y, x - 1]) if x > 0 else f32(0)
            e = half * (own + smoothness[y, x + 1]) if x < width - 1 else f32(0)
            total = n + s + w + e
            a = products[0, y, x] + total
            b = products[1, y, x]
            d = products[2, y, x] + total
            p = products[3, y, x]
            q = products[4, y, x]
            inverse = f32(1) / (a * d - b * b)
            row[0, x] = n / total
            row[1, x] = s / total
            row[2, x] = w / total
            row[3, x] = e / total
            row[4, x] = total * d * inverse
            row[5, x] = -total * b * inverse
            row[6, x] = total * a * inverse
            row[7, x] = (b * q - d * p) * inverse
            row[8, x] = (b * p - a * q) * inverse
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width + 1 - start) // 2):
                x = 2 * i + start
                north[colour, y, i] = row[0, x]
                south[colour, y, i] = row[1, x]
                west[colour, y, i] = row[2, x]
                east[colour, y, i] = row[3, x]
                uu[colour, y, i] = row[4, x]
                uv[colour, y, i] = row[5, x]
                vv[colour, y, i] = row[6, x]
                cu[colour, y, i] = row[7, x]
                cv[colour, y, i] = row[8, x]


@compile_kernel
def _relax(
    north: FloatArray,
    south: FloatArray,
    west: FloatArray,
    east: FloatArray,
    uu: FloatArray,
    uv: FloatArray,
    vv: FloatArray,
    cu: FloatArray,
    cv: FloatArray,
    u: FloatArray,
    v: FloatArray,
    width: int,
    omegas: FloatArray,
) -> None:
    """Run Jacobi steps on both colours in turn, as a wavefront: see `relaxation.relax`."""
    height = u.shape[1]
    steps = omegas.size
    for front in range(height + steps - 1):
        for k in range(max(0, front - height + 1), min(steps, front + 1)):
            y = front - k
            own = k & 1
            other = 1 - own
            start = (y + own) & 1
            up = max(y - 1, 0)
            down = min(y + 1, height - 1)
            omega = omegas[k]
            here_u = u[own, y, EDGE:]
            here_v = v[own, y, EDGE:]
            north_u = u[other, up, EDGE:]
            north_v = v[other, up, EDGE:]
            south_u = u[other, down, EDGE:]
            south_v = v[other, down, EDGE:]
            west_u = u[other, y, EDGE - 1 + start :]
            west_v = v[other, y, EDGE - 1 + start :]
            east_u = u[other, y, EDGE + start :]
            east_v = v[other, y, EDGE + start :]
            weight_n = north[own, y]
            weight_s = south[own, y]
            weight_w = west[own, y]
            weight_e = east[own, y]
            row_uu = uu[own, y]
            row_uv = uv[own, y]
            row_vv = vv[own, y]
            row_cu = cu[own, y]
            row_cv = cv[own, y]
            for i in range((width - start + 1) // 2):
                mean_u = (weight_n[i] * north_u[i] + weight_s[i] * south_u[i]) + (
                    weight_w[i] * west_u[i] + weight_e[i] * east_u[i]
                )
                mean_v = (weight_n[i] * north_v[i] + weight_s[i] * south_v[i]) + (
                    weight_w[i] * west_v[i] + weight_e[i] * east_v[i]
                )
                new_u = row_uu[i] * mean_u + row_uv[i] * mean_v + row_cu[i]
                new_v = row_uv[i] * mean_u + row_vv[i] * mean_v + row_cv[i]
                here_u[i] += omega * (new_u - here_u[i])
                here_v[i] += omega * (new_v - here_v[i])
            mirror(u, own, y, start, width)
            mirror(v, own, y, start, width)
