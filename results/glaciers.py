"""Run the smoke profile on the twin of every glacier, and publish the numbers for notebook 09.

`make glaciers` takes half an hour on two processors. Finished runs are not repeated.
"""

import json
from pathlib import Path

from gdiv.catalog import load_catalog
from gdiv.study.claims import Claims, read_claims
from gdiv.study.run import run_study

__all__ = ["main"]

TARGET = Path(__file__).parent / "published" / "glaciers.json"
#: Published claims, and published scores of every mosaic.
KEYS = ("scenes.used", "pairs.validation", "mosaic.speed", "mosaic.correlation_length")
SCORES = ("rmse", "median", "along", "covered")


def _select_claims(claims: Claims) -> Claims:
    """Claims of a run that are published."""
    scores = [key for key in claims if key.startswith("mosaic.") and key.split(".")[-1] in SCORES]
    return {key: claims[key] for key in (*KEYS, *scores) if key in claims}


def main() -> None:
    """Run all glaciers and write the published file."""
    results = {}
    for glacier, entry in load_catalog().glaciers.items():
        if entry.twin is None:
            continue
        results[glacier] = _select_claims(read_claims(run_study(glacier, "smoke")))
    text = json.dumps(results, indent=1, ensure_ascii=False)
    TARGET.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
