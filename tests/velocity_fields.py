"""Displacements, mosaics and products of known velocity and noise."""

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.velocity import annual, displacement, products


def make_displacement(u, v, pairs=3, size=40, spacing=10.0, years=1.0, noise=0.0, seed=0):
    """Make a displacement of constant motion plus noise, as from `match_pairs`."""
    rng = np.random.default_rng(seed)
    values = {
        name: (base + noise * rng.normal(size=(pairs, size, size))).astype(np.float32)
        for name, base in (("u", u), ("v", v), ("quality", 1))
    }
    values["quality"] = np.clip(values["quality"], 0.6, 1)
    data = xr.Dataset({name: (("pair", "y", "x"), array) for name, array in values.items()})
    coords = {
        "x": 1000 + spacing * np.arange(size),
        "y": 9000 - spacing * np.arange(size),
        "years": ("pair", [years] * pairs),
    }
    zero = {
        name: ("pair", np.zeros(pairs)) for name in (*displacement.STATISTICS, "shift_x", "shift_y")
    }
    data = data.assign(zero).assign_coords(coords).assign_attrs(spacing=spacing)
    return add_scene_ids(data, [f"r{i}" for i in range(pairs)], [f"s{i}" for i in range(pairs)])


def add_scene_ids(data, reference, secondary):
    """Add the scene ids of each pair."""
    ids = {"reference": reference, "secondary": secondary}
    text = np.dtypes.StringDType()
    return data.assign_coords(
        {name: ("pair", np.array(values, dtype=text)) for name, values in ids.items()}
    )


def make_mosaic(seed, shared, alone, size=120, rough=2.0, stated=None, motion=3):
    """Make a mosaic of ice at 30 m/yr with a common and an independent error of its pairs.

    Both errors, `shared` and `alone` (pixels), are `rough` times as large in the south. The stated
    error of the pairs combines both, or is `stated` times as large.
    """
    rng = np.random.default_rng(seed)
    rough = np.where(np.arange(size)[:, None] < size // 2, 1.0, rough)
    data = make_displacement(motion, 0, pairs=12, size=size)
    for name in "uv":
        errors = rough * (
            rng.normal(0, shared, (size, size)) + rng.normal(0, alone, (12, size, size))
        )
        data[name] = data[name].copy(data=data[name].values + errors)
        if stated is not None:
            sigma = stated * rough * np.hypot(shared, alone) * np.ones((12, size, size))
            data[f"sigma_{name}"] = (("pair", "y", "x"), sigma)
    return annual.combine_pairs(annual.to_velocity(data)).load()


def make_annual_pairs():
    """Make four annual pairs of ice at 20 m/yr east and 10 north, not in order of time."""
    data = make_displacement(2, -1, pairs=4, noise=0.2)
    first = pd.DatetimeIndex(["2020-08-10", "2020-08-01", "2020-08-10", "2020-07-01"])
    coords = {
        "reference_date": ("pair", first),
        "secondary_date": ("pair", first + pd.Timedelta(days=365)),
        "x": 340005 + 10.0 * np.arange(40),
        "y": 5086005 - 10.0 * np.arange(40),
    }
    attributes = {"matcher": "dis", "options": "{}", "network": ""}
    return data.assign_coords(pair=np.arange(4), **coords).assign_attrs(attributes)


def make_pair_cube(matched):
    """Make the pair cube of displacements, all on ice, with an error of 0.2 px per component."""
    ice = np.ones((40, 40), bool)
    sigmas = {f"sigma_{name}": 0 * matched.u + 0.2 for name in "uv"}
    velocity = annual.to_velocity(matched.assign(sigmas))
    return products.pair_cube(velocity, ice, 32632, {"matcher": "dis"})
