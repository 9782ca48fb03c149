"""Pyramid of both images, and the feature compared at each level."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdiv.flow.horn_schunck.backend import Array, Backend
from gdiv.flow.horn_schunck.settings import Settings

__all__ = ["compare_level", "prepare_levels"]


def prepare_levels(
    backend: Backend,
    reference: Array,
    secondary: Array,
    settings: Settings,
    mask: Array | None,
    grain: Sequence[Any] | None,
) -> tuple[list[tuple[Any, Any, Any]], list[Any] | None]:
    """Build the pyramid of both images and the mask.

    Parameters
    ----------
    backend : Backend
        Steps for the kind of array.
    reference, secondary : ndarray or torch.Tensor
        Both images, as in `gdiv.flow.horn_schunck.solver.solve_horn_schunck`.
    settings : Settings
        Settings of the solver.
    mask : ndarray or torch.Tensor or None
        Pixels that enter the data term.
    grain : sequence or None
        Grain of both images; measured if None.

    Returns
    -------
    pyramid : list of tuple
        Reference, secondary and mask of each level, the finest first.
    floors : list or None
        Floor of the local spread of each image. None for the other features, which are computed
        here, from the finest level, and scaled by the whole image.
    """
    height, width = reference.shape[-2:]
    counts: Array = np.ones((height, width), bool) if mask is None else mask > 0
    levels = settings.count_levels((height, width))
    multiple = 2 ** (levels - 1)
    pair = [backend.finest_level(image, multiple) for image in (reference, secondary)]
    level_mask = backend.pad_mask(counts, pair[0])
    floors = None
    if settings.feature == "contrast":
        if grain is None:
            grain = [backend.measure_grain(level) for level in pair]
        floors = [settings.floor * image_grain for image_grain in grain]
    else:
        if settings.feature == "sobel":
            pair = [backend.sobel_magnitude(level) for level in pair]
        pair = [backend.standardise(level) for level in pair]
    pyramid = [(pair[0], pair[1], level_mask)]
    for _ in range(levels - 1):
        first, second, level_mask = pyramid[-1]
        pyramid.append(
            (backend.halve(first), backend.halve(second), backend.halve_mask(level_mask))
        )
    return pyramid, floors


def compare_level(
    backend: Backend, pair: tuple[Any, Any], floors: list[Any] | None, settings: Settings
) -> tuple[Any, Any]:
    """Compute the feature that is compared at a level.

    Parameters
    ----------
    backend : Backend
        Steps for the kind of array.
    pair : tuple of Level
        Both images at the level.
    floors : list or None
        Floors from `prepare_levels`.
    settings : Settings
        Settings of the solver.

    Returns
    -------
    first, second : Level
        Local contrast of both, or the pair itself if it holds the feature.
    """
    if floors is None:
        return pair
    first, second = (
        backend.level_contrast(level, settings.sigma, floor)
        for level, floor in zip(pair, floors, strict=True)
    )
    return first, second
