"""Velocity, mosaics, uncertainty, time series and their validation."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr
from distributed import Client, LocalCluster
from scipy import ndimage

from gdiv.catalog import load_catalog
from gdiv.imagery import coregistration, cube, pairs
from gdiv.twin.truth import read_truth, true_pairs, true_velocity
from gdiv.velocity import (
    annual,
    displacement,
    export,
    inversion,
    products,
    profiles,
    scores,
    stakes,
    uncertainty,
    validation,
)


def field(u, v, pairs=3, size=40, spacing=10.0, years=1.0, noise=0.0, seed=0):
    """Displacement of constant motion plus noise, as from `match_pairs`."""
    rng = np.random.default_rng(seed)
    values = {
        name: (base + noise * rng.normal(size=(pairs, size, size))).astype(np.float32)
        for name, base in (("u", u), ("v", v), ("quality", 1))
    }
    values["quality"] = np.clip(values["quality"], 0.6, 1)
    data = xr.Dataset({name: (("pair", "y", "x"), array) for name, array in values.items()})
    coords = {
        "x": 1000 + spacing * np.arange(size),
        "y": 9000 - spacing * np.arange(size),
        "years": ("pair", [years] * pairs),
    }
    zero = {
        name: ("pair", np.zeros(pairs)) for name in (*displacement.STATISTICS, "shift_x", "shift_y")
    }
    data = data.assign(zero).assign_coords(coords).assign_attrs(spacing=spacing)
    return with_scenes(data, [f"r{i}" for i in range(pairs)], [f"s{i}" for i in range(pairs)])


def with_scenes(data, reference, secondary):
    """Add the scene ids of each pair."""
    ids = {"reference": reference, "secondary": secondary}
    text = np.dtypes.StringDType()
    return data.assign_coords(
        {name: ("pair", np.array(values, dtype=text)) for name, values in ids.items()}
    )


def test_components_are_averaged_not_speeds():
    noisy = annual.combine_pairs(annual.to_velocity(field(0, 0, pairs=40, noise=0.5)), "mean")
    speeds = annual.speed(annual.to_velocity(field(0, 0, pairs=40, noise=0.5))).mean()
    assert float(annual.speed(noisy).mean()) < 0.3 * float(speeds)


def test_the_median_ignores_a_wrong_pair():
    data = field(2, 0, pairs=5)
    data.u[0] = 50
    assert float(
        annual.combine_pairs(annual.to_velocity(data), "median").vx.mean()
    ) == pytest.approx(20)
    assert float(annual.combine_pairs(annual.to_velocity(data), "mean").vx.mean()) > 100


def test_robust_mosaic_ignores_an_outlier_and_is_less_noisy_than_the_median():
    data = field(2, 1, pairs=9, noise=0.1, seed=3)
    data.u[0] += 40
    velocity = annual.to_velocity(data)
    robust, median = (annual.combine_pairs(velocity, method) for method in ("robust", "median"))
    assert float(np.abs(robust.vx - 20).mean()) < 0.9 * float(np.abs(median.vx - 20).mean())
    assert float(robust.vx.mean()) == pytest.approx(20, abs=0.05)
    lazy = annual.combine_pairs(velocity.chunk(pair=1, y=7, x=9))
    assert lazy.vx.chunks is not None
    xr.testing.assert_allclose(robust, lazy.compute())


def test_prior_weight_grows_with_squared_time_separation():
    data = field(1, 0, pairs=2)  # a tenth of a year: 100 m/yr; a year: 10 m/yr
    data = data.assign_coords(years=("pair", [0.1, 1.0]))
    weights = annual.prior_weight(annual.to_velocity(data))
    assert float(weights[0].mean() / weights[1].mean()) == pytest.approx(0.01)


def test_poor_matches_are_left_out_and_counted():
    data = field(2, 0, pairs=4)
    data.quality[0, :10] = 0.1
    combined = annual.combine_pairs(annual.to_velocity(data))
    assert int(combined["count"][0, 0]) == 3 and int(combined["count"][20, 0]) == 4


def test_a_mosaic_without_pairs_and_an_unknown_method_are_errors():
    data = annual.to_velocity(field(1, 1))
    with pytest.raises(ValueError, match="at least one pair"):
        annual.combine_pairs(data.isel(pair=[]))
    with pytest.raises(ValueError, match="robust, median, mean"):
        annual.combine_pairs(data, "mode")


def test_all_nan_stays_nan_without_a_warning():
    data = field(1, 1)
    data["quality"] = data.quality * 0
    nowhere = np.zeros((40, 40), bool)
    combined = uncertainty.add_errors(
        annual.combine_pairs(annual.to_velocity(data)), ~nowhere, nowhere
    )
    assert np.isnan(combined.vx).all() and int(combined["count"].max()) == 0


def test_errors_cover_independent_noise():
    ice = np.ones((80, 80), bool)
    noisy = annual.combine_pairs(annual.to_velocity(field(3, 0, pairs=30, size=80, noise=0.3)))
    noisy = uncertainty.add_errors(noisy, ice, ~ice)
    share = uncertainty.coverage((noisy.vx - 30).values, noisy.vx_error.values)
    assert (
        0.68 < share < 0.95
    )  # half of the pairs count as independent, so independent ones are over-covered


def season(seed, shared, alone, size=120, rough=2.0):
    """A mosaic of ice at 30 m/yr whose pairs share an error beside their own, both `rough` times as large in the south."""
    rng = np.random.default_rng(seed)
    rough = np.where(np.arange(size)[:, None] < size // 2, 1.0, rough)
    data = field(3, 0, pairs=12, size=size)
    for name in "uv":
        errors = rough * (
            rng.normal(0, shared, (size, size)) + rng.normal(0, alone, (12, size, size))
        )
        data[name] = data[name].copy(data=data[name].values + errors)
    return annual.combine_pairs(annual.to_velocity(data)).load()


@pytest.mark.parametrize("ratio", [1.0, 4.0])
def test_uncertainty_is_calibrated_where_both_mosaics_are_noisy_in_the_same_area(ratio):
    """Two equally good mosaics, `ratio` times as noisy in the south: variance is subtracted per bin."""
    ice = np.ones((120, 120), bool)
    first, second, third = (season(seed, 0.2, 0.05, rough=ratio) for seed in (1, 2, 3))
    with_errors = uncertainty.add_errors(
        first, ice, ~ice, third, uncertainty.repeat_error(second, third, ice)
    )
    for half in (slice(0, 60), slice(60, 120)):
        share = uncertainty.coverage(
            (first.vx - 30).values[half], with_errors.vx_error.values[half]
        )
        assert 0.6 < share < 0.76


def test_an_uncertainty_without_evidence_is_nan_not_zero():
    ice = np.ones((40, 40), bool)
    lone = uncertainty.add_errors(
        annual.combine_pairs(annual.to_velocity(field(3, 0, pairs=1))), ice, ~ice
    )
    assert np.isnan(lone.v_error).all() and lone.vx.notnull().all()


def test_a_second_season_reveals_an_error_that_all_pairs_share():
    ice = np.ones((120, 120), bool)
    first, second, other = (
        season(seed, shared, 0.05) for seed, shared in ((1, 0.2), (2, 0.2), (3, 0.4))
    )
    alone = uncertainty.add_errors(first, ice, ~ice)
    assert uncertainty.coverage((first.vx - 30).values, alone.vx_error.values) < 0.25
    own = uncertainty.repeat_error(first, second, ice)
    for data in (first, other):
        with_errors = uncertainty.add_errors(data, ice, ~ice, second, own)
        for half in (slice(0, 60), slice(60, 120)):
            for name, truth in (("vx", 30), ("vy", 0)):
                share = uncertainty.coverage(
                    (with_errors[name] - truth).values[half],
                    with_errors[f"{name}_error"].values[half],
                )
                assert 0.55 < share < 0.8


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_correlation_length_and_error_of_mean_match_blurred_noise(sigma):
    """Noise blurred by a Gaussian of s pixels is correlated as exp(-d^2 / 4 s^2): by 1/e at 2 s."""
    rng, size = np.random.default_rng(6), 240
    coords = {"y": -10.0 * np.arange(size), "x": 10.0 * np.arange(size)}
    fields = [
        ndimage.gaussian_filter(rng.normal(size=(40, size, size)), (0, sigma, sigma))
        for _ in range(2)
    ]
    fields = [field / field.std() for field in fields]
    errors = xr.Dataset(
        {n: (("y", "x"), field[0]) for n, field in zip(("vx", "vy"), fields, strict=True)}, coords
    )
    length = uncertainty.correlation_length(errors, np.ones((size, size), bool))
    assert length == pytest.approx(20 * sigma, rel=0.25)
    sigma_of_mean = uncertainty.error_of_mean(np.ones((size, size)), 10.0, length)
    assert sigma_of_mean == pytest.approx(
        np.std([field.mean() for field in np.concatenate(fields)]), rel=0.4
    )
    assert np.isnan(uncertainty.correlation_length(errors * 0, np.ones((size, size), bool)))


def test_an_offset_to_the_second_season_counts_as_error_also_for_a_single_pair():
    ice = np.ones((120, 120), bool)
    first, second = season(1, 0.2, 0.05), season(2, 0.2, 0.05)
    off = first.assign(vx=first.vx + 20)
    with_errors = uncertainty.add_errors(
        off, ice, ~ice, second, uncertainty.repeat_error(first, second, ice)
    )
    assert uncertainty.coverage((off.vx - 30).values, with_errors.vx_error.values) > 0.6
    lone = annual.combine_pairs(
        annual.to_velocity(field(3, 0, pairs=1, size=120, noise=0.2))
    ).load()
    with_errors = uncertainty.add_errors(lone, ice, ~ice, second, 1.0)
    assert np.isfinite(with_errors.vx_error).all()
    assert uncertainty.coverage((lone.vx - 30).values, with_errors.vx_error.values) > 0.5


def test_an_empty_mosaic_gives_nan_everywhere(tmp_path):
    nothing, ice = field(1, 1), np.ones((40, 40), bool)
    nothing["u"], nothing["v"], nothing["quality"] = (
        nothing.u * np.nan,
        nothing.v * np.nan,
        nothing.quality * 0,
    )
    coords = {
        "reference_date": ("pair", pd.to_datetime(["2020-07-01"] * 3)),
        "days": ("pair", [365.0] * 3),
    }
    nothing = nothing.assign_coords(
        **coords, secondary_date=("pair", pd.to_datetime(["2021-07-01"] * 3))
    )
    velocity = annual.to_velocity(nothing)
    combined = uncertainty.add_errors(
        annual.combine_pairs(velocity), ice, ~ice, annual.combine_pairs(velocity), 1.0
    )
    assert np.isnan(combined.v_error).all()
    assert np.isnan(uncertainty.correlation_length(combined, ice))
    assert np.isnan(uncertainty.error_of_mean(combined.v_error.values, 10, 100))
    assert np.isnan(inversion.invert_network(velocity).closure).all()
    motions = [(np.ones((40, 40)), np.ones((40, 40)))] * 3
    result = scores.score_pairs(nothing, motions, ice)
    assert result["coverage"] == 0 and np.isnan(result["error"]) and np.isnan(result["closure"])
    checks = validation.check_mosaic(combined, None, ice, ~ice, pd.DataFrame({"difference": []}))
    assert all(np.isnan(value) for value in checks.values())
    summary = displacement.summarise_pairs(nothing, ice)
    assert summary.trusted.eq(0).all() and summary.median_px.isna().all()
    product = products.velocity_product(
        combined, 32632, "Empty", {}, tuple(pd.to_datetime(["2020", "2021"]))
    )
    assert np.isnan(rioxarray.open_rasterio(export.write_geotiffs(product, tmp_path)[0])).all()
    assert export.int16_encoding(product)["v"]["scale_factor"] == 0.01


def test_an_empty_season_is_one_error():
    with pytest.raises(ValueError, match="no pair to match"):
        displacement.match_pairs(
            xr.Dataset(), pd.DataFrame({"reference": []}), np.ones((2, 2), bool), "dis"
        )


def test_mixed_grids_are_an_error():
    ice = np.ones((120, 120), bool)
    first, second = season(1, 0.2, 0.05), season(2, 0.2, 0.05)
    with pytest.raises(ValueError, match=r"repeat is on a grid of \(119, 120\)"):
        uncertainty.add_errors(first, ice, ~ice, second.isel(y=slice(1, None)))
    with pytest.raises(ValueError, match=r"stable is on a grid of \(60, 120\)"):
        uncertainty.add_errors(first, ice, ~ice[:60])
    here, shifted = (
        data.assign_coords(y=start + np.arange(120))
        for data, start in ((first, 0.0), (second, 5.0))
    )
    with pytest.raises(ValueError, match="exact"):
        uncertainty.add_errors(here, ice, ~ice, shifted)
    with pytest.raises(ValueError, match="exact"):
        validation.compare_with_truth(here, shifted, ice)


def test_stable_ground_gives_the_uncertainty_beside_the_ice():
    stable = np.ones((120, 120), bool)
    found = season(4, 0.2, 0.05)
    apparent = found.assign(vx=found.vx - 30)
    with_errors = uncertainty.add_errors(apparent, ~stable, stable)
    assert 0.6 < uncertainty.coverage(apparent.vx.values, with_errors.vx_error.values) < 0.76


def test_observed_coverage_finds_an_underestimated_uncertainty():
    rng = np.random.default_rng(5)
    coords = {"y": -10.0 * np.arange(80), "x": 10.0 * np.arange(80)}
    truth = xr.Dataset(
        {n: (("y", "x"), np.full((80, 80), v)) for n, v in (("vx", 0.0), ("vy", 20.0))}, coords
    )
    truth.attrs["spacing"] = 10.0
    year = true_velocity(truth, 1.0)
    data = year + xr.Dataset({n: (("y", "x"), rng.normal(0, 2, (80, 80))) for n in ("vx", "vy")})
    data = data.assign(
        {f"{n}_error": xr.full_like(data[n], 1.0) for n in ("vx", "vy")}
    ).assign_attrs(longest_years=1.0)
    table = validation.observed_coverage(data, truth, year.vx.notnull().values)
    within = table.query("stated == 0.68").set_index("speed").found
    assert set(within.index) == {"all", "10 to 30"} and within["all"] == pytest.approx(
        0.38, abs=0.02
    )  # half a sigma
    assert validation.observed_coverage(data, None, None).empty


def observed(pairs, days, truth, size=(6, 5), noise=0.0):
    """Pairs of scenes `(i, j)` as mean velocities over `truth`, one `(vx, vy)` an interval of `days`."""
    dates = np.datetime64("2020-07-01", "ns") + np.cumsum([0, *days]) * np.timedelta64(1, "D")
    rng, means = np.random.default_rng(7), []
    for i, j in pairs:
        means.append(np.average(truth[i:j], axis=0, weights=days[i:j]))
    values = np.array(means)[:, :, None, None] + rng.normal(
        0, noise or 1e-9, (len(pairs), 2, *size)
    )
    return xr.Dataset(
        {
            n: (("pair", "y", "x"), values[:, k].astype(np.float32))
            for k, n in enumerate(("vx", "vy"))
        }
        | {"quality": (("pair", "y", "x"), np.full((len(pairs), *size), 0.8, np.float32))},
        coords={
            "reference_date": ("pair", dates[[i for i, _ in pairs]]),
            "secondary_date": ("pair", dates[[j for _, j in pairs]]),
            "years": ("pair", [sum(days[i:j]) / 365.25 for i, j in pairs]),
        },
    )


EVERY = [(i, j) for i in range(5) for j in range(i + 1, 5)]


def test_inversion_recovers_the_velocity_that_pairs_average():
    truth, days = np.array([[10.0, 0], [40, -5], [20, 5], [30, 0]]), [30, 60, 20, 90]
    series = inversion.invert_network(observed(EVERY, days, truth), smooth=1e-3)
    assert np.abs(series.vx.values - truth[:, 0, None, None]).max() < 0.05
    assert np.abs(series.vy.values - truth[:, 1, None, None]).max() < 0.05
    assert float(series.closure.max()) < 0.05
    assert ((series.end - series.start) / np.timedelta64(1, "D")).values.tolist() == days
    steady = inversion.invert_network(observed(EVERY, days, truth), smooth=100)
    assert np.ptp(steady.vx.values, axis=0).max() < 0.5


def test_inversion_is_robust_to_an_outlier_that_the_closure_reveals():
    truth, days = np.full((4, 2), 30.0), [30, 60, 20, 90]
    data = observed(EVERY, days, truth, noise=0.3)
    data.vx[2] += 60  # one pair of ten, far off
    data.vy[5, 0, 0] = np.nan
    series = inversion.invert_network(data, smooth=0.1)
    assert np.abs(series.vx.values - 30).max() < 3
    assert np.isfinite(series.vy.values).all() and float(series.closure.min()) > 10, (
        "the closure reveals it"
    )


def test_one_long_pair_does_not_flatten_a_series_of_short_ones():
    truth, days = np.stack([30 + 10 * np.sin(np.arange(12)), np.zeros(12)], axis=1), [30] * 12
    short = [(i, i + 1) for i in range(12)]
    series = inversion.invert_network(observed([*short, (0, 12)], days, truth))
    assert np.ptp(series.vx.values[:, 0, 0]) > 0.8 * np.ptp(truth[:, 0])


def test_a_series_does_not_depend_on_chunks_and_is_nan_without_data():
    data = observed(EVERY, [30, 60, 20, 90], np.full((4, 2), 30.0), noise=1)
    data.vx[:, 2, 3] = np.nan
    whole, lazy = (inversion.invert_network(d) for d in (data, data.chunk(pair=1, y=2, x=2)))
    assert lazy.vx.chunks is not None
    xr.testing.assert_allclose(whole.compute(), lazy.compute())
    assert (
        np.isnan(whole.vx[:, 2, 3]).all()
        and np.isnan(whole.closure[2, 3])
        and np.isfinite(whole.closure[0, 0])
    )
    with pytest.raises(ValueError, match="at least one pair"):
        inversion.invert_network(data.isel(pair=[]))


def test_compare_with_truth_reports_lost_motion():
    truth = xr.Dataset(
        {n: (("y", "x"), np.full((10, 10), value)) for n, value in (("vx", 30.0), ("vy", -40.0))}
    )
    result = validation.compare_with_truth(truth * 0.9, truth, np.ones((10, 10), bool))
    assert result["along"] == pytest.approx(-0.1)
    assert result["rmse"] == pytest.approx(5)
    assert result["coverage"] == 1


def test_stable_ground_gives_bias_and_spread():
    rng = np.random.default_rng(1)
    data = xr.Dataset(
        {
            n: (("y", "x"), value + rng.normal(size=(80, 80)))
            for n, value in (("vx", 3.0), ("vy", 4.0))
        }
    )
    found = validation.stable_ground_velocity(data, np.ones((80, 80), bool))
    assert found["bias"] == pytest.approx(5, abs=0.1) and found["nmad"] == pytest.approx(
        1, abs=0.05
    )
    # Two sigma of 1 m/yr, widened by the kernel the density is drawn with.
    assert 1.9 < found["glaft"] < 3.2
    assert validation.stable_ground_velocity(data, np.arange(6400).reshape(80, 80) % 2 == 0)[
        "glaft"
    ] == pytest.approx(found["glaft"], rel=0.2)
    assert validation.stable_ground_velocity(data * 0, np.ones((80, 80), bool))["glaft"] == 0


def test_mosaics_are_interpolated_at_stakes_and_stakes_outside_are_left_out():
    size, epsg = 20, 32632
    x, y = 340000 + 10.0 * np.arange(size), 5086000 - 10.0 * np.arange(size)
    ramp = np.tile(np.arange(size, dtype=float), (size, 1))
    data = xr.Dataset(
        {"vx": (("y", "x"), ramp), "vy": (("y", "x"), 0 * ramp)}, coords={"x": x, "y": y}
    )
    surveyed = gpd.GeoDataFrame(
        {"name": ["in", "out", "other year"], "year": [2021, 2021, 2020], "speed": [7.0, 1.0, 1.0]},
        geometry=gpd.points_from_xy([340045, 341000, 340050], [5085950, 5085950, 5085950]), crs=epsg,
    ).to_crs(4326)  # fmt: skip
    table = stakes.compare_with_stakes(data, surveyed, 2021, epsg)
    assert table.name.tolist() == ["in"]
    assert table.estimated[0] == pytest.approx(4.5, abs=1e-3) and table.difference[
        0
    ] == pytest.approx(-2.5, abs=1e-3)


def test_triplet_closure_is_zero_for_consistent_displacements():
    data = field(1, 2, pairs=3)
    data.u[2], data.v[2] = 2, 4
    data = with_scenes(data, ["a", "b", "a"], ["b", "c", "c"])
    inner = np.zeros((40, 40), bool)
    inner[5:-5, 5:-5] = True
    assert scores.triplet_closure(data, inner) == pytest.approx(0, abs=1e-5)
    data.u[2] = 3
    assert scores.triplet_closure(data, inner) == pytest.approx(1, abs=1e-5)
    assert np.isnan(scores.triplet_closure(field(1, 1), inner))


@pytest.fixture(scope="module")
def matched(found, glacier):
    """Cube and pairs of the small twin."""
    data = cube.load_cube(found["items"], found["table"], found["source"], found["grid"]).load()
    table = pairs.choose_pairs(found["table"], glacier, [2020, 2021], 2)
    return data, coregistration.register_pairs(data, table, found["masks"])


@pytest.mark.run
def test_labels_do_not_depend_on_chunks_or_workers(matched, found):
    """Bit for bit: threads, processes or a cluster, however many and however the cube is cut."""
    data, table = matched
    stable, ice = found["masks"].stable.values, found["masks"].glacier.values

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
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        results.append(labels(scene=3).compute())
    assert np.isfinite(results[0].residual).any()
    for name in results[0].data_vars:
        for other in results[1:]:
            assert np.array_equal(results[0][name].values, other[name].values, equal_nan=True), name


def test_matching_is_lazy_and_finds_the_ice(matched, found, twin_folder):
    data, table = matched
    lazy = displacement.match_pairs(
        data.chunk(scene=1), table, found["masks"].stable.values, "horn-schunck"
    )
    assert all(lazy[name].chunks for name in ("u", "v", "quality"))
    result = lazy.isel(pair=[0]).load()
    truth = read_truth(twin_folder, result)
    ice = found["masks"].glacier.values
    motions = true_pairs(truth, result)
    matcher = scores.score_pairs(result, motions, ice)
    zero = scores.score_pairs(result.assign(u=result.u * 0, v=result.v * 0), motions, ice)
    assert matcher["error"] < 0.5 * zero["error"]
    assert abs(matcher["along"]) < 0.15
    assert zero["along"] == pytest.approx(-1)
    table = displacement.summarise_pairs(result, ice)
    assert table.px_per_day[0] == pytest.approx(table.median_px[0] / table.days[0])
    assert table.m_per_year[0] == pytest.approx(table.median_px[0] * 10 / (table.days[0] / 365.25))


def test_truth_is_absent_for_real_sources(tmp_path):
    assert read_truth(tmp_path, xr.Dataset()) is None


def test_catalog_stakes_serve_where_the_source_brings_none(tmp_path):
    surveyed = stakes.read_stakes(tmp_path, load_catalog().glaciers["mer-de-glace"])
    assert (
        set(surveyed.name) == {"Tacul", "Trélaporte", "Échelets"} and surveyed.crs.to_epsg() == 4326
    )


def test_a_profile_samples_the_centreline_and_its_stakes(twin_folder, glacier):
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
    assert table.distance.iloc[-1] < centre.iloc[0].length / 1000, "the map ends before the line"
    for stake in near.itertuples():
        if table.distance.min() < stake.distance < table.distance.max():
            assert np.interp(stake.distance, table.distance, table.speed) == pytest.approx(
                stake.speed, rel=0.1
            )
    assert (
        "Tacul" in set(near.name)
        and profiles.centreline(glacier.model_copy(update={"twin": None})) is None
    )


def test_truth_over_a_short_time_is_the_velocity_itself(twin_folder):
    truth = xr.open_zarr(twin_folder / "truth.zarr", consolidated=False).load()
    brief, year = (true_velocity(truth, years) for years in (0.01, 1.0))
    assert np.abs(brief.vx - truth.vx).max() < 0.5
    assert np.abs(year.vx - truth.vx).max() > np.abs(brief.vx - truth.vx).max()
    combined = annual.combine_pairs(annual.to_velocity(field(1, 1, years=0.03)))
    assert combined.attrs["longest_years"] == pytest.approx(0.03)
