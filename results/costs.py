"""Measure the time, memory and disk space of a profile.

`python results/costs.py demo --cores 1` adds a row to `published/costs.json`. Peak memory is that
of the largest process, the kernel of a notebook.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["main", "measure"]

TARGET = Path(__file__).parent / "published" / "costs.json"
SECONDS_PER_MINUTE = 60
KILOBYTES_PER_GIGABYTE = 1e6  # Linux reports the memory of a process in kilobytes
BYTES_PER_GIGABYTE = 1e9


def measure(profile: str, glacier: str, cores: int) -> dict[str, Any]:
    """Run a study in a new folder and measure its cost.

    Parameters
    ----------
    profile, glacier : str
        Keys of the catalog.
    cores : int
        Number of cores available to the run.

    Returns
    -------
    dict
        Row of the published file: ``minutes``, ``memory`` and ``disk`` (GB).
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    folder = Path(tempfile.mkdtemp())
    gdiv = str(Path(sys.executable).with_name("gdiv"))
    start = time.perf_counter()
    subprocess.run(
        [gdiv, "run", glacier, "--profile", profile, "--workspace", str(folder)], check=True
    )
    seconds = time.perf_counter() - start
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder)
    return {
        "profile": profile,
        "source": "twin",
        "cores": cores,
        "minutes": round(seconds / SECONDS_PER_MINUTE, 1),
        "memory": round(kilobytes / KILOBYTES_PER_GIGABYTE, 2),
        "disk": round(size / BYTES_PER_GIGABYTE, 2),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("profile")
    parser.add_argument("--glacier", default="mer-de-glace")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    row = measure(options.profile, options.glacier, options.cores)
    rows = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else []
    run = (row["profile"], row["cores"])
    rows = [old for old in rows if (old["profile"], old["cores"]) != run]
    rows = sorted([*rows, row], key=lambda entry: (entry["profile"] != "smoke", -entry["cores"]))
    TARGET.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(row)


if __name__ == "__main__":
    main()
