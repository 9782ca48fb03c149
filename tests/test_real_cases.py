"""Scenes, pairs and shifts of studies of real scenes, from the items of their folder."""

import numpy as np
import pytest

import gdiv
from gdiv.catalog import load_catalog
from gdiv.imagery.grid import grid_of_items
from gdiv.imagery.outlines import read_vector
from gdiv.study.opening import resolve_source


def prepare(real, key, folder):
    """Find, judge, load and pair the scenes of a site, as in notebooks 01 and 02."""
    catalog = load_catalog()
    glacier = catalog.glaciers[key]
    source = resolve_source(str(real / folder / "items.json"), catalog.profiles["smoke"])
    items = gdiv.find_items(source, glacier, sorted({*glacier.years.train}))
    grid = grid_of_items(items, source.image, glacier)
    outline = gdiv.read_outline(real / folder / "outline.geojson", glacier, grid)
    rock = real / folder / "rock.geojson"
    ground = read_vector(rock).to_crs(grid.crs.to_wkt()) if rock.exists() else None
    masks = gdiv.make_masks(outline, grid, ground=ground)
    table = gdiv.judge_scenes(
        items, source, glacier, grid, masks.glacier.values, masks.stable.values
    )
    cube = gdiv.load_cube(items, table, source, grid).load()
    pairs = gdiv.choose_pairs(table, glacier, glacier.years.validation)
    return table, cube, masks, gdiv.register_pairs(cube, pairs, masks)


def test_yahtse_landsat_scenes_are_registered_on_rock(real):
    _, cube, masks, pairs = prepare(real, "yahtse", "yahtse-2016-west")
    assert 0.03 < masks.stable.values.mean() < 0.05, "rock alone, not the fjord"
    assert pairs.days.round().tolist() == [16]
    assert set(pairs.registered_on) == {"stable ground"}
    assert [*pairs.shift_x, *pairs.shift_y] == pytest.approx([0.1, 0.17], abs=0.06)
    low, high = np.nanpercentile(cube.reflectance, [1, 99])
    assert -0.1 < low < high < 1.5, "scale and offset of the items"


def test_zmutt_is_read_in_its_own_projection_and_rejects_the_other_orbit(real):
    table, cube, masks, pairs = prepare(real, "zmutt", "zmutt-2017-2018")
    dropped = table[table.verdict == "drop"]
    assert dropped.id.tolist() == ["S2A_zmutt_20170907"]
    assert dropped.reason.str.contains("other orbit").all()
    assert cube.attrs["spacing"] == pytest.approx(9.9986, abs=1e-3)
    assert len(pairs) == 4
    assert set(pairs.registered_on) == {"pair network"}
    shifts = pairs[["shift_x", "shift_y"]].abs().to_numpy()
    assert 0.02 < shifts.max() < 0.5
    assert np.isfinite(cube.reflectance.values[:, masks.glacier.values]).mean() > 0.95
