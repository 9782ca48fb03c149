"""Pairs of the synthetic twin of Mer de Glace, and the local spread of an image.

Matchers are tuned and scored on different pairs: other ice and other seasons.
"""

from typing import Any

import numpy as np
import xarray as xr
from scipy import ndimage

import gdiv
from gdiv.benchmark.cases import Pair
from gdiv.imagery.pairs import read_pair
from gdiv.images.arrays import Image, Mask
from gdiv.twin.truth import read_truth, true_displacement

__all__ = ["local_spread", "twin"]

#: Width of the neighbourhood of `local_spread`, pixels.
SPREAD_SIGMA = 5

# Steps for selecting pairs of the twin: of the training seasons for tuning, of the validation
# seasons for scoring.
TUNING_STEP = 3
SCORING_STEP = 2


def local_spread(image: Image) -> Image:
    """Spread of brightness around each pixel, relative to the spread of the image."""
    mean = ndimage.gaussian_filter(image, SPREAD_SIGMA)
    square = ndimage.gaussian_filter(image**2, SPREAD_SIGMA)
    return np.sqrt(np.maximum(square - mean**2, 0)) / image.std()


def twin(profile: str = "demo") -> dict[str, list[Pair]]:
    """Pairs of the synthetic Mer de Glace with the true displacement of the ice and of the scenes.

    Parameters
    ----------
    profile : str, optional
        Profile of the run that rendered them.

    Returns
    -------
    dict
        ``"tune"``, pairs of the training seasons with the northern half of the ice counted, and
        ``"score"``, pairs of the validation seasons with the southern half.
    """
    study = gdiv.open_study("mer-de-glace", profile)
    cube = study.open("cube").load()
    table = study.open("pairs")
    ice = study.open("masks").glacier.values
    truth = read_truth(study.companions, cube)
    if truth is None:
        raise SystemExit("this needs the demo run of the synthetic Mer de Glace; run: make study")
    middle_row = np.median(np.nonzero(ice)[0])
    north = np.arange(ice.shape[0])[:, None] < middle_row
    tuning = table[table.set == "train"][::TUNING_STEP]
    scoring = table[table.set == "validation"][::SCORING_STEP]
    return {
        "tune": [_twin_pair(cube, truth, row, ice & north) for row in tuning.itertuples()],
        "score": [_twin_pair(cube, truth, row, ice & ~north) for row in scoring.itertuples()],
    }


def _twin_pair(cube: xr.Dataset, truth: xr.Dataset, row: Any, counted: Mask) -> Pair:
    """Make a pair of the twin from its row in the pair table; pixels are scored where known."""
    reference, secondary = read_pair(cube, row)
    flow = np.stack(true_displacement(truth, row.reference, row.secondary))
    valid = np.isfinite(flow[0]) & np.isfinite(reference) & np.isfinite(secondary)
    return Pair(reference, secondary, flow.astype(np.float32), counted, counted & valid)
