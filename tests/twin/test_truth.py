"""Truth of the twin: exact motion, consistent with the scenes."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage
from twin_scenes import choose_clear_pair, read_asset, read_twin_items
from velocity_fields import make_displacement

from gdiv.images.contrast import local_contrast
from gdiv.images.sampling import pixel_grid
from gdiv.twin import clock, distortion
from gdiv.twin.motion import advect
from gdiv.twin.truth import read_truth, true_displacement, true_velocity
from gdiv.velocity import annual


@pytest.fixture(scope="module")
def items(twin_folder):
    return read_twin_items(twin_folder)


@pytest.fixture(scope="module")
def truth(twin_folder):
    return read_truth(twin_folder)


def test_true_displacement_aligns_the_scenes_of_a_pair(twin_folder, items, truth, twin):
    first, second = choose_clear_pair(twin, 2020)
    u, v = true_displacement(truth, first, second)
    reference, secondary = (read_asset(twin_folder, items[name]) for name in (first, second))
    rows, columns = np.mgrid[: u.shape[0], : u.shape[1]]
    moved = ndimage.map_coordinates(secondary, [rows + v, columns + u], order=3, mode="nearest")
    inner = np.zeros(u.shape, bool)
    inner[20:-20, 20:-20] = True
    ice = inner & (np.hypot(truth.vx, truth.vy).values > 15)
    contrast = [local_contrast(image) for image in (reference, secondary, moved)]
    unaligned = np.corrcoef(contrast[0][ice], contrast[1][ice])[0, 1]
    aligned = np.corrcoef(contrast[0][ice], contrast[2][ice])[0, 1]
    assert aligned > 0.5 and unaligned < 0.25
    rock = inner & ~ice & (np.hypot(truth.vx, truth.vy).values == 0)
    unaligned = np.corrcoef(contrast[0][rock], contrast[1][rock])[0, 1]
    assert np.corrcoef(contrast[0][rock], contrast[2][rock])[0, 1] > max(0.6, unaligned)


def test_both_scenes_of_a_true_displacement_show_the_same_material(truth, twin):
    """Exact to 1e-4 px, with all geolocation errors of both scenes."""
    first, second = choose_clear_pair(twin, 2020)
    flow = np.stack(true_displacement(truth, first, second)).astype(float)
    patterns = distortion.Patterns(truth.relief.values, truth.thinning_pattern.values)
    errors = {}
    for name in (first, second):
        one = truth.sel(scene=name)
        errors[name] = distortion.Distortion(
            one["shift"].values,
            float(one.relief_shift),
            float(one.thinning_shift),
            one.jitter.values,
        )
    assert abs(errors[first].thinning_shift - errors[second].thinning_shift) > 0.05
    columns, rows = pixel_grid(flow.shape[1:], float)
    start = errors[first].to_world(patterns, columns, rows)
    end = errors[second].to_world(patterns, columns + flow[0], rows + flow[1])
    days = [float(truth.day.sel(scene=name)) for name in (first, second)]
    years = clock.Clock(*(truth.attrs[f"clock_{key}"] for key in clock.Clock._fields))
    moved = advect(
        truth.vx.values,
        truth.vy.values,
        truth.attrs["spacing"],
        *(part.ravel() for part in start),
        years.ice_years(*days),
    )
    for position, expected in zip(end, moved, strict=True):
        assert np.abs(position.ravel() - expected).max() < 1e-4


def test_real_sources_have_no_truth(tmp_path):
    assert read_truth(tmp_path, xr.Dataset()) is None


def test_true_velocity_over_a_short_time_equals_the_velocity(twin_folder):
    truth = xr.open_zarr(twin_folder / "truth.zarr", consolidated=False).load()
    brief, year = (true_velocity(truth, years) for years in (0.01, 1.0))
    assert np.abs(brief.vx - truth.vx).max() < 0.5
    assert np.abs(year.vx - truth.vx).max() > np.abs(brief.vx - truth.vx).max()
    combined = annual.combine_pairs(annual.to_velocity(make_displacement(1, 1, years=0.03)))
    assert combined.attrs["longest_years"] == pytest.approx(0.03)
