"""Combine pairs into a mosaic."""

import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr
from velocity_fields import make_displacement

from gdiv.velocity import (
    annual,
    displacement,
    export,
    inversion,
    mean_error,
    products,
    scores,
    uncertainty,
    validation,
)


def test_components_are_averaged_not_speeds():
    noisy = annual.combine_pairs(
        annual.to_velocity(make_displacement(0, 0, pairs=40, noise=0.5)), "mean"
    )
    speeds = annual.speed(annual.to_velocity(make_displacement(0, 0, pairs=40, noise=0.5))).mean()
    assert float(annual.speed(noisy).mean()) < 0.3 * float(speeds)


def test_the_median_ignores_an_outlier():
    data = make_displacement(2, 0, pairs=5)
    data.u[0] = 50
    assert float(
        annual.combine_pairs(annual.to_velocity(data), "median").vx.mean()
    ) == pytest.approx(20)
    assert float(annual.combine_pairs(annual.to_velocity(data), "mean").vx.mean()) > 100


def test_the_robust_mosaic_ignores_an_outlier_and_is_less_noisy_than_the_median():
    data = make_displacement(2, 1, pairs=9, noise=0.1, seed=3)
    data.u[0] += 40
    velocity = annual.to_velocity(data)
    robust, median = (annual.combine_pairs(velocity, method) for method in ("robust", "median"))
    assert float(np.abs(robust.vx - 20).mean()) < 0.9 * float(np.abs(median.vx - 20).mean())
    assert float(robust.vx.mean()) == pytest.approx(20, abs=0.05)
    lazy = annual.combine_pairs(velocity.chunk(pair=1, y=7, x=9))
    assert lazy.vx.chunks is not None
    xr.testing.assert_allclose(robust, lazy.compute())


def test_prior_weight_grows_with_squared_time_separation():
    data = make_displacement(1, 0, pairs=2)  # 100 m/yr over 0.1 years, 10 m/yr over one year
    data = data.assign_coords(years=("pair", [0.1, 1.0]))
    weights = annual.prior_weight(annual.to_velocity(data))
    assert float(weights[0].mean() / weights[1].mean()) == pytest.approx(0.01)


def test_poor_matches_are_excluded_and_the_others_counted():
    data = make_displacement(2, 0, pairs=4)
    data.quality[0, :10] = 0.1
    combined = annual.combine_pairs(annual.to_velocity(data))
    assert int(combined["count"][0, 0]) == 3 and int(combined["count"][20, 0]) == 4


def test_no_pairs_or_an_unknown_method_raise_an_error():
    data = annual.to_velocity(make_displacement(1, 1))
    with pytest.raises(ValueError, match="at least one pair"):
        annual.combine_pairs(data.isel(pair=[]))
    with pytest.raises(ValueError, match="robust, median, mean"):
        annual.combine_pairs(data, "mode")


def test_missing_vectors_stay_missing_without_a_warning():
    data = make_displacement(1, 1)
    data["quality"] = data.quality * 0
    nowhere = np.zeros((40, 40), bool)
    combined = uncertainty.add_errors(
        annual.combine_pairs(annual.to_velocity(data)), ~nowhere, nowhere
    )
    assert np.isnan(combined.vx).all() and int(combined["count"].max()) == 0


def test_a_mosaic_without_vectors_is_nan_in_all_products(tmp_path):
    nothing = make_displacement(1, 1)
    nothing = nothing.assign(
        u=nothing.u * np.nan, v=nothing.v * np.nan, quality=nothing.quality * 0
    )
    ice = np.ones((40, 40), bool)
    coords = {
        "reference_date": ("pair", pd.to_datetime(["2020-07-01"] * 3)),
        "days": ("pair", [365.0] * 3),
    }
    nothing = nothing.assign_coords(
        **coords, secondary_date=("pair", pd.to_datetime(["2021-07-01"] * 3))
    )
    velocity = annual.to_velocity(nothing)
    other = uncertainty.add_errors(annual.combine_pairs(velocity), ice, ~ice)
    combined = uncertainty.add_errors(annual.combine_pairs(velocity), ice, ~ice, other)
    assert np.isnan(combined.v_error).all()
    assert np.isnan(mean_error.correlation_length(combined, ice))
    assert np.isnan(mean_error.error_of_mean(combined.v_error.values, 10, 100).total)
    assert np.isnan(inversion.invert_network(velocity).closure).all()
    motions = [(np.ones((40, 40)), np.ones((40, 40)))] * 3
    result = scores.score_pairs(nothing, motions, ice)
    assert result["valid"] == 0 and np.isnan(result["error"]) and np.isnan(result["closure"])
    checks = validation.check_mosaic(combined, None, ice, ~ice, pd.DataFrame({"difference": []}))
    assert all(np.isnan(value) for value in checks.values())
    summary = displacement.summarise_pairs(nothing, ice)
    assert summary.trusted.eq(0).all() and summary.median_px.isna().all()
    product = products.velocity_product(
        combined, 32632, "Empty", {}, tuple(pd.to_datetime(["2020", "2021"]))
    )
    assert np.isnan(rioxarray.open_rasterio(export.write_geotiffs(product, tmp_path)[0])).all()
    assert export.int16_encoding(product)["v"]["scale_factor"] == 0.01


def test_velocities_are_corrected_for_the_map_scale():
    """Map distances are 10 % longer than ground distances."""
    displacement = make_displacement(2, -1)
    scale = xr.full_like(displacement.u.isel(pair=0, drop=True), 1.1)
    velocity = annual.to_velocity(displacement.assign_coords(map_scale=scale))
    plain = annual.to_velocity(displacement)
    assert np.allclose(velocity.vx * 1.1, plain.vx)
    assert velocity.vx.dtype == np.float32


def test_chunks_of_the_map_scale_do_not_cut_those_of_the_displacement():
    """Zarr stores no variable whose chunks differ in size."""
    displacement = make_displacement(2, -1).chunk(pair=1, y=16)
    scale = xr.full_like(displacement.u.isel(pair=0, drop=True), 1.1).chunk(y=25)
    velocity = annual.to_velocity(displacement.assign_coords(map_scale=scale))
    assert velocity.vx.chunks == displacement.u.chunks
