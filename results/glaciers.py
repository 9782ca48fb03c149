"""Run every glacier of the catalog on its twin in smoke, and publish what notebook 09 compares: `make glaciers`.

Half an hour on two processors; a run that stands is not made again.
"""

import json
from pathlib import Path

from gdiv.catalog import load_catalog
from gdiv.study import claims
from gdiv.study.run import run_study

KEPT = ("scenes.used", "pairs.validation", "mosaic.speed", "mosaic.correlation_length")
CHECKS = ("rmse", "median", "along", "covered")


def main():
    target, found = Path(__file__).parent / "published" / "glaciers.json", {}
    for key in load_catalog().glaciers:
        made = claims.read_claims(run_study(key, "smoke"))
        kept = [
            *KEPT,
            *(
                name
                for name in made
                if name.startswith("mosaic.") and name.split(".")[-1] in CHECKS
            ),
        ]
        found[key] = {name: made[name] for name in kept if name in made}
    target.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
