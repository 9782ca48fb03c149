"""Measure the few numbers that the README and paper.md quote besides the claims: `python results/checks.py`.

They are of the demo run of the synthetic Mer de Glace and need the packages of the bench. With
`--scenes items.json` the compression grid of real scenes is measured, too. Written to
`published/checks.json`, each with how it was measured.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

import gdiv
from gdiv.flow.matchers.matching import match_images
from gdiv.imagery.pairs import choose_pairs, read_pair
from gdiv.twin import scenes as twin
from gdiv.velocity import annual, validation

HERE = Path(__file__).parent
TARGET = HERE / "published" / "checks.json"
PEERS = {  # names of the study's matchers in the bench
    "horn-schunck": "horn-schunck",
    "dis": "DIS, finest scale 0",
    "ilk": "ILK",
    "correlation": "correlation",
    "tv-l1": "TV-L1",
}
DRAWS = 200  # of the dates that are clear
BLOCK = 8  # px, side of JPEG's blocks


def tuned_rmse(study):
    """RMSE on ice (m/yr) of each mosaic with the settings that the bench tuned on other pairs of the twin."""
    sys.path.insert(0, str(HERE.parent / "bench"))
    from matchers import PEERS as makers

    rows = gdiv.load_published("bench-matchers")["rows"]
    settings = {row["matcher"]: row["settings"] for row in rows if row["case"] == "twin"}
    masks, cube, pairs = study.open("masks").load(), study.open("cube").load(), study.open("pairs")
    pairs = pairs[pairs.set == "validation"].reset_index(drop=True)
    truth = validation.read_truth(study.companions, masks)
    found = {}
    for name, peer in PEERS.items():
        matcher = makers[peer][0](**settings[peer])
        shown = study.open(f"displacement-{name}").load()
        u, v = shown.u.values.copy(), shown.v.values.copy()
        for index, pair in enumerate(pairs.itertuples()):
            flow = matcher(*read_pair(cube, pair))
            u[index], v[index] = flow[0] - pair.shift_x, flow[1] - pair.shift_y
        known = shown.u.notnull().values
        dims = shown.u.dims
        tuned = shown.assign(
            u=(dims, np.where(known, u, np.nan)), v=(dims, np.where(known, v, np.nan))
        )
        mosaic = annual.combine_pairs(annual.to_velocity(tuned)).compute()
        year = validation.true_velocity(truth, min(1.0, mosaic.attrs["longest_years"]))
        checks = validation.compare_with_truth(mosaic, year, masks.glacier.values)
        found[name] = round(checks["rmse"], 2)
    return found


def masked_first(study):
    """Error on ice (px) of Horn-Schunck on every fourth training pair: whole images, and masked before matching."""
    cube, pairs = study.open("cube"), study.open("pairs")
    ice = study.open("masks").glacier.values
    truth = validation.read_truth(study.companions, cube)
    errors = {"whole": [], "zeros": [], "no data": []}
    for pair in pairs[pairs.set == "train"].iloc[::4].itertuples():
        images = read_pair(cube, pair)
        motion = twin.true_displacement(truth, pair.reference, pair.secondary)
        for name, fill in (("whole", None), ("zeros", 0.0), ("no data", np.nan)):
            given = images if fill is None else [np.where(ice, image, fill) for image in images]
            flow = match_images("horn-schunck", *(np.asarray(image, np.float32) for image in given))
            errors[name].append(np.nanmean(np.hypot(flow.u - motion[0], flow.v - motion[1])[ice]))
    return {name: round(float(np.mean(values)), 2) for name, values in errors.items()}


def scenes_every_five_days(counts, seed):
    """Scene table of one orbit on Sentinel-2's calendar: that many clear scenes of each season, at random."""
    rng = np.random.default_rng(seed)
    dates = []
    for year, count in counts.items():
        calendar = pd.date_range(f"{year}-06-15", f"{year}-10-15", freq="5D")
        dates += list(rng.choice(calendar, count, replace=False))
    table = pd.DataFrame({"date": pd.to_datetime(sorted(dates))})
    return table.assign(
        id=lambda t: t.date.dt.strftime("scene-%Y%m%d"),
        season_year=lambda t: t.date.dt.year,
        orbit=108,
        verdict="use",
        clear=1.0,
        # The azimuth at the overpass turns southward by some 15 degrees from June to October.
        sun_azimuth=lambda t: 146 + 15 * (t.date.dt.dayofyear - 166) / 122,
    )


def annual_pairs(glacier):
    """Least, median and most pairs that the annual rule leaves of the paper's 170, over draws of clear dates."""
    counts = []
    for seed in range(DRAWS):
        table = scenes_every_five_days({2021: 10, 2022: 17}, seed)
        counts.append(len(choose_pairs(table, glacier, [2021, 2022])))
    return {"least": min(counts), "median": int(np.median(counts)), "most": max(counts)}


def block_edges(items: Path):
    """Least and most mean step at the edges of JPEG's blocks over the mean of all, on clear dates and both axes."""
    ratios = []
    for item in json.loads(items.read_text(encoding="utf-8"))["features"]:
        with rasterio.open(items.parent / item["assets"]["nir"]["href"]) as file:
            image = np.where(file.read(1) == 0, np.nan, file.read(1).astype(float))
        if (item["properties"].get("eo:cloud_cover") or 0) > 15:
            continue
        for steps in (np.abs(np.diff(image, axis=1)), np.abs(np.diff(image, axis=0)).T):
            by_phase = [np.nanmean(steps[:, phase::BLOCK]) for phase in range(BLOCK)]
            ratios.append(max(by_phase) / np.mean(by_phase))
    return {"least": round(float(min(ratios)), 2), "most": round(float(max(ratios)), 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, help="ItemCollection of the Perito Moreno scenes")
    options = parser.parse_args()
    study = gdiv.open_study("mer-de-glace", "demo")
    made = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    made |= {
        "tuned_rmse": {"unit": "m/yr", "how": tuned_rmse.__doc__, "values": tuned_rmse(study)},
        "masked_first": {"unit": "px", "how": masked_first.__doc__, "values": masked_first(study)},
        "annual_pairs": {
            "unit": "pairs",
            "how": annual_pairs.__doc__,
            "values": annual_pairs(study.glacier),
        },
    }
    if options.scenes:
        made["block_edges"] = {
            "unit": "1",
            "how": block_edges.__doc__,
            "values": block_edges(options.scenes),
        }
    TARGET.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
