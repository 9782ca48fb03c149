"""Pixel flags of a mosaic, as a CF bit field (``flag_masks``, ``flag_meanings``)."""

import numpy as np
import xarray as xr

__all__ = ["FLAGS", "GCOS_GOAL", "GCOS_THRESHOLD", "flag_pixels", "share_within"]

#: Bits by meaning.
FLAGS = {
    "no_vector": 1,
    "few_pairs": 2,
    "pairs_disagree": 4,
    "uncertain": 8,
    "outside_outline": 16,
    "against_slope": 32,
}
#: Required uncertainty (two standard errors) of the Global Climate Observing System, m/yr
#: (GCOS-245).
GCOS_GOAL = 10.0
GCOS_THRESHOLD = 100.0
#: Minimum number of pairs.
MIN_PAIRS = 3
#: Spread of the pairs relative to their stated error above which pixels are flagged.
DISAGREEMENT = 2.0


def flag_pixels(
    mosaic: xr.Dataset, ice: xr.DataArray, uphill: xr.DataArray | None = None
) -> xr.DataArray:
    """Flag the pixels of a mosaic.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``v_error``, ``spread_x``, ``spread_y`` (m/yr) and ``count`` on ``(y, x)``, from
        `gdiv.add_errors`; ``sigma_x`` and ``sigma_y`` if the pairs state errors.
    ice : xarray.DataArray
        Outline of the ice, boolean ``(y, x)``.
    uphill : xarray.DataArray, optional
        Pixels that move against the slope, boolean ``(y, x)``, from
        `gdiv.velocity.filters.against_slope`.

    Returns
    -------
    xarray.DataArray
        uint8 ``(y, x)``, the sum of the bits of `FLAGS` that apply: no vector; fewer than three
        pairs; spread of the pairs more than twice their stated error; two standard errors unknown
        or above 100 m/yr, the threshold of GCOS-245; outside the outline; against the slope.

    Examples
    --------
    >>> names = ("vx", "v_error", "spread_x", "spread_y")
    >>> mosaic = xr.Dataset({name: (("y", "x"), [[1.0, np.nan]]) for name in names})
    >>> mosaic["count"] = (("y", "x"), [[8, 0]])
    >>> flag_pixels(mosaic, mosaic["count"] > 0).values.tolist()
    [[0, 19]]
    """
    missing = mosaic.vx.isnull()
    conditions = {
        "no_vector": missing,
        "few_pairs": ~(mosaic["count"] >= MIN_PAIRS),
        "uncertain": ~(2 * mosaic.v_error <= GCOS_THRESHOLD) & ~missing,
        "outside_outline": ~ice,
    }
    if "sigma_x" in mosaic:
        spread = np.hypot(mosaic.spread_x, mosaic.spread_y)
        stated = np.hypot(mosaic.sigma_x, mosaic.sigma_y)
        conditions["pairs_disagree"] = (spread > DISAGREEMENT * stated) & ~missing
    if uphill is not None:
        conditions["against_slope"] = uphill
    flags = sum(FLAGS[name] * where.astype(np.uint8) for name, where in conditions.items())
    # Without a terrain model, the slope flag is omitted.
    defined_flags = {name: bit for name, bit in FLAGS.items() if name != "against_slope"}
    defined_flags = defined_flags if uphill is None else FLAGS
    return xr.DataArray(flags, coords=mosaic.vx.coords, dims=mosaic.vx.dims).assign_attrs(
        long_name="flags",
        flag_masks=np.array(list(defined_flags.values()), np.uint8),
        flag_meanings=" ".join(defined_flags),
    )


def share_within(errors: xr.DataArray, limit: float) -> float:
    """Compute the fraction of errors whose two-sigma value is at most a limit.

    Parameters
    ----------
    errors : xarray.DataArray
        One standard error of each pixel, m/yr. NaN is ignored.
    limit : float
        Limit of two standard errors, m/yr.

    Returns
    -------
    float
        Fraction, 0 to 1; NaN if there are no errors.

    Examples
    --------
    >>> share_within(xr.DataArray([1.0, 4.0, 6.0, np.nan, 60.0]), GCOS_GOAL)
    0.5
    """
    valid_errors = errors.values[np.isfinite(errors.values)]
    return float((2 * valid_errors <= limit).mean()) if valid_errors.size else float("nan")
