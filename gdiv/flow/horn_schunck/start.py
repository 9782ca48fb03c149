"""Start of the robust solution: the best of several proposals at each pixel.

The robust energy has many minima, and the solver converges to the one nearest to the start. The
proposals are

- the flow of a pyramid, reliable on wide, slow or weakly textured ice,
- a search at full resolution, for narrow ice,
- dense inverse search, whose patches follow deforming ice,
- searches at half and quarter resolution, for fast ice,
- zero motion, correct outside the ice.

`gdiv.flow.horn_schunck.fusion` chooses between them. A second inverse search begins at the choice,
to follow fast, deforming ice, and the fusion then chooses between the two.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gdiv.flow.horn_schunck import kernels_numba
from gdiv.flow.horn_schunck.compilation import FloatArray
from gdiv.flow.horn_schunck.features import level_contrast
from gdiv.flow.horn_schunck.fusion import fuse
from gdiv.flow.horn_schunck.levels import Level
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.pyramid import compare_level, prepare_levels
from gdiv.flow.horn_schunck.search import search_lattice
from gdiv.flow.horn_schunck.settings import PYRAMID_SLOPE, PYRAMID_WARPS, Settings
from gdiv.flow.inverse_search import search_patches

__all__ = ["find_start", "search_start", "start_of_batch"]

#: Pyramid levels to search: full, half and quarter resolution.
SEARCHED_LEVELS = 3
#: Longest displacement of a search, in pixels of its level.
RADIUS = 16
#: Pixels between the nodes of a search, and half the side of its chips.
STEP = 4
#: Costs of a change of the displacement between nodes by one pixel and by more.
PENALTIES = (0.1, 0.6)
#: Minimum side of an image for dense inverse search, in pixels.
INVERSE_SEARCH_SIDE = 16
#: Neighbourhood of the local contrast for dense inverse search, in pixels.
PATCH_SIGMA = 5.0
#: Side of the median filter that removes single wrong vectors, in pixels.
MEDIAN = 5


def find_start(
    brightness: tuple[Level, Level],
    floors: Sequence[float],
    levels: Sequence[tuple[Level, Level]],
    flow: tuple[FloatArray, FloatArray],
    reach: float,
) -> tuple[FloatArray, FloatArray]:
    """Find the displacement from which the finest level is solved.

    Parameters
    ----------
    brightness : tuple of Level
        The reference and the secondary, ``(H, W)``.
    floors : sequence of float
        Floor of the local spread of each of the two, in units of its brightness.
    levels : sequence of tuple of Level
        Local contrast of the reference and the secondary, the finest level ``(H, W)`` first. Pixels
        of the first that are not valid are not compared.
    flow : tuple of ndarray
        Flow of the pyramid at full resolution, each float32 ``(H, W)``, in pixels.
    reach : float
        Longest displacement of the search, in pixels.

    Returns
    -------
    u, v : ndarray
        float32 ``(H, W)``, the start.
    """
    full = levels[0]
    zero = np.zeros(full[0].shape, np.float32)
    contrasts = [
        np.where(level.valid > 0, level_contrast(level, PATCH_SIGMA, floor).image, np.nan)
        for level, floor in zip(brightness, floors, strict=True)
    ]
    proposals = [flow, (zero, zero), _inverse_search(contrasts)]
    for number, level in enumerate(levels):
        pixel = 2**number
        if number > 0 and reach <= RADIUS * pixel / 2:
            break
        radius = min(math.ceil(reach / pixel), RADIUS)
        nodes = search_lattice(*level, STEP, radius, PENALTIES)
        u, v = (_repeat(pixel * part, STEP * pixel, zero.shape) for part in nodes)
        proposals.append((u, v))
    chosen = fuse(*full, proposals)
    # Patches that begin at the choice follow fast, deforming ice.
    u, v = fuse(*full, [chosen, _inverse_search(contrasts, chosen)])
    return median_filter(u, MEDIAN), median_filter(v, MEDIAN)


def _inverse_search(
    contrasts: Sequence[FloatArray], initial_flow: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Dense inverse search; zero motion in images too small for its patches."""
    shape = contrasts[0].shape
    if min(shape) < INVERSE_SEARCH_SIDE:
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    u, v = search_patches(contrasts[0], contrasts[1], initial_flow)
    return np.ascontiguousarray(u), np.ascontiguousarray(v)


def _repeat(field: FloatArray, step: int, shape: tuple[int, int]) -> FloatArray:
    """Give each pixel the value of its nearest node; nodes are at multiples of a step."""
    rows, columns = (
        np.minimum((np.arange(side) + step // 2) // step, count - 1)
        for side, count in zip(shape, field.shape, strict=True)
    )
    return np.ascontiguousarray(field[np.ix_(rows, columns)])


def search_start(
    pyramid: list[Any], floors: list[Any], settings: Settings
) -> Iterator[tuple[tuple[Level, Level], FloatArray, FloatArray]]:
    """Yield the displacement at each coarse level of a pair, then the start of the finest level.

    Parameters
    ----------
    pyramid : list of tuple
        Reference, secondary and mask of each level, the finest first.
    floors : list of float
        Floor of the local spread of each image.
    settings : Settings
        Settings of the solver.

    Yields
    ------
    pair : tuple of Level
        Local contrast of both images at the level.
    u, v : ndarray
        float32 of the same shape, displacement in pixels of the level.
    """
    omegas = settings.relaxation_factors()
    u, v = kernels_numba.zero_flow(pyramid[-1][0])
    compared: list[tuple[Any, Any]] = []
    for first, second, level_mask in reversed(pyramid):
        if u.shape != first.shape:
            u = kernels_numba.double(u)
            v = kernels_numba.double(v)
        first, second = compare_level(kernels_numba, (first, second), floors, settings)
        compared.insert(
            0, (kernels_numba.Level(first.image, first.valid * level_mask, False), second)
        )
        if first.shape == pyramid[0][0].shape:
            u, v = find_start(
                pyramid[0][:2], floors, compared[:SEARCHED_LEVELS], (u, v), settings.reach
            )
        else:
            workspace = kernels_numba.RobustWorkspace(first, second, level_mask, settings.stencil)
            for _ in range(PYRAMID_WARPS):
                u, v = workspace.update_flow(u, v, settings.weight, omegas, PYRAMID_SLOPE)
        yield (first, second), u, v


def start_of_batch(
    reference: Any, secondary: Any, settings: Settings, mask: Any, grain: Sequence[Any] | None
) -> tuple[Any, Any]:
    """Find the start of each pair of a batch.

    The memory access pattern of the search does not suit a GPU, so the pairs are searched on the
    CPU, one after the other.

    Parameters
    ----------
    reference, secondary : torch.Tensor
        ``(..., H, W)``, both images of each pair.
    settings : Settings
        Settings of the solver.
    mask : ndarray or torch.Tensor or None
        Pixels that enter the data term.
    grain : sequence or None
        Grain of both images; measured if None.

    Returns
    -------
    u, v : torch.Tensor
        float32, the start on the finest level, on the device of the batch.
    """
    # PyTorch is optional; it is installed if the input is a tensor.
    import torch

    counts = mask.cpu().numpy() if isinstance(mask, torch.Tensor) else mask
    flat = [
        images.reshape(-1, *images.shape[-2:]).cpu().numpy() for images in (reference, secondary)
    ]
    starts = []
    for first, second in zip(*flat, strict=True):
        pyramid, floors = prepare_levels(kernels_numba, first, second, settings, counts, grain)
        *_, (_, u, v) = search_start(pyramid, floors or [], settings)
        starts.append(np.stack([u, v]))
    both = torch.as_tensor(np.stack(starts, 1), device=reference.device)
    shape = (*reference.shape[:-2], *both.shape[-2:])
    return both[0].reshape(shape), both[1].reshape(shape)
