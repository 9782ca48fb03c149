"""Every pair matched, one Dask task a pair, and what its stable ground says."""

import json
import zlib

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.flow.matchers.matching import match_images
from gdiv.imagery.coregistration import stable_ground_statistics

STATISTICS = ("bias_x", "bias_y", "nmad_x", "nmad_y")
RELIABLE = 0.5  # least quality of a stable-ground pixel that is counted


def match_pairs(
    cube: xr.Dataset, pairs: pd.DataFrame, stable: np.ndarray, matcher: str, network=None, **options
) -> xr.Dataset:
    """Displacement of every pair by one matcher, lazily: nothing is matched before it is computed or saved.

    A pair is always matched whole, in one task, so the result does not depend on how the cube is chunked.

    Parameters
    ----------
    cube
        `reflectance` and `snow`, `(scene, y, x)`, as of `gdiv.imagery.cube.load_cube`.
    pairs
        The pair table, with `shift_x` and `shift_y` as of `gdiv.imagery.coregistration.register`.
    stable
        bool `(y, x)`; snow in either scene is taken off it.
    matcher
        A name of `gdiv.flow.matchers.matching.match`, which is also given `network` and the `options`.

    Returns
    -------
    xarray.Dataset
        `u`, `v` (pixels, the pair's registration shift already subtracted), `quality` (0..1) and, matched there and
        back, `residual` (pixels), float32 `(pair, y, x)`; `bias_x`, `bias_y`, `nmad_x`, `nmad_y` (what stable ground
        still shows) and `shift_x`, `shift_y` (what was subtracted), pixels a pair; the pairs' dates, `days` and
        `years` as coordinates.

    Raises
    ------
    ValueError
        If there is no pair.
    """
    if not len(pairs):
        raise ValueError(
            "there is no pair to match; see which scenes the season has in the scene table"
        )
    ids = list(cube.attrs["scene_ids"])

    def images(column, variable):
        scenes = [ids.index(name) for name in pairs[column]]
        array = (
            cube[variable]
            .isel(scene=scenes)
            .rename(scene="pair")
            .drop_vars(["time", "orbit", "season_year", "pair"], errors="ignore")
        )
        return array.chunk(pair=1, y=-1, x=-1)

    def one(reference, secondary, reference_snow, secondary_snow, shift):
        u, v, quality, residual = match_images(
            matcher, reference[0], secondary[0], network, **options
        )
        u, v = u - shift[0, 0], v - shift[0, 1]
        ground = stable & ~reference_snow[0] & ~secondary_snow[0] & (quality > RELIABLE)
        found = stable_ground_statistics(u, v, ground)
        statistics = np.array([list(found.values())], np.float32)
        return u[None], v[None], quality[None], residual[None], statistics

    shifts = xr.DataArray(
        pairs[["shift_x", "shift_y"]].to_numpy(np.float32), dims=("pair", "axis")
    ).chunk(pair=1)
    u, v, quality, residual, ground = xr.apply_ufunc(
        one,
        *(
            images(column, variable)
            for variable in ("reflectance", "snow")
            for column in ("reference", "secondary")
        ),
        shifts,
        input_core_dims=[["y", "x"]] * 4 + [["axis"]],
        output_core_dims=[["y", "x"]] * 4 + [["statistic"]],
        dask="parallelized",
        output_dtypes=[np.float32] * 5,
        dask_gufunc_kwargs={"output_sizes": {"statistic": len(STATISTICS)}},
    )
    result = xr.Dataset({"u": u, "v": v, "quality": quality})
    result["u"].attrs = {"units": "pixel", "long_name": "displacement along columns"}
    result["v"].attrs = {"units": "pixel", "long_name": "displacement along rows"}
    result["quality"].attrs = {
        "units": "1",
        "long_name": "local correlation after moving the secondary back",
    }
    if options.get("check_consistency"):
        result["residual"] = residual.assign_attrs(
            units="pixel", long_name="miss of the way there and back"
        )
    for index, name in enumerate(STATISTICS):
        result[name] = ground.isel(statistic=index, drop=True).assign_attrs(units="pixel")
    result = result.assign_coords(
        pair=np.arange(len(pairs)),
        reference_date=("pair", pairs.reference_date.to_numpy("datetime64[ns]")),
        secondary_date=("pair", pairs.secondary_date.to_numpy("datetime64[ns]")),
        days=("pair", pairs.days.to_numpy()),
        years=("pair", pairs.years.to_numpy()),
        shift_x=("pair", pairs.shift_x.to_numpy()),
        shift_y=("pair", pairs.shift_y.to_numpy()),
    )
    weights = ""
    if matcher == "raft" and network:
        from gdiv.flow.raft.checkpoints import fingerprint

        weights = fingerprint(network)
    return result.assign_attrs(
        matcher=matcher,
        cube_written=cube.attrs.get("written", ""),
        network=weights,
        options=json.dumps({name: _told(value) for name, value in options.items()}),
        spacing=cube.attrs["spacing"],
        reference_ids=list(pairs.reference),
        secondary_ids=list(pairs.secondary),
    )


def _told(option):
    """An option as an attribute: an array by its checksum."""
    return zlib.crc32(option.tobytes()) if isinstance(option, np.ndarray) else repr(option)


def training_arrays(
    cube: xr.Dataset, labels: xr.Dataset, where: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, int]], np.ndarray]:
    """What `gdiv.flow.training.tiles.Samples` cuts from, in memory: images, scene indices and labels of each pair.

    Labels are NaN outside `where` and where their quality is under 0.5. The registration shift is added back:
    the network sees the images as they are, mis-registration included.
    """
    ids = list(cube.attrs["scene_ids"])
    images = cube.reflectance.values
    scenes = [
        (ids.index(a), ids.index(b))
        for a, b in zip(labels.attrs["reference_ids"], labels.attrs["secondary_ids"], strict=True)
    ]
    flow = np.stack(
        [(labels.u + labels.shift_x).values, (labels.v + labels.shift_y).values], axis=1
    )
    known = where & (labels.quality.values >= RELIABLE)
    return images, scenes, np.where(known[:, None], flow, np.float32(np.nan)).astype(np.float32)


def summarise_pairs(displacement: xr.Dataset, glacier: np.ndarray) -> pd.DataFrame:
    """One row a pair: displacement of the ice and apparent motion of stable ground. Reads every pair once.

    Returns
    -------
    pandas.DataFrame
        `reference_date`, `secondary_date`, `days`; `median_px` and `p95_px` of the displacement on the glacier where
        the quality is at least 0.5, `px_per_day` and `m_per_year` from that median, `trusted` (share of the glacier
        of that quality); `as_seen_px`, the median before registration; bias and NMAD of stable ground, pixels.
    """
    rows = []
    for index in range(displacement.sizes["pair"]):
        pair = displacement.isel(pair=index).load()
        length = np.hypot(pair.u, pair.v).values[glacier & (pair.quality.values >= RELIABLE)]
        seen = np.hypot(pair.u + pair.shift_x, pair.v + pair.shift_y).values[
            glacier & (pair.quality.values >= RELIABLE)
        ]
        median, p95 = np.nanpercentile(length, [50, 95]) if length.size else (np.nan, np.nan)
        days = float(pair.days)
        rows.append(
            {
                "reference_date": pair.reference_date.values,
                "secondary_date": pair.secondary_date.values,
                "days": days,
                "median_px": median,
                "p95_px": p95,
                "px_per_day": median / days,
                "m_per_year": median * displacement.attrs["spacing"] / float(pair.years),
                "as_seen_px": np.nanmedian(seen) if seen.size else np.nan,
                "trusted": length.size / max(glacier.sum(), 1),
                **{name: float(pair[name]) for name in STATISTICS},
            }
        )
    return pd.DataFrame(rows)
