"""Pairs of the synthetic twins of the catalog's glaciers.

A case is the central part of a twin. Its dates are a year or some days apart, according to the
pairing rule of the glacier. Twins on which a network was trained are only in the dev split.
"""

import itertools
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from gdiv.benchmark.cases import Case, Pair, Split, scored_pixels
from gdiv.catalog import Glacier, load_catalog
from gdiv.imagery.grid import study_grid
from gdiv.images.arrays import Image
from gdiv.twin.acquisitions import plan_acquisitions
from gdiv.twin.scenes import render_twin
from gdiv.twin.truth import read_truth, true_displacement

__all__ = ["GLACIERS", "make_twin", "twin_cases"]

#: Glaciers of each split. The network shipped with gdiv was trained on Argentière and Tasman;
#: scenes of Aletsch provide textures of the dev split.
GLACIERS: dict[Split, tuple[str, ...]] = {
    "dev": ("argentiere", "tasman", "aletsch"),
    "test": ("mer-de-glace", "kaskawulsh", "perito-moreno", "baltoro", "jakobshavn"),
}
#: Side of the central part in pixels, and seed of the world, which no study or training uses.
SIDE = 320
SEEDS: dict[Split, int] = {"dev": 301, "test": 302}
#: Number of pairs per glacier, and of clear scenes per season to choose from.
PAIRS = 2
USABLE = [3]
#: Days between the scenes of an annual pair.
ANNUAL = (320, 410)
#: Largest cloud cover of a scene.
MAX_COVER = 0.1


def twin_cases(split: Split) -> list[Case]:
    """List the cases of twins: `PAIRS` pairs of each glacier of a split.

    Parameters
    ----------
    split : {"dev", "test"}
        Split.

    Returns
    -------
    list of Case
        The cases.
    """
    return [
        Case(f"{split}-twin-{glacier}-{number}", "twin", split, glacier, seed=number)
        for glacier in GLACIERS[split]
        for number in range(PAIRS)
    ]


def make_twin(case: Case, cache: Path) -> Pair:
    """Make the pair of a case of kind "twin".

    Parameters
    ----------
    case : Case
        The case.
    cache : Path
        Folder in which rendered twins are stored.

    Returns
    -------
    Pair
        Near-infrared images and the displacement of the ice and of the scenes.
    """
    glacier = load_catalog().glaciers[case.family]
    folder = cache / case.split / case.family
    seed = SEEDS[case.split]
    render_twin(glacier, _middle(glacier), USABLE, folder, seed)
    truth = read_truth(folder)
    assert truth is not None, "the twin was rendered above together with its truth"
    reference, secondary = _choose_pairs(glacier, seed)[case.seed]
    flow = np.stack(true_displacement(truth, reference, secondary)).astype(np.float32)
    ice = np.hypot(truth.vx, truth.vy).values > 0
    images = [_read_image(folder / name / "nir.tif") for name in (reference, secondary)]
    return Pair(images[0], images[1], flow, ice, scored_pixels(flow))


def _middle(glacier: Glacier) -> GeoBox:
    """Grid of `SIDE` pixels around the middle of the glacier's box."""
    grid = study_grid(glacier.bbox, glacier.crs)
    top = max((grid.height - SIDE) // 2, 0)
    left = max((grid.width - SIDE) // 2, 0)
    return grid[top : top + SIDE, left : left + SIDE]


def _choose_pairs(glacier: Glacier, seed: int) -> list[tuple[str, str]]:
    """Pair clear scenes by the pairing rule of the glacier; return their identifiers."""
    days = {
        acquisition.identifier: acquisition.day.toordinal()
        for acquisition in plan_acquisitions(glacier, USABLE, seed)
        if acquisition.kind == "usable" and acquisition.cover < MAX_COVER
    }
    pairing = glacier.pairing
    wanted = pairing.days if pairing.rule == "interval" and pairing.days else ANNUAL
    pairs = [
        (reference, secondary)
        for reference, secondary in itertools.combinations(sorted(days, key=days.__getitem__), 2)
        if wanted[0] <= days[secondary] - days[reference] <= wanted[1]
    ]
    return [pairs[0], pairs[-1]]


def _read_image(file: Path) -> Image:
    """Digital numbers of the near infrared."""
    with rasterio.open(file) as band:
        return band.read(1).astype(np.float32)
