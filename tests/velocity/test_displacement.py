"""Match all pairs of a cube."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client, LocalCluster

from gdiv.imagery import coregistration, cube, pairs
from gdiv.twin.truth import read_truth, true_pairs
from gdiv.velocity import displacement, scores


def test_matching_no_pair_raises_an_error():
    with pytest.raises(ValueError, match="no pair to match"):
        displacement.match_pairs(
            xr.Dataset(), pd.DataFrame({"reference": []}), np.ones((2, 2), bool), "dis"
        )


@pytest.fixture(scope="module")
def matched(twin, glacier):
    """Cube and pairs of the small twin."""
    data = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).load()
    table = pairs.choose_pairs(twin["table"], glacier, [2020, 2021], 2)
    return data, coregistration.register_pairs(data, table, twin["masks"])


@pytest.mark.run
def test_a_displacement_states_the_matcher_that_ran_first(matched, twin):
    data, table = matched
    stable = twin["masks"].stable.values
    alone = displacement.match_pairs(data, table, stable, "dis")
    after = displacement.match_pairs(data, table, stable, "dis", prewarp="farneback")
    assert json.loads(alone.attrs["options"]) == {}
    assert json.loads(after.attrs["options"]) == {"prewarp": "farneback"}
    assert not np.array_equal(alone.u[0].values, after.u[0].values, equal_nan=True)


@pytest.mark.run
def test_labels_do_not_depend_on_chunks_or_workers(matched, twin):
    """Threads, processes and a cluster give identical bits for any chunks."""
    data, table = matched
    stable, ice = twin["masks"].stable.values, twin["masks"].glacier.values

    def labels(**chunks):
        return displacement.match_pairs(
            data.chunk(chunks), table, stable, "horn-schunck", regions=ice, check_consistency=True
        )

    results = []
    for workers, chunks in (
        (2, {"scene": 1, "y": 64, "x": 50}),
        (1, {"scene": -1, "y": -1, "x": -1}),
    ):
        results.append(labels(**chunks).compute(scheduler="threads", num_workers=workers))
    results.append(labels(scene=2).compute(scheduler="processes", num_workers=2))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster),
    ):
        results.append(labels(scene=3).compute())
    assert np.isfinite(results[0].residual).any()
    for name in results[0].data_vars:
        for other in results[1:]:
            assert np.array_equal(results[0][name].values, other[name].values, equal_nan=True), name


def test_matching_is_lazy_and_recovers_the_motion_of_the_ice(matched, twin, twin_folder):
    data, table = matched
    lazy = displacement.match_pairs(
        data.chunk(scene=1), table, twin["masks"].stable.values, "horn-schunck"
    )
    assert all(lazy[name].chunks for name in ("u", "v", "quality"))
    result = lazy.isel(pair=[0]).load()
    truth = read_truth(twin_folder, result)
    ice = twin["masks"].glacier.values
    motions = true_pairs(truth, result)
    matcher = scores.score_pairs(result, motions, ice)
    zero = scores.score_pairs(result.assign(u=result.u * 0, v=result.v * 0), motions, ice)
    assert matcher["error"] < 0.5 * zero["error"]
    assert abs(matcher["along"]) < 0.15
    assert zero["along"] == pytest.approx(-1)
    table = displacement.summarise_pairs(result, ice)
    assert table.px_per_day[0] == pytest.approx(table.median_px[0] / table.days[0])
    assert table.m_per_year[0] == pytest.approx(table.median_px[0] * 10 / (table.days[0] / 365.25))
