"""Render a twin: repeatable scenes."""

import numpy as np
import pytest
from twin_scenes import read_asset, read_twin_items

from gdiv.imagery.grid import study_grid
from gdiv.twin import scenes
from gdiv.twin.acquisitions import plan_acquisitions
from gdiv.twin.items import write_scene
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


def test_an_interrupted_rendering_resumes_with_the_next_scene(
    glacier, twin_folder, tmp_path, monkeypatch
):
    """No scene is rendered twice, and the twin is the same."""
    grid = study_grid(glacier.bbox, glacier.epsg)
    rendered = []

    def counting(folder, glacier, geobox, acquisition, image):
        if len(rendered) == 5 and not resumed:
            raise KeyboardInterrupt
        rendered.append(acquisition)
        return write_scene(folder, glacier, geobox, acquisition, image)

    monkeypatch.setattr(scenes, "write_scene", counting)
    resumed = False
    with pytest.raises(KeyboardInterrupt):
        render_twin(glacier, grid, [3, 3, 4], tmp_path, seed=1)
    assert not (tmp_path / "items.json").exists()
    resumed = True
    shown = []
    render_twin(glacier, grid, [3, 3, 4], tmp_path, 1, lambda *counts: shown.append(counts))
    assert len(rendered) == len(set(rendered)) == len(plan_acquisitions(glacier, [3, 3, 4], 1))
    assert shown[0][0] == 5, "progress continues from the fifth scene"
    assert (tmp_path / "items.json").read_text() == (twin_folder / "items.json").read_text()
    assert not (tmp_path / "progress.json").exists()
    (tmp_path / "items.json").unlink()
    (tmp_path / "progress.json").write_text('{"recipe": "')
    rendered.clear()
    render_twin(glacier, grid, [3, 3, 4], tmp_path, seed=1)
    assert rendered, "a record that was cut off counts as none"
