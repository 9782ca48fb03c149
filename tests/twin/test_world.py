"""The parts of a twin that do not change between scenes."""

from datetime import date

import numpy as np
import pytest

from gdiv.imagery.grid import study_grid
from gdiv.twin.world import World


@pytest.fixture(scope="module")
def grid(glacier):
    return study_grid(glacier.bbox, glacier.epsg)


def make_world(glacier, grid, seed):
    return World(glacier, grid, date(2021, 8, 1), 1.5, seed)


@pytest.fixture(scope="module")
def world(glacier, grid):
    return make_world(glacier, grid, seed=1)


def test_the_lattice_extends_beyond_the_scenes(world, grid):
    assert world.shape == (grid.height + 2 * world.pad, grid.width + 2 * world.pad)
    assert world.elevation.shape == world.shape
    vx, vy = world.scene_velocity()
    assert vx.shape == vy.shape == tuple(grid.shape)
    fastest = np.hypot(vx, vy).max()
    assert world.pad * world.spacing > 1.5 * fastest


def test_fractions_and_reflectance_are_physical(world):
    assert 0 <= world.plants.min() <= world.plants.max() <= 1
    assert world.ground.min() > 0
    assert world.ground.max() < 1
    assert 0 <= world.patterns.relief.min() <= world.patterns.relief.max() <= 1


def test_the_seed_determines_textures_and_the_ice(world, glacier, grid):
    repeated = make_world(glacier, grid, seed=1)
    other = make_world(glacier, grid, seed=2)
    assert np.array_equal(world.ice_brightness, repeated.ice_brightness)
    assert not np.array_equal(world.ice_brightness, other.ice_brightness)
    for component, same in zip(world.scene_velocity(), other.scene_velocity(), strict=True):
        assert not np.array_equal(component, same)
    for component, same in zip(world.scene_velocity(), repeated.scene_velocity(), strict=True):
        assert np.array_equal(component, same)
