"""Compare stated with true errors of single pairs, mosaics and means over blocks."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy.stats import norm

from gdiv.images.arrays import Image, Mask
from gdiv.twin.truth import true_pairs
from gdiv.velocity.mean_error import error_of_mean
from gdiv.velocity.validation import true_mosaic

__all__ = [
    "block_ratios",
    "coverage_of_all",
    "coverage_of_pairs",
    "observed_coverage",
    "summarise_reliability",
]

#: Bounds of the classes of true speed, m/yr. Chosen by eye on the twin.
SPEEDS = (0, 10, 30, 60, np.inf)
#: Nominal coverages for which observed coverages are computed.
NOMINAL = (0.2, 0.4, 0.5, 0.68, 0.8, 0.9, 0.95)
#: Sides of the blocks, m.
BLOCKS = (100.0, 200.0, 400.0, 800.0, 1200.0)
#: Minimum fraction of ice with a velocity in a block.
MIN_FILLED = 0.3
#: Minimum number of blocks for a root mean square error.
MIN_BLOCKS = 6
#: Minimum side of large blocks, m. Blocks of 400 m may be 390 m wide for 30 m pixels.
LARGE_BLOCKS = 360.0
COLUMNS = ("speed", "pixels", "stated", "found")


def observed_coverage(mosaic: xr.Dataset, truth: xr.Dataset | None, ice: Mask) -> pd.DataFrame:
    """Compare the observed with the nominal coverage of the errors of a mosaic.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``vx_error``, ``vy_error`` (m/yr) and the attribute ``longest_years``.
    truth : xarray.Dataset or None
        Truth of the twin on the grid of the mosaic, from `gdiv.twin.truth.read_truth`.
    ice : ndarray of bool, shape (H, W)
        Pixels to compare.

    Returns
    -------
    pandas.DataFrame
        ``speed`` (class of true speed, m/yr), ``pixels`` (number), ``stated`` (nominal coverage)
        and ``found`` (observed coverage: the fraction of true errors within the multiple of sigma
        that corresponds to the nominal coverage for a normal distribution). The two are equal if
        the uncertainty is well calibrated. Empty without truth.
    """
    if truth is None:
        return pd.DataFrame(columns=list(COLUMNS))
    reference = true_mosaic(mosaic, truth)
    normalised = [
        abs(mosaic[name] - reference[name]).values[ice] / mosaic[f"{name}_error"].values[ice]
        for name in ("vx", "vy")
    ]
    speed = np.hypot(reference.vx, reference.vy).values[ice]
    return _coverage_table(np.stack(normalised), speed)


def coverage_of_all(
    mosaics: Mapping[str, xr.Dataset], truth: xr.Dataset | None, ice: Mask
) -> pd.DataFrame:
    """Compute the observed coverage of each mosaic, using `observed_coverage`.

    Parameters
    ----------
    mosaics : mapping of str to xarray.Dataset
        Mosaics with errors, by matcher.
    truth : xarray.Dataset or None
        Truth of a twin.
    ice : ndarray of bool, shape (H, W)
        Ice.

    Returns
    -------
    pandas.DataFrame
        One table for all mosaics, with the column ``matcher``.
    """
    tables = [
        observed_coverage(mosaic, truth, ice).assign(matcher=name)
        for name, mosaic in mosaics.items()
    ]
    return pd.concat(tables)


def coverage_of_pairs(
    displacement: xr.Dataset, truth: xr.Dataset | None, ice: Mask
) -> pd.DataFrame:
    """Compare the observed with the nominal coverage of the errors of single pairs.

    Parameters
    ----------
    displacement : xarray.Dataset
        ``u``, ``v``, ``sigma_u``, ``sigma_v`` (pixel) of each pair, from `gdiv.match_pairs`, with
        the attribute ``spacing`` (m).
    truth : xarray.Dataset or None
        Truth of the twin, from `gdiv.twin.truth.read_truth`.
    ice : ndarray of bool, shape (H, W)
        Pixels to compare.

    Returns
    -------
    pandas.DataFrame
        As from `observed_coverage`, for all pairs together. Failed vectors are excluded.
    """
    motions = true_pairs(truth, displacement)
    if motions is None:
        return pd.DataFrame(columns=list(COLUMNS))
    normalised, speeds = [], []
    for index, motion in enumerate(motions):
        pair = displacement.isel(pair=index).load()
        kept = ice & (pair.quality.values > 0) & np.isfinite(motion[0])
        errors = [
            np.abs(pair[name].values - true)[kept] / pair[f"sigma_{name}"].values[kept]
            for name, true in zip("uv", motion, strict=True)
        ]
        normalised.append(np.stack(errors))
        metres = np.hypot(*motion)[kept] * displacement.attrs["spacing"]
        speeds.append(metres / float(pair.years))
    return _coverage_table(np.concatenate(normalised, axis=1), np.concatenate(speeds))


def _coverage_table(
    normalised: npt.NDArray[np.floating], speed: npt.NDArray[np.floating]
) -> pd.DataFrame:
    """Coverage by class of speed of errors ``(2, N)`` in units of their sigma."""
    rows = []
    for low, high in [(0, np.inf), *pairwise(SPEEDS)]:
        inside = (speed >= low) & (speed < high)
        errors = normalised[:, inside]
        errors = errors[~np.isnan(errors)]
        if not errors.size:
            continue
        for nominal in NOMINAL:
            observed = float((errors <= norm.ppf(0.5 + nominal / 2)).mean())
            row = {"speed": _class_label(low, high), "pixels": int(inside.sum())}
            rows.append(row | {"stated": nominal, "found": observed})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _class_label(low: float, high: float) -> str:
    """Label of a class of speed."""
    if np.isfinite(high):
        return f"{low:g} to {high:g}"
    return f"from {low:g}" if low else "all"


def block_ratios(mosaic: xr.Dataset, truth: xr.Dataset | None, ice: Mask) -> pd.DataFrame:
    """Compare the true errors of means over square blocks with those of `error_of_mean`.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``vx_error``, ``vy_error`` (m/yr) and the attributes ``longest_years`` and
        ``correlation_length``, from `gdiv.add_errors`.
    truth : xarray.Dataset or None
        Truth of the twin on the grid of the mosaic, from `gdiv.twin.truth.read_truth`.
    ice : ndarray of bool, shape (H, W)
        Ice.

    Returns
    -------
    pandas.DataFrame
        One row per size with at least six blocks that are at least a third ice: ``side`` (m),
        ``blocks`` (number) and ``ratio``, the root mean square of the errors of both components in
        units of the stated errors; 1 if they are well calibrated. Empty without truth, or without a
        second season pair, from which the correlation length is estimated.
    """
    columns = ["side", "blocks", "ratio"]
    length = mosaic.attrs.get("correlation_length", float("nan"))
    if truth is None or not np.isfinite(length):
        return pd.DataFrame(columns=columns)
    reference = true_mosaic(mosaic, truth)
    spacing = abs(float(mosaic.x[1] - mosaic.x[0]))
    rows = []
    for side in BLOCKS:
        pixels = max(int(side / spacing), 1)
        normalised = [
            value
            for name in ("vx", "vy")
            for value in _block_errors(
                np.where(ice, mosaic[name] - reference[name], np.nan),
                mosaic[f"{name}_error"].values,
                pixels,
                spacing,
                length,
            )
        ]
        if len(normalised) >= 2 * MIN_BLOCKS:
            ratio = float(np.sqrt(np.mean(np.square(normalised))))
            rows.append({"side": pixels * spacing, "blocks": len(normalised) // 2, "ratio": ratio})
    return pd.DataFrame(rows, columns=columns)


def _block_errors(
    error: Image, sigma: Image, pixels: int, spacing: float, length: float
) -> list[float]:
    """Mean errors of blocks of `pixels` x `pixels`, in units of the stated errors."""
    found = []
    height, width = error.shape
    for top in range(0, height - pixels + 1, pixels):
        for left in range(0, width - pixels + 1, pixels):
            block = (slice(top, top + pixels), slice(left, left + pixels))
            is_valid = np.isfinite(error[block]) & np.isfinite(sigma[block])
            if is_valid.mean() >= MIN_FILLED:
                stated = error_of_mean(sigma[block][is_valid], spacing, length).total
                found.append(float(error[block][is_valid].mean()) / stated)
    return found


def summarise_reliability(pairs: pd.DataFrame, blocks: pd.DataFrame) -> dict[str, float]:
    """Summarise the reliability of single pairs and of means over blocks.

    Parameters
    ----------
    pairs, blocks : pandas.DataFrame
        From `coverage_of_pairs` and `block_ratios`.

    Returns
    -------
    dict
        ``pair_coverage``, the fraction of true errors of single pairs within one sigma, and
        ``block_ratio``, the mean ratio of blocks of at least 400 m; NaN where unknown.
    """
    within = pairs.found[(pairs.speed == "all") & (pairs.stated == 0.68)]
    large = blocks.ratio[blocks.side >= LARGE_BLOCKS]
    return {"pair_coverage": float(within.mean()), "block_ratio": float(large.mean())}
