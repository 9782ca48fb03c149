"""Time series of velocity from a network of overlapping pairs.

Each pair measures the mean velocity over its own time span. The velocity between consecutive scenes
is estimated by least squares, regularised towards steady flow where the pairs do not constrain it,
as in TICOI (Charrier et al. 2025, https://doi.org/10.5194/tc-19-4555-2025).
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from gdiv.velocity.annual import ROUNDS, prior_weight, robust_weight, rows_at_once

__all__ = ["choose_smoothing", "design_matrix", "invert_network"]

Matrix: TypeAlias = npt.NDArray[np.float64]
#: Several values at each pixel, ``(H, W, ...)``.
PixelValues: TypeAlias = npt.NDArray[np.floating]

#: Candidate weights of equal velocity in consecutive intervals, relative to the equation of a pair
#: with median time separation.
SMOOTHINGS = (0.03, 0.1, 0.3, 1.0, 3.0)
#: Minimum number of pixels used to choose the smoothing.
SAMPLE = 400
#: Smoothing if no scene can be predicted from the others. Chosen by eye on the twin.
SMOOTH = 0.3
#: Damping that keeps the equations of pixels without pairs solvable.
DAMPING = 1e-9
#: Minimum residual degrees of freedom, in pairs, for estimating errors from residuals.
MIN_FREEDOM = 1.0
#: Minimum sum of weights, to avoid division by zero.
MIN_TOTAL_WEIGHT = 1e-9


def invert_network(velocity: xr.Dataset, smooth: float | None = None) -> xr.Dataset:
    """Estimate the velocity between consecutive scenes, lazily and in blocks of rows.

    Without `smooth`, a sample of pixels is read immediately.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` (m/yr) and ``quality`` (0 to 1) with dimensions ``(pair, y, x)`` and the
        coordinates ``reference_date``, ``secondary_date`` and ``years``, from
        `gdiv.velocity.annual.to_velocity`. Missing vectors are ignored; the others have the weights
        of `gdiv.velocity.annual.prior_weight`.
    smooth : float, optional
        Weight of equal velocity in consecutive intervals; a larger value gives a smoother series.
        By default chosen by `choose_smoothing`.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` (m/yr) with dimensions ``(interval, y, x)``, NaN in intervals not spanned by
        any pair of the pixel; ``error``, one standard error of each component (m/yr), with the same
        dimensions, large where pairs barely separate an interval from its neighbours; ``closure``
        ``(y, x)``, the weighted root mean square difference between the pairs and the series
        (m/yr). Coordinates ``start`` and ``end`` per interval; the attribute ``smooth``.

    Raises
    ------
    ValueError
        If there is no pair.

    Notes
    -----
    Errors are the posterior standard errors of the least squares, scaled by the residuals, or by
    the stated errors of the pairs if there are too few residuals. Half of the pairs count as
    independent, because pairs share scenes. The excess of the stated errors over the residuals is
    treated as common to all pairs, as in `gdiv.add_errors`.

    Examples
    --------
    Accelerating ice, observed by two short pairs and one that spans the whole time:

    >>> axes = ("pair", "y", "x")
    >>> east = np.array([10.0, 20.0, 15.0]).reshape(3, 1, 1)
    >>> dates = np.array(["2020-07-01", "2020-07-31", "2020-08-30"], "datetime64[ns]")
    >>> velocity = xr.Dataset(
    ...     {"vx": (axes, east), "vy": (axes, 0 * east), "quality": (axes, np.ones((3, 1, 1)))},
    ...     coords={
    ...         "reference_date": ("pair", dates[[0, 1, 0]]),
    ...         "secondary_date": ("pair", dates[[1, 2, 2]]),
    ...         "years": ("pair", np.array([30, 30, 60]) / 365.25),
    ...     },
    ... )
    >>> series = invert_network(velocity, smooth=0.01)
    >>> series.vx.values[:, 0, 0].round().tolist()
    [10.0, 20.0]
    """
    if not velocity.sizes["pair"]:
        raise ValueError("a time series needs at least one pair, got none")
    design, dates = design_matrix(velocity.reference_date.values, velocity.secondary_date.values)
    chosen = choose_smoothing(velocity) if smooth is None else smooth
    sigmas = [name for name in ("sigma_x", "sigma_y") if name in velocity]
    blocks = velocity[["vx", "vy", *sigmas]].assign(prior=prior_weight(velocity))
    blocks = blocks.chunk(pair=-1, y=rows_at_once(blocks), x=-1)
    inputs = ["vx", "vy", "prior", *sigmas]
    vx, vy, error, closure = xr.apply_ufunc(
        _solve,
        *(blocks[name] for name in inputs),
        kwargs={"design": design, "smooth": chosen * _median_separation(velocity)},
        input_core_dims=[["pair"]] * len(inputs),
        output_core_dims=[["interval"]] * 3 + [[]],
        dask="parallelized",
        output_dtypes=[np.float32] * 4,
        dask_gufunc_kwargs={"output_sizes": {"interval": design.shape[1]}},
    )
    series = xr.Dataset({"vx": vx, "vy": vy, "error": error, "closure": closure})
    series = series.transpose("interval", "y", "x")
    long_names = {
        "vx": "velocity between consecutive scenes, east",
        "vy": "velocity between consecutive scenes, north",
        "error": "uncertainty (1 sigma) of each component",
        "closure": "root mean square difference between pairs and series",
    }
    for name, long_name in long_names.items():
        series[name].attrs = {"units": "meter/year", "long_name": long_name}
    bounds = {"start": ("interval", dates[:-1]), "end": ("interval", dates[1:])}
    return series.assign_coords(bounds).assign_attrs(smooth=chosen)


def _median_separation(velocity: xr.Dataset) -> float:
    """Median time separation relative to the longest, to which prior weights refer.

    Without this factor, one long pair would reduce the weight of all other pairs relative to the
    smoothing.
    """
    return float(np.median(velocity.years / velocity.years.max()))


def choose_smoothing(velocity: xr.Dataset) -> float:
    """Choose the smoothing by cross-validation, leaving out one scene at a time.

    Pairs with a common scene share its errors, so all pairs of a scene are left out together, not
    single pairs.

    Parameters
    ----------
    velocity : xarray.Dataset
        As in `invert_network`.

    Returns
    -------
    float
        The largest value of 0.03, 0.1, 0.3, 1 and 3 whose prediction error exceeds the smallest by
        at most one standard error; 0.3 if there are only two scenes or no pixel has enough pairs.
        The error is the mean over scenes of the median over at least 400 of the pixels with a
        vector, if there are so many.

    Notes
    -----
    The errors of the candidates often differ by less than their standard error, and the series then
    has the smaller error with the larger value. This is the one-standard-error rule (Hastie,
    Tibshirani and Friedman 2009, The elements of statistical learning, section 7.10).

    Examples
    --------
    For ice of constant speed, observed by noisy pairs of five scenes, the smoothing exceeds the
    default:

    >>> dates = np.datetime64("2020-07-01", "ns") + np.arange(5) * np.timedelta64(20, "D")
    >>> first, last = np.array([(i, j) for i in range(5) for j in range(i + 1, 5)]).T
    >>> noise = np.random.default_rng(0).normal(size=(2, 5, 20, 20))
    >>> years = (last - first) * 20 / 365.25
    >>> east, north = ((part[last] - part[first]) / years[:, None, None] for part in noise)
    >>> axes = ("pair", "y", "x")
    >>> velocity = xr.Dataset(
    ...     {
    ...         "vx": (axes, 50 + east),
    ...         "vy": (axes, north),
    ...         "quality": (axes, np.ones((10, 20, 20))),
    ...     },
    ...     coords={
    ...         "reference_date": ("pair", dates[first]),
    ...         "secondary_date": ("pair", dates[last]),
    ...         "years": ("pair", years),
    ...     },
    ... )
    >>> choose_smoothing(velocity) > 0.3
    True
    """
    design, dates = design_matrix(velocity.reference_date.values, velocity.secondary_date.values)
    with_vector = np.argwhere(velocity.vx.notnull().any("pair").transpose("y", "x").values)
    sampled = with_vector[:: max(len(with_vector) // SAMPLE, 1)]
    rows, columns = (xr.DataArray(part, dims="pixel") for part in sampled.T)
    sample = velocity[["vx", "vy", "quality"]].isel(y=rows, x=columns).load()
    sample = sample.transpose("pixel", "pair")
    prior = prior_weight(sample).values[None]
    values = np.stack([sample.vx.values, sample.vy.values], axis=-1)[None]
    values = np.where(prior[..., None] > 0, values, 0).astype(float)
    of_scene = [
        (velocity.reference_date.values == date) | (velocity.secondary_date.values == date)
        for date in dates
    ]
    factor = _median_separation(velocity)
    errors = np.array(
        [
            _prediction_errors(values, prior, design, of_scene, smooth * factor)
            for smooth in SMOOTHINGS
        ]
    )
    errors = errors[:, np.isfinite(errors).all(0)]
    count = errors.shape[1]
    if count < 2:
        return SMOOTH
    means = errors.mean(1)
    best = int(means.argmin())
    limit = means[best] + errors[best].std(ddof=1) / np.sqrt(count)
    return max(smooth for smooth, mean in zip(SMOOTHINGS, means, strict=True) if mean <= limit)


def _prediction_errors(
    values: PixelValues,
    prior: PixelValues,
    design: Matrix,
    of_scene: list[npt.NDArray[np.bool_]],
    smooth: float,
) -> list[float]:
    """Median error, for each scene, of predicting its pairs from the pairs without it.

    Vectors are ``(1, N, pair, 2)``, weights ``(1, N, pair)``. NaN if there is nothing to predict.
    """
    steadiness = _steadiness(design.shape[1], smooth)
    medians = []
    for left_out in of_scene:
        weights = np.where(left_out, 0, prior)
        has_pairs = (weights > 0).any(-1)
        known = values[has_pairs][None]
        series = _least_squares(known, weights[has_pairs][None], design, steadiness)
        predicted = np.einsum("pi,yxic->yxpc", design[left_out], series)
        residuals = np.linalg.norm(predicted - known[:, :, left_out], axis=-1)
        expected = prior[has_pairs][None][:, :, left_out]
        errors = (residuals * np.sqrt(expected))[expected > 0]
        medians.append(float(np.median(errors)) if errors.size else float("nan"))
    return medians


def design_matrix(
    reference_dates: npt.ArrayLike, secondary_dates: npt.ArrayLike
) -> tuple[Matrix, npt.NDArray[np.datetime64]]:
    """Build the matrix that averages the intervals between scenes over the time of each pair.

    Parameters
    ----------
    reference_dates, secondary_dates : array-like of datetime64, shape (pair,)
        Dates of the two images of each pair.

    Returns
    -------
    design : ndarray, shape (pair, interval)
        Fraction of the time span of each pair covered by each interval. Rows sum to one.
    dates : ndarray of datetime64, shape (interval + 1,)
        Dates of the scenes, which bound the intervals.
    """
    first = pd.DatetimeIndex(reference_dates).as_unit("ns")
    last = pd.DatetimeIndex(secondary_dates).as_unit("ns")
    dates = first.append(last).unique().sort_values()
    starts = dates[:-1].asi8
    ends = dates[1:].asi8
    within = (starts[None] >= first.asi8[:, None]) & (ends[None] <= last.asi8[:, None])
    length = np.where(within, (ends - starts)[None], 0).astype(float)
    return length / length.sum(1, keepdims=True), dates.values


def _solve(
    vx: PixelValues,
    vy: PixelValues,
    prior: PixelValues,
    *sigmas: PixelValues,
    design: Matrix,
    smooth: float,
) -> tuple[npt.NDArray[np.float32], ...]:
    """Solve each pixel that has a pair by reweighted least squares.

    Vectors and their standard errors, if there are any, are ``(H, W, pair)``. Returns the
    components and their error ``(H, W, interval)`` and the closure ``(H, W)``.
    """
    has_pairs = (prior > 0).any(-1)
    inputs = (each[has_pairs][None] for each in (vx, vy, prior, *sigmas))
    solved = _solve_pixels(*inputs, design=design, smooth=smooth)
    fields = [np.full(has_pairs.shape + part.shape[2:], np.nan, np.float32) for part in solved]
    for field, part in zip(fields, solved, strict=True):
        field[has_pairs] = part[0]
    return tuple(fields)


def _solve_pixels(
    vx: PixelValues,
    vy: PixelValues,
    prior: PixelValues,
    *sigmas: PixelValues,
    design: Matrix,
    smooth: float,
) -> tuple[npt.NDArray[np.float32], ...]:
    """Same as `_solve`, for pixels ``(1, N, pair)`` that all have a pair."""
    valid = prior > 0
    components = [np.where(valid, component, 0) for component in (vx, vy)]
    values = np.stack(components, axis=-1).astype(float)
    steadiness = _steadiness(design.shape[1], smooth)
    weights = prior
    for _ in range(ROUNDS):
        series = _least_squares(values, weights, design, steadiness)
        predicted = np.einsum("pi,yxic->yxpc", design, series)
        residuals = np.linalg.norm(predicted - values, axis=-1)
        weights = robust_weight(residuals, prior)
    total = prior.sum(-1)
    mean_square = (prior * residuals**2).sum(-1) / np.maximum(total, MIN_TOTAL_WEIGHT)
    closure = np.where(total > 0, np.sqrt(mean_square), np.nan)
    spanned = prior @ (design > 0) > 0
    inverse = np.linalg.inv(_normal(weights, design, steadiness))
    count = valid.sum(-1)
    # Residual degrees of freedom: pairs minus the parameters not determined by the smoothing.
    freedom = count - (design.shape[1] - np.einsum("yxij,ij->yx", inverse, steadiness))
    # Variance of one component of a pair of weight 1: residuals have two components, and half of
    # the pairs count as independent.
    enough = freedom >= MIN_FREEDOM
    random = (weights * residuals**2).sum(-1) / np.where(enough, freedom, np.nan)
    common = np.zeros_like(random)
    if sigmas:
        squares = np.mean([np.where(valid, sigma, 0) ** 2 for sigma in sigmas], axis=0)
        stated = (prior * squares).sum(-1) / np.maximum(count, 1)
        random = np.where(enough, np.minimum(random, stated), stated)
        common = (stated - random) * count / np.maximum(total, MIN_TOTAL_WEIGHT)
    variance = random[..., None] * np.diagonal(inverse, axis1=-2, axis2=-1) + common[..., None]
    parts = [*np.moveaxis(series, -1, 0), np.sqrt(variance)]
    east, north, error = (np.where(spanned, part, np.nan).astype(np.float32) for part in parts)
    return east, north, error, closure.astype(np.float32)


def _steadiness(intervals: int, smooth: float) -> Matrix:
    """Normal matrix of the smoothness equations, damped to be invertible."""
    steps = np.diff(np.eye(intervals), axis=0)
    return smooth**2 * steps.T @ steps + DAMPING * np.eye(intervals)


def _least_squares(
    values: PixelValues, weights: PixelValues, design: Matrix, steadiness: Matrix
) -> PixelValues:
    """Solve the normal equations of each pixel, ``(H, W, pair, 2)`` to ``(H, W, interval, 2)``."""
    right = np.einsum("yxp,pi,yxpc->yxic", weights, design, values, optimize=True)
    return np.linalg.solve(_normal(weights, design, steadiness), right)


def _normal(weights: PixelValues, design: Matrix, steadiness: Matrix) -> PixelValues:
    """Normal matrix of each pixel, ``(H, W, interval, interval)``."""
    return np.einsum("yxp,pi,pj->yxij", weights, design, design, optimize=True) + steadiness
