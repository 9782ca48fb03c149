"""Velocity field of the twin's ice."""

import numpy as np
import pytest
from pyproj import Transformer

from gdiv.catalog import load_catalog
from gdiv.imagery.grid import study_grid
from gdiv.twin.ice import Ice
from gdiv.twin.truth import read_truth


@pytest.fixture(scope="module")
def truth(twin_folder):
    return read_truth(twin_folder)


def test_stakes_move_at_their_published_speed():
    entry = load_catalog().glaciers["mer-de-glace"]
    grid = study_grid(entry.bbox, entry.epsg)
    ice = Ice(entry, grid)
    to_grid = Transformer.from_crs(4326, entry.epsg, always_xy=True)
    for stake, speed in zip(entry.stakes, (69.5, 34, 18), strict=True):
        column, row = ~grid.affine * to_grid.transform(stake.lon, stake.lat)
        end = ice.advect(np.array([column - 0.5]), np.array([row - 0.5]), 1.0)
        assert 10 * float(np.hypot(end[0] - column + 0.5, end[1] - row + 0.5)[0]) == pytest.approx(
            speed, rel=0.03
        )


def test_ice_moves_only_within_its_outline(truth):
    speed = np.hypot(truth.vx, truth.vy).values
    assert speed.max() < 110 and (speed == 0).mean() > 0.3
