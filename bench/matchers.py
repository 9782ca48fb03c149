"""Every matcher on the same pairs, each tuned on others, interleaved in one run: error, bias, coverage, time.

`make bench` (or `python bench/matchers.py [--real FOLDER] [--case NAME] [--tuned]`) takes about half an hour
and writes `results/published/bench-matchers.json`; `python results/render.py` makes tables of it. The pairs of
the twin come from `make study`; real scenes are left out where FOLDER is absent. Times are of this machine:
compare them within the run.
"""

import argparse
import json
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cases
import cv2
import numpy as np
import torch
from peers import PEERS
from scipy import ndimage
from tqdm import tqdm

from gdiv.flow.horn_schunck import kernels_numba, relaxation
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.solver import Settings, solve_horn_schunck
from gdiv.images.sampling import compose_flows
from gdiv.images.statistics import along_flow_ratio, nmad, pool_components

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "results" / "published" / "bench-matchers.json"
CASES = (*cases.SYNTHETIC, "twin", "warped", "real")
SLOW = 0.5  # pixels: shorter motion says nothing about a bias


def tune(loss, label, kept):
    """The settings of each peer with the least `loss(match)`, and how many were tried.

    One setting after the other, twice round; a value is tried once. A peer in `kept` keeps what it has there.
    """
    best, tried = (
        {name: settings for name, (settings, _) in kept.items()},
        {name: n for name, (_, n) in kept.items()},
    )
    for name, (make, choices) in tqdm(PEERS.items(), desc=f"tune {label}", leave=False):
        if name in kept:
            continue
        known = {}

        def of(settings, make=make, known=known):
            key = tuple(settings.values())
            if key not in known:
                known[key] = loss(make(**settings))
            return known[key]

        found = []
        for values in choices:
            settings = {key: options[0] for key, options in values.items()}
            if sum(len(options) for options in values.values()) > len(values):
                for key in [*values, *values]:
                    settings = min(({**settings, key: option} for option in values[key]), key=of)
            found.append(settings)
        best[name] = min(found, key=of) if len(found) > 1 else found[0]
        tried[name] = max(len(known), 1)
    return {name: best[name] for name in PEERS}, {name: tried[name] for name in PEERS}


def mean_error(pairs):
    return lambda match: float(np.mean([np.nanmean(distance(match, pair)) for pair in pairs]))


def distance(match, pair):
    flow = np.stack(match(pair.reference, pair.secondary)) - pair.flow
    return np.hypot(*flow)[pair.counted]


def score(pairs, best, label, repeats=1):
    """One row a peer. A B C, A B C, ...: a machine whose speed drifts slows all alike."""
    found = {name: {"error": [], "along": [], "seconds": []} for name in best}
    matches = {name: PEERS[name][0](**settings) for name, settings in best.items()}
    for pair in tqdm(pairs, desc=f"score {label}", leave=False):
        for _ in range(repeats):
            for name, match in matches.items():
                start = time.perf_counter()
                flow = np.stack(match(pair.reference, pair.secondary))
                found[name]["seconds"].append(time.perf_counter() - start)
                length = np.hypot(*pair.flow)
                moving = pair.counted & (length > SLOW)
                found[name]["error"].append(np.hypot(*(flow - pair.flow))[pair.counted])
                found[name]["along"].append(along_flow_ratio(flow, pair.flow, moving) - 1)
    rows = []
    for name, result in found.items():
        error, along = np.concatenate(result["error"]), np.concatenate(result["along"])
        rows.append(
            {
                "case": label,
                "matcher": name,
                "settings": best[name],
                "error_mean": np.nanmean(error),
                "error_median": np.nanmedian(error),
                "error_p95": np.nanpercentile(error, 95),
                "along": np.nanmedian(along),
                "coverage": np.isfinite(error).mean(),
                "milliseconds": 1000 * np.median(result["seconds"]),
            }
        )
    return rows


def judge(moreno, flows):
    """Four judgements of real pairs that have no truth; zero flow wins two of them, so none stands alone."""
    spread, bias, off, product, square, known = [], [], [], 0.0, 0.0, []
    for flow, still, points in zip(flows, moreno.still, moreno.points, strict=True):
        spread.append(pool_components(*(nmad(part[still]) for part in flow)))
        bias.append(np.hypot(*(np.nanmedian(part[still]) for part in flow)))
        at, there = tuple(points[:, :2].astype(int).T), points[:, 2:].T
        here = flow[:, *at]
        off.append(np.hypot(*(here - there)))
        product, square = (
            product + np.nansum(here * there),
            square + np.sum(there[:, np.isfinite(here[0])] ** 2),
        )
        known.append(np.isfinite(flow[0])[moreno.ice].mean())
    one, two, whole = flows[:3]
    miss = compose_flows(one, two, outside=np.nan) - whole
    return {
        "agreement": np.nanmedian(np.concatenate(off)),
        "along": product / square - 1,
        "closure": np.nanmedian(np.hypot(*miss)[moreno.ice]),
        "still": np.mean(spread),
        "still_bias": np.mean(bias),
        "coverage": np.mean(known),
    }


def unsettled(moreno):
    """For tuning: agreement, closure and spread of stable ground together, pixels."""

    def loss(match):
        found = judge(moreno, [np.stack(match(*images)) for images in moreno.images])
        return found["agreement"] + found["closure"] + found["still"]

    return loss


def score_moreno(moreno, best):
    matches = {name: PEERS[name][0](**settings) for name, settings in best.items()}
    flows, seconds = {name: [] for name in matches}, {name: [] for name in matches}
    for images in tqdm(moreno.images, desc="real pairs", leave=False):
        for name, match in matches.items():
            start = time.perf_counter()
            flows[name].append(np.stack(match(*images)))
            seconds[name].append(time.perf_counter() - start)
    return [
        {
            "case": "real",
            "matcher": name,
            "settings": best[name],
            "milliseconds": 1000 * np.median(seconds[name]),
        }
        | judge(moreno, found)
        for name, found in flows.items()
    ]


def two_threads(pairs, best):
    """Milliseconds a pair when two threads work: a pair each, or both on one pair where the library can."""
    rows = []
    for name in tqdm(best, desc="two threads", leave=False):
        match = PEERS[name][0](**best[name])
        times = []
        with ThreadPoolExecutor(2) as pool:
            for inside in (1, 2):
                cv2.setNumThreads(inside)
                torch.set_num_threads(inside)
                for _ in range(2):
                    start = time.perf_counter()
                    run = pool.map if inside == 1 else map
                    list(
                        run(
                            match,
                            *zip(
                                *((pair.reference, pair.secondary) for pair in pairs * 2),
                                strict=True,
                            ),
                        )
                    )
                    times.append((time.perf_counter() - start) / len(pairs) / 2)
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rows.append({"matcher": name, "milliseconds": 1000 * min(times)})
    return rows


def repeated(call, times):
    call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def median_filters(size=256):
    field = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    ours = repeated(lambda: median_filter(field, 9), 15)
    theirs = repeated(lambda: ndimage.median_filter(field, 9), 5)
    return {
        "size": size,
        "milliseconds": 1000 * ours,
        "scipy_milliseconds": 1000 * theirs,
        "ratio": theirs / ours,
    }


def solver_bandwidth(size, steps=40):
    """Bytes a second that the iterations would move without a cache, beside what a copy of large arrays moves."""
    level = kernels_numba.finest_level(np.random.default_rng(0).normal(size=(size, size)), 1)
    counted = np.ones(level.shape, np.float32)
    work = kernels_numba.Workspace(level, level, counted, (8 / 12, -1 / 12, 0))
    u, v = kernels_numba.zero_flow(level)
    work.update_flow(u, v, 8.0, Settings().relaxation_factors(), False)
    factors = Settings(iterations=steps).relaxation_factors()
    seconds = repeated(
        lambda: relaxation.relax(work.a, work.b, work.c, work.u, work.v, size, factors), 15
    )
    # A step reads three coefficients and both components of half the pixels and of their neighbours; writes two.
    moved = steps * size * size / 2 * 4 * (3 + 2 + 2 + 2)
    large, copy = np.ones(50_000_000, np.float32), np.empty(50_000_000, np.float32)
    copied = 2 * large.nbytes / repeated(lambda: np.copyto(copy, large), 5)
    return {
        "size": size,
        "microseconds_a_step": 1e6 * seconds / steps,
        "solver_bytes_per_second": moved / seconds,
        "copy_bytes_per_second": copied,
        "share": moved / seconds / copied,
    }


def plain(value):
    return float(value) if isinstance(value, np.floating) else value


def pairs_of(case, real):
    """Pairs for tuning and pairs for scoring."""
    if case == "twin":
        return tuple(cases.twin().values())
    if case == "warped":
        return tuple(
            [cases.warped(real, part, i) for i in range(count)]
            for part, count in enumerate((12, 32))
        )
    return tuple(
        [cases.synthetic(case, 256, first + i) for i in range(count)]
        for first, count in ((100, 4), (0, 8))
    )


def tuned_before(found, case):
    """Settings, and how many were tried, of each peer in a published file."""
    rows = (
        found.get("real", [])
        if case == "real"
        else [row for row in found.get("rows", []) if row["case"] == case]
    )
    return {row["matcher"]: (row["settings"], found["tried"][case][row["matcher"]]) for row in rows}


def measure(case, real, kept):
    """What the bench says of one case: some keys of the published file, rows of one case among them."""
    if case == "real":
        best, tried = tune(unsettled(cases.Moreno(real, tuning=True)), case, kept)
        return {"real": score_moreno(cases.Moreno(real), best), "tried": {case: tried}}
    tuning, scoring = pairs_of(case, real)
    best, tried = tune(mean_error(tuning), case, kept)
    found = {
        "rows": score(scoring, best, case, repeats=3 if case == "clean" else 1),
        "tried": {case: tried},
        "pairs": {case: [len(tuning), len(scoring)]},
    }
    if case == "clean":
        found["large"] = score(
            [cases.synthetic("clean", 1024, i) for i in range(2)], best, "clean 1024"
        )
        found["two_threads"] = two_threads(scoring, best)
        found["median"] = median_filters()
        found["solver"] = [solver_bandwidth(size) for size in (256, 1024)]
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--real", type=Path, default=ROOT.parent / "shared" / "real", help="folder of real scenes"
    )
    parser.add_argument(
        "--case",
        action="append",
        choices=CASES,
        help="measure this case alone, and keep the others",
    )
    parser.add_argument(
        "--tuned", action="store_true", help="keep the settings found before; a third of the time"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    solve_horn_schunck(
        *np.random.default_rng(0).normal(size=(2, 64, 64))
    )  # compiled before a clock runs

    before = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    found = dict(before)  # a case that is not measured now keeps its rows
    found["machine"] = {"processor": platform.processor() or platform.machine(), "threads": 1}
    for case in arguments.case or CASES:
        if case in ("warped", "real") and not arguments.real.is_dir():
            print(f"no real scenes in {arguments.real}: {case} is left out")
            continue
        new = measure(case, arguments.real, tuned_before(before, case) if arguments.tuned else {})
        rows = [row for row in found.get("rows", []) if row["case"] != case] + new.pop("rows", [])
        found["rows"] = sorted(rows, key=lambda row: CASES.index(row["case"]))
        for key in ("tried", "pairs"):
            found[key] = found.get(key, {}) | new.pop(key, {})
        found |= new
        # After each case, so that what is finished is not lost.
        TARGET.write_text(json.dumps(found, indent=1, default=plain) + "\n", encoding="utf-8")
    print(f"written: {TARGET.relative_to(ROOT)}; python results/render.py makes tables of it")


if __name__ == "__main__":
    main()
