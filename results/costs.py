"""What a profile costs: `python results/costs.py demo --cores 1` adds a row to `published/costs.json`.

Peak memory is that of the largest process, which is a notebook's kernel.
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

TARGET = Path(__file__).parent / "published" / "costs.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile")
    parser.add_argument("--glacier", default="mer-de-glace")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    folder = Path(tempfile.mkdtemp())
    command = ["run", options.glacier, "--profile", options.profile, "--workspace", str(folder)]
    began = time.perf_counter()
    subprocess.run([str(Path(sys.executable).with_name("gdiv")), *command], check=True)
    row = {
        "profile": options.profile,
        "source": "twin",
        "cores": options.cores,
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "memory": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 2),
        "disk": round(
            sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9, 2
        ),
    }
    shutil.rmtree(folder)
    rows = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else []
    rows = [old for old in rows if (old["profile"], old["cores"]) != (row["profile"], row["cores"])]
    rows = sorted([*rows, row], key=lambda entry: (entry["profile"] != "smoke", -entry["cores"]))
    TARGET.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(row)


if __name__ == "__main__":
    main()
