"""Displacement to velocity, and many pairs to one map."""

import numpy as np
import pandas as pd
import xarray as xr

MIN_QUALITY = 0.3  # a vector whose surroundings correlate less is left out
MOSAIC_METHODS = ("robust", "median", "mean")
ROWS = 128  # of a stored chunk of a pair, and most rows of all pairs that are combined at once
VALUES = 2**24  # of one variable combined at once, so that memory does not grow with the map
ROUNDS = 4  # of weighing anew, by which pairs that contradict the others lose their say


def to_velocity(displacement: xr.Dataset, least: float = MIN_QUALITY) -> xr.Dataset:
    """`vx`, `vy` in m/yr, positive east and north, from `u`, `v` in pixels; lazy if the input is.

    Vectors of a quality under `least` become NaN.
    """
    factor = displacement.attrs["spacing"] / displacement.years
    good = displacement.quality >= least
    velocity = displacement[["quality"]].assign(
        vx=(displacement.u * factor).where(good), vy=(-displacement.v * factor).where(good)
    )
    for name, direction in (("vx", "east"), ("vy", "north")):
        velocity[name] = (
            velocity[name]
            .astype(np.float32)
            .assign_attrs(units="meter/year", long_name=f"velocity, {direction}")
        )
    return velocity.assign_attrs(displacement.attrs)


def prior_weight(velocity: xr.Dataset) -> xr.DataArray:
    """What a vector weighs among those of other pairs, `(pair, y, x)`: its quality and its time squared.

    A match is as far off in pixels whatever the time between the scenes, so in m/yr a pair of half the time is off
    by twice as much. No vector, no weight.
    """
    share = (velocity.years / velocity.years.max()).astype(np.float32)
    weight = np.maximum(velocity.quality, np.float32(1e-3)) * share**2
    return weight.where(velocity.vx.notnull() & velocity.vy.notnull(), 0)


def rows_at_once(velocity: xr.Dataset) -> int:
    """How many rows of all pairs are worked on at once."""
    return int(np.clip(VALUES // (velocity.sizes["pair"] * velocity.sizes["x"]), 16, ROWS))


def robust_weight(misses: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """What vectors weigh, by their `prior` and by how far they miss the others' (m/yr), pairs along the last axis.

    Geman and McClure's weight of what a vector of that prior misses by, measured by the usual miss of the pixel's
    pairs, at least a tenth of a metre a year for one of full prior.
    """
    misses = misses * np.sqrt(prior)
    usual = 1.4826 * _median(misses, prior > 0)[..., None]
    return prior / (1 + (misses / (3 * np.maximum(usual, 0.1))) ** 2) ** 2


def _median(values, known):
    """The median of those known along the last axis, 0 where none is; a quarter of the time of NumPy's masked one."""
    ranked = np.sort(np.where(known, values, np.inf), axis=-1)
    count = known.sum(-1, keepdims=True)
    middle = [
        np.take_along_axis(ranked, np.maximum(count - back, 0) // 2, axis=-1) for back in (1, 0)
    ]
    return np.where(count > 0, (middle[0] + middle[1]) / 2, 0)[..., 0]


def combine_pairs(velocity: xr.Dataset, kind: str = "robust") -> xr.Dataset:
    """One map from all pairs, lazy if they are.

    Components are combined, never speeds: the mean of noisy speeds is too high.

    Parameters
    ----------
    velocity
        `vx`, `vy` (m/yr) and `quality`, `(pair, y, x)`, with the coordinate `years`, as of `to_velocity`.
    kind
        `"robust"`, the mean by `prior`, weighed anew four times by how far each vector misses it (`agreed`); each
        component's `"median"`; or their plain `"mean"`, the paper's.

    Returns
    -------
    xarray.Dataset
        `vx`, `vy` (m/yr), `spread_x`, `spread_y` (1.4826 MAD over the pairs, m/yr) and `count`, `(y, x)`.

    Raises
    ------
    ValueError
        For an unknown kind, or when there is no pair.
    """
    if kind not in MOSAIC_METHODS:
        raise ValueError(f"no mosaic {kind!r}; there are: {', '.join(MOSAIC_METHODS)}")
    if velocity.sizes["pair"] == 0:
        raise ValueError("a mosaic needs at least one pair, and there is none")
    components = velocity[["vx", "vy"]].assign(prior=prior_weight(velocity)).unify_chunks()
    if components.chunks:
        components = components.chunk(pair=-1, y=rows_at_once(components), x=-1)
    parts = xr.apply_ufunc(
        _combined,
        *(components[name] for name in ("vx", "vy", "prior")),
        kwargs={"kind": kind},
        input_core_dims=[["pair"]] * 3,
        output_core_dims=[[]] * 5,
        dask="parallelized",
        output_dtypes=[np.float32] * 4 + [np.int16],
    )
    result = xr.Dataset(
        dict(zip(("vx", "vy", "spread_x", "spread_y", "count"), parts, strict=True))
    )
    for name in ("vx", "vy", "spread_x", "spread_y"):
        result[name].attrs = {"units": "meter/year"}
    result["count"].attrs = {"units": "1", "long_name": "pairs"}
    return result.assign_attrs(
        {**velocity.attrs, "mosaic": kind, "longest_years": float(velocity.years.max())}
    )


def _combined(vx, vy, prior, kind):
    """One vector of all pairs', the spread of its components and how many there are, `(y, x, pair)` to `(y, x)`."""
    known = prior > 0
    values = np.where(known, np.stack([vx, vy]), 0)
    middle = median = np.stack([_median(part, known) for part in values])
    if kind == "mean":
        middle = values.sum(-1) / np.maximum(known.sum(-1), 1)
    for _ in range(ROUNDS if kind == "robust" else 0):
        weights = robust_weight(np.hypot(*(values - middle[..., None])), prior)
        middle = (weights * values).sum(-1) / np.maximum(weights.sum(-1), 1e-9)
    spread = 1.4826 * np.stack(
        [_median(part, known) for part in np.abs(values - median[..., None])]
    )
    seen = [np.where(known.any(-1), part, np.nan).astype(np.float32) for part in (*middle, *spread)]
    return *seen, known.sum(-1).astype(np.int16)


def speed(velocity: xr.Dataset) -> xr.DataArray:
    """Length of the velocity vector, m/yr."""
    return np.hypot(velocity.vx, velocity.vy).assign_attrs(units="meter/year", long_name="speed")


def subsample_pairs(
    velocity: xr.Dataset,
    reference: xr.Dataset,
    ice: np.ndarray,
    counts: list[int],
    draws: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """What a map of only some of the pairs is prior, by each kind of mosaic.

    Parameters
    ----------
    velocity
        Pairs in memory, as of `to_velocity`.
    reference
        `vx`, `vy` of the truth, or of the best map there is.
    counts
        Numbers of pairs; each is drawn `draws` times.

    Returns
    -------
    pandas.DataFrame
        `pairs`, `mosaic`, `rmse` (m/yr, root mean square distance to the reference on `ice`, mean over the draws).
    """
    rng, rows = np.random.default_rng(seed), []
    for count in counts:
        chosen = [np.sort(rng.permutation(velocity.sizes["pair"])[:count]) for _ in range(draws)]
        for kind in MOSAIC_METHODS:
            maps = [combine_pairs(velocity.isel(pair=some), kind) for some in chosen]
            misses = [np.hypot(m.vx - reference.vx, m.vy - reference.vy).values[ice] for m in maps]
            rmse = float(np.mean([np.sqrt(np.nanmean(miss**2)) for miss in misses]))
            rows.append({"pairs": count, "mosaic": kind, "rmse": rmse})
    return pd.DataFrame(rows)
