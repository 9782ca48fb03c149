"""Profiles along the centreline."""

import numpy as np
import pytest
import xarray as xr

from gdiv.velocity import profiles, stakes


def test_profiles_sample_the_centreline_and_its_stakes(twin_folder, glacier):
    truth = xr.open_zarr(twin_folder / "truth.zarr", consolidated=False).load()
    data = truth[["vx", "vy"]].assign(v_error=xr.full_like(truth.vx, 2.0))
    centre = profiles.centreline(glacier)
    surveyed = stakes.read_stakes(twin_folder, glacier)
    table = profiles.sample_along(data, centre)
    near = profiles.stakes_along(surveyed, centre, 2021)
    assert table.distance.diff().dropna().to_numpy() == pytest.approx(0.02)
    assert table.error.dropna().to_numpy() == pytest.approx(2)
    assert (
        profiles.to_points(table, centre)
        .geometry.iloc[5]
        .distance(centre.iloc[0].interpolate(1000 * table.distance[5]))
        < 1e-6
    )
    assert table.distance.iloc[-1] < centre.iloc[0].length / 1000, (
        "the map ends before the centreline"
    )
    for stake in near.itertuples():
        if table.distance.min() < stake.distance < table.distance.max():
            assert np.interp(stake.distance, table.distance, table.speed) == pytest.approx(
                stake.speed, rel=0.1
            )
    assert (
        "Tacul" in set(near.name)
        and profiles.centreline(glacier.model_copy(update={"twin": None})) is None
    )
