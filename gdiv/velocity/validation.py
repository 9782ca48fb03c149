"""Is it right? Stakes, still ground, triplets that must close, and the twin's truth.

The only module that reads the twin's truth.
"""

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage
from scipy.stats import norm

from gdiv.imagery.coregistration import nmad
from gdiv.imagery.ice import advect
from gdiv.velocity.uncertainty import coverage

SLOW = 5.0  # m/yr: slower ice says nothing about the bias along flow
SPEEDS = (0, 10, 30, 60, np.inf)  # classes of true speed, m/yr
STATED = (0.2, 0.4, 0.5, 0.68, 0.8, 0.9, 0.95)


def read_truth(folder: Path, like: xr.Dataset | None = None) -> xr.Dataset | None:
    """The twin's truth, on the grid of `like` if given, or None where the source brings none (every real one)."""
    place = Path(folder) / "truth.zarr"
    if not place.exists():
        return None
    truth = xr.open_zarr(place, consolidated=False).load()
    if like is None:
        return truth
    return truth.reindex(y=like.y, x=like.x, method="nearest", tolerance=0.5 * truth.attrs["spacing"])


def true_motion(truth: xr.Dataset, years: float) -> tuple[np.ndarray, np.ndarray]:
    """How far the ice under each pixel moves in `years`, `u, v` in pixels; NaN outside the truth."""
    filled = truth.fillna(0)
    rows, columns = np.meshgrid(
        np.arange(truth.sizes["y"], dtype=float), np.arange(truth.sizes["x"], dtype=float), indexing="ij"
    )
    column, row = advect(
        filled.vx.values, filled.vy.values, truth.attrs["spacing"], columns.ravel(), rows.ravel(), years
    )
    known = truth.vx.notnull().values
    return tuple(
        np.where(known, end.reshape(rows.shape) - start, np.nan) for end, start in ((column, columns), (row, rows))
    )


def true_velocity(truth: xr.Dataset, years: float) -> xr.Dataset:
    """`vx`, `vy` (m/yr) over `years` from each pixel on: what a displacement over that time measures."""
    u, v = true_motion(truth, years)
    rate = truth.attrs["spacing"] / years
    return xr.Dataset(
        {"vx": (("y", "x"), u * rate), "vy": (("y", "x"), -v * rate)}, coords={"y": truth.y, "x": truth.x}
    )


def true_pairs(truth: xr.Dataset | None, displacements: xr.Dataset) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """`true_motion` over each pair's time; None without truth."""
    return None if truth is None else [true_motion(truth, float(years)) for years in displacements.years]


def planted(truth: xr.Dataset | None, displacements: xr.Dataset) -> xr.Dataset | None:
    """`displacements` with the true motion in place of `u` and `v`; None without truth."""
    if truth is None:
        return None
    motions = np.array(true_pairs(truth, displacements), np.float32)
    return displacements.assign({name: displacements[name].copy(data=motions[:, i]) for i, name in enumerate("uv")})


def score_pairs(
    displacements: xr.Dataset, motions: list | None, ice: np.ndarray, stable: np.ndarray
) -> dict[str, float]:
    """Means over the pairs, in pixels: what single pairs are worth.

    Returns
    -------
    dict
        `error` (mean distance to the truth on ice) and `along` (share of motion lost, as in
        `compare_with_truth`), NaN without truth; `bias` and `nmad` on stable ground, `closure`, `quality` on
        ice, `coverage`.
    """
    errors, along, quality, covered = [], [], [], []
    for index in range(displacements.sizes["pair"]):
        pair = displacements.isel(pair=index).load()
        u, v = pair.u.values, pair.v.values
        known = ice & np.isfinite(u)
        quality.append(pair.quality.values[ice].mean())
        covered.append(known.sum() / ice.sum())
        if motions is not None:
            tu, tv = motions[index]
            known &= np.isfinite(tu)
            errors.append(np.hypot(u - tu, v - tv)[known].mean())
            length = np.hypot(tu, tv)
            moving = known & (length * displacements.attrs["spacing"] / float(pair.years) > SLOW)
            along.append(np.median(((u * tu + v * tv) / np.maximum(length, 1e-6) ** 2)[moving]) - 1)
    spread = np.sqrt(np.mean(np.square([displacements.nmad_x, displacements.nmad_y])))
    bias = np.hypot(displacements.bias_x, displacements.bias_y).mean()
    return {
        "error": float(np.mean(errors)) if errors else float("nan"),
        "along": float(np.mean(along)) if along else float("nan"),
        "bias": float(bias),
        "nmad": float(spread),
        "closure": closure(displacements, ice),
        "quality": float(np.mean(quality)),
        "coverage": float(np.mean(covered)),
    }


def check_mosaic(
    mosaic: xr.Dataset, truth: xr.Dataset | None, ice: np.ndarray, stable: np.ndarray, stakes: pd.DataFrame
) -> dict[str, float]:
    """Every check of one mosaic with errors, m/yr: against truth, on still ground, at the stakes, and of the sigmas.

    `stakes` is the mean absolute difference of the table `at_stakes` gives; `covered` the share of the true errors of
    both components on ice that lie within the stated sigma.
    """
    blank = dict.fromkeys(("rmse", "mae", "median", "p95", "along", "coverage", "covered"), float("nan"))
    if truth is not None:
        # Over a year, or over the longest pair where all are shorter: fast ice leaves the scene within a year.
        year = true_velocity(truth, min(1.0, mosaic.attrs["longest_years"]))
        blank = compare_with_truth(mosaic, year, ice)
        shares = [coverage((mosaic[n] - year[n]).values[ice], mosaic[f"{n}_error"].values[ice]) for n in ("vx", "vy")]
        blank["covered"] = float(np.mean(shares))
    return (
        blank
        | off_ice(mosaic, stable)
        | {"stakes": float(stakes.difference.abs().mean()) if len(stakes) else float("nan")}
    )


def reliability(mosaic: xr.Dataset, truth: xr.Dataset | None, ice: np.ndarray) -> pd.DataFrame:
    """Whether sigmas are honest: the share of true errors within multiples of them, by class of true speed.

    Returns
    -------
    pandas.DataFrame
        `speed` (class, m/yr), `pixels`, `stated` (share that a Gaussian has within the multiple) and `found`; empty
        without truth.
    """
    if truth is None:
        return pd.DataFrame(columns=["speed", "pixels", "stated", "found"])
    year = true_velocity(truth, min(1.0, mosaic.attrs["longest_years"]))
    speed, rows = np.hypot(year.vx, year.vy).values, []
    for low, high in [(0, np.inf), *pairwise(SPEEDS)]:
        inside = ice & (speed >= low) & (speed < high)
        misses = np.concatenate(
            [(np.abs(mosaic[n] - year[n]) / mosaic[f"{n}_error"]).values[inside] for n in ("vx", "vy")]
        )
        misses = misses[np.isfinite(misses)]
        name = "all" if (low, high) == (0, np.inf) else f"from {low:g}" if high == np.inf else f"{low:g} to {high:g}"
        if misses.size:
            shares = {stated: float((misses <= norm.ppf(0.5 + stated / 2)).mean()) for stated in STATED}
            rows += [{"speed": name, "pixels": inside.sum(), "stated": s, "found": f} for s, f in shares.items()]
    return pd.DataFrame(rows)


# What notebook 06 quotes of `check_mosaic`.
CLAIMS = (
    ("stakes", "m/yr", "mean absolute difference from the stakes"),
    ("rmse", "m/yr", "root mean square error against truth, on ice"),
    ("median", "m/yr", "median error against truth, on ice"),
    ("along", "%", "motion added (negative: lost) along the flow"),
    ("coverage", "1", "share of the ice that has a value"),
    ("nmad", "m/yr", "spread on stable ground"),
    ("covered", "1", "true errors within the stated sigma (0.68 is honest)"),
)


def compare_with_truth(velocity: xr.Dataset, truth: xr.Dataset, ice: np.ndarray) -> dict[str, float]:
    """Errors of a map against the truth on `ice`, m/yr.

    Returns
    -------
    dict
        `rmse`, `mae` (of the vector), `median` and `p95` of its length, `along` (median of the component along
        the true flow over the true speed, minus one: negative where the matcher shrinks motion; ice slower than
        5 m/yr left out) and `coverage` (share of the ice that has a value).
    """
    error = np.hypot(velocity.vx - truth.vx, velocity.vy - truth.vy).values
    true_speed = np.hypot(truth.vx, truth.vy).values
    known = ice & np.isfinite(error)
    if not known.any():
        return dict.fromkeys(("rmse", "mae", "median", "p95", "along", "coverage"), float("nan"))
    along = ((velocity.vx * truth.vx + velocity.vy * truth.vy).values / np.maximum(true_speed, 1e-6) ** 2)[
        known & (true_speed > SLOW)
    ]
    return {
        "rmse": float(np.sqrt(np.mean(error[known] ** 2))),
        "mae": float(error[known].mean()),
        "median": float(np.median(error[known])),
        "p95": float(np.percentile(error[known], 95)),
        "along": float(np.median(along) - 1) if along.size else float("nan"),
        "coverage": float(known.sum() / ice.sum()),
    }


def off_ice(velocity: xr.Dataset, stable: np.ndarray) -> dict[str, float]:
    """What still ground seems to do, m/yr: `bias` (length of the median vector) and `nmad` (both components joined)."""
    x, y = velocity.vx.values[stable], velocity.vy.values[stable]
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not x.size:
        return {"bias": float("nan"), "nmad": float("nan")}
    return {
        "bias": float(np.hypot(np.median(x), np.median(y))),
        "nmad": float(np.sqrt((nmad(x) ** 2 + nmad(y) ** 2) / 2)),
    }


def read_stakes(folder: Path, glacier) -> gpd.GeoDataFrame:
    """Stakes (`name`, `year`, `speed` in m/yr): those the source brings, else those of the catalog."""
    place = Path(folder) / "stakes.geojson"
    if place.exists():
        return gpd.read_file(place)
    rows = [
        (stake.name, year, value, stake.lon, stake.lat)
        for stake in glacier.stakes
        for year, value in stake.speed.items()
    ]
    table = pd.DataFrame(rows, columns=["name", "year", "speed", "lon", "lat"])
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table.lon, table.lat), crs=4326)


def at_stakes(velocity: xr.Dataset, stakes: gpd.GeoDataFrame, year: int, epsg: int) -> pd.DataFrame:
    """Measured and estimated speed at each stake for the year that ends in `year`.

    A displacement is stored where it starts, as a stake's is, so the map is read at the stake's first
    position, bilinearly. Stakes outside the map are left out; a stake without data has NaN.

    Returns
    -------
    pandas.DataFrame
        `name`, `measured`, `estimated`, `difference` (estimated - measured), m/yr.
    """
    chosen = stakes[stakes.year == year]
    points = chosen.to_crs(epsg).geometry
    spacing = float(velocity.x[1] - velocity.x[0])
    column = (points.x.to_numpy() - float(velocity.x[0])) / spacing
    row = (float(velocity.y[0]) - points.y.to_numpy()) / spacing
    inside = (column >= 0) & (row >= 0) & (column <= velocity.sizes["x"] - 1) & (row <= velocity.sizes["y"] - 1)
    vx, vy = (
        ndimage.map_coordinates(velocity[name].values, [row[inside], column[inside]], order=1) for name in ("vx", "vy")
    )
    table = pd.DataFrame(
        {
            "name": chosen.name.to_numpy()[inside],
            "measured": chosen.speed.to_numpy()[inside],
            "estimated": np.hypot(vx, vy),
        }
    )
    return table.assign(difference=table.estimated - table.measured)


def series_at_stakes(series: xr.Dataset, stakes: gpd.GeoDataFrame, epsg: int) -> pd.DataFrame:
    """Speed through time at each stake: `name`, `start`, `end`, `speed` (m/yr), read at the nearest pixel.

    `series` as of `gdiv.velocity.inversion.invert_network`; stakes outside the map are left out.
    """
    points = stakes.drop_duplicates("name").to_crs(epsg)
    half, rows = abs(float(series.x[1] - series.x[0])) / 2, []
    for name, point in zip(points.name, points.geometry, strict=True):
        at = series.sel(x=point.x, y=point.y, method="nearest")
        if abs(at.x - point.x) <= half and abs(at.y - point.y) <= half:
            speed = np.hypot(at.vx, at.vy).values
            rows += [
                {"name": name, "start": start, "end": end, "speed": float(value)}
                for start, end, value in zip(series.start.values, series.end.values, speed, strict=True)
            ]
    return pd.DataFrame(rows, columns=["name", "start", "end", "speed"])


def closure(displacements: xr.Dataset, ice: np.ndarray) -> float:
    """Median length, in pixels, by which `a to b` then `b to c` misses `a to c`, over all triplets; NaN without one."""
    legs = {
        pair: index
        for index, pair in enumerate(
            zip(displacements.attrs["reference_ids"], displacements.attrs["secondary_ids"], strict=True)
        )
    }
    misses = []
    rows, columns = np.meshgrid(*(np.arange(displacements.sizes[axis]) for axis in ("y", "x")), indexing="ij")
    for (a, b), first in legs.items():
        for (b2, c), second in legs.items():
            if b2 != b or (a, c) not in legs:
                continue
            one, two, whole = (
                displacements[["u", "v"]].isel(pair=index).load() for index in (first, second, legs[a, c])
            )
            at = [rows + np.nan_to_num(one.v.values), columns + np.nan_to_num(one.u.values)]
            u, v = (
                one[name].values + ndimage.map_coordinates(two[name].values, at, order=1, cval=np.nan)
                for name in ("u", "v")
            )
            misses.append(np.hypot(u - whole.u.values, v - whole.v.values)[ice])
    return float(np.nanmedian(np.concatenate(misses))) if misses else float("nan")
