"""Displacement to velocity, and many pairs to one map."""

import numpy as np
import xarray as xr

LEAST_QUALITY = 0.3  # a vector whose surroundings correlate less is left out


def to_velocity(displacement: xr.Dataset) -> xr.Dataset:
    """`vx`, `vy` in m/yr, positive east and north, from `u`, `v` in pixels; lazy if the input is.

    Vectors of a quality under `LEAST_QUALITY` become NaN.
    """
    factor = displacement.attrs["spacing"] / displacement.years
    good = displacement.quality >= LEAST_QUALITY
    velocity = displacement[["quality"]].assign(
        vx=(displacement.u * factor).where(good), vy=(-displacement.v * factor).where(good)
    )
    for name, direction in (("vx", "east"), ("vy", "north")):
        velocity[name] = (
            velocity[name].astype(np.float32).assign_attrs(units="meter/year", long_name=f"velocity, {direction}")
        )
    return velocity.assign_attrs(displacement.attrs)


def mosaic(velocity: xr.Dataset, kind: str = "median") -> xr.Dataset:
    """One map from all pairs: each component's median (`kind="median"`) or plain mean (`"mean"`, the paper's).

    Components are combined, never speeds: the mean of noisy speeds is too high.

    Returns
    -------
    xarray.Dataset
        `vx`, `vy` (m/yr), `spread_x`, `spread_y` (1.4826 MAD over the pairs, m/yr) and `count`, `(y, x)`.

    Raises
    ------
    ValueError
        For an unknown kind, or when there is no pair.
    """
    if kind not in ("median", "mean"):
        raise ValueError(f"no mosaic {kind!r}; there are: median, mean")
    if velocity.sizes["pair"] == 0:
        raise ValueError("a mosaic needs at least one pair, and there is none")
    components = velocity[["vx", "vy"]].unify_chunks()
    if components.chunks:
        components = components.chunk(pair=-1)
    combined = components.median("pair") if kind == "median" else components.mean("pair")
    spread = 1.4826 * np.abs(components - components.median("pair")).median("pair")
    count = components.vx.notnull().sum("pair").astype(np.int16)
    result = combined.assign(spread_x=spread.vx, spread_y=spread.vy, count=count)
    for name in ("vx", "vy", "spread_x", "spread_y"):
        result[name] = result[name].astype(np.float32).assign_attrs(units="meter/year")
    result["count"].attrs = {"units": "1", "long_name": "pairs"}
    return result.assign_attrs({**velocity.attrs, "mosaic": kind, "longest_years": float(velocity.years.max())})


def speed(velocity: xr.Dataset) -> xr.DataArray:
    """Length of the velocity vector, m/yr."""
    return np.hypot(velocity.vx, velocity.vy).assign_attrs(units="meter/year", long_name="speed")
