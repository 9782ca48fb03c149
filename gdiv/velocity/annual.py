"""Convert displacement to velocity, and combine many pairs into one mosaic."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from gdiv.images.statistics import NORMAL_CONSISTENCY

__all__ = [
    "MosaicMethod",
    "combine_displacements",
    "combine_pairs",
    "prior_weight",
    "robust_weight",
    "rows_at_once",
    "speed",
    "to_velocity",
]

MosaicMethod: TypeAlias = Literal["robust", "median", "mean"]
#: Values along the pairs, ``(H, W, pair)``.
PairValues: TypeAlias = npt.NDArray[np.floating]

MOSAIC_METHODS: tuple[MosaicMethod, ...] = get_args(MosaicMethod)
#: Minimum quality of a vector. Chosen by eye on the twin.
MIN_QUALITY = 0.3
#: Rows of a stored chunk of one pair, and maximum number of rows combined at once.
ROWS = 128
#: Minimum number of rows combined at once; the overhead of smaller blocks exceeds their benefit.
MIN_ROWS = 16
#: Number of values of one variable combined at once, to limit memory.
MAX_VALUES = 2**24
#: Iterations of reweighting. Chosen by eye on the twin; more hardly change the mosaic.
ROUNDS = 4
#: Minimum quality in the prior weight, so that no vector is lost where all pairs match poorly.
MIN_PRIOR_QUALITY = np.float32(1e-3)
#: Residual at which the robust weight is one quarter, in robust standard deviations.
CUTOFF = 3
#: Minimum robust standard deviation of a pixel's residuals, m/yr, for a prior weight of 1.
MIN_DEVIATION = 0.1
#: Minimum sum of weights, to avoid division by zero.
MIN_TOTAL_WEIGHT = 1e-9


def to_velocity(displacement: xr.Dataset, min_quality: float = MIN_QUALITY) -> xr.Dataset:
    """Convert displacement in pixels to velocity in metres per year.

    Parameters
    ----------
    displacement : xarray.Dataset
        ``u``, ``v`` (pixel) and ``quality`` (0 to 1) with dimensions ``(pair, y, x)``, the
        coordinate ``years`` per pair and the attribute ``spacing`` (m), from `gdiv.match_pairs`. A
        coordinate ``map_scale`` (map distance per ground distance) is corrected for.
        Computation stays lazy if the variables are Dask arrays.
    min_quality : float, optional
        Vectors of lower quality become NaN. A larger value trades coverage for fewer outliers.

    Returns
    -------
    xarray.Dataset
        ``vx`` and ``vy`` (m/yr on the ground, float32, positive towards grid east and grid north)
        and ``quality``, with the coordinates and attributes of `displacement`; ``sigma_x`` and
        ``sigma_y``, the standard error of each vector (m/yr), if the displacement has them.

    Examples
    --------
    Two pixels right and one down within half a year, at 10 m per pixel:

    >>> axes = ("pair", "y", "x")
    >>> displacement = xr.Dataset(
    ...     {"u": (axes, [[[2.0]]]), "v": (axes, [[[1.0]]]), "quality": (axes, [[[0.9]]])},
    ...     coords={"years": ("pair", [0.5])},
    ...     attrs={"spacing": 10.0},
    ... )
    >>> velocity = to_velocity(displacement)
    >>> velocity.vx.item(), velocity.vy.item()
    (40.0, -20.0)
    """
    factor = displacement.attrs["spacing"] / displacement.years
    if "map_scale" in displacement.coords:
        # In memory: chunks of the stored coordinate would cut those of the displacement.
        factor = factor / displacement.map_scale.compute()
    reliable = displacement.quality >= min_quality
    velocity = displacement[["quality"]].assign(
        vx=(displacement.u * factor).where(reliable),
        vy=(-displacement.v * factor).where(reliable),
    )
    for name, direction in (("vx", "east"), ("vy", "north")):
        velocity[name] = (
            velocity[name]
            .astype(np.float32)
            .assign_attrs(units="meter/year", long_name=f"velocity, {direction}")
        )
    if "sigma_u" in displacement:
        for component, axis in (("u", "x"), ("v", "y")):
            sigma = (displacement[f"sigma_{component}"] * factor).astype(np.float32)
            attributes = {"units": "meter/year", "long_name": f"standard error of v{axis}"}
            velocity[f"sigma_{axis}"] = sigma.assign_attrs(attributes)
    return velocity.assign_attrs(displacement.attrs)


def prior_weight(velocity: xr.Dataset) -> xr.DataArray:
    """Compute the prior weight of each vector: match quality times squared time separation.

    The error of a match in pixels does not depend on the time between the scenes. In m/yr, the
    error of a pair with half the separation is twice as large, so its weight is a quarter.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` and ``quality`` with dimensions ``(pair, y, x)`` and the coordinate
        ``years``, from `to_velocity`.

    Returns
    -------
    xarray.DataArray
        Weights ``(pair, y, x)``, 0 to 1. Missing vectors weigh zero.
    """
    separation = (velocity.years / velocity.years.max()).astype(np.float32)
    weight = np.maximum(velocity.quality, MIN_PRIOR_QUALITY) * separation**2
    return weight.where(velocity.vx.notnull() & velocity.vy.notnull(), 0)


def robust_weight(residuals: PairValues, prior: PairValues) -> PairValues:
    """Compute the robust weight of each vector: large residuals reduce the prior weight.

    Parameters
    ----------
    residuals : ndarray, shape (..., pair)
        Distance of each vector from the common estimate of the pairs, m/yr.
    prior : ndarray, shape (..., pair)
        Prior weights. Vectors of weight zero are ignored.

    Returns
    -------
    ndarray, shape (..., pair)
        Weights, at most `prior`.

    Notes
    -----
    The weight function is that of Geman and McClure (1987), Bulletin of the International
    Statistical Institute 52(4), 5-21. Residuals are scaled by the root of the prior weight, which
    makes those of long and short pairs comparable, and by their robust standard deviation at the
    pixel.
    """
    scaled = residuals * np.sqrt(prior)
    deviation = NORMAL_CONSISTENCY * _median(scaled, prior > 0)[..., None]
    cutoff = CUTOFF * np.maximum(deviation, MIN_DEVIATION)
    return prior / (1 + (scaled / cutoff) ** 2) ** 2


def _median(values: PairValues, valid: npt.NDArray[np.bool_]) -> PairValues:
    """Median of the valid values along the last axis, 0 where there are none.

    This is four times faster than `numpy.ma.median`.
    """
    ranked = np.sort(np.where(valid, values, np.inf), axis=-1)
    count = valid.sum(-1, keepdims=True)
    lower = np.take_along_axis(ranked, np.maximum(count - 1, 0) // 2, axis=-1)
    upper = np.take_along_axis(ranked, count // 2, axis=-1)
    return np.where(count > 0, (lower + upper) / 2, 0)[..., 0]


def rows_at_once(velocity: xr.Dataset) -> int:
    """Compute the number of rows to combine at once, to limit memory.

    Parameters
    ----------
    velocity : xarray.Dataset
        Velocity of each pair, with dimensions ``(pair, y, x)``.

    Returns
    -------
    int
        Number of rows.
    """
    rows = MAX_VALUES // (velocity.sizes["pair"] * velocity.sizes["x"])
    return int(np.clip(rows, MIN_ROWS, ROWS))


def combine_pairs(velocity: xr.Dataset, method: MosaicMethod = "robust") -> xr.Dataset:
    """Combine velocities from many image pairs into one mosaic.

    The east and north components are combined separately. Averaging speeds instead would bias the
    result high, because the length of a noisy vector is positive on average.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` (m/yr) and ``quality`` (0 to 1) with dimensions ``(pair, y, x)`` and the
        coordinate ``years``, from `to_velocity`. Computation stays lazy if the variables are Dask
        arrays.
    method : {"robust", "median", "mean"}, optional
        "robust" starts from the median and averages with the weights of `prior_weight`, reweighted
        four times with `robust_weight`, so that outliers lose influence. "median" is the median of
        each component. "mean" is the unweighted mean, which reproduces the paper.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` (m/yr, float32), ``spread_x``, ``spread_y`` (NMAD over the pairs, m/yr) and
        ``count`` (number of pairs) with dimensions ``(y, x)``; ``sigma_x`` and ``sigma_y``, the
        root mean square of the standard errors of the pairs (m/yr), if they have them. The
        attribute ``mosaic`` is the method, ``longest_years`` the longest time separation, and
        ``first_date`` and ``last_date`` are the mean dates of references and secondaries.

    Raises
    ------
    ValueError
        If the method is unknown or there is no pair.

    Examples
    --------
    The last of four pairs is wrong:

    >>> axes = ("pair", "y", "x")
    >>> east = np.array([10.0, 11.0, 12.0, 90.0]).reshape(4, 1, 1)
    >>> velocity = xr.Dataset(
    ...     {"vx": (axes, east), "vy": (axes, 0 * east), "quality": (axes, np.ones((4, 1, 1)))},
    ...     coords={"years": ("pair", [1.0, 1.0, 1.0, 1.0])},
    ... )
    >>> [combine_pairs(velocity, method).vx.values.round(2).item() for method in MOSAIC_METHODS]
    [11.0, 11.5, 30.75]
    """
    if method not in MOSAIC_METHODS:
        raise ValueError(f"no mosaic method {method!r}; choose from: {', '.join(MOSAIC_METHODS)}")
    if velocity.sizes["pair"] == 0:
        raise ValueError("a mosaic needs at least one pair, got none")
    sigmas = [name for name in ("sigma_x", "sigma_y") if name in velocity]
    components = velocity[["vx", "vy", *sigmas]].assign(prior=prior_weight(velocity))
    components = components.unify_chunks()
    if components.chunks:
        components = components.chunk(pair=-1, y=rows_at_once(components), x=-1)
    inputs = ["vx", "vy", "prior", *sigmas]
    outputs = ["vx", "vy", "spread_x", "spread_y", *sigmas, "count"]
    parts = xr.apply_ufunc(
        _combine,
        *(components[name] for name in inputs),
        kwargs={"method": method},
        input_core_dims=[["pair"]] * len(inputs),
        output_core_dims=[[]] * len(outputs),
        dask="parallelized",
        output_dtypes=[np.float32] * (len(outputs) - 1) + [np.int16],
    )
    mosaic = xr.Dataset(dict(zip(outputs, parts, strict=True)))
    for axis, direction in (("x", "east"), ("y", "north")):
        mosaic[f"v{axis}"].attrs = {"units": "meter/year", "long_name": f"velocity, {direction}"}
        mosaic[f"spread_{axis}"].attrs = {
            "units": "meter/year",
            "long_name": f"spread (NMAD) of v{axis} over the pairs",
        }
        if sigmas:
            mosaic[f"sigma_{axis}"].attrs = {
                "units": "meter/year",
                "long_name": f"standard error of v{axis} of one pair",
            }
    mosaic["count"].attrs = {"units": "1", "long_name": "number of pairs"}
    longest = float(velocity.years.max())
    period = _mean_period(velocity)
    return mosaic.assign_attrs(
        {**velocity.attrs, "mosaic": method, "longest_years": longest, **period}
    )


def _mean_period(velocity: xr.Dataset) -> dict[str, str]:
    """Mean dates of the references and of the secondaries, if the pairs have dates."""
    period = {}
    for name, key in (("first_date", "reference_date"), ("last_date", "secondary_date")):
        if key in velocity.coords:
            minutes = velocity[key].values.astype("datetime64[m]").astype(np.int64)
            period[name] = str(np.datetime64(int(minutes.mean()), "m"))
    return period


def combine_displacements(displacement: xr.Dataset, method: MosaicMethod = "robust") -> xr.Dataset:
    """Convert the displacement of pairs to velocity, combine it, and load the mosaic.

    Parameters
    ----------
    displacement : xarray.Dataset
        Displacement from `gdiv.match_pairs`.
    method : {"robust", "median", "mean"}, optional
        As in `combine_pairs`.

    Returns
    -------
    xarray.Dataset
        Mosaic, in memory.
    """
    return combine_pairs(to_velocity(displacement), method).load()


def _combine(
    vx: PairValues, vy: PairValues, prior: PairValues, *sigmas: PairValues, method: MosaicMethod
) -> tuple[npt.NDArray[Any], ...]:
    """Combine vectors ``(H, W, pair)`` and their standard errors, if there are any.

    Returns the components, their spreads, the root mean squares of the standard errors, and the
    number of pairs.
    """
    valid = prior > 0
    values = np.where(valid, np.stack([vx, vy]), 0)
    median = np.stack([_median(component, valid) for component in values])
    estimate = median
    if method == "mean":
        estimate = values.sum(-1) / np.maximum(valid.sum(-1), 1)
    elif method == "robust":
        for _ in range(ROUNDS):
            residuals = np.hypot(*(values - estimate[..., None]))
            weights = robust_weight(residuals, prior)
            total = np.maximum(weights.sum(-1), MIN_TOTAL_WEIGHT)
            estimate = (weights * values).sum(-1) / total
    deviations = np.abs(values - median[..., None])
    spread = NORMAL_CONSISTENCY * np.stack([_median(part, valid) for part in deviations])
    total = np.maximum(prior.sum(-1), MIN_TOTAL_WEIGHT)
    stated = [np.sqrt((prior * np.where(valid, s, 0) ** 2).sum(-1) / total) for s in sigmas]
    any_pair = valid.any(-1)
    maps = [
        np.where(any_pair, part, np.nan).astype(np.float32)
        for part in (*estimate, *spread, *stated)
    ]
    return *maps, valid.sum(-1).astype(np.int16)


def speed(velocity: xr.Dataset) -> xr.DataArray:
    """Compute the length of the velocity vector.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx`` and ``vy`` in m/yr.

    Returns
    -------
    xarray.DataArray
        Speed in m/yr.
    """
    return np.hypot(velocity.vx, velocity.vy).assign_attrs(units="meter/year", long_name="speed")
