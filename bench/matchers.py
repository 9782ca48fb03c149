"""Compare all matchers on the same pairs: error, bias, valid fraction and time.

Each matcher is tuned on other pairs. `make bench`, or `python bench/matchers.py [--real FOLDER]
[--case NAME] [--tuned]`, takes about half an hour and writes
`results/published/bench-matchers.json`, from which `python results/render.py` makes tables. The
pairs of the twin come from `make study`; real scenes are skipped if FOLDER does not exist. Times
depend on the machine and are only comparable within a run.
"""

import argparse
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cases
import numpy as np
from peers import PeerSettings
from real_cases import PeritoMoreno, warped
from scoring import mean_error_loss, score_peers, score_peers_on_real, self_consistency_loss
from speed import measure_median, measure_solver, measure_two_threads, set_threads
from tuning import tune

from gdiv.benchmark.cases import Pair
from gdiv.benchmark.smooth import SYNTHETIC, synthetic
from gdiv.flow.horn_schunck.solver import solve_horn_schunck

__all__ = ["CASES", "main", "measure"]

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "results" / "published" / "bench-matchers.json"
CASES = (*SYNTHETIC, "twin", "warped", "real")
#: Cases that need real scenes.
REAL_CASES = ("warped", "real")

#: Sides of synthetic images, pixels.
SIZE = 256
LARGE_SIZE = 1024
#: Numbers of pairs for tuning and for scoring, of synthetic images and of warped real ones.
SYNTHETIC_COUNTS = (4, 8)
WARPED_COUNTS = (12, 32)
LARGE_COUNT = 2
#: First seed of the synthetic pairs for tuning, so that they differ from those for scoring.
TUNING_SEED = 100
#: Number of repetitions for each pair of the clean case, whose times are published.
CLEAN_REPEATS = 3


def measure(case: str, real: Path, kept: Mapping[str, tuple[PeerSettings, int]]) -> dict[str, Any]:
    """Tune and score all peers in one case.

    Parameters
    ----------
    case : str
        One of `CASES`.
    real : Path
        Folder of real scenes.
    kept : dict
        Settings and number of settings tried of peers that are not tuned again.

    Returns
    -------
    dict
        Keys of the published file: ``rows``, ``tried`` and ``pairs`` of the case; ``real`` for the
        real pairs; and further measurements with the case "clean".
    """
    if case == "real":
        best, tried = tune(self_consistency_loss(PeritoMoreno(real, tuning=True)), case, kept)
        return {"real": score_peers_on_real(PeritoMoreno(real), best), "tried": {case: tried}}
    tuning, scoring = _make_pairs(case, real)
    best, tried = tune(mean_error_loss(tuning), case, kept)
    repeats = CLEAN_REPEATS if case == "clean" else 1
    results = {
        "rows": score_peers(scoring, best, case, repeats),
        "tried": {case: tried},
        "pairs": {case: [len(tuning), len(scoring)]},
    }
    if case == "clean":
        large = [synthetic("clean", LARGE_SIZE, seed) for seed in range(LARGE_COUNT)]
        results["large"] = score_peers(large, best, "clean 1024")
        results["two_threads"] = measure_two_threads(scoring, best)
        results["median"] = measure_median()
        results["solver"] = [measure_solver(size) for size in (SIZE, LARGE_SIZE)]
    return results


def _make_pairs(case: str, real: Path) -> tuple[list[Pair], list[Pair]]:
    """Pairs for tuning, and pairs for scoring."""
    if case == "twin":
        sets = cases.twin()
        return sets["tune"], sets["score"]
    if case == "warped":
        tuning_count, scoring_count = WARPED_COUNTS
        return (
            [warped(real, 0, seed) for seed in range(tuning_count)],
            [warped(real, 1, seed) for seed in range(scoring_count)],
        )
    tuning_count, scoring_count = SYNTHETIC_COUNTS
    return (
        [synthetic(case, SIZE, TUNING_SEED + number) for number in range(tuning_count)],
        [synthetic(case, SIZE, number) for number in range(scoring_count)],
    )


def _published_settings(
    results: Mapping[str, Any], case: str
) -> dict[str, tuple[PeerSettings, int]]:
    """Settings, and number of settings tried, of each peer in published results."""
    if case == "real":
        rows = results.get("real", [])
    else:
        rows = [row for row in results.get("rows", []) if row["case"] == case]
    settings = {}
    for row in rows:
        name = row["matcher"]
        settings[name] = (row["settings"], results["tried"][case][name])
    return settings


def _merge(results: dict[str, Any], case: str, new: dict[str, Any]) -> None:
    """Replace the results of one case by new ones."""
    rows = [row for row in results.get("rows", []) if row["case"] != case]
    rows += new.pop("rows", [])
    results["rows"] = sorted(rows, key=lambda row: CASES.index(row["case"]))
    for key in ("tried", "pairs"):
        results[key] = results.get(key, {}) | new.pop(key, {})
    results.update(new)


def _to_json(value: object) -> object:
    """Convert a NumPy value for JSON."""
    return float(value) if isinstance(value, np.floating) else value


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
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
        help="measure only this case, and keep the results of the others",
    )
    parser.add_argument(
        "--tuned", action="store_true", help="use the published settings; three times faster"
    )
    return parser


def main() -> None:
    """Run the command line."""
    arguments = _parser().parse_args()
    set_threads(1)
    # Compile the solver before anything is timed.
    reference, secondary = np.random.default_rng(0).normal(size=(2, 64, 64))
    solve_horn_schunck(reference, secondary)

    published = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    results = dict(published)  # keep the results of cases that are not measured
    results["machine"] = {"processor": platform.processor() or platform.machine(), "threads": 1}
    for case in arguments.case or CASES:
        if case in REAL_CASES and not arguments.real.is_dir():
            print(f"no real scenes in {arguments.real}; skipping {case}")
            continue
        kept = _published_settings(published, case) if arguments.tuned else {}
        _merge(results, case, measure(case, arguments.real, kept))
        # Write after each case, so that finished results are not lost.
        text = json.dumps(results, indent=1, default=_to_json)
        TARGET.write_text(text + "\n", encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the tables")


if __name__ == "__main__":
    main()
