"""Compare the difficulty of the twin with real pairs, with its conditions off and on.

`python results/realism.py [--scenes FOLDER]` takes ten minutes and writes
`results/published/realism.json`, from which `python results/render.py` makes a table. The twin of
Perito Moreno is compared with the real pairs of Perito Moreno, 10 to 20 days apart; correlation
after a match is also compared with the annual pair of Zmutt.
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from scipy import ndimage

from gdiv.benchmark.real_scenes import SITES, RealScenes
from gdiv.catalog import Glacier, TwinConditions, load_catalog
from gdiv.files import write_json
from gdiv.flow.matchers.matching import match_images
from gdiv.imagery.grid import study_grid
from gdiv.imagery.shift import measure_shift
from gdiv.images.arrays import Image, Mask
from gdiv.images.statistics import nmad, pool_components
from gdiv.twin.acquisitions import plan_acquisitions
from gdiv.twin.scenes import render_twin
from gdiv.twin.truth import read_truth

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "results" / "published" / "realism.json"
MATCHERS = ("horn-schunck", "raft", "correlation", "dis")
#: Minimum distance of stable ground from the ice, pixels.
STABLE_DISTANCE = 16
#: Part of the twin that is rendered: rows and columns.
PARTS = {
    "perito-moreno": (slice(0, 500), slice(300, 900)),
    "mer-de-glace": (slice(0, 400), slice(0, 400)),
}
#: Days between the scenes of a pair.
DAYS = {"perito-moreno": (5, 25), "mer-de-glace": (320, 400)}
#: Clear scenes per season, number of measured pairs, and a seed used by no other twin.
USABLE = [3]
PAIRS = 2
SEED = 5
#: The twin without its difficulties.
WITHOUT_DIFFICULTIES = {
    "seasonal_speed": 0.0,
    "speed_trend": 0.0,
    "thinning": 0.0,
    "jitter": 0.0,
    "stripes": 0.0,
    "class_errors": 0.0,
    "ground_change": 0.0,
    "opening_crevasses": False,
    "outline_age": 0.0,
    "band_light": False,
    "margin_slip": 0.0,
}


def _measure(pairs: list[tuple[Image, Image]], ice: Mask, stable: Mask) -> dict[str, Any]:
    """Spread of stable ground and of its registration, and correlation after a match."""
    result: dict[str, Any] = {"pairs": len(pairs)}
    if stable.any():
        spreads = [measure_shift(*images, stable)["shift_spread"] for images in pairs]
        result["registration"] = float(np.mean(spreads))
    for name in MATCHERS:
        matches = [match_images(name, *images) for images in pairs]
        result[name] = {"ice": float(np.mean([np.median(m.quality[ice]) for m in matches]))}
        if stable.any():
            nmads = [pool_components(nmad(m.u[stable]), nmad(m.v[stable])) for m in matches]
            qualities = [np.median(m.quality[stable]) for m in matches]
            result[name] |= {"nmad": float(np.mean(nmads)), "ground": float(np.mean(qualities))}
    return result


def _measure_real(scenes: Path, folder: str) -> dict[str, Any]:
    """Measure the real pairs of a site."""
    place = next(place for place in SITES if place.folder == folder)
    real = RealScenes(scenes, place)
    pairs = [(real.images[first], real.images[second]) for first, second in place.pairs]
    return _measure(pairs, real.ice, real.stable)


def _measure_twin(key: str, conditions: TwinConditions) -> dict[str, Any]:
    """Measure pairs of a twin under given conditions."""
    entry: Glacier = load_catalog().glaciers[key]
    assert entry.twin is not None
    glacier = entry.model_copy(
        update={"twin": entry.twin.model_copy(update={"conditions": conditions})}
    )
    grid = study_grid(glacier.bbox, glacier.crs)[PARTS[key]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_twin(glacier, grid, USABLE, folder, SEED)
        truth = read_truth(folder)
        assert truth is not None, "the twin was rendered above together with its truth"
        images = {}
        plan = [one for one in plan_acquisitions(glacier, USABLE, SEED) if one.kind == "usable"]
        for acquisition in plan:
            with rasterio.open(folder / acquisition.identifier / "nir.tif") as file:
                images[acquisition] = file.read(1).astype(np.float32)
    shortest, longest = DAYS[key]
    pairs = [
        (images[first], images[second])
        for first, second in itertools.combinations(plan, 2)
        if shortest <= (second.day - first.day).days <= longest
    ]
    ice = np.hypot(truth.vx, truth.vy).values > 0
    stable = ndimage.distance_transform_edt(~ice) > STABLE_DISTANCE
    return _measure(pairs[:PAIRS], ice, stable)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, default=ROOT.parent / "shared" / "real")
    scenes = parser.parse_args().scenes
    results = {
        "real": {
            "perito-moreno": _measure_real(scenes, "perito-moreno-2020"),
            "yahtse": _measure_real(scenes, "yahtse-2016-west"),
            "zmutt": _measure_real(scenes, "zmutt-2017-2018"),
        }
    }
    for name, change in (("easy", WITHOUT_DIFFICULTIES), ("hard", {})):
        results[name] = {
            key: _measure_twin(key, TwinConditions.model_validate(change)) for key in PARTS
        }
    write_json(TARGET, results)
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the table")


if __name__ == "__main__":
    main()
