"""Register scenes of a glacier without stable ground from the network of their pairs.

The displacement of the whole glacier between two scenes is the sum of the shift between the scenes
and its motion, which grows with the time between them. Least squares over all pairs separates the
two, except for a constant shift between seasons, which cannot be distinguished from motion. The
mean shift of each season is therefore set to zero. Shifts within a season then no longer scatter
the annual pairs.
"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.imagery.shift import MIN_BLOCKS, measure_shift
from gdiv.images.arrays import Mask

__all__ = ["network_shifts"]

#: Longest time between two scenes of one season, days.
MAX_DAYS = 70
#: Days per year, since motion is expressed per year; and the weight of a zero-motion prior, in
#: pairs, which matters only if all pairs are short.
YEAR = 365.25
PRIOR_WEIGHT = 0.05


def network_shifts(cube: xr.Dataset, scenes: list[str], ice: Mask) -> pd.DataFrame:
    """Estimate the shift of each scene relative to the mean of its season.

    Parameters
    ----------
    cube : xarray.Dataset
        Cube from `gdiv.imagery.cube.load_cube`.
    scenes : list of str
        Identifiers of the scenes.
    ice : ndarray of bool, shape (H, W)
        Ice.

    Returns
    -------
    pandas.DataFrame
        ``shift_x`` and ``shift_y`` in pixels and ``shift_spread``, the median NMAD of the blocks of
        all pairs, by scene. Scenes without a pair are omitted. The table is empty if every season
        has only one scene, since the shift between seasons cannot be distinguished from motion.
    """
    chosen = cube.sel(scene=scenes)
    days = (chosen.time.values - chosen.time.values.min()) / np.timedelta64(1, "D")
    seasons = chosen.season_year.values
    count = len(scenes)
    equations = []
    measured = []
    spreads = []
    for first, second in itertools.combinations(np.argsort(days), 2):
        separation = days[second] - days[first]
        if seasons[first] == seasons[second] and separation > MAX_DAYS:
            continue
        images = chosen.reflectance.isel(scene=[first, second]).values
        shift = measure_shift(images[0], images[1], ice)
        if shift["blocks"] < MIN_BLOCKS:
            continue
        row = np.zeros(count + 1)  # the last unknown is the motion per year
        row[[first, second]] = -1, 1
        row[-1] = separation / YEAR
        equations.append(row)
        measured.append((shift["shift_x"], shift["shift_y"]))
        spreads.append(shift["shift_spread"])
    columns = ["shift_x", "shift_y", "shift_spread"]
    if not equations:
        return pd.DataFrame(columns=columns, dtype=float)
    # A scene without a pair would be constrained only by the equation of its season.
    connected = np.abs(np.array(equations))[:, :-1].sum(0) > 0
    _, sizes = np.unique(seasons[connected], return_counts=True)
    if sizes.max() < 2:
        return pd.DataFrame(columns=columns, dtype=float)
    means = [
        np.append((seasons == year) & connected, 0.0) for year in np.unique(seasons[connected])
    ]
    prior = PRIOR_WEIGHT * np.append(np.zeros(count), 1)
    matrix = np.vstack([*equations, *means, prior])
    right = np.vstack([*measured, np.zeros((len(means) + 1, 2))])
    solution, *_ = np.linalg.lstsq(matrix, right, rcond=None)
    table = pd.DataFrame(solution[:-1], index=scenes, columns=columns[:2])
    return table.assign(shift_spread=float(np.median(spreads)))[connected]
