"""Measure the numbers quoted by the README and paper.md in addition to the claims.

Run `python results/checks.py`. The numbers are from the demo run of the synthetic Mer de Glace and
need the packages of the bench. With `--scenes items.json`, the compression grid of real scenes is
measured as well. All are written to `published/checks.json`, each with its method.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import xarray as xr

import gdiv
from gdiv.catalog import Glacier
from gdiv.flow.matchers.matching import match_images
from gdiv.imagery.pairs import choose_pairs, read_pair
from gdiv.images.arrays import Image
from gdiv.study.study import Study
from gdiv.twin.truth import read_truth, true_displacement, true_velocity
from gdiv.velocity.annual import combine_pairs, to_velocity
from gdiv.velocity.intervals import score_intervals
from gdiv.velocity.validation import MAX_YEARS, compare_with_truth, mosaic_period

__all__ = ["annual_pairs", "block_edges", "main", "masked_first", "tuned_rmse"]

RESULTS_FOLDER = Path(__file__).parent
TARGET = RESULTS_FOLDER / "published" / "checks.json"
#: Names of the study's matchers in the bench.
PEER_NAMES = {
    "horn-schunck": "horn-schunck, default settings",
    "dis": "DIS, finest scale 0",
    "ilk": "ILK",
    "correlation": "correlation",
    "tv-l1": "TV-L1",
}
#: Unit and method of each check.
DESCRIPTIONS = {
    "tuned_rmse": (
        "m/yr",
        "RMSE on ice (m/yr) of each mosaic, with its 95 % interval, for settings chosen on the dev "
        "split of the benchmark.",
    ),
    "masked_first": (
        "px",
        "Error on ice (px) of Horn-Schunck on every fourth training pair: whole images, and masked "
        "before matching.",
    ),
    "annual_pairs": (
        "pairs",
        "Minimum, median and maximum number of the paper's 170 pairs kept by the annual rule, over "
        "draws of clear dates.",
    ),
    "block_edges": (
        "1",
        "Minimum and maximum ratio of the mean step at JPEG block edges to the mean step, over "
        "clear dates and both axes.",
    ),
}

#: Step for selecting training pairs for `masked_first`.
PAIR_STEP = 4
#: Number of draws of the clear dates.
DRAWS = 200
#: Clear scenes of each season in the paper (Tlhomole et al. 2023).
PAPER_SCENES = {2021: 10, 2022: 17}
#: Orbit of the scenes of Mer de Glace; any single orbit gives the same pairs.
ORBIT = 108
#: Solar azimuth at the overpass in degrees: on 15 June (day 166 of the year), and its change over
#: the 122 days until 15 October.
JUNE_AZIMUTH = 146
AZIMUTH_CHANGE = 15
JUNE_DAY = 166
SEASON_DAYS = 122
#: Side of JPEG's blocks, pixels.
BLOCK = 8
#: Maximum cloud cover of a clear date, percent.
MAX_CLOUD_COVER = 15


def tuned_rmse(study: Study) -> dict[str, list[float]]:
    """RMSE on ice of each mosaic with tuned settings, m/yr by matcher, with its interval."""
    sys.path.insert(0, str(RESULTS_FOLDER.parent / "bench"))
    from peers import PEERS

    rows = gdiv.load_published("benchmark")["rows"]
    masks = study.open("masks").load()
    truth = _require_truth(study, masks)
    errors = {}
    for name, peer in PEER_NAMES.items():
        row = rows.get(f"{peer}, tuned", rows[peer])  # the default of Horn-Schunck has no settings
        match = PEERS[peer].make(**row["settings"])
        displacement = _match_again(study, name, match)
        mosaic = combine_pairs(to_velocity(displacement)).compute()
        velocity = true_velocity(
            truth, min(MAX_YEARS, mosaic.attrs["longest_years"]), mosaic_period(mosaic)
        )
        ice = masks.glacier.values
        rmse = compare_with_truth(mosaic, velocity, ice)["rmse"]
        interval = score_intervals(mosaic, velocity, ice)
        values = (rmse, interval["rmse_low"], interval["rmse_high"])
        errors[name] = [round(value, 2) for value in values]
    return errors


def _match_again(study: Study, name: str, match: Any) -> xr.Dataset:
    """Match the validation pairs with a matcher of the bench.

    Pixels without a displacement from the study's matcher remain empty, so that both are compared
    on the same pixels.
    """
    cube = study.open("cube").load()
    pairs = study.open("pairs")
    pairs = pairs[pairs.set == "validation"].reset_index(drop=True)
    displacement = study.open(f"displacement-{name}").load()
    u = displacement.u.values.copy()
    v = displacement.v.values.copy()
    for index, pair in enumerate(pairs.itertuples()):
        flow = match(*read_pair(cube, pair))
        u[index] = flow[0] - pair.shift_x
        v[index] = flow[1] - pair.shift_y
    valid = displacement.u.notnull().values
    dims = displacement.u.dims
    return displacement.assign(
        u=(dims, np.where(valid, u, np.nan)), v=(dims, np.where(valid, v, np.nan))
    )


def _require_truth(study: Study, like: xr.Dataset) -> xr.Dataset:
    """Truth of the twin on a grid."""
    truth = read_truth(study.companions, like)
    if truth is None:
        raise SystemExit("this needs the demo run of the synthetic Mer de Glace; run: make study")
    return truth


def masked_first(study: Study) -> dict[str, float]:
    """Error on ice of Horn-Schunck with and without masking before matching, in pixels."""
    cube = study.open("cube")
    pairs = study.open("pairs")
    ice = study.open("masks").glacier.values
    truth = _require_truth(study, cube)
    fills = {"whole": None, "zeros": 0.0, "no data": np.nan}
    errors: dict[str, list[float]] = {name: [] for name in fills}
    for pair in pairs[pairs.set == "train"].iloc[::PAIR_STEP].itertuples():
        images = read_pair(cube, pair)
        u, v = true_displacement(truth, pair.reference, pair.secondary)
        for name, fill in fills.items():
            masked = images if fill is None else [np.where(ice, image, fill) for image in images]
            reference, secondary = (np.asarray(image, np.float32) for image in masked)
            flow = match_images("horn-schunck", reference, secondary)
            errors[name].append(np.nanmean(np.hypot(flow.u - u, flow.v - v)[ice]))
    return {name: round(float(np.mean(values)), 2) for name, values in errors.items()}


def annual_pairs(glacier: Glacier) -> dict[str, int]:
    """Number of the paper's 170 pairs kept by the annual rule, over draws of clear dates."""
    counts = []
    for seed in range(DRAWS):
        table = draw_clear_scenes(PAPER_SCENES, seed)
        counts.append(len(choose_pairs(table, glacier, list(PAPER_SCENES))))
    return {"least": min(counts), "median": int(np.median(counts)), "most": max(counts)}


def draw_clear_scenes(counts: Mapping[int, int], seed: int) -> pd.DataFrame:
    """Draw clear scenes of each season from one orbit's calendar, with one scene per five days."""
    rng = np.random.default_rng(seed)
    dates: list[Any] = []
    for year, count in counts.items():
        calendar = pd.date_range(f"{year}-06-15", f"{year}-10-15", freq="5D")
        dates += list(rng.choice(calendar, count, replace=False))
    table = pd.DataFrame({"date": pd.to_datetime(sorted(dates))})
    day_of_year = table.date.dt.dayofyear
    return table.assign(
        id=table.date.dt.strftime("scene-%Y%m%d"),
        season_year=table.date.dt.year,
        orbit=ORBIT,
        verdict="use",
        clear=1.0,
        sun_azimuth=JUNE_AZIMUTH + AZIMUTH_CHANGE * (day_of_year - JUNE_DAY) / SEASON_DAYS,
    )


def block_edges(items: Path) -> dict[str, float]:
    """Mean brightness step at the edges of JPEG's blocks over the mean step, on clear dates."""
    ratios = []
    for item in json.loads(items.read_text(encoding="utf-8"))["features"]:
        if (item["properties"].get("eo:cloud_cover") or 0) > MAX_CLOUD_COVER:
            continue
        with rasterio.open(items.parent / item["assets"]["nir"]["href"]) as file:
            band = file.read(1)
        image = np.where(band == 0, np.nan, band.astype(float))
        across = np.abs(np.diff(image, axis=1))
        down = np.abs(np.diff(image, axis=0)).T
        ratios += [_edge_ratio(across), _edge_ratio(down)]
    return {"least": round(float(min(ratios)), 2), "most": round(float(max(ratios)), 2)}


def _edge_ratio(steps: Image) -> float:
    """Ratio of the largest mean step over the columns of a block to the mean of all columns."""
    means = [np.nanmean(steps[:, phase::BLOCK]) for phase in range(BLOCK)]
    return float(max(means) / np.mean(means))


def _describe(name: str, values: Mapping[str, float]) -> dict[str, Any]:
    """Entry of a check in the published file."""
    unit, method = DESCRIPTIONS[name]
    return {"unit": unit, "how": method, "values": values}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, help="ItemCollection of the Perito Moreno scenes")
    options = parser.parse_args()
    study = gdiv.open_study("mer-de-glace", "demo")
    entries = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    entries["tuned_rmse"] = _describe("tuned_rmse", tuned_rmse(study))
    entries["masked_first"] = _describe("masked_first", masked_first(study))
    entries["annual_pairs"] = _describe("annual_pairs", annual_pairs(study.glacier))
    if options.scenes:
        entries["block_edges"] = _describe("block_edges", block_edges(options.scenes))
    TARGET.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(entries, indent=1))


if __name__ == "__main__":
    main()
