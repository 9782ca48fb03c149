"""Every matcher on the same synthetic pairs of exactly known displacement, interleaved in one run.

`python bench/matchers.py [--size 256] [--pairs 8]` prints a table and writes `results/published/bench-matchers.json`.
Times are ratios to Horn-Schunck in the same run; absolute times are of this machine.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch

from gdiv.flow.matchers import MATCHERS, match
from gdiv.flow.synthetic import SyntheticPairs

CASES = {"clean": 0.0, "hard": 1.0}  # hard: uneven light, ageing texture, cloud, noise
RIM = 16  # pixels left out at the frame, where what moves in was never seen


def score(name, pair, flow):
    """Seconds, mean and 95th percentile of the error (px), and bias along the flow (a share) of one match."""
    start = time.perf_counter()
    u, v, _ = match(name, *pair)
    seconds = time.perf_counter() - start
    inner = (slice(RIM, -RIM),) * 2
    error = np.hypot(u - flow[0], v - flow[1])[inner]
    length = np.hypot(*flow)[inner]
    along = ((u * flow[0] + v * flow[1])[inner] / np.maximum(length, 1e-6) ** 2)[length > 1] - 1
    bias = float(np.nanmedian(along)) if along.size else np.nan
    return seconds, float(np.nanmean(error)), float(np.nanpercentile(error, 95)), bias


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="side of the images, pixels")
    parser.add_argument("--pairs", type=int, default=8, help="pairs a case")
    arguments = parser.parse_args()
    names = ["zero", *MATCHERS]
    rows = []
    for case, difficulty in CASES.items():
        pairs = SyntheticPairs(arguments.size, reach=10, seed=424242, difficulty=difficulty)
        samples = [pairs.sample(i) for i in range(arguments.pairs)]
        for name in names:
            match(name, *samples[0][0])  # compile and load before the clock runs
        # A B C, A B C, ...: a machine whose speed drifts slows all matchers alike.
        found = {name: [] for name in names}
        for pair, flow in samples:
            for name in names:
                found[name].append(score(name, pair, flow))
        unit = np.median([row[0] for row in found["horn-schunck"]])
        for name in names:
            seconds, error, tail, bias = np.nanmedian(found[name], axis=0)
            mean = float(np.mean([row[1] for row in found[name]]))
            row = {"case": case, "matcher": name, "error_mean": mean, "error_median": error, "error_p95": tail}
            row |= {"bias_along": bias, "milliseconds": 1000 * seconds, "time_ratio": seconds / unit}
            rows.append({key: float(value) if isinstance(value, np.floating) else value for key, value in row.items()})
            print(f"{case:<6} {name:<13} error {mean:.3f} px, bias {bias:+.1%}, {1000 * seconds:.0f} ms", end=", ")
            print(f"x {seconds / unit:.2f}")
    machine = {"processor": platform.machine(), "threads": torch.get_num_threads()}
    machine |= {"size": arguments.size, "pairs": arguments.pairs}
    target = Path(__file__).parent.parent / "results" / "published" / "bench-matchers.json"
    target.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
