"""The twin: truthful, repeatable, and shaped like the archive's scenes."""

import json

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rio_cogeo import cog_validate
from scipy import ndimage

from gdiv.catalog import load_catalog
from gdiv.imagery.grid import study_grid
from gdiv.images.contrast import local_contrast
from gdiv.twin.acquisitions import plan_acquisitions
from gdiv.twin.ice import Ice
from gdiv.twin.motion import advect
from gdiv.twin.scenes import render_twin
from gdiv.twin.truth import read_truth, true_displacement


def read(folder, item, asset="nir"):
    with rasterio.open(folder / item["assets"][asset]["href"]) as file:
        return file.read(1).astype(np.float32)


@pytest.fixture(scope="module")
def items(twin_folder):
    features = json.loads((twin_folder / "items.json").read_text(encoding="utf-8"))["features"]
    return {item["id"]: item for item in features}


@pytest.fixture(scope="module")
def truth(twin_folder):
    return read_truth(twin_folder)


def clear_pair(found, year):
    used = found["table"].query("verdict == 'use' and clear == 1.0")
    return used[used.season_year == year].id.iloc[0], used[used.season_year == year + 1].id.iloc[0]


def test_moving_the_reference_by_the_truth_gives_the_secondary(twin_folder, items, truth, found):
    first, second = clear_pair(found, 2020)
    u, v = true_displacement(truth, first, second)
    reference, secondary = (read(twin_folder, items[name]) for name in (first, second))
    rows, columns = np.mgrid[: u.shape[0], : u.shape[1]]
    moved = ndimage.map_coordinates(secondary, [rows + v, columns + u], order=3, mode="nearest")
    inner = np.zeros(u.shape, bool)
    inner[20:-20, 20:-20] = True
    ice = inner & (np.hypot(truth.vx, truth.vy).values > 15)
    contrast = [local_contrast(image) for image in (reference, secondary, moved)]
    still = np.corrcoef(contrast[0][ice], contrast[1][ice])[0, 1]
    along = np.corrcoef(contrast[0][ice], contrast[2][ice])[0, 1]
    assert along > 0.5 and still < 0.25
    rock = inner & ~ice & (np.hypot(truth.vx, truth.vy).values == 0)
    assert np.corrcoef(contrast[0][rock], contrast[2][rock])[0, 1] > 0.9


def test_a_year_ages_the_texture(twin_folder, items, truth, found):
    first, second = clear_pair(found, 2021)
    u, v = true_displacement(truth, first, second)
    rows, columns = np.mgrid[: u.shape[0], : u.shape[1]]
    moved = ndimage.map_coordinates(
        read(twin_folder, items[second]), [rows + v, columns + u], order=3, mode="nearest"
    )
    ice = (
        (np.hypot(truth.vx, truth.vy).values > 15)
        & (columns > 20)
        & (rows > 20)
        & (rows < u.shape[0] - 20)
        & (columns < u.shape[1] - 20)
    )
    a, b = (local_contrast(image)[ice] for image in (read(twin_folder, items[first]), moved))
    assert 0.5 < np.corrcoef(a, b)[0, 1] < 0.85


def test_stakes_move_at_their_published_speed():
    entry = load_catalog().glaciers["mer-de-glace"]
    grid = study_grid(entry.bbox, entry.epsg)
    ice = Ice(entry, grid)
    to_grid = Transformer.from_crs(4326, entry.epsg, always_xy=True)
    for stake, speed in zip(entry.stakes, (69.5, 34, 18), strict=True):
        column, row = ~grid.affine * to_grid.transform(stake.lon, stake.lat)
        end = ice.advect(np.array([column - 0.5]), np.array([row - 0.5]), 1.0)
        assert 10 * float(np.hypot(end[0] - column + 0.5, end[1] - row + 0.5)[0]) == pytest.approx(
            speed, rel=0.03
        )


def test_ice_stays_in_its_bed(truth):
    speed = np.hypot(truth.vx, truth.vy).values
    assert speed.max() < 110 and (speed == 0).mean() > 0.3


def test_forward_and_back_is_where_it_began(truth):
    columns, rows = (
        part.ravel().astype(float)
        for part in np.meshgrid(np.arange(40, 120, 7), np.arange(40, 120, 7))
    )
    there = advect(truth.vx.values, truth.vy.values, 10.0, columns, rows, 1.3)
    back = advect(truth.vx.values, truth.vy.values, 10.0, *there, -1.3)
    assert np.abs(back[0] - columns).max() < 1e-3 and np.abs(back[1] - rows).max() < 1e-3


def test_equal_seeds_give_equal_scenes(glacier, twin_folder, items, tmp_path):
    grid = study_grid(glacier.bbox, glacier.epsg)
    render_twin(glacier, grid, [3, 3, 4], tmp_path / "again", seed=1)
    assert (tmp_path / "again" / "items.json").read_text() == (
        twin_folder / "items.json"
    ).read_text()
    some = next(i for i in items.values() if "nir" in i["assets"])
    assert np.array_equal(read(twin_folder, some), read(tmp_path / "again", some))
    assert plan_acquisitions(glacier, [3, 3, 4], 2) != plan_acquisitions(glacier, [3, 3, 4], 1)


def test_the_demo_and_the_paper_have_their_counts():
    entry = load_catalog().glaciers["mer-de-glace"]
    for usable in ([4, 6, 8], [7, 10, 17]):
        plan = plan_acquisitions(entry, usable, 0)
        counts = [
            sum(a.kind == "usable" and a.day.year == year for a in plan)
            for year in entry.twin.years
        ]
        assert counts == usable
        assert {a.kind for a in plan} >= {
            "usable",
            "snow",
            "other-orbit",
            "duplicate",
            "missing-asset",
        }


def test_every_file_is_a_valid_cog(twin_folder, items):
    for item in list(items.values())[:4]:
        for asset in item["assets"].values():
            valid, errors, warnings = cog_validate(twin_folder / asset["href"])
            assert valid and not errors and not warnings


def test_items_are_shaped_like_earth_search(items):
    import pystac

    needed = {
        "datetime", "platform", "eo:cloud_cover", "proj:epsg", "grid:code", "view:sun_azimuth", "view:sun_elevation",
        "s2:processing_baseline", "sat:relative_orbit", "earthsearch:boa_offset_applied",
    }  # fmt: skip
    for item in items.values():
        assert needed <= set(item["properties"])
        assert {"scl", "red", "green", "blue"} <= set(item["assets"])
        assert pystac.Item.from_dict(item).collection_id == "gdiv-synthetic-twin"
        scl = item["assets"]["scl"]
        assert scl["raster:bands"][0]["spatial_resolution"] == 20 and scl["proj:transform"][0] == 20


def test_items_have_the_fields_of_a_real_item(items, real):
    path = next((real.parent / "stac-items").glob("earth-search*S2B_20EPT_*_L2A.json"))
    archive = json.loads(path.read_text(encoding="utf-8"))
    ours = next(i for i in items.values() if "nir" in i["assets"])
    own = {"gdiv:synthetic", "title", "description"}  # what says that it is none
    assert set(ours["properties"]) - own <= set(archive["properties"]) | {"sat:relative_orbit"}
    assert set(ours["assets"]) <= set(archive["assets"])
    assert set(ours["assets"]["nir"]) <= set(archive["assets"]["nir"])


def test_a_glacier_without_description_is_refused(glacier, tmp_path):
    bare = glacier.model_copy(update={"twin": None})
    with pytest.raises(ValueError, match="no twin description"):
        render_twin(bare, study_grid(glacier.bbox, glacier.epsg), [3], tmp_path)
