"""Search for displacements at whole pixels: local correlation, made consistent along paths.

Where ice moves farther than the width of its texture, the energy of Horn-Schunck has many minima. A
pyramid does not help if the ice is narrower than the pixels of its coarse levels. The search
therefore compares a chip of the reference with the secondary at every displacement within a radius,
at image resolution, and stores a cost of ``1 - correlation`` for each. Costs are then added up
along straight paths through the image, where a change of the displacement by one pixel has a small
penalty and a larger change a large one (semi-global matching, Hirschmüller 2008,
doi:10.1109/TPAMI.2007.1166). The displacement of minimum total cost wins and is refined to a
fraction of a pixel (`gdiv.flow.horn_schunck.paths`).
"""

from collections.abc import Sequence

import cv2
import numpy as np

from gdiv.flow.horn_schunck.compilation import FloatArray, compile_kernel, f32
from gdiv.flow.horn_schunck.levels import Level
from gdiv.flow.horn_schunck.paths import OUTSIDE_COST, cheapest

__all__ = ["NEUTRAL", "chip_correlation", "search_lattice"]

#: Cost of a displacement that leaves the frame or reaches pixels without data: zero correlation.
NEUTRAL = f32(1)

# Added to the square of a norm, per pixel of a chip, so that weak texture does not count.
_MIN_ENERGY = f32(0.1)


def search_lattice(
    first: Level,
    second: Level,
    step: int,
    radius: int,
    penalties: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Search all displacements up to a radius on a lattice of nodes.

    A chip has ``2 step`` pixels on each side and a node in its middle, where four pixels meet.

    Parameters
    ----------
    first, second : Level
        Local contrast of the reference and the secondary, ``(H, W)``. Pixels of the first that are
        not valid are not compared.
    step : int
        Pixels between nodes, and half the side of a chip. Larger chips are more reliable but lose
        more of the motion of narrow ice.
    radius : int
        Longest displacement along columns and along rows, in pixels. Time grows with its square.
    penalties : tuple of float
        Cost of a change of the displacement by one pixel and by more, between neighbouring nodes.

    Returns
    -------
    u, v : ndarray
        float32 ``(ceil(H / step), ceil(W / step))``, the displacement of each node (pixel). Node
        ``i`` of a column lies between the pixels ``step i - 1`` and ``step i``.
    """
    side = 2 * step
    padding = [-size % step for size in first.shape]
    reference = first.image * first.valid
    secondary = second.image * second.valid
    costs = _lattice_costs(
        np.pad(reference, [(0, more) for more in padding]),
        _pad(secondary, radius, padding),
        _inverse_norm(reference, side) * first.valid,
        _pad(_inverse_norm(secondary, side) * second.valid, radius, padding),
        step,
        radius,
    )
    return cheapest(costs, radius, penalties)


def chip_correlation(first: FloatArray, moved: FloatArray, side: int) -> FloatArray:
    """Correlation of the chips around each pixel of two images.

    Parameters
    ----------
    first, moved : ndarray
        float32 ``(H, W)``, local contrast; zero is no data.
    side : int
        Side of a chip in pixels, odd.

    Returns
    -------
    ndarray
        float32 ``(H, W)``, -1 to 1; near zero where the texture is weak.
    """
    return _chip_sum(first * moved, side) * _inverse_norm(first, side) * _inverse_norm(moved, side)


def _chip_sum(values: FloatArray, side: int) -> FloatArray:
    """Sum of the values in the chip around each pixel, with zeros beyond the frame."""
    # A chip of an even number of pixels reaches one pixel farther up and to the left.
    summed = cv2.boxFilter(
        values,
        -1,
        (side, side),
        anchor=(side // 2, side // 2),
        normalize=False,
        borderType=cv2.BORDER_CONSTANT,
    )
    return np.asarray(summed, np.float32)


def _inverse_norm(image: FloatArray, side: int) -> FloatArray:
    """Reciprocal norm of the chip around each pixel."""
    energy = np.maximum(_chip_sum(image * image, side), 0)
    return np.asarray(1 / np.sqrt(energy + _MIN_ENERGY * side**2), np.float32)


def _pad(image: FloatArray, width: int, padding: Sequence[int]) -> FloatArray:
    """Pad an image with zeros on all sides, and with extra pixels below and to the right."""
    padded = cv2.copyMakeBorder(
        image, width, width + padding[0], width, width + padding[1], cv2.BORDER_CONSTANT
    )
    return np.asarray(padded, np.float32)


@compile_kernel
def _lattice_costs(
    reference: FloatArray,
    secondary: FloatArray,
    reference_scale: FloatArray,
    secondary_scale: FloatArray,
    step: int,
    radius: int,
) -> FloatArray:
    """Cost of each displacement at each node.

    The sides of the reference are multiples of `step`; the secondary is padded by `radius` on all
    sides. The scales are reciprocal norms of chips, zero without data; that of the secondary is
    padded as well. Products are summed over squares of `step` pixels; four squares form a chip.
    """
    height, width = reference.shape
    rows = height // step
    columns = width // step
    count = 2 * radius + 1
    rim = count + 2
    costs = np.full((rows, columns, rim * rim), OUTSIDE_COST, np.float32)
    sums = np.empty(width, np.float32)
    # Sums of the row of squares above, with one extra square to the left, outside the frame.
    above = np.zeros((count, count, columns + 1), np.float32)
    here = np.zeros(columns + 1, np.float32)
    for i in range(rows):
        y = i * step
        for k in range(count):
            for m in range(count):
                sums[:] = f32(0)
                for p in range(step):
                    first = reference[y + p]
                    second = secondary[y + k + p, m:]
                    for x in range(width):
                        sums[x] += first[x] * second[x]
                last = above[k, m]
                index = (k + 1) * rim + m + 1
                scale = secondary_scale[y + k, m:]
                for j in range(columns):
                    total = f32(0)
                    for q in range(step):
                        total += sums[j * step + q]
                    here[j + 1] = total
                for j in range(columns):
                    chip = (here[j] + here[j + 1]) + (last[j] + last[j + 1])
                    weight = reference_scale[y, j * step] * scale[j * step]
                    costs[i, j, index] = NEUTRAL - chip * weight
                last[:] = here
    return costs
