"""How far a mosaic may be off, learned from a second season and from ground that does not move.

Pairs of the same two seasons share the change of the surface between them, and so their error: neither their spread
nor stable ground, which keeps its texture, shows it. The mosaic of another couple of seasons does. Where the ice moved
alike in both, the two differ by the errors of both; where it did not, the error stated is too large, not too small.
"""

from itertools import pairwise

import numpy as np
import xarray as xr

from gdiv.imagery.coregistration import nmad

BINS = 10  # of equal count, by the spread of the pairs


def repeat_error(first: xr.Dataset, second: xr.Dataset, where: np.ndarray) -> np.ndarray:
    """One sigma of `second`, m/yr `(y, x)`, from an equally good mosaic of other seasons: their usual difference / √2.

    In bins of the spread of its pairs, as of `add_error`; NaN where there is too little to learn from.
    """
    spread = _spread(second)
    curve = _curve(first, second, spread, where, 0.0)
    return np.interp(spread, *curve) / np.sqrt(2) if curve else np.full(spread.shape, np.nan)


def add_errors(
    mosaic: xr.Dataset,
    ice: np.ndarray,
    stable: np.ndarray,
    repeat: xr.Dataset | None = None,
    own: np.ndarray | float = 0.0,
) -> xr.Dataset:
    """The mosaic with `vx_error`, `vy_error` and `v_error` (1 sigma, m/yr).

    On ice, the usual difference to `repeat` in bins of the pairs' spread, less the variance of `repeat` itself;
    elsewhere what stable ground usually seems to do, in such bins, too (heteroscedastic, as in Hugonnet et al. 2022,
    doi:10.1109/JSTARS.2022.3188922; here an offset counts as an error). Between the bins' middles it is interpolated.
    The speed's error follows by propagation: sqrt((sx vx / v)^2 + (sy vy / v)^2).

    Parameters
    ----------
    ice, stable
        bool `(y, x)`.
    repeat
        A mosaic of other seasons, by any matcher that does not share this one's faults. Without, ice gets the standard
        error of the mean over half as many pairs as there are, for pairs share scenes, joined with stable ground: what
        all pairs share is not in it.
    own
        One sigma of `repeat`, m/yr, `(y, x)` as of `repeat_error`.

    Raises
    ------
    ValueError
        If `repeat` or a mask is on another grid.
    """
    grids = {"ice": ice.shape, "stable": stable.shape} | (
        {} if repeat is None else {"repeat": repeat.vx.shape}
    )
    for name, shape in grids.items():
        if shape != mosaic.vx.shape:
            raise ValueError(
                f"{name} is on a grid of {shape}, the mosaic on one of {mosaic.vx.shape}"
            )
    if repeat is not None:
        mosaic, repeat = xr.align(mosaic, repeat, join="exact")
    result, still, both = mosaic.copy(), xr.zeros_like(mosaic), _spread(mosaic)
    learned = [(~ice, _curve(mosaic, still, both, stable, 0.0))]
    if repeat is not None:
        learned.append((ice, _curve(mosaic, repeat, both, ice, own)))
    for axis in "xy":
        spread = _known_spread(mosaic, axis)
        sampling = spread / np.sqrt(np.maximum(mosaic["count"].values / 2, 1))
        ground = nmad(mosaic[f"v{axis}"].values[stable], 0)
        error = np.hypot(sampling, 0 if np.isnan(ground) else ground)
        for where, curve in learned:
            if curve:
                error = np.where(where, np.interp(spread, *curve), error)
        error = np.where(mosaic.vx.notnull() & (error > 0), error, np.nan).astype(np.float32)
        result[f"v{axis}_error"] = (("y", "x"), error, {"units": "meter/year"})
    v = np.maximum(np.hypot(result.vx, result.vy), 1e-6)
    error = np.sqrt((result.vx_error * result.vx / v) ** 2 + (result.vy_error * result.vy / v) ** 2)
    result["v_error"] = error.astype(np.float32).assign_attrs(
        units="meter/year", long_name="1 sigma of the speed"
    )
    return result


def correlation_length(errors: xr.Dataset, where: np.ndarray, farthest: int = 60) -> float:
    """Distance in metres over which errors are alike: where their correlation falls below 1/e; NaN where none is known.

    Parameters
    ----------
    errors
        `vx`, `vy`, such as the difference of two mosaics of different seasons, `(y, x)` with coordinates in metres.
    where
        bool `(y, x)`.
    farthest
        Pixels along rows and columns up to which it is looked for; it is at most that.
    """
    spacing = abs(float(errors.x[1] - errors.x[0]))
    sums = np.zeros((2, farthest + 1))  # of products, and of how many, by distance
    for name in ("vx", "vy"):
        values = np.where(where, errors[name].values, np.nan)
        spread = nmad(values)
        if not spread > 0:
            return float("nan")
        # Blunders say nothing about how far an error reaches.
        values = np.clip((values - np.nanmedian(values)) / spread, -3, 3)
        for lag in range(farthest + 1):
            for one, other in (
                (values[lag:], values[: len(values) - lag]),
                (values[:, lag:], values[:, : values.shape[1] - lag]),
            ):
                product = one * other
                sums[:, lag] += np.nansum(product), np.isfinite(product).sum()
    correlation = sums[0] / np.maximum(sums[1], 1)
    below = np.nonzero(correlation < correlation[0] / np.e)[0]
    return float(spacing * (below[0] if below.size else farthest))


def error_of_mean(sigma: np.ndarray, spacing: float, length: float) -> float:
    """One sigma of the mean over the pixels of `sigma` (m/yr, NaN left out), whose errors are alike over `length` m.

    As many independent values as discs of that radius cover the area, at least one.
    """
    known = sigma[np.isfinite(sigma)]
    if not known.size:
        return float("nan")
    independent = max(known.size * spacing**2 / (np.pi * length**2), 1.0)
    return float(np.sqrt(np.mean(known**2) / independent))


def coverage(error: np.ndarray, sigma: np.ndarray) -> float:
    """Share of errors within one sigma; 0.68 for well-calibrated Gaussian sigmas."""
    known = np.isfinite(error) & np.isfinite(sigma)
    return float((np.abs(error[known]) <= sigma[known]).mean()) if known.any() else float("nan")


def _joined(first, second, where):
    """How far two mosaics are apart, both components joined."""
    return float(
        np.sqrt(np.mean([nmad((first[n] - second[n]).values[where], 0) ** 2 for n in ("vx", "vy")]))
    )


def _known_spread(mosaic, axis):
    """Spread of the pairs. Two values or one show none of their own: they get what is usual where there are more."""
    known, spread = mosaic["count"] >= 3, mosaic[f"spread_{axis}"]
    return spread.where(known, float(spread.where(known).median()) if known.any() else 0.0).values


def _spread(mosaic):
    return np.hypot(*(_known_spread(mosaic, axis) for axis in "xy")) / np.sqrt(2)


def _curve(mosaic, other, spread, where, own):
    """Middles of the bins of spread, and one sigma in each; None where there is nothing to learn from."""
    where = where & np.isfinite(spread) & (mosaic.vx - other.vx).notnull().values
    if where.sum() < 20 * BINS:
        return None
    edges = np.quantile(spread[where], np.linspace(0, 1, BINS + 1))
    middles, sigmas = [], []
    for low, high in pairwise(edges):
        inside = where & (spread >= low) & (spread <= high)
        difference = _joined(mosaic, other, inside)
        middles.append(float(np.median(spread[inside])))
        # What is left of a difference smaller than the other's usual error is noise: at least half is this one's.
        theirs = np.nanmean(np.broadcast_to(own, spread.shape)[inside] ** 2)
        sigmas.append(float(np.sqrt(max(difference**2 - theirs, difference**2 / 4))))
    return middles, sigmas
