"""Every pair matched, one Dask task a pair, and what its stable ground says."""

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.flow.matchers import match
from gdiv.imagery.coregistration import stable_shift

STATISTICS = ("shift_x", "shift_y", "nmad_x", "nmad_y")
RELIABLE = 0.5  # least quality of a stable-ground pixel that is counted


def match_pairs(cube: xr.Dataset, pairs: pd.DataFrame, stable: np.ndarray, matcher: str, network=None) -> xr.Dataset:
    """Displacement of every pair by one matcher, lazily: nothing is matched before it is computed or saved.

    A pair is always matched whole, in one task, so the result does not depend on how the cube is chunked.

    Parameters
    ----------
    cube
        `reflectance` and `snow`, `(scene, y, x)`, as of `gdiv.imagery.cube.load_cube`.
    pairs
        The pair table.
    stable
        bool `(y, x)`; snow in either scene is taken off it.
    matcher
        A name of `gdiv.flow.matchers.match`; `network` is passed on to it.

    Returns
    -------
    xarray.Dataset
        `u`, `v` (pixels, the pair's stable-ground shift already subtracted) and `quality` (0..1), float32
        `(pair, y, x)`; `shift_x`, `shift_y` (what was subtracted) and `nmad_x`, `nmad_y` (spread of stable
        ground about it), pixels a pair; the pairs' dates, `days` and `years` as coordinates.
    """
    ids = list(cube.attrs["scene_ids"])

    def images(column, variable):
        scenes = [ids.index(name) for name in pairs[column]]
        array = cube[variable].isel(scene=scenes).rename(scene="pair").drop_vars(["time", "orbit", "season_year", "pair"], errors="ignore")
        return array.chunk(pair=1, y=-1, x=-1)

    def one(reference, secondary, reference_snow, secondary_snow):
        u, v, quality = match(matcher, reference[0], secondary[0], network)
        ground = stable & ~reference_snow[0] & ~secondary_snow[0] & (quality > RELIABLE)
        found = stable_shift(u, v, ground)
        shift = np.array([found[name] for name in STATISTICS], np.float32)
        return (u - shift[0])[None], (v - shift[1])[None], quality[None], shift[None]

    u, v, quality, shift = xr.apply_ufunc(
        one,
        *(images(column, variable) for variable in ("reflectance", "snow") for column in ("reference", "secondary")),
        input_core_dims=[["y", "x"]] * 4,
        output_core_dims=[["y", "x"]] * 3 + [["statistic"]],
        dask="parallelized",
        output_dtypes=[np.float32] * 4,
        dask_gufunc_kwargs={"output_sizes": {"statistic": len(STATISTICS)}},
    )
    result = xr.Dataset({"u": u, "v": v, "quality": quality})
    result["u"].attrs = {"units": "pixel", "long_name": "displacement along columns"}
    result["v"].attrs = {"units": "pixel", "long_name": "displacement along rows"}
    result["quality"].attrs = {"units": "1", "long_name": "local correlation after moving the secondary back"}
    for index, name in enumerate(STATISTICS):
        result[name] = shift.isel(statistic=index, drop=True).assign_attrs(units="pixel")
    result = result.assign_coords(
        pair=np.arange(len(pairs)),
        reference_date=("pair", pairs.reference_date.to_numpy("datetime64[ns]")),
        secondary_date=("pair", pairs.secondary_date.to_numpy("datetime64[ns]")),
        days=("pair", pairs.days.to_numpy()),
        years=("pair", pairs.years.to_numpy()),
    )
    return result.assign_attrs(
        matcher=matcher, spacing=cube.attrs["spacing"], reference_ids=list(pairs.reference), secondary_ids=list(pairs.secondary)
    )
