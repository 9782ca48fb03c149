"""Render a twin: repeatable scenes."""

import numpy as np
import pytest
from twin_scenes import read_asset, read_twin_items

from gdiv.imagery.grid import study_grid
from gdiv.twin.acquisitions import plan_acquisitions
from gdiv.twin.scenes import render_twin


@pytest.fixture(scope="module")
def items(twin_folder):
    return read_twin_items(twin_folder)


def test_equal_seeds_give_equal_scenes(glacier, twin_folder, items, tmp_path):
    grid = study_grid(glacier.bbox, glacier.epsg)
    render_twin(glacier, grid, [3, 3, 4], tmp_path / "repeated", seed=1)
    assert (tmp_path / "repeated" / "items.json").read_text() == (
        twin_folder / "items.json"
    ).read_text()
    item = next(i for i in items.values() if "nir" in i["assets"])
    assert np.array_equal(read_asset(twin_folder, item), read_asset(tmp_path / "repeated", item))
    assert plan_acquisitions(glacier, [3, 3, 4], 2) != plan_acquisitions(glacier, [3, 3, 4], 1)
