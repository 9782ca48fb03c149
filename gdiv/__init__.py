"""gdiv: glacier velocity from satellite image pairs.

Conventions
-----------
- Images are `(y, x)`, y descending; coordinates are pixel centres in the CRS of the study's one grid.
- Displacement `u`, `v`: pixels moved from the reference (earlier) to the secondary (later) scene, along
  columns and along rows: ``secondary(x + u, y + v) = reference(x, y)``.
- Velocity `vx`, `vy`: m/yr, positive east and north, so ``vy = -v * spacing / years``; a year is 365.25 days.
- NaN is no data; masks are bool. Speeds are computed from averaged components, never averaged.
- Every random choice takes the profile's seed.

In pipeline order
-----------------
`open_study` a run · `imagery.archive` find · `imagery.scenes` judge · `imagery.cube` load · `imagery.pairs` pair ·
`imagery.coregistration` register · `flow.matchers.match` match two images · `velocity.displacement.match_pairs` match
every pair · `velocity.annual` to m/yr and one map · `velocity.uncertainty` its error · `velocity.inversion` a series ·
`velocity.validation` check · `velocity.products` hand on · `maps` draw.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

from gdiv.installation import shipped
from gdiv.study.journal import log_access

__version__ = "0.1.0"

# Which notebook makes which result: what an error about a missing result points to.
MAKERS = {
    "items": "01",
    "scenes": "01",
    "cube": "02",
    "masks": "02",
    "pairs": "02",
    "labels": "03",
    "tiles": "04",
    "history": "04",
    "training": "04",
    "weights": "04",
    "displacement": "05",
    "scores": "05",
    "mosaic": "06",
    "validation": "06",
    "stakes": "06",
    "reliability": "06",
    "series": "06",
    "product": "07",
    "fewer": "08",
    "choices": "08",
}


@cache
def code_hash() -> str:
    """Sixteen hexadecimal digits that change with any of the package's modules or weights."""
    digest = hashlib.sha256()
    for path in sorted(
        p for p in Path(__file__).parent.rglob("*") if p.suffix in (".py", ".safetensors")
    ):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def published(name: str = "claims") -> dict:
    """The published result `NAME.json`: the claims of the demo, those of other glaciers, or a bench."""
    folder = shipped("published")
    log_access("read", f"published/{name}")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def load_catalog():
    """The catalog; see `gdiv.catalog.load_catalog`."""
    from gdiv.catalog import load_catalog

    return load_catalog()


def open_study(glacier: str, profile: str = "demo", source: str = "", workspace: str = ""):
    """Open a run of the study; see `gdiv.study.study.open_study`."""
    from gdiv.study.study import open_study

    return open_study(glacier, profile, source, workspace)
