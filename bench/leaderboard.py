"""Score every peer on the benchmark, with default settings and with those tuned on the dev split.

`python bench/leaderboard.py [--scenes FOLDER]` takes about an hour on two cores and writes
`results/published/benchmark.json`, from which `python results/render.py` makes the leaderboard.
Scores are stored in `runs/benchmark`, so an interrupted run resumes. Settings are chosen on the
cases of the dev split with glacier-like motion, by the geometric mean of the error on ice; the test
split is scored once.
"""

import argparse
import hashlib
import json
import multiprocessing
import platform
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS, Match, PeerSettings
from speed import set_threads
from tuning import tune_peer

from gdiv.benchmark.evaluation import Contestant, evaluate, evaluate_real
from gdiv.benchmark.results import UNIT, summarise_benchmark
from gdiv.benchmark.running import TRAINED_ON, contestant
from gdiv.benchmark.scenes import MissingSceneError
from gdiv.benchmark.suite import list_cases, load_case
from gdiv.files import write_json
from gdiv.flow.matchers.raft import shipped_network

__all__ = ["code_hash", "main", "peer_contestant", "tune_on_dev"]

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "results" / "published" / "benchmark.json"
STORE = ROOT / "runs" / "benchmark"
#: Kinds of cases used to choose settings.
TUNING_KINDS = ("drawn", "moved", "twin")
#: Side of the random images that are matched to measure peak memory, pixels.
MEMORY_CASE_SIDE = 512
#: Maximum time in seconds per megapixel of matchers scored on real pairs, whose images are large.
#: Real pairs are matched with default settings.
MAX_REAL_COST = 12.0
#: Number of processes for choosing settings.
PROCESSES = 2
KIBIBYTES_PER_MEGABYTE = 1e6 / 1024
#: Presets of the networks used by peers.
NETWORKS = {"RAFT hybrid": ("gdiv", "refinement"), "RAFT alone": ("gdiv",)}


def peer_contestant(name: str, settings: PeerSettings, label: str) -> Contestant:
    """Make a contestant from a peer with given settings."""
    trained_on = TRAINED_ON["raft"] if name in NETWORKS else ()
    identity = json.dumps([name, settings, code_hash("benchmark")], sort_keys=True)
    return Contestant(label, PEERS[name].make(**settings), identity, trained_on)


def code_hash(*names: str) -> str:
    """Hash the matchers of gdiv and of the bench, and further subpackages.

    Parameters
    ----------
    *names : str
        Further subpackages of gdiv.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    folders = [ROOT / "gdiv" / name for name in ("flow", "images", *names)]
    names_of_files = ("*.py", "*.json", "*.safetensors")
    files = [
        path
        for folder in folders
        for pattern in names_of_files
        for path in sorted(folder.rglob(pattern))
    ]
    files += [Path(__file__).with_name(name) for name in ("peers.py", "chips.py")]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def tune_on_dev(name: str, scenes: Path) -> tuple[PeerSettings, int]:
    """Choose the settings of a peer on the dev split.

    Parameters
    ----------
    name : str
        Name of the peer.
    scenes : Path
        Folder with one subfolder per site of real scenes.

    Returns
    -------
    settings : dict
        Settings with the smallest geometric mean of the error on ice.
    tried : int
        Number of settings tried.
    """
    set_threads(1)
    file = STORE / "tuned" / f"{name.replace(' ', '-')}-{code_hash()}.json"
    if file.is_file():
        settings, tried = json.loads(file.read_text(encoding="utf-8"))
        return settings, tried
    pairs = []
    for case in list_cases("dev", TUNING_KINDS):
        with suppress(MissingSceneError):
            pairs.append(load_case(case, scenes, STORE / "twins"))

    def loss(settings: PeerSettings) -> float:
        match = PEERS[name].make(**settings)
        errors = []
        for pair in pairs:
            flow = np.nan_to_num(np.asarray(match(pair.reference, pair.secondary)[:2]))
            distance = np.hypot(*(flow - pair.flow))[pair.ice & pair.counted]
            errors.append(np.nanmean(distance))
        return float(np.mean(np.log(errors)))

    best = tune_peer(PEERS[name], loss)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, best)
    return best


def _count_parameters(presets: Sequence[str]) -> int:
    """Total number of parameters of shipped networks."""
    return sum(each.numel() for name in presets for each in shipped_network(name).parameters())


def _peak_memory(name: str, settings: PeerSettings) -> float:
    """Increase in peak memory of a fresh process for a match of 512 x 512, in megabytes."""
    set_threads(1)
    rng = np.random.default_rng(0)
    small = rng.normal(size=(2, 64, 64)).astype(np.float32)
    match: Match = PEERS[name].make(**settings)
    match(*small)
    images = rng.normal(size=(2, MEMORY_CASE_SIDE, MEMORY_CASE_SIDE)).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    match(*images)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (after - before) / KIBIBYTES_PER_MEGABYTE


def _tune_all(names: Sequence[str], scenes: Path) -> dict[str, tuple[PeerSettings, int]]:
    """Settings of all peers, chosen by two processes."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        found = pool.map(partial(tune_on_dev, scenes=scenes), names)
        return dict(zip(names, found, strict=True))


def _row_facts(
    chosen: dict[str, tuple[PeerSettings, int]], default: dict[str, PeerSettings]
) -> dict[str, dict[str, Any]]:
    """Settings, number tried, memory and parameters of each row of the leaderboard."""
    facts: dict[str, dict[str, Any]] = {}
    context = multiprocessing.get_context("spawn")
    for name, (tuned, tried) in chosen.items():
        rows = [(name, default[name], 0)]
        if tried > 1:
            rows.append((f"{name}, tuned", tuned, tried))
        for label, settings, count in rows:
            with ProcessPoolExecutor(1, mp_context=context) as pool:  # a fresh process for each
                memory = pool.submit(_peak_memory, name, settings).result()
            facts[label] = {
                "settings": settings,
                "tried": count,
                "peak_memory_mb": round(memory, 1),
                "parameters": _count_parameters(NETWORKS.get(name, ())) or None,
            }
    return facts


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, default=ROOT.parent / "shared" / "real")
    scenes = parser.parse_args().scenes
    default = {
        name: {key: options[0] for key, options in peer.choices[0].items()}
        for name, peer in PEERS.items()
    }
    chosen = _tune_all(list(PEERS), scenes)
    set_threads(1)
    contestants = [contestant(UNIT)]
    for name, (settings, tried) in chosen.items():
        contestants.append(peer_contestant(name, default[name], name))
        if tried > 1:
            contestants.append(peer_contestant(name, settings, f"{name}, tuned"))
    results: dict[str, Any] = {"machine": platform.processor() or platform.machine()}
    for split in ("dev", "test"):
        cases = list_cases(split)
        scores, skipped = evaluate(contestants, cases, STORE, scenes)
        results[split] = summarise_benchmark(contestants, cases, scores, skipped)
    dev_rows = results["dev"]["rows"]
    results["dev"]["rows"] = [row for row in dev_rows if row["group"] == "ice"]
    costs = {
        row["matcher"]: row["seconds_per_megapixel"]
        for row in results["test"]["rows"]
        if row["group"] == "ice"
    }
    quick = [
        each
        for each in contestants
        if costs[each.name] < MAX_REAL_COST and not each.name.endswith("tuned")
    ]
    results["real"], results["real_skipped"] = evaluate_real(quick, STORE, scenes)
    results["rows"] = _row_facts(chosen, default)
    write_json(TARGET, results, indent=None)
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the page")


if __name__ == "__main__":
    main()
