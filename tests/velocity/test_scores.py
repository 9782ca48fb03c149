"""Score single pairs."""

import numpy as np
import pytest
import xarray as xr
from velocity_fields import add_scene_ids, make_displacement

from gdiv.velocity import annual, scores


def test_triplet_closure_is_zero_for_consistent_displacements():
    data = make_displacement(1, 2, pairs=3)
    data.u[2] = 2
    data.v[2] = 4
    data = add_scene_ids(data, ["a", "b", "a"], ["b", "c", "c"])
    inner = np.zeros((40, 40), bool)
    inner[5:-5, 5:-5] = True
    assert scores.triplet_closure(data, inner) == pytest.approx(0, abs=1e-5)
    data.u[2] = 3
    assert scores.triplet_closure(data, inner) == pytest.approx(1, abs=1e-5)
    assert np.isnan(scores.triplet_closure(make_displacement(1, 1), inner))


def test_the_error_is_tabulated_by_true_displacement():
    data = make_displacement(0, 0, pairs=2)
    columns = np.tile(np.arange(40.0), (40, 1))
    motions = [(columns, np.zeros((40, 40)))] * 2
    data.u[:] = 0.9 * columns
    table = scores.error_by_displacement(data, motions, np.ones((40, 40), bool), classes=4)
    assert len(table) == 4
    assert table.error.to_numpy() == pytest.approx(0.1 * table.displacement.to_numpy(), rel=1e-4)


def test_mosaics_of_more_pairs_are_closer_to_the_truth():
    velocity = annual.to_velocity(make_displacement(3, 0, pairs=16, noise=0.3))
    truth = xr.zeros_like(velocity.isel(pair=0, drop=True)[["vx", "vy"]])
    truth["vx"] += 30
    ice = np.ones((40, 40), bool)
    table = scores.subsample_pairs(velocity, truth, ice, [2, 16])
    assert set(table.mosaic) == {"robust", "median", "mean"}
    rmse = table.set_index(["mosaic", "pairs"]).rmse
    for method in set(table.mosaic):
        assert rmse[method, 16] < 0.6 * rmse[method, 2]
