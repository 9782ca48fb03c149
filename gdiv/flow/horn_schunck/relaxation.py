"""Linear equations of Horn-Schunck and the Jacobi steps that solve them, on a CPU.

Four properties make them fast:

- The compiler vectorises whole rows of float32.
- The iterations contain no division, branch or allocation.
- The pixels of the two colours of a chessboard are stored separately. A Jacobi step of one colour
  reads only the other colour, which halves the work (Golub and Varga 1961,
  doi:10.1007/BF01386013).
- Consecutive iterations run down the image one row behind each other, so a row is read from the
  cache once for all iterations.
"""

import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32

__all__ = ["EDGE", "linearise", "merge_colours", "mirror", "relax", "split_colours"]

#: float32 values before and after a row of `u` and `v`: one cache line, so that rows start on one.
EDGE = 16


@compile_kernel
def linearise(
    reference: FloatArray,
    secondary: FloatArray,
    reference_valid: FloatArray,
    secondary_valid: FloatArray,
    mask: FloatArray,
    u: FloatArray,
    v: FloatArray,
    weight: np.float32,
    stencil: FloatArray,
    mean: FloatArray,
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
) -> None:
    """Linearise the data term at a displacement.

    Parameters
    ----------
    reference, secondary : ndarray
        float32 ``(H, W)``, the images, warped.
    reference_valid, secondary_valid, mask : ndarray
        float32 ``(H, W)``, one where a pixel enters the data term, zero where it does not.
    u, v : ndarray
        float32 ``(H, W)``, displacement (pixel) of the warp.
    weight : numpy.float32
        Weight of the smoothness term.
    stencil : ndarray
        float32 ``(3,)``, weights of the central difference.
    mean : ndarray
        float32 ``(H, W + 6)``, overwritten with the mean of both images, whose rim is repeated.
        Gradients are taken of the mean.
    a, b, c : ndarray
        float32 ``(2, H, half row)``, overwritten with the coefficients of each colour; zero where a
        pixel does not enter the data term.
    """
    height, width = reference.shape
    k1, k2, k3 = stencil
    for y in range(height):
        for x in range(width):
            mean[y, x + 3] = f32(0.5) * (reference[y, x] + secondary[y, x])
        mean[y, :3] = mean[y, 3]
        mean[y, width + 3 :] = mean[y, width + 2]
    row = np.zeros((3, width + 1), np.float32)
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
            counts = reference_valid[y, x] * secondary_valid[y, x] * mask[y, x]
            scale = counts / np.sqrt(weight + ix * ix + iy * iy)
            row[0, x] = ix * scale
            row[1, x] = iy * scale
            row[2, x] = (secondary[y, x] - reference[y, x] - ix * u[y, x] - iy * v[y, x]) * scale
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width + 1 - start) // 2):
                a[colour, y, i] = row[0, 2 * i + start]
                b[colour, y, i] = row[1, 2 * i + start]
                c[colour, y, i] = row[2, 2 * i + start]


@compile_kernel
def split_colours(field: FloatArray, packed: FloatArray) -> None:
    """Store the pixels of each colour contiguously, with their mirror images beside the frame.

    Parameters
    ----------
    field : ndarray
        float32 ``(H, W)``.
    packed : ndarray
        float32 ``(2, H, half row)``, overwritten.
    """
    height, width = field.shape
    for y in range(height):
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width - start + 1) // 2):
                packed[colour, y, EDGE + i] = field[y, 2 * i + start]
            mirror(packed, colour, y, start, width)


@compile_kernel
def merge_colours(packed: FloatArray, field: FloatArray) -> None:
    """Write both colours back to their pixels.

    Parameters
    ----------
    packed : ndarray
        float32 ``(2, H, half row)``, from `split_colours`.
    field : ndarray
        float32 ``(H, W)``, overwritten.
    """
    height, width = field.shape
    for y in range(height):
        for colour in range(2):
            start = (y + colour) & 1
            for i in range((width - start + 1) // 2):
                field[y, 2 * i + start] = packed[colour, y, EDGE + i]


@compile_kernel
def mirror(packed: FloatArray, colour: int, y: int, start: int, width: int) -> None:
    """Mirror a row at the sides of the frame, so that there is no flux through them.

    The pixel beyond the frame equals the one before the last pixel of the frame.

    Parameters
    ----------
    packed : ndarray
        float32 ``(2, H, half row)``, from `split_colours`; overwritten beside the frame.
    colour : int
        Colour of the row, 0 or 1.
    y : int
        The row.
    start : int
        First column of the colour in the row, 0 or 1.
    width : int
        Pixels in a row of the image.
    """
    if start == 1:
        packed[colour, y, EDGE - 1] = packed[colour, y, EDGE]
    if (width - start) % 2 == 0:
        i = EDGE + (width - start) // 2
        packed[colour, y, i] = packed[colour, y, max(i - 1, EDGE)]


@compile_kernel
def relax(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    u: FloatArray,
    v: FloatArray,
    width: int,
    omegas: FloatArray,
) -> None:
    """Run Jacobi steps on both colours in turn, in place.

    Parameters
    ----------
    a, b, c : ndarray
        float32 ``(2, H, half row)``, coefficients of the linear equations for each colour.
    u, v : ndarray
        float32 ``(2, H, half row)``, displacement (pixel) of each colour, with 16 values of padding
        at both sides; overwritten.
    width : int
        Pixels in a row of the image.
    omegas : ndarray
        float32 ``(N,)``, relaxation factor of each step. Step ``k`` updates colour ``k % 2``.

    Notes
    -----
    The steps run as a wavefront: step ``k`` updates row ``front - k``. It reads the rows above and
    below from step ``k - 1``, which the wavefront has already passed.
    """
    height = u.shape[1]
    steps = omegas.size
    for front in range(height + steps - 1):
        for k in range(max(0, front - height + 1), min(steps, front + 1)):
            y = front - k
            own = k & 1
            other = 1 - (k & 1)
            start = (y + own) & 1
            up = y - 1 if y > 0 else min(1, height - 1)
            down = y + 1 if y < height - 1 else max(height - 2, 0)
            omega = omegas[k]
            here_u = u[own, y, EDGE:]
            here_v = v[own, y, EDGE:]
            row_a = a[own, y]
            row_b = b[own, y]
            row_c = c[own, y]
            north_u = u[other, up, EDGE:]
            south_u = u[other, down, EDGE:]
            north_v = v[other, up, EDGE:]
            south_v = v[other, down, EDGE:]
            west_u = u[other, y, EDGE - 1 + start :]
            east_u = u[other, y, EDGE + start :]
            west_v = v[other, y, EDGE - 1 + start :]
            east_v = v[other, y, EDGE + start :]
            for i in range((width - start + 1) // 2):
                mean_u = f32(0.25) * ((north_u[i] + south_u[i]) + (west_u[i] + east_u[i]))
                mean_v = f32(0.25) * ((north_v[i] + south_v[i]) + (west_v[i] + east_v[i]))
                residual = row_a[i] * mean_u + row_b[i] * mean_v + row_c[i]
                here_u[i] += omega * (mean_u - row_a[i] * residual - here_u[i])
                here_v[i] += omega * (mean_v - row_b[i] * residual - here_v[i])
            mirror(u, own, y, start, width)
            mirror(v, own, y, start, width)
