"""Run the glaciers of a region independently, and put their results together."""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pandas as pd

from gdiv.files import short_message
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
) -> pd.DataFrame:
    """Run glaciers of the catalog, each in a folder of its own.

    Parameters
    ----------
    folder : Path
        Folder of the region. A call with the same folder resumes: finished glaciers are not
        repeated, and others go on after their last step.
    glaciers : sequence of str
        Keys of the catalog.
    profile, source : str, optional
        As for `gdiv.run_study`.
    matcher : str, optional
        Name of a matcher. RAFT uses the network as shipped.
    workers : int, optional
        Glaciers that run at the same time, each in a process of its own.

    Returns
    -------
    pandas.DataFrame
        One row per glacier with its ``status`` ("done" or "failed"), the ``reason`` of a failure,
        and its summary. The folder gets the same as ``summary.csv``, a map of the outlines with it
        as ``map.gpkg`` and ``map.png``, and the products as a STAC collection, ``collection.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Any]] = {}
    with locked(folder), environment(**_threads(workers)):
        # Libraries hold threads, which a forked process would lack.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            waiting = {
                pool.submit(_compute, key, profile, source, matcher, folder / key): key
                for key in glaciers
            }
            try:
                for number, future in enumerate(as_completed(waiting), 1):
                    key = waiting[future]
                    rows[key] = {"glacier": key} | _outcome(future)
                    print(f"{number}/{len(waiting)} {_line(rows[key])}", flush=True)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        table = pd.DataFrame([rows[key] for key in glaciers], columns=list(COLUMNS))
        write_summary(table, folder)
    return table


def _threads(workers: int) -> dict[str, str | None]:
    """Environment in which each process uses its share of the processors."""
    share = str(max(1, (os.cpu_count() or 1) // workers))
    return {"OMP_NUM_THREADS": share, "NUMBA_NUM_THREADS": share, "DASK_NUM_WORKERS": share}


def _compute(key: str, profile: str, source: str, matcher: str, folder: Path) -> dict[str, Any]:
    """Summary of one glacier, whose messages go to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a", encoding="utf-8", buffering=1) as log:
        from contextlib import redirect_stderr, redirect_stdout

        with redirect_stdout(log), redirect_stderr(log):
            return compute_glacier(key, profile, source, matcher, folder)


def _outcome(future: Any) -> dict[str, Any]:
    """Status of a finished glacier."""
    try:
        return {"status": "done", "reason": ""} | future.result()
    except Exception as error:  # one glacier must not end the region
        return {"status": "failed", "reason": " ".join(str(error).split()) or short_message(error)}


def _line(row: dict[str, Any]) -> str:
    """One line about a finished glacier."""
    if row["status"] == "failed":
        return f"{row['glacier']}: failed: {row['reason'][:160]}"
    return f"{row['glacier']}: {row['pairs']} pairs, {row['speed']} ± {row['error']} m/yr"
