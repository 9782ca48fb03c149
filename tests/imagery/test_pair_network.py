"""Shifts of scenes from the network of their pairs."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from gdiv.imagery.pair_network import network_shifts
from gdiv.images.textures import fractal_texture

SHIFTS = {"a": (0.3, -0.2), "b": (-0.1, 0.1), "c": (0.2, 0.3), "d": (-0.4, 0.0)}
DATES = ["2020-07-01", "2020-08-10", "2021-07-05", "2021-08-20"]
#: Motion of all ice, pixels per year to the right.
MOTION = 1.0


@pytest.fixture(scope="module")
def cube():
    """Two scenes in each of two seasons, and one without data."""
    texture = fractal_texture(256, 1.2, seed=2)
    times = np.array([*DATES, "2021-09-01"], dtype="datetime64[ns]")
    years = (times - times[0]) / np.timedelta64(1, "D") / 365.25
    images = [
        ndimage.shift(texture, (shift[1], shift[0] + MOTION * year), order=3, mode="grid-wrap")
        for shift, year in zip(SHIFTS.values(), years, strict=False)
    ]
    images.append(np.full_like(texture, np.nan))
    return xr.Dataset(
        {"reflectance": (("scene", "y", "x"), np.stack(images))},
        {
            "scene": [*SHIFTS, "empty"],
            "time": ("scene", times),
            "season_year": ("scene", [2020, 2020, 2021, 2021, 2021]),
        },
    )


def test_motion_is_separated_from_shifts_and_scenes_without_pairs_are_omitted(cube):
    ice = np.ones(cube.reflectance.shape[1:], bool)
    found = network_shifts(cube, cube.scene.values.tolist(), ice)
    assert found.index.tolist() == list(SHIFTS)
    true = np.array(list(SHIFTS.values()))
    within = np.concatenate([true[:2] - true[:2].mean(0), true[2:] - true[2:].mean(0)])
    assert np.abs(found[["shift_x", "shift_y"]].to_numpy() - within).max() < 0.1


def test_without_a_pair_there_is_no_shift(cube):
    ice = np.zeros(cube.reflectance.shape[1:], bool)
    assert network_shifts(cube, ["a", "b"], ice).empty
