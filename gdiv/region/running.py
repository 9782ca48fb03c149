"""Run the glaciers of a region independently, and combine their results."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from gdiv.region.one_glacier import compute_glacier
from gdiv.region.summary import write_summary
from gdiv.study.execution import environment
from gdiv.study.workspace import locked

__all__ = ["run_region"]

#: Columns of the summary of a region.
COLUMNS = (
    "glacier", "status", "reason", "scenes", "pairs", "area", "covered", "speed", "error",
    "gcos_goal", "gcos_threshold", "synthetic",
)  # fmt: skip


def run_region(
    folder: Path,
    glaciers: Sequence[str],
    profile: str,
    source: str = "",
    matcher: str = "raft",
    workers: int = 1,
    refused: dict[str, str] | None = None,
    store: str = "",
) -> pd.DataFrame:
    """Run glaciers of the catalog, each in its own folder.

    Parameters
    ----------
    folder : Path
        Folder of the region. A call with the same folder resumes: finished glaciers are skipped,
        and the others continue after their last finished step.
    glaciers : sequence of str
        Keys of the catalog.
    profile, source : str, optional
        As for `gdiv.run_study`.
    matcher : str, optional
        Name of a matcher. RAFT uses the shipped network.
    workers : int, optional
        Number of glaciers to run in parallel, each in its own process.
    refused : dict, optional
        Reasons, by key, of glaciers that cannot run; they are listed as failed.
    store : str, optional
        Location of the datasets, such as ``"s3://bucket/region"``, with a part for each glacier; by
        default in the folder of each glacier.

    Returns
    -------
    pandas.DataFrame
        One row per glacier with its ``status`` ("done" or "failed"), the ``reason`` of a failure,
        and its summary. The table is also written to ``summary.csv``, and with the outlines to
        ``map.gpkg`` and ``map.png``; ``collection.json`` is a STAC collection of the products.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = {key: _failure(key, reason) for key, reason in (refused or {}).items()}
    waiting = [key for key in glaciers if key not in rows]
    with locked(folder), environment(**_threads(workers)):
        task = partial(
            _compute, profile=profile, source=source, matcher=matcher, region=folder, store=store
        )
        left = _run_pool(waiting, task, workers, rows, len(glaciers))
        for key in left:  # after a killed process, run one at a time to isolate the cause
            if _run_pool([key], task, 1, rows, len(glaciers)):
                reason = "its process was killed, most likely because it ran out of memory"
                rows[key] = _failure(key, reason)
                print(f"{len(rows)}/{len(glaciers)} {_line(rows[key])}", flush=True)
        table = pd.DataFrame([rows[key] for key in glaciers], columns=list(COLUMNS))
        write_summary(table, folder)
    return table


def _run_pool(
    keys: Sequence[str],
    task: Callable[[str], dict[str, Any]],
    workers: int,
    rows: dict[str, dict[str, Any]],
    count: int,
) -> list[str]:
    """Run glaciers in parallel and add their rows; return those left when a process is killed."""
    # Libraries start threads that a forked process would lack.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        try:
            waiting = {pool.submit(task, key): key for key in keys}
            for future in as_completed(waiting):
                key = waiting[future]
                rows[key] = {"glacier": key} | future.result()
                print(f"{len(rows)}/{count} {_line(rows[key])}", flush=True)
        except BrokenProcessPool:
            pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [key for key in keys if key not in rows]


def _failure(key: str, reason: str) -> dict[str, Any]:
    """Row of a glacier that failed."""
    return {"glacier": key, "status": "failed", "reason": reason}


def _threads(workers: int) -> dict[str, str | None]:
    """Environment variables that limit each process to its share of the cores."""
    threads_per_worker = str(max(1, (os.cpu_count() or 1) // workers))
    return {
        "OMP_NUM_THREADS": threads_per_worker,
        "NUMBA_NUM_THREADS": threads_per_worker,
        "DASK_NUM_WORKERS": threads_per_worker,
    }


def _compute(
    key: str, profile: str, source: str, matcher: str, region: Path, store: str
) -> dict[str, Any]:
    """Compute one glacier with messages in a file; return its status and summary."""
    folder = region / key
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "log.txt").open("a", encoding="utf-8", buffering=1) as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        try:
            own_store = f"{store.rstrip('/')}/{key}" if store else ""
            summary = compute_glacier(key, profile, source, matcher, folder, own_store)
            return {"status": "done", "reason": ""} | summary
        except Exception as error:  # one glacier must not end the region
            traceback.print_exc()
            reason = " ".join(str(error).split()) or type(error).__name__
            return {"status": "failed", "reason": reason}


def _line(row: dict[str, Any]) -> str:
    """One line about a finished glacier."""
    if row["status"] == "failed":
        return f"{row['glacier']}: failed: {row['reason'][:160]}"
    return f"{row['glacier']}: {row['pairs']} pairs, {row['speed']} ± {row['error']} m/yr"
