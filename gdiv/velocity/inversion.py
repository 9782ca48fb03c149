"""A series of velocities from a network of pairs: what happened between one scene and the next.

Each pair tells the mean over its own time; pairs overlap, so the intervals between consecutive scenes can be solved
for, by least squares that favour a steady flow where the pairs leave it open (as TICOI does, Charrier et al. 2025,
doi:10.5194/tc-19-4555-2025; here on own pairs). What the pairs contradict each other by is the closure residual.
"""

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.velocity.annual import ROUNDS, prior_weight, robust_weight, rows_at_once

SMOOTH = 0.3  # weight of two neighbouring intervals being alike, against that of a pair of the usual length


def invert_network(velocity: xr.Dataset, smooth: float = SMOOTH) -> xr.Dataset:
    """Velocity between consecutive scenes, lazily and by blocks of rows.

    Parameters
    ----------
    velocity
        `vx`, `vy` (m/yr) and `quality`, `(pair, y, x)`, with `reference_date` and `secondary_date`, as of
        `gdiv.velocity.annual.to_velocity`. A vector that is NaN is left out, others weigh as of `annual.prior`.
    smooth
        The larger, the steadier.

    Returns
    -------
    xarray.Dataset
        `vx`, `vy` `(interval, y, x)` in m/yr, NaN in intervals that no pair of the pixel spans; `closure` `(y, x)`,
        the root mean square of what the pairs differ from the series by, weighed by their prior, m/yr; coordinates
        `start`, `end` an interval.

    Raises
    ------
    ValueError
        If there is no pair.
    """
    if not velocity.sizes["pair"]:
        raise ValueError("a series needs at least one pair, and there is none")
    design, dates = design_matrix(velocity.reference_date.values, velocity.secondary_date.values)
    blocks = velocity[["vx", "vy"]].assign(prior=prior_weight(velocity))
    blocks = blocks.chunk(pair=-1, y=rows_at_once(blocks), x=-1)
    smooth *= np.median(
        velocity.years / velocity.years.max()
    )  # one long pair must not weigh the others down
    vx, vy, closure = xr.apply_ufunc(
        lambda vx, vy, weight: _solve(vx, vy, weight, design, smooth),
        *(blocks[name] for name in ("vx", "vy", "prior")),
        input_core_dims=[["pair"]] * 3,
        output_core_dims=[["interval"], ["interval"], []],
        dask="parallelized",
        output_dtypes=[np.float32] * 3,
        dask_gufunc_kwargs={"output_sizes": {"interval": design.shape[1]}},
    )
    series = xr.Dataset({"vx": vx, "vy": vy, "closure": closure}).transpose("interval", "y", "x")
    for name, variable in series.data_vars.items():
        variable.attrs = {"units": "meter/year", "long_name": f"{name} between scenes"}
    series["closure"].attrs["long_name"] = "what the pairs differ from the series by"
    return series.assign_coords(start=("interval", dates[:-1]), end=("interval", dates[1:]))


def design_matrix(reference_dates, secondary_dates) -> tuple[np.ndarray, np.ndarray]:
    """Share of each interval in each pair's time, `(pair, interval)`, and the scenes' dates, one more of them."""
    first, last = (
        pd.DatetimeIndex(dates).as_unit("ns") for dates in (reference_dates, secondary_dates)
    )
    dates = first.append(last).unique().sort_values()
    starts, ends = dates[:-1].asi8, dates[1:].asi8
    within = (starts[None] >= first.asi8[:, None]) & (ends[None] <= last.asi8[:, None])
    length = np.where(within, (ends - starts)[None], 0).astype(float)
    return length / length.sum(1, keepdims=True), dates.values


def _solve(vx, vy, prior, design, smooth):
    """Reweighted least squares of each pixel: `(y, x, pair)` to `(y, x, interval)` twice, and `(y, x)`."""
    known = prior > 0
    values = np.stack([np.where(known, part, 0) for part in (vx, vy)], axis=-1).astype(
        float
    )  # (y, x, pair, 2)
    steps = np.diff(np.eye(design.shape[1]), axis=0)
    steady = smooth**2 * steps.T @ steps + 1e-9 * np.eye(design.shape[1])
    weights = prior
    for _ in range(ROUNDS):
        normal = np.einsum("yxp,pi,pj->yxij", weights, design, design, optimize=True) + steady
        right = np.einsum("yxp,pi,yxpc->yxic", weights, design, values, optimize=True)
        series = np.linalg.solve(normal, right)
        misses = np.linalg.norm(np.einsum("pi,yxic->yxpc", design, series) - values, axis=-1)
        weights = robust_weight(misses, prior)
    total = prior.sum(-1)
    closure = np.sqrt((prior * misses**2).sum(-1) / np.maximum(total, 1e-9))
    seen = total > 0
    spanned = (prior @ (design > 0) > 0)[..., None]
    vx, vy = np.moveaxis(np.where(spanned, series, np.nan), -1, 0).astype(np.float32)
    return vx, vy, np.where(seen, closure, np.nan).astype(np.float32)
