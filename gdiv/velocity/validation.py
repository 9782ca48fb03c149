"""Is it right? Stakes, stable ground, triplets that must close, and the twin's truth.

The only module that reads the twin's truth.
"""

import contextlib
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage
from scipy.stats import norm

from gdiv.extras import requires
from gdiv.imagery.coregistration import nmad
from gdiv.twin.ice import advect
from gdiv.velocity.uncertainty import coverage

SLOW = 5.0  # m/yr: slower ice says nothing about the bias along flow
SPEEDS = (0, 10, 30, 60, np.inf)  # classes of true speed, m/yr
DRAWN = 20_000  # vectors that GLAFT's density is drawn from: it takes a second, ten times as many take ten
STATED = (0.2, 0.4, 0.5, 0.68, 0.8, 0.9, 0.95)


def read_truth(folder: Path, like: xr.Dataset | None = None) -> xr.Dataset | None:
    """The twin's truth, on the grid of `like` if given, or None where the source brings none (every real one)."""
    place = Path(folder) / "truth.zarr"
    if not place.exists():
        return None
    truth = xr.open_zarr(place, consolidated=False).load()
    if like is None:
        return truth
    return truth.reindex(
        y=like.y, x=like.x, method="nearest", tolerance=0.5 * truth.attrs["spacing"]
    )


def true_motion(truth: xr.Dataset, years: float) -> tuple[np.ndarray, np.ndarray]:
    """How far the ice under each pixel moves in `years`, `u, v` in pixels; NaN outside the truth."""
    filled = truth.fillna(0)
    rows, columns = np.meshgrid(
        np.arange(truth.sizes["y"], dtype=float),
        np.arange(truth.sizes["x"], dtype=float),
        indexing="ij",
    )
    column, row = advect(
        filled.vx.values,
        filled.vy.values,
        truth.attrs["spacing"],
        columns.ravel(),
        rows.ravel(),
        years,
    )
    known = truth.vx.notnull().values
    u = np.where(known, column.reshape(rows.shape) - columns, np.nan)
    v = np.where(known, row.reshape(rows.shape) - rows, np.nan)
    return u, v


def true_velocity(truth: xr.Dataset, years: float) -> xr.Dataset:
    """`vx`, `vy` (m/yr) over `years` from each pixel on: what a displacement over that time measures."""
    u, v = true_motion(truth, years)
    rate = truth.attrs["spacing"] / years
    return xr.Dataset(
        {"vx": (("y", "x"), u * rate), "vy": (("y", "x"), -v * rate)},
        coords={"y": truth.y, "x": truth.x},
    )


def true_pairs(
    truth: xr.Dataset | None, displacements: xr.Dataset
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """`true_motion` over each pair's time; None without truth."""
    return (
        None
        if truth is None
        else [true_motion(truth, float(years)) for years in displacements.years]
    )


def with_true_motion(truth: xr.Dataset | None, displacements: xr.Dataset) -> xr.Dataset | None:
    """`displacements` with the true motion in place of `u` and `v`; None without truth."""
    if truth is None:
        return None
    motions = np.array(true_pairs(truth, displacements), np.float32)
    return displacements.assign(
        {name: displacements[name].copy(data=motions[:, i]) for i, name in enumerate("uv")}
    )


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
            if known.any():
                errors.append(np.hypot(u - tu, v - tv)[known].mean())
            length = np.hypot(tu, tv)
            moving = known & (length * displacements.attrs["spacing"] / float(pair.years) > SLOW)
            if moving.any():
                along.append(
                    np.median(((u * tu + v * tv) / np.maximum(length, 1e-6) ** 2)[moving]) - 1
                )
    spread = np.sqrt(((displacements.nmad_x**2 + displacements.nmad_y**2) / 2).mean())
    bias = np.hypot(displacements.bias_x, displacements.bias_y).mean()
    return {
        "error": float(np.mean(errors)) if errors else float("nan"),
        "along": float(np.mean(along)) if along else float("nan"),
        "bias": float(bias),
        "nmad": float(spread),
        "closure": triplet_closure(displacements, ice),
        "quality": float(np.mean(quality)),
        "coverage": float(np.mean(covered)),
    }


def error_by_displacement(
    displacements: xr.Dataset, motions: list, ice: np.ndarray, classes: int = 8
) -> pd.DataFrame:
    """Mean error of single pairs by how far the ice truly moved, in classes of equally many pixels.

    Returns
    -------
    pandas.DataFrame
        `displacement` (mean of the class) and `error` (mean distance to the truth), pixels.
    """
    lengths, errors = [], []
    for index, (tu, tv) in enumerate(motions):
        pair = displacements[["u", "v"]].isel(pair=index).load()
        known = ice & np.isfinite(tu) & pair.u.notnull().values
        lengths.append(np.hypot(tu, tv)[known])
        errors.append(np.hypot(pair.u.values - tu, pair.v.values - tv)[known])
    table = pd.DataFrame({"displacement": np.concatenate(lengths), "error": np.concatenate(errors)})
    return table.groupby(
        pd.qcut(table.displacement, classes, labels=False, duplicates="drop")
    ).mean()


def check_mosaic(
    mosaic: xr.Dataset,
    truth: xr.Dataset | None,
    ice: np.ndarray,
    stable: np.ndarray,
    stakes: pd.DataFrame,
) -> dict[str, float]:
    """Every check of one mosaic with errors, m/yr: against truth, on stable ground, at the stakes, and of the sigmas.

    `stakes` is the mean absolute difference of the table `at_stakes` gives; `covered` the share of the true errors of
    both components on ice that lie within the stated sigma.
    """
    blank = dict.fromkeys(
        ("rmse", "mae", "median", "p95", "along", "coverage", "covered"), float("nan")
    )
    if truth is not None:
        # Over a year, or over the longest pair where all are shorter: fast ice leaves the scene within a year.
        year = true_velocity(truth, min(1.0, mosaic.attrs["longest_years"]))
        blank = compare_with_truth(mosaic, year, ice)
        shares = [
            coverage((mosaic[n] - year[n]).values[ice], mosaic[f"{n}_error"].values[ice])
            for n in ("vx", "vy")
        ]
        blank["covered"] = float(np.mean(shares))
    return (
        blank
        | stable_ground_velocity(mosaic, stable)
        | {"stakes": float(stakes.difference.abs().mean()) if len(stakes) else float("nan")}
    )


def observed_coverage(
    mosaic: xr.Dataset, truth: xr.Dataset | None, ice: np.ndarray
) -> pd.DataFrame:
    """Whether sigmas are well calibrated: the share of true errors within multiples of them, by class of true speed.

    Returns
    -------
    pandas.DataFrame
        `speed` (class, m/yr), `pixels`, `stated` (share that a Gaussian has within the multiple) and `found`; empty
        without truth.
    """
    if truth is None:
        return pd.DataFrame(columns=["speed", "pixels", "stated", "found"])
    year = true_velocity(truth, min(1.0, mosaic.attrs["longest_years"]))
    speed, rows = np.hypot(year.vx.values, year.vy.values), []
    for low, high in [(0, np.inf), *pairwise(SPEEDS)]:
        inside = ice & (speed >= low) & (speed < high)
        misses = np.concatenate(
            [(abs(mosaic[n] - year[n]) / mosaic[f"{n}_error"]).values[inside] for n in ("vx", "vy")]
        )
        misses = misses[~np.isnan(misses)]
        name = (
            "all"
            if (low, high) == (0, np.inf)
            else f"from {low:g}"
            if high == np.inf
            else f"{low:g} to {high:g}"
        )
        if misses.size:
            shares = {
                stated: float((misses <= norm.ppf(0.5 + stated / 2)).mean()) for stated in STATED
            }
            rows += [
                {"speed": name, "pixels": inside.sum(), "stated": s, "found": f}
                for s, f in shares.items()
            ]
    return pd.DataFrame(rows)


# What notebook 06 quotes of `check_mosaic`.
MOSAIC_CLAIMS = (
    ("stakes", "m/yr", "mean absolute difference from the stakes"),
    ("rmse", "m/yr", "root mean square error against truth, on ice"),
    ("median", "m/yr", "median error against truth, on ice"),
    ("along", "%", "motion added (negative: lost) along the flow"),
    ("coverage", "1", "share of the ice that has a value"),
    ("nmad", "m/yr", "spread on stable ground"),
    ("glaft", "m/yr", "GLAFT's measure of stable ground, two sigma"),
    ("covered", "1", "true errors within the stated sigma (0.68 if well calibrated)"),
)


def compare_with_truth(
    velocity: xr.Dataset, truth: xr.Dataset, ice: np.ndarray
) -> dict[str, float]:
    """Errors of a map against the truth on `ice`, m/yr.

    Returns
    -------
    dict
        `rmse`, `mae` (of the vector), `median` and `p95` of its length, `along` (median of the component along
        the true flow over the true speed, minus one: negative where the matcher shrinks motion; ice slower than
        5 m/yr left out) and `coverage` (share of the ice that has a value).

    Raises
    ------
    ValueError
        If the two are not on one grid.
    """
    velocity, truth = xr.align(velocity, truth, join="exact")
    error = np.hypot(velocity.vx - truth.vx, velocity.vy - truth.vy).values
    true_speed = np.hypot(truth.vx, truth.vy).values
    known = ice & np.isfinite(error)
    if not known.any():
        return dict.fromkeys(("rmse", "mae", "median", "p95", "along", "coverage"), float("nan"))
    along = (
        (velocity.vx * truth.vx + velocity.vy * truth.vy).values / np.maximum(true_speed, 1e-6) ** 2
    )[known & (true_speed > SLOW)]
    return {
        "rmse": float(np.sqrt(np.mean(error[known] ** 2))),
        "mae": float(error[known].mean()),
        "median": float(np.median(error[known])),
        "p95": float(np.percentile(error[known], 95)),
        "along": float(np.median(along) - 1) if along.size else float("nan"),
        "coverage": float(known.sum() / ice.sum()),
    }


def stable_ground_velocity(velocity: xr.Dataset, stable: np.ndarray) -> dict[str, float]:
    """Apparent velocity of stable ground, m/yr.

    Returns
    -------
    dict
        `bias` (length of the median vector), `nmad` and `glaft` (both components joined). The last is the static
        terrain measure of Zheng et al. (2023, doi:10.5194/tc-17-4063-2023): half the width of the area where the
        density of vectors is that within two sigma of a Gaussian's middle. Unlike the NMAD it widens with outliers, by
        which it chooses how smooth that density is.
    """
    x, y = velocity.vx.values[stable], velocity.vy.values[stable]
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not x.size:
        return dict.fromkeys(("bias", "nmad", "glaft"), float("nan"))
    return {
        "bias": float(np.hypot(np.median(x), np.median(y))),
        "nmad": float(np.sqrt((nmad(x) ** 2 + nmad(y) ** 2) / 2)),
        "glaft": _glaft(x, y),
    }


def _glaft(x, y):
    """GLAFT's measure, x and y joined, of at most `DRAWN` vectors; 0 where nothing moves."""
    with requires("study", "GLAFT's measure of stable ground"):
        import glaft  # takes a second, and only this asks for it

    thin = slice(None, None, -(-x.size // DRAWN))
    ground = glaft.Velocity(velocity_unit="m/yr")
    ground.xy = np.vstack([x[thin], y[thin]]).astype(float)
    if ground.xy.shape[1] < 2 or not (ground.xy.std(axis=1) > 0).all():
        return 0.0 if not ground.xy.any() else float("nan")
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # it tells each of its steps; these are static_terrain_analysis's
        ground.calculate_xystd()
        ground.calculate_bandwidth()
        ground.calculate_kde()
        ground.construct_crude_mesh()
        ground.eval_crude_mesh()
        ground.construct_fine_mesh()
        ground.eval_fine_mesh()
        ground.thresholding_fine_mesh()
        ground.thresholding_metric()
    return float(
        np.hypot(ground.metric_static_terrain_x, ground.metric_static_terrain_y) / np.sqrt(2)
    )


def triplet_closure(displacements: xr.Dataset, ice: np.ndarray) -> float:
    """Median length, in pixels, by which `a to b` then `b to c` misses `a to c`, over all triplets; NaN without one."""
    legs = {
        pair: index
        for index, pair in enumerate(
            zip(
                displacements.attrs["reference_ids"],
                displacements.attrs["secondary_ids"],
                strict=True,
            )
        )
    }
    misses = []
    rows, columns = np.meshgrid(
        *(np.arange(displacements.sizes[axis]) for axis in ("y", "x")), indexing="ij"
    )
    for (a, b), first in legs.items():
        for (b2, c), second in legs.items():
            if b2 != b or (a, c) not in legs:
                continue
            one, two, whole = (
                displacements[["u", "v"]].isel(pair=index).load()
                for index in (first, second, legs[a, c])
            )
            at = [rows + np.nan_to_num(one.v.values), columns + np.nan_to_num(one.u.values)]
            u, v = (
                one[name].values
                + ndimage.map_coordinates(two[name].values, at, order=1, cval=np.nan)
                for name in ("u", "v")
            )
            misses.append(np.hypot(u - whole.u.values, v - whole.v.values)[ice])
    return float(np.nanmedian(np.concatenate(misses))) if misses else float("nan")
