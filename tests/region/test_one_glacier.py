"""One glacier of a region: steps that resume, products, a summary."""

import json

import pytest
import xarray as xr

from gdiv.imagery.archive import SceneError
from gdiv.region import one_glacier
from gdiv.region.one_glacier import compute_glacier

pytestmark = pytest.mark.run


@pytest.fixture(scope="module")
def finished(twin_folder, tmp_path_factory):
    """Folder and summary of a glacier, computed with DIS from the scenes of the small twin."""
    folder = tmp_path_factory.mktemp("glacier")
    source = str(twin_folder / "items.json")
    summary = compute_glacier("mer-de-glace", "smoke", source, "dis", folder)
    return folder, source, summary


def test_a_glacier_gets_products_and_a_summary(finished):
    folder, _, summary = finished
    assert summary["synthetic"] and summary["pairs"] >= 2 and summary["scenes"] >= 4
    assert 0.5 < summary["covered"] <= 1 and 5 < summary["speed"] < 100
    assert 0 < summary["error"] < 20
    assert json.loads((folder / "summary.json").read_text()) == summary
    item = json.loads((folder / "products" / "item.json").read_text())
    assert item["properties"]["gdiv:synthetic"] is True
    product = xr.open_zarr(folder / "products" / "velocity.zarr", consolidated=False)
    assert {"vx", "vy", "v_error", "flags"} <= set(product.data_vars)


def test_a_finished_glacier_is_not_computed_again(finished, monkeypatch):
    folder, source, summary = finished
    monkeypatch.setattr(one_glacier, "_publish", None)
    assert compute_glacier("mer-de-glace", "smoke", source, "dis", folder) == summary


def test_a_damaged_step_and_those_after_it_are_repeated(finished, monkeypatch):
    folder, source, summary = finished
    done = []
    for name in ("_find", "_judge", "_load", "_mask", "_pair", "_match", "_combine"):
        step = getattr(one_glacier, name)

        def counted(*arguments, step=step, name=name):
            done.append(name)
            step(*arguments)

        monkeypatch.setattr(one_glacier, name, counted)
    chunk = next(f for f in (folder / "data" / "masks.zarr").rglob("c/**/*") if f.is_file())
    chunk.unlink()
    assert compute_glacier("mer-de-glace", "smoke", source, "dis", folder) == summary
    assert done == ["_mask", "_pair", "_match", "_combine"]


def test_a_glacier_without_scenes_raises_its_reason(twin_folder, tmp_path):
    with pytest.raises(SceneError, match="none of them within"):
        compute_glacier("aletsch", "smoke", str(twin_folder / "items.json"), "dis", tmp_path)
