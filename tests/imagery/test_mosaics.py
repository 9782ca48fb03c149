"""Join the tiles of one acquisition: exact seams, and the error of inexact seams."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.vrt
from affine import Affine
from odc.geo.geobox import GeoBox
from places import file_source
from tiles import TEXTURE_ERROR, make_candidate, read_joined, texture, write_tile

from gdiv.catalog import load_catalog
from gdiv.imagery import archive, cube, mosaics, scenes
from gdiv.imagery.items import PARTS, RESAMPLED

GRID = GeoBox((400, 600), Affine(10, 0, 700000, 0, -10, 5080000), "EPSG:32632")
WEST, EAST = (1, 45.0, 2, 46.0), (1.9, 45.0, 3, 46.0)


def with_box(candidate, box):
    candidate.item["bbox"] = list(box)
    return candidate


@pytest.fixture
def wide(glacier):
    return glacier.model_copy(update={"bbox": (1.2, 45.2, 2.8, 45.8), "epsg": 32631})


def tile(name, box, epsg=32631, baseline="05.00", **changes):
    properties = {"proj:epsg": epsg, "s2:processing_baseline": baseline, "grid:code": None}
    return with_box(make_candidate(name, **(properties | changes)), box)


def test_tiles_that_add_coverage_are_joined(wide):
    west, east, again = candidates = [tile("w", WEST), tile("e", EAST), tile("w2", WEST)]
    mosaics.join_tiles(candidates, wide)
    assert east.parts == [west] and west.reason == "joined to e"
    assert again.reason == "" and again.parts == []


def test_a_tile_with_full_coverage_is_not_joined(wide):
    whole, west = candidates = [tile("whole", (1, 45, 3, 46)), tile("w", WEST)]
    mosaics.join_tiles(candidates, wide)
    assert whole.parts == [] and west.reason == ""


def test_tiles_of_the_studys_zone_come_first(wide):
    west, east = candidates = [tile("w", WEST), tile("e", (1.6, 45.0, 3, 46.0), epsg=32632)]
    mosaics.join_tiles(candidates, wide)
    assert west.parts == [east]


@pytest.mark.parametrize(
    "changes",
    [
        {"s2:processing_baseline": "02.14"},
        {"datetime": "2020-08-04T10:26:00Z"},
        {"sat:relative_orbit": 65},
    ],
)
def test_other_processing_and_other_passes_are_not_joined(changes, wide):
    candidates = [tile("w", WEST), tile("e", EAST, **changes)]
    mosaics.join_tiles(candidates, wide)
    assert not any(candidate.parts for candidate in candidates)


def test_rows_of_one_path_are_joined_regardless_of_time(wide):
    landsat = {"s2:processing_baseline": None, "sat:relative_orbit": None}
    landsat["landsat:wrs_path"] = "195"
    north = tile("n", (1, 45.5, 3, 46), **landsat, datetime="2020-08-03T10:10:00Z")
    south = tile("s", (1, 45.0, 3, 45.6), **landsat, datetime="2020-08-03T10:10:24Z")
    mosaics.join_tiles([north, south], wide)
    assert [bool(each.parts) for each in (north, south)].count(True) == 1


def test_a_footprint_takes_precedence_over_a_box(wide):
    """The box of a tile at the edge of a swath is the whole tile."""
    half = tile("half", (1, 45, 3, 46))
    half.item["geometry"] = {
        "type": "Polygon",
        "coordinates": [[[1, 45], [2, 45], [2, 46], [1, 46], [1, 45]]],
    }
    east = tile("e", EAST)
    mosaics.join_tiles([half, east], wide)
    assert half.parts or east.parts


def halves(folder, epsg=(32632, 32632), beside=(0.0, 0.0)):
    """Write overlapping tiles of the left and the right part of the grid."""
    parts = GRID[:, :340], GRID[:, 260:]
    return [
        write_tile(folder / f"{name}.tif", part, code, beside=shift)
        for name, part, code, shift in zip("ab", parts, epsg, beside, strict=True)
    ]


def test_tiles_of_one_zone_have_an_exact_seam(tmp_path):
    tiles = halves(tmp_path)
    read = read_joined(tiles, GRID)
    assert np.array_equal(read, np.round(texture(GRID)).astype(np.uint16))
    source = load_catalog().sources["twin"]
    assert mosaics.measure_seam(tiles[0] | {PARTS: tiles[1:]}, source, GRID) < 0.02


def test_a_tile_of_another_zone_is_resampled_with_a_seam_near_zero(tmp_path):
    first, second = halves(tmp_path, epsg=(32632, 32633))
    second |= {RESAMPLED: True}
    read = read_joined([first, second], GRID)
    assert np.abs(read - texture(GRID))[8:-8, 8:-8].max() < TEXTURE_ERROR
    source = load_catalog().sources["twin"]
    assert mosaics.measure_seam(first | {PARTS: [second]}, source, GRID) < 0.02


def test_the_seam_of_misaligned_tiles_is_measured(tmp_path):
    """Landsat rows are rectified separately; here the second is shifted by half a pixel."""
    first, second = halves(tmp_path)
    path = second["assets"]["nir"]["href"]
    with rasterio.open(path, "r+") as file:
        file.transform = Affine.translation(5, 0) @ file.transform
    second |= {RESAMPLED: True}
    source = load_catalog().sources["twin"]
    seam = mosaics.measure_seam(first | {PARTS: [second]}, source, GRID)
    assert 0.4 < seam < 0.6


def test_tiles_without_overlap_have_no_seam(tmp_path):
    parts = GRID[:, :200], GRID[:, 300:]
    tiles = [
        write_tile(tmp_path / f"{name}.tif", part, 32632)
        for name, part in zip("ab", parts, strict=True)
    ]
    source = load_catalog().sources["twin"]
    assert np.isnan(mosaics.measure_seam(tiles[0] | {PARTS: tiles[1:]}, source, GRID))


def test_a_study_across_two_tiles_equals_one_on_a_single_tile(twin, twin_folder, glacier, tmp_path):
    """Every scene of the twin is cut into two tiles that overlap."""
    content = json.loads((twin_folder / "items.json").read_text(encoding="utf-8"))
    cut = []
    for item in content["features"]:
        for name, half in (("32TLR", slice(0, 6)), ("32TLS", slice(4, 10))):
            cut.append(_cut(item, name, half, twin_folder, tmp_path))
    (tmp_path / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": cut}), encoding="utf-8"
    )
    open_tile = glacier.model_copy(update={"tile": None})
    source = file_source(tmp_path / "items.json")
    items = archive.find_items(source, open_tile, [2020, 2021, 2022])
    masks = [twin["masks"][name].values for name in ("glacier", "stable")]
    table = scenes.judge_scenes(items, source, open_tile, twin["grid"], *masks)
    used = table[table.verdict == "use"]
    whole = twin["table"][twin["table"].verdict == "use"]
    assert used.date.tolist() == whole.date.tolist()
    assert set(used.tile) <= {"32TLR+32TLS", "32TLS+32TLR"} and (used.seam < 0.02).all()
    assert used.reason.str.startswith("clear; joined from 2 tiles").all()
    assert table.reason.str.startswith("joined to ").sum() >= len(used)
    joined = cube.load_cube(items, table, source, twin["grid"])
    single = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"])
    for name in ("reflectance", "snow"):
        assert np.array_equal(joined[name].values, single[name].values, equal_nan=True)


def test_an_unreadable_tile_is_removed_from_its_scene(twin, glacier, tmp_path):
    """Its header is readable, but not its pixels; the other tile suffices."""
    used = twin["table"].query("verdict == 'use'").id.tolist()
    whole = [item for item in twin["items"] if item["id"] in used]
    broken = []
    for item in whole:
        content = Path(item["assets"]["nir"]["href"]).read_bytes()
        path = tmp_path / f"{item['id']}.tif"
        path.write_bytes(content[: len(content) // 2])
        _, south, east, north = item["bbox"]
        image = item["assets"]["nir"] | {"href": str(path)}
        broken.append(
            item
            | {"id": f"{item['id']}-beside", "geometry": None}
            | {"bbox": [east - 0.001, south, east + 0.02, north]}
            | {"properties": item["properties"] | {"grid:code": "MGRS-32TLS"}}
            | {"assets": item["assets"] | {"nir": image}}
        )
    wide = glacier.model_copy(update={"tile": None, "bbox": (6.928, 45.885, 6.970, 45.904)})
    masks = [twin["masks"][name].values for name in ("glacier", "stable")]
    table = scenes.judge_scenes([*whole, *broken], twin["source"], wide, twin["grid"], *masks)
    by_id = table.set_index("id")
    assert (by_id.verdict[used] == "use").all() and (by_id.parts[used] == "").all()
    assert by_id.reason[[item["id"] for item in broken]].str.startswith("could not be read").all()


def _cut(item, tile, tenths, source, target):
    """Cut the files of an item to a part of their columns, and return its item."""
    properties = item["properties"] | {"grid:code": f"MGRS-{tile}"}
    assets = {}
    for name, asset in item["assets"].items():
        path = source / asset["href"]
        if not path.is_file():
            assets[name] = asset
            continue
        with rasterio.open(path) as file:
            tenth = file.width // 10 // 4 * 4
            left = tenths.start * tenth
            width = (file.width if tenths.stop == 10 else tenths.stop * tenth) - left
            window = rasterio.windows.Window(left, 0, width, file.height)
            profile = file.profile | {"width": width, "transform": file.window_transform(window)}
            numbers = file.read(window=window)
        written = target / tile / asset["href"]
        written.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(written, "w", **profile) as file:
            file.write(numbers)
        assets[name] = asset | {
            "href": str(written),
            "proj:shape": [profile["height"], width],
            "proj:transform": list(profile["transform"])[:6],
        }
    west, south, east, north = item.get("bbox") or (6.92, 45.88, 6.96, 45.91)
    span = (east - west) / 10
    box = [west + span * tenths.start, south, west + span * tenths.stop, north]
    ring = [[box[0], south], [box[2], south], [box[2], north], [box[0], north], [box[0], south]]
    return item | {
        "id": f"{item['id']}-{tile}",
        "bbox": box,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": properties,
        "assets": assets,
    }


def test_a_scene_with_different_pixels_is_resampled_and_reported(
    twin, twin_folder, glacier, tmp_path
):
    """One scene is resampled to 12 m; its reflectance hardly changes."""
    used = twin["table"].query("verdict == 'use'").id.iloc[0]
    item = next(item for item in twin["items"] if item["id"] == used)
    coarse = tmp_path / "nir.tif"
    with rasterio.open(item["assets"]["nir"]["href"]) as file:
        step = 12.0
        height, width = (int(size * 10 // step) for size in file.shape)
        transform = Affine(step, 0, file.transform.c, 0, -step, file.transform.f)
        profile = file.profile | {"height": height, "width": width, "transform": transform}
        with rasterio.vrt.WarpedVRT(
            file, crs=file.crs, transform=transform, height=height, width=width,
            resampling=rasterio.enums.Resampling.cubic,
        ) as warped:  # fmt: skip
            numbers = warped.read()
    with rasterio.open(coarse, "w", **profile) as file:
        file.write(numbers)
    image = item["assets"]["nir"] | {
        "href": str(coarse),
        "proj:transform": list(transform)[:6],
        "proj:shape": [height, width],
    }
    changed = item | {"assets": item["assets"] | {"nir": image}}
    items = [changed if each is item else each for each in twin["items"]]
    masks = [twin["masks"][name].values for name in ("glacier", "stable")]
    table = scenes.judge_scenes(items, twin["source"], glacier, twin["grid"], *masks)
    assert table.set_index("id").reason[used] == "clear; resampled: pixels of 12 m"
    assert table.verdict.tolist() == twin["table"].verdict.tolist()
    ours, plain = (
        cube.load_cube(which, rows, twin["source"], twin["grid"]).reflectance.sel(scene=used)
        for which, rows in ((items, table), (twin["items"], twin["table"]))
    )
    difference = np.abs(ours.values - plain.values)[12:-12, 12:-12]
    assert np.isfinite(ours.values[12:-12, 12:-12]).mean() > 0.8
    assert np.nanmedian(difference) < 0.02
