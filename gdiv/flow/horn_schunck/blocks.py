"""Horn-Schunck for images that are too large to be solved whole."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from gdiv.conventions import MAX_BRIGHTNESS
from gdiv.flow.blocks import BlockWindow, Sliceable, block_spans, block_windows
from gdiv.flow.horn_schunck.solver import DEFAULT, MIN_SIDE, Settings, solve_horn_schunck
from gdiv.images.arrays import Component

__all__ = ["solve_in_blocks"]


def solve_in_blocks(
    reference: Sliceable,
    secondary: Sliceable,
    settings: Settings = DEFAULT,
    mask: Sliceable | None = None,
    block: int = 1024,
    halo: int = 128,
    workers: int = 1,
) -> tuple[Component, Component]:
    """Estimate the displacement of a large image pair block by block.

    Apart from the displacement, only one block with its halo per worker, or a strip of rows, is in
    memory.

    Parameters
    ----------
    reference, secondary : Sliceable
        ``(H, W)``, the earlier and the later image on any brightness scale; NaN is no data. NumPy
        arrays, memory maps or Zarr arrays.
    settings : Settings
        Settings of the solver. The feature must be "contrast", because the other features are
        scaled by the whole image.
    mask : Sliceable, optional
        Boolean ``(H, W)``, True where a pixel enters the data term, as in
        `gdiv.flow.horn_schunck.solver.solve_horn_schunck`. By default all pixels do.
    block : int
        Side of a block (pixel). Larger blocks take more memory.
    halo : int
        Pixels around each block. A larger halo brings the displacement closer to that of the whole
        image. Both `block` and `halo` are multiples of the pixel size of the coarsest level (16
        pixels for five levels), so that all blocks share one pyramid.
    workers : int
        Number of threads, each with one block at a time. The result does not depend on it.

    Returns
    -------
    u, v : ndarray
        float32 ``(H, W)``, displacement in pixels along columns and along rows, finite everywhere.

    Raises
    ------
    ValueError
        If the shapes differ, if `block` or `halo` is not such a multiple, if a block is too small
        for the pyramid, or if the feature is not "contrast".

    Notes
    -----
    With quadratic penalties the result agrees with that of the whole image to 0.001 pixel, or to
    the resolution of the median filter where the displacements span more than 16 pixels. At the rim
    of a void or of the mask it agrees to a few hundredths of a pixel. With robust penalties, the
    search may choose another displacement in a block: 99 in 100 pixels agree to 0.01 pixel, nearly
    all to 0.1 pixel. A worker takes about 1.5 GB of memory.
    """
    shape = tuple(reference.shape)
    _check_images(shape, tuple(secondary.shape), None if mask is None else tuple(mask.shape))
    settings = _settings_for_blocks(settings, shape, block, halo)
    row_spans = block_spans(shape[0], block)
    grain = [_measure_grain(image, row_spans) for image in (reference, secondary)]
    u = np.empty(shape, np.float32)
    v = np.empty(shape, np.float32)

    def solve_block(window: BlockWindow) -> None:
        block_u, block_v = solve_horn_schunck(
            np.asarray(reference[window.outer]),
            np.asarray(secondary[window.outer]),
            settings,
            None if mask is None else mask[window.outer],
            grain,
        )
        u[window.inner] = block_u[window.kept]
        v[window.inner] = block_v[window.kept]

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(solve_block, block_windows(shape, block, halo)))
    return u, v


def _check_images(
    shape: tuple[int, ...], secondary_shape: tuple[int, ...], mask_shape: tuple[int, ...] | None
) -> None:
    """Raise `ValueError` unless the images and the mask have one two-dimensional shape."""
    if len(shape) != 2 or shape != secondary_shape:
        raise ValueError(
            f"both images must have the same (H, W) shape, got {shape} and {secondary_shape}"
        )
    if mask_shape is not None and mask_shape != shape:
        raise ValueError(f"the mask's shape {mask_shape} must equal that of the images, {shape}")


def _settings_for_blocks(
    settings: Settings, shape: tuple[int, ...], block: int, halo: int
) -> Settings:
    """Fix the number of levels to that of the whole image.

    A block alone is smaller and could have fewer. Raise `ValueError` if the blocks are too small or
    do not fit the pyramid.
    """
    if settings.feature != "contrast":
        raise ValueError(
            f"blocks need feature 'contrast'; {settings.feature} is scaled by the whole image"
        )
    height, width = shape
    levels = settings.count_levels((height, width))
    coarsest_pixel = 2 ** (levels - 1)
    if block % coarsest_pixel or halo % coarsest_pixel:
        raise ValueError(
            f"block and halo must be multiples of {coarsest_pixel} pixels, got {block} and {halo}"
        )
    # The smallest window is the last block, of at least half a block, with a halo on one side.
    min_side = MIN_SIDE * coarsest_pixel
    if block // 2 + halo < min_side and max(shape) > block:
        raise ValueError(
            f"half a block plus its halo must have {min_side} pixels, got {block // 2 + halo}"
        )
    return replace(settings, levels=levels)


def _measure_grain(image: Sliceable, row_spans: list[tuple[int, int]]) -> float:
    """Grain of a whole image as in `kernels_numba.measure_grain`, read some rows at a time."""
    total = 0.0
    count = 0.0
    for top, bottom in row_spans:
        rows = np.asarray(image[top:bottom], np.float32)
        brightness = np.where(np.abs(rows) < MAX_BRIGHTNESS, rows, np.nan)
        differences = np.abs(np.diff(brightness, axis=1))
        finite = np.isfinite(differences)
        total += float(differences.sum(where=finite, dtype=np.float64))
        count += float(finite.sum())
    return total / count if count else 0.0
