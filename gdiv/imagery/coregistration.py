"""Measure the shift between two scenes on stable ground.

The shift is measured once per pair, before matching, and subtracted from the displacement of every
matcher; images are not resampled for it. The displacement that remains on stable ground is an error
of the matcher.
"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

from gdiv.imagery.pair_network import network_shifts
from gdiv.imagery.pairs import read_pair
from gdiv.imagery.shift import MIN_BLOCKS, measure_shift
from gdiv.images.arrays import Component, Mask
from gdiv.images.statistics import nmad

__all__ = [
    "MAX_SPREAD",
    "register_pairs",
    "stable_ground_statistics",
]

#: Width of the excluded margin around snow, in pixels, because the edge of the snow moves.
SNOW_MARGIN = 3
#: Maximum spread of the blocks in pixels; above it, stable ground has no common shift.
MAX_SPREAD = 0.5
#: Minimum fraction of the glacier with data in both scenes.
MIN_COMMON = 0.5


def register_pairs(
    cube: xr.Dataset, pairs: pd.DataFrame, masks: xr.Dataset, aligned: bool = False
) -> pd.DataFrame:
    """Measure the shift of every pair and drop pairs that cannot be registered.

    The images are read from the cube. Pairs without enough stable ground take their shifts from the
    network of pairs (`gdiv.imagery.pair_network`).

    Parameters
    ----------
    cube : xarray.Dataset
        Cube from `gdiv.imagery.cube.load_cube`. Snow in either scene, with a margin, is excluded
        from stable ground.
    pairs : pandas.DataFrame
        Pair table from `gdiv.imagery.pairs.choose_pairs`, with or without the column ``set``.
    masks : xarray.Dataset
        Masks from `gdiv.imagery.masks.make_masks`.
    aligned : bool, optional
        True if the scenes are already co-registered: pairs that cannot be registered are then used
        with zero shift instead of being dropped.

    Returns
    -------
    pandas.DataFrame
        The pair table with the values of `gdiv.measure_shift`; ``registered_on`` ("stable ground",
        "pair network" or "nothing", whose shift is zero); ``common``, the fraction of the glacier
        with data in both scenes; ``verdict`` ("use" or "drop"); and ``reason``.

    Raises
    ------
    ValueError
        If no pair of a set can be used; the message lists the reasons.
    """
    rows = [_register_pair(cube, pair, masks) for pair in pairs.itertuples()]
    table = _register_by_network(pairs.join(pd.DataFrame(rows, index=pairs.index)), cube, masks)
    if not aligned:
        table = _drop_unregistered(table)
    sets = table.get("set", pd.Series("", table.index))
    for name, part in table.groupby(sets, sort=False):
        if not (part.verdict == "use").any():
            reasons = "; ".join(dict.fromkeys(part.reason))
            message = f"none of {len(part)} {name} pairs can be used: {reasons}"
            raise ValueError(message.replace("  ", " "))  # the set may have no name
    return table


def _register_by_network(table: pd.DataFrame, cube: xr.Dataset, masks: xr.Dataset) -> pd.DataFrame:
    """Take the shifts of pairs without stable ground from the network of pairs."""
    without = table.blocks < MIN_BLOCKS
    table = table.assign(registered_on=np.where(without, "nothing", "stable ground"))
    if not without.any():
        return table
    names = sorted({*table[without].reference, *table[without].secondary})
    shifts = network_shifts(cube, names, masks.glacier.values)
    in_network = without & table.reference.isin(shifts.index) & table.secondary.isin(shifts.index)
    if not in_network.any():
        return table
    first = shifts.reindex(table[in_network].reference)
    second = shifts.reindex(table[in_network].secondary)
    for column in ("shift_x", "shift_y"):
        table.loc[in_network, column] = second[column].to_numpy() - first[column].to_numpy()
    spread = np.hypot(first.shift_spread.to_numpy(), second.shift_spread.to_numpy())
    table.loc[in_network, "shift_spread"] = spread
    table.loc[in_network, "registered_on"] = "pair network"
    return table


def _drop_unregistered(table: pd.DataFrame) -> pd.DataFrame:
    """Drop pairs that nothing registers: their shift would count as motion."""
    is_unregistered = (table.registered_on == "nothing") & (table.verdict == "use")
    reason = (
        f"not registered: fewer than {MIN_BLOCKS} blocks of stable ground, and no other scenes of "
        "its seasons for comparison (add stable ground with a stable.geojson beside the scenes, or "
        "accept such pairs: --aligned of gdiv run --scenes and gdiv items, or aligned: true in the "
        "source's entry of the catalog)"
    )
    return table.assign(
        verdict=table.verdict.mask(is_unregistered, "drop"),
        reason=table.reason.mask(is_unregistered, reason),
    )


def _register_pair(cube: xr.Dataset, pair: Any, masks: xr.Dataset) -> dict[str, Any]:
    """Shift of one pair, with its verdict and reason."""
    images = read_pair(cube, pair)
    snow = cube.snow.sel(scene=[pair.reference, pair.secondary]).any("scene").values
    ground = masks.stable.values & ~ndimage.binary_dilation(snow, iterations=SNOW_MARGIN)
    shift = measure_shift(*images, ground)
    in_both = np.isfinite(np.stack(images)).all(0)
    common = float(in_both[masks.glacier.values].mean())
    reason = ""
    if common < MIN_COMMON:
        reason = f"only {common:.0%} of the glacier has data in both (at least {MIN_COMMON:.0%})"
    elif shift["shift_spread"] > MAX_SPREAD:
        reason = (
            f"the shifts on stable ground have a spread of {shift['shift_spread']:.2f} px "
            f"(at most {MAX_SPREAD} px)"
        )
    verdict = "drop" if reason else "use"
    return shift | {"common": common, "verdict": verdict, "reason": reason}


def stable_ground_statistics(
    u: Component, v: Component, stable: Mask, min_pixels: int = 100
) -> dict[str, float]:
    """Compute bias and spread of a displacement on stable ground.

    Parameters
    ----------
    u, v : ndarray, shape (H, W)
        Displacement along columns and along rows, in pixels. NaN is no data.
    stable : ndarray of bool, shape (H, W)
        Stable ground.
    min_pixels : int, optional
        Minimum number of pixels with a displacement; with fewer, all results are NaN.

    Returns
    -------
    dict
        ``bias_x``, ``bias_y``: medians in pixels. ``nmad_x``, ``nmad_y``: NMAD in pixels.
    """
    valid = stable & np.isfinite(u) & np.isfinite(v)
    if valid.sum() < min_pixels:
        return dict.fromkeys(("bias_x", "bias_y", "nmad_x", "nmad_y"), float("nan"))
    x = u[valid]
    y = v[valid]
    return {
        "bias_x": float(np.median(x)),
        "bias_y": float(np.median(y)),
        "nmad_x": nmad(x),
        "nmad_y": nmad(y),
    }
