"""Coverage of the stated errors of mosaics, single pairs and blocks."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage
from velocity_fields import make_displacement

from gdiv.twin.truth import true_velocity
from gdiv.velocity import reliability

COORDS = {"y": -10.0 * np.arange(120), "x": 10.0 * np.arange(120)}


@pytest.fixture(scope="module")
def truth():
    """Ice at 20 m/yr to the north."""
    values = {"vx": 0.0, "vy": 20.0}
    fields = {name: (("y", "x"), np.full((120, 120), value)) for name, value in values.items()}
    return xr.Dataset(fields, COORDS).assign_attrs(spacing=10.0)


def make_mosaic(truth, errors, stated, **attributes):
    """Make a mosaic of the truth with errors ``(2, 120, 120)``, whose stated sigma is given."""
    year = true_velocity(truth, 1.0)
    mosaic = year.copy()
    for name, error in zip(("vx", "vy"), errors, strict=True):
        mosaic[name] = year[name] + error
        mosaic[f"{name}_error"] = xr.full_like(year[name], stated)
    return mosaic.assign_attrs(longest_years=1.0, **attributes), year.vx.notnull().values


def test_observed_coverage_reveals_an_underestimated_uncertainty(truth):
    errors = np.random.default_rng(5).normal(0, 2, (2, 120, 120))
    mosaic, known = make_mosaic(truth, errors, stated=1.0)
    table = reliability.observed_coverage(mosaic, truth, known)
    within = table.query("stated == 0.68").set_index("speed").found
    assert set(within.index) == {"all", "10 to 30"}
    assert within["all"] == pytest.approx(0.38, abs=0.02)  # half a sigma
    assert reliability.observed_coverage(mosaic, None, known).empty
    both = reliability.coverage_of_all({"dis": mosaic, "raft": mosaic}, truth, known)
    assert set(both.matcher) == {"dis", "raft"}


def test_coverage_of_pairs_excludes_failed_vectors(truth, monkeypatch):
    data = make_displacement(0, 0, pairs=3, size=120, noise=0.2)
    data = data.assign({f"sigma_{name}": 0 * data.u + 0.2 for name in "uv"})
    data.u[:, :10] = 50.0
    data.quality[:, :10] = 0
    motions = [(np.zeros((120, 120)), np.zeros((120, 120)))] * 3
    monkeypatch.setattr(reliability, "true_pairs", lambda truth, pairs: truth and motions)
    ice = np.ones((120, 120), bool)
    table = reliability.coverage_of_pairs(data, truth, ice)
    row = table[(table.speed == "all") & (table.stated == 0.68)].iloc[0]
    assert row.pixels == 3 * 110 * 120
    assert row.found == pytest.approx(0.68, abs=0.01)
    assert reliability.coverage_of_pairs(data, None, ice).empty


def test_block_ratios_reveal_an_underestimated_correlation_length(truth):
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(2, 120, 120)), (0, 5, 5), mode="wrap")
    mosaic, known = make_mosaic(truth, smooth / smooth.std(), stated=1.0)
    # A Gaussian filter of 5 px correlates errors over 2 * 5 px, that is 100 m.
    right = reliability.block_ratios(mosaic.assign_attrs(correlation_length=100.0), truth, known)
    assert right.side.tolist() == [100, 200, 400]
    # For larger blocks, a larger fraction of the stated error is the systematic part.
    assert right.ratio.between(0.5, 1.1).all() and right.ratio.is_monotonic_decreasing
    wrong = reliability.block_ratios(mosaic.assign_attrs(correlation_length=5.0), truth, known)
    assert wrong.ratio[1] > 1.5 * right.ratio[1]
    assert reliability.block_ratios(mosaic, truth, known).empty


def test_reliability_is_summarised(truth):
    errors = np.random.default_rng(5).normal(size=(2, 120, 120))
    mosaic, known = make_mosaic(truth, errors, stated=1.0, correlation_length=10.0)
    coverage = reliability.observed_coverage(mosaic, truth, known)
    blocks = reliability.block_ratios(mosaic, truth, known)
    summary = reliability.summarise_reliability(coverage, blocks)
    assert summary["pair_coverage"] == pytest.approx(0.68, abs=0.01)
    assert summary["block_ratio"] == blocks.ratio.iloc[-1]
    assert np.isnan(
        list(reliability.summarise_reliability(coverage[:0], blocks[:0]).values())
    ).all()
