"""Invert a network of pairs into a time series."""

import numpy as np
import pytest
import xarray as xr

from gdiv.velocity import inversion


def make_pairs(pairs, days, truth, size=(6, 5), noise=0.0):
    """Make mean velocities of scene pairs `(i, j)` from one true `(vx, vy)` per interval."""
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


ALL_PAIRS = [(i, j) for i in range(5) for j in range(i + 1, 5)]


def test_inversion_recovers_the_velocity_averaged_by_pairs():
    truth, days = np.array([[10.0, 0], [40, -5], [20, 5], [30, 0]]), [30, 60, 20, 90]
    series = inversion.invert_network(make_pairs(ALL_PAIRS, days, truth), smooth=1e-3)
    assert np.abs(series.vx.values - truth[:, 0, None, None]).max() < 0.05
    assert np.abs(series.vy.values - truth[:, 1, None, None]).max() < 0.05
    assert float(series.closure.max()) < 0.05
    assert ((series.end - series.start) / np.timedelta64(1, "D")).values.tolist() == days
    steady = inversion.invert_network(make_pairs(ALL_PAIRS, days, truth), smooth=100)
    assert np.ptp(steady.vx.values, axis=0).max() < 0.5


def test_inversion_is_robust_to_an_outlier_that_the_closure_reveals():
    truth, days = np.full((4, 2), 30.0), [30, 60, 20, 90]
    data = make_pairs(ALL_PAIRS, days, truth, noise=0.3)
    data.vx[2] += 60  # one outlier among ten pairs
    data.vy[5, 0, 0] = np.nan
    series = inversion.invert_network(data, smooth=0.1)
    assert np.abs(series.vx.values - 30).max() < 3
    assert np.isfinite(series.vy.values).all() and float(series.closure.min()) > 10, (
        "the closure must reveal it"
    )


def test_one_long_pair_does_not_flatten_a_series_of_short_ones():
    truth, days = np.stack([30 + 10 * np.sin(np.arange(12)), np.zeros(12)], axis=1), [30] * 12
    short = [(i, i + 1) for i in range(12)]
    series = inversion.invert_network(make_pairs([*short, (0, 12)], days, truth))
    assert np.ptp(series.vx.values[:, 0, 0]) > 0.8 * np.ptp(truth[:, 0])


def test_a_series_does_not_depend_on_chunks_and_is_nan_without_data():
    data = make_pairs(ALL_PAIRS, [30, 60, 20, 90], np.full((4, 2), 30.0), noise=1)
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


def test_the_error_covers_noise_and_grows_where_few_pairs_constrain_an_interval():
    truth, days = np.tile([[20.0, 5]], (6, 1)), [30] * 6
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    series = inversion.invert_network(make_pairs(pairs, days, truth, (40, 40), noise=2.0))
    inside = np.abs(series.vx.values - 20) <= series.error.values
    # Half of the pairs count as independent: errors of independent pairs are overestimated.
    assert 0.68 < inside.mean() < 0.97
    few = [*[(0, 1)] * 6, (1, 2)]
    few_pairs = make_pairs(few, days, truth, (40, 40), noise=2.0)
    error = inversion.invert_network(few_pairs, smooth=0.01).error.median(("y", "x")).values
    assert error[1] > 2 * error[0]


def test_errors_common_to_all_pairs_remain_in_the_series():
    truth, days = np.tile([[20.0, 5]], (4, 1)), [30, 60, 20, 90]
    pairs = make_pairs(ALL_PAIRS, days, truth, noise=0.01)
    stated = pairs.assign(sigma_x=0 * pairs.vx + 3, sigma_y=0 * pairs.vx + 3)
    series = inversion.invert_network(stated, smooth=1e-3)
    assert series.error.values == pytest.approx(3, abs=0.1)


def test_a_series_is_empty_where_no_pair_has_a_vector():
    truth, days = np.full((4, 2), 30.0), [30, 60, 20, 90]
    data = make_pairs(ALL_PAIRS, days, truth)
    data["vx"][:, :3] = np.nan
    series = inversion.invert_network(data)
    assert series.vx[:, :3].isnull().all() and series.closure[:3].isnull().all()
    assert np.abs(series.vx.values[:, 3:] - 30).max() < 0.1
    nothing = inversion.invert_network(data.isel(y=slice(0, 3)))
    assert nothing.error.isnull().all()
