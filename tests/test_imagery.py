"""Scenes, cube, masks, pairs and registration."""

import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from places import ROOT, file_source
from rasterio.windows import from_bounds

import gdiv
from gdiv.catalog import CatalogError, Pairing, load_catalog
from gdiv.imagery import (
    archive,
    coregistration,
    cube,
    folder,
    items,
    offsets,
    outlines,
    pairs,
    scenes,
)
from gdiv.imagery.grid import grid_of_items, study_grid
from gdiv.images.contrast import sobel_gradient

sys.path.insert(0, str(ROOT / "results"))
from checks import scenes_every_five_days


def test_every_fault_is_named(found):
    table = found["table"]
    reasons = " | ".join(table.reason[table.verdict == "drop"])
    for word in (
        "snow on",
        "of the glacier is clear",
        "duplicate of",
        "asset nir is missing",
        "other orbit",
    ):
        assert word in reasons
    assert (table.verdict == "use").sum() == 10
    assert (table[table.verdict == "use"].reason == "clear").all()


def test_the_grid_is_the_archives_own(found):
    grid, item = found["grid"], next(i for i in found["items"] if "nir" in i["assets"])
    transform = item["assets"]["nir"]["proj:transform"]
    assert (grid.affine.c - transform[2]) % 10 == 0 and (grid.affine.f - transform[5]) % 10 == 0
    assert grid.shape[0] % 4 == grid.shape[1] % 4 == 0


def test_an_odd_grid_is_kept():
    item = {
        "id": "a",
        "bbox": [6.9, 45.8, 7.1, 46.0],
        "properties": {},
        "assets": {"nir": {"proj:transform": [6.08, 0, 330001, 0, -6.08, 5090003]}},
    }
    grid = grid_of_items([item], "nir", load_catalog().glaciers["mer-de-glace"])
    offset = (grid.affine.c - 330001) / 6.08
    assert abs(grid.resolution.x) == 6.08 and offset == pytest.approx(round(offset), abs=1e-6)


def test_a_grid_that_is_not_told_is_an_error():
    item = {"id": "a", "bbox": [6.9, 45.8, 7.1, 46.0], "properties": {}, "assets": {"nir": {}}}
    with pytest.raises(ValueError, match="proj:transform is missing"):
        grid_of_items([item], "nir", load_catalog().glaciers["mer-de-glace"])


def test_the_cube_is_the_file_pixel_for_pixel(found):
    """Against rasterio for the image, against odc-stac for the coarser mask."""
    import odc.stac
    import pystac

    grid = found["grid"]
    item = next(
        i for i in found["items"] if i["id"] == found["table"].query("verdict == 'use'").id.iloc[0]
    )
    ours = cube.load_asset([item], found["source"], "image", grid)[0].compute()
    with rasterio.open(item["assets"]["nir"]["href"]) as file:
        plain = file.read(
            1,
            window=from_bounds(*grid.boundingbox, transform=file.transform),
            boundless=True,
            fill_value=0,
        )
    assert np.array_equal(ours.values, plain)
    assert float(ours.x[0]) == grid.affine.c + 5 and float(ours.y[0]) == grid.affine.f - 5
    mask = cube.load_asset([item], found["source"], "mask", grid)[0].compute()
    oracle = odc.stac.load(
        [pystac.Item.from_dict(item)], bands=["scl"], geobox=grid, resampling="nearest"
    )
    assert np.array_equal(mask.values, oracle.scl[0].values)


def test_newer_projection_fields_do_not_resample(found):
    item = next(i for i in found["items"] if "nir" in i["assets"])
    newer = item | {
        "properties": {k: v for k, v in item["properties"].items() if k != "proj:epsg"}
        | {"proj:code": "EPSG:32632"}
    }
    assert items.read_epsg(newer) == 32632
    first, second = (
        cube.load_asset([i], found["source"], "image", found["grid"]).compute()
        for i in (item, newer)
    )
    assert np.array_equal(first.values, second.values)


def test_reflectance_is_equal_whatever_the_offset(found):
    """Scenes of 2022 come in both flavours: offset removed, and left in the numbers."""
    used = found["table"].query("verdict == 'use' and season_year == 2022")
    assert set(used.offset) == {0.0, -0.1}
    data = cube.load_cube(found["items"], found["table"], found["source"], found["grid"]).load()
    stable = found["masks"].stable
    dark = data.reflectance.where(stable & ~data.snow).quantile(0.05, ("y", "x"))
    flavour = used.set_index("id").offset.reindex(data.scene.values.tolist()).to_numpy()
    removed, left_in = (float(dark.values[flavour == offset][-2:].mean()) for offset in (0.0, -0.1))
    assert abs(removed - left_in) < 0.05  # light and haze differ; the offset itself is 0.1


def test_cloud_is_no_data_and_nothing_is_read_early(found):
    lazy = cube.load_cube(found["items"], found["table"], found["source"], found["grid"])
    assert lazy.reflectance.chunks is not None
    table = found["table"].query("verdict == 'use'").reset_index()
    cloudiest = int(table.clear.argmin())
    share = float(lazy.reflectance[cloudiest].isnull().mean())
    assert (share > 0) == (table.clear[cloudiest] < 1)
    assert lazy.reflectance.dtype == np.float32 and lazy.snow.dtype == bool


@pytest.mark.parametrize(
    ("properties", "rule", "dark", "offset", "why"),
    [
        ({"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.00"}, "flag", 50, 0.0, "boa_offset_applied"),
        ({"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.00"}, "flag", 1200, -0.1, "baseline 05.00"),
        ({"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.00"}, "flag", 150, 0.0, "dark pixels near 150"),
        ({"s2:processing_baseline": "03.01"}, "baseline", 300, 0.0, "before 04.00"),
        ({"s2:processing_baseline": "04.00"}, "baseline", 1300, -0.1, "baseline 04.00"),
        ({"s2:processing_baseline": "05.00"}, "raster", 1300, -0.1, "raster:bands"),
        ({}, -0.2, 7000, -0.2, "fixed by the source"),
    ],
)  # fmt: skip
def test_the_offset_is_decided_with_a_reason(properties, rule, dark, offset, why):
    item = {"properties": properties, "assets": {"nir": {"raster:bands": [{"offset": -0.1}]}}}
    item |= {"id": "a", "properties": properties | {"datetime": "2022-07-19T10:26:00Z"}}
    metadata = items.parse_item(item, "nir").offset
    chosen, reason = offsets.choose_offset(metadata, rule, dark)
    assert chosen == offset and why in reason


def test_masks_by_kind():
    clear, snow = cube.classify(np.array([0, 1, 3, 4, 6, 8, 9, 10, 11]), "scl")
    assert clear.tolist() == [False, False, False, True, True, False, False, False, True]
    assert snow.tolist() == [False] * 8 + [True]
    clear, snow = cube.classify(
        np.array([1, 1 << 3, 1 << 4, 1 << 6, (1 << 6) | (1 << 5)]), "qa_pixel"
    )
    assert clear.tolist() == [False, False, False, True, True] and snow.tolist() == [False] * 4 + [
        True
    ]


def item_with(**properties):
    """An item with a date and some properties."""
    moment = {"datetime": "2020-08-03T10:26:00Z"}
    return {"id": "a", "properties": moment | properties, "assets": {"nir": {"href": "a.tif"}}}


@pytest.mark.parametrize(
    ("properties", "orbit"),
    [
        ({"sat:relative_orbit": 65}, 65),
        ({"landsat:wrs_path": "033"}, 33),
        ({"s2:product_uri": "S2B_MSIL2A_20250731T131909_N0511_R095_T20EPT_20250731T143919.SAFE"}, 95),
        ({"sat:relative_orbit": None}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_orbit_from_field_or_name(properties, orbit):
    assert items.parse_item(item_with(**properties), "nir").orbit == orbit


def test_fields_are_parsed_whatever_their_spelling():
    scene = items.parse_item(
        item_with(
            **{
                "datetime": "2020-08-04T01:00:00+02:00",
                "proj:code": 32632,
                "proj:epsg": None,
                "grid:code": "MGRS-1WCQ",
                "platform": None,
                "s2:processing_baseline": 5.09,
                "s2:mean_solar_zenith": 40,
                "view:sun_azimuth": "151.5",
            }
        ),
        "nir",
    )
    assert scene.moment.isoformat() == "2020-08-03T23:00:00+00:00" and scene.day.day == 3
    assert (scene.epsg, scene.tile, scene.platform) == (32632, "01WCQ", "")
    assert (scene.offset.baseline, scene.sun_azimuth, scene.sun_elevation) == ("05.09", 151.5, 50)
    assert items.read_box({"bbox": [1, 2, 0, 3, 4, 9]}) == (1, 2, 3, 4)
    assert items.read_box({"bbox": ["1", 2, 3, 4]}) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda item: item.pop("id"), "no id"),
        (lambda item: item.pop("properties"), "no properties"),
        (lambda item: item.update(assets=None), "no assets"),
        (lambda item: item["properties"].pop("datetime"), "no date"),
        (lambda item: item["properties"].update(datetime="last summer"), "'last summer' cannot be read"),
        (lambda item: item["properties"].update(datetime=20200803), "20200803 cannot be read"),
        (lambda item: item["properties"].update({"eo:cloud_cover": "much"}), "eo:cloud_cover is 'much'"),
        (lambda item: item["properties"].update({"view:sun_azimuth": [150]}), "view:sun_azimuth is"),
        (lambda item: item["properties"].update(platform=8), "platform is 8, not text"),
        (lambda item: item["properties"].update({"grid:code": 5}), "grid:code is 5, not text"),
    ],
)  # fmt: skip
def test_an_item_that_cannot_be_parsed_is_dropped_with_a_reason(change, reason, glacier):
    item = item_with()
    change(item)
    with pytest.raises(items.ItemError, match=re.escape(reason)):
        items.parse_item(item, "nir")
    source = load_catalog().sources["earth-search"]
    grid = study_grid(glacier.bbox, glacier.epsg)
    mask = np.ones(grid.shape, bool)
    table = scenes.judge_scenes([item], source, glacier, grid, mask, mask)
    assert table.verdict.tolist() == ["drop"] and reason in table.reason[0]
    assert table.date.isna().all() and table.season_year.isna().all()
    with pytest.raises(archive.SceneError, match=re.escape(reason)):
        scenes.require_enough(table, glacier, [2020, 2021])


def test_faulty_items_of_a_file_leave_the_others_as_they_are(found, glacier, twin_folder, tmp_path):
    """Nulls, no dates, numbers as text, in some items each: the rest is judged as before."""
    content = json.loads((twin_folder / "items.json").read_text(encoding="utf-8"))
    features = content["features"]
    for item in features:
        for asset in item["assets"].values():
            asset["href"] = str(twin_folder / asset["href"])
    used = found["table"].query("verdict == 'use'").id.tolist()
    by_id = {item["id"]: item for item in features}
    by_id[used[0]]["properties"]["datetime"] = None
    by_id[used[3]]["properties"]["eo:cloud_cover"] = "much"
    by_id[used[1]]["assets"]["thumbnail"] = None
    by_id[used[2]]["properties"] |= {"platform": None, "proj:epsg": "EPSG:32632"}
    by_id[used[4]]["assets"]["nir"]["proj:transform"] = None
    del by_id[used[5]]["stac_version"]
    by_id[used[6]]["bbox"] = [*by_id[used[6]]["bbox"][:2], 0, *by_id[used[6]]["bbox"][2:], 9]
    (tmp_path / "items.json").write_text(json.dumps(content), encoding="utf-8")
    source = file_source(tmp_path / "items.json")
    kept = archive.find_items(source, glacier, [2020, 2021, 2022])
    assert len(kept) == len(features) and kept[-1]["id"] == used[0]
    assert grid_of_items(kept, "nir", glacier) == found["grid"]
    masks = found["masks"]
    table = scenes.judge_scenes(
        kept, source, glacier, found["grid"], masks.glacier.values, masks.stable.values
    ).set_index("id")
    assert "it has no date" in table.reason[used[0]]
    assert "eo:cloud_cover is 'much'" in table.reason[used[3]]
    # The duplicate of a scene that is dropped may take its place.
    before = found["table"].set_index("id").drop([used[0], used[3], used[4]])
    before = before[~before.reason.str.startswith("duplicate")]
    assert table.reason[before.index].tolist() == before.reason.tolist()
    features[:] = [by_id[used[0]]]
    (tmp_path / "items.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(archive.SceneError, match="none of them within"):
        archive.find_items(source, glacier, [2020, 2021, 2022])


def test_scenes_of_one_id_are_never_mixed_up(found, glacier):
    """Ids are unique within a collection only: of equal ones the first counts, in table and cube."""
    used = found["table"].query("verdict == 'use'").id.tolist()
    first, second = (
        next(i for i in found["items"] if i["id"] == name) for name in (used[0], used[3])
    )
    others = [i for i in found["items"] if i["id"] not in (used[0], used[3])]
    renamed = [first, second | {"id": first["id"]}, *others]
    masks = found["masks"]
    table = scenes.judge_scenes(
        renamed, found["source"], glacier, found["grid"], masks.glacier.values, masks.stable.values
    )
    assert table.reason[1] == "has the id of an earlier scene" and table.verdict[0] == "use"
    data = cube.load_cube(renamed, table, found["source"], found["grid"])
    assert data.indexes["scene"].is_unique
    whole = cube.load_cube(found["items"], found["table"], found["source"], found["grid"])
    images = [c.reflectance.sel(scene=used[0]).values for c in (data, whole)]
    assert np.array_equal(*images, equal_nan=True)


def test_real_odd_items_are_parsed_or_refused(real):
    paths = sorted((real / "odd-items").glob("*.json"))
    scenes_of = [items.parse_item(json.loads(path.read_text()), "nir") for path in paths]
    assert len(scenes_of) > 10 and all(scene.moment.tzinfo for scene in scenes_of)


def test_an_unreadable_scene_is_named_and_the_rest_goes_on(found, glacier):
    some = [dict(i) for i in found["items"] if "nir" in i["assets"]][:4]
    broken = some[1] | {
        "assets": some[1]["assets"]
        | {"nir": some[1]["assets"]["nir"] | {"href": "/nowhere/b08.tif"}}
    }
    masks = found["masks"]
    table = scenes.judge_scenes(
        [some[0], broken, *some[2:]],
        found["source"],
        glacier,
        found["grid"],
        masks.glacier.values,
        masks.stable.values,
    )
    assert "could not be read" in table.reason[1] and "could not" not in " ".join(
        table.reason.drop(1)
    )


def test_no_scene_in_season_is_an_error(glacier, twin_folder):
    with pytest.raises(archive.SceneError, match="none of them within 2018-06-15 to 2018-10-15"):
        archive.find_items(file_source(twin_folder / "items.json"), glacier, [2018])


def test_a_missing_file_is_an_error(glacier, tmp_path):
    with pytest.raises(archive.SceneError, match="could not be read"):
        archive.find_items(file_source(tmp_path / "none.json"), glacier, [2020])


def test_annual_pairs_keep_orbit_season_and_day_of_year(found, glacier):
    table = pairs.choose_pairs(found["table"], glacier, [2021, 2022])
    assert (table.orbit == 108).all() and (table.season_difference <= 45).all()
    assert {d.year for d in table.reference_date} == {2021} and {
        d.year for d in table.secondary_date
    } == {2022}
    assert len(pairs.choose_pairs(found["table"], glacier, [2021, 2022], max_pairs=2)) == 2
    assert table.years.to_numpy() == pytest.approx(table.days.to_numpy() / 365.25)


def test_interval_pairs_keep_their_days():
    moreno = load_catalog().glaciers["perito-moreno"]
    days = pd.to_datetime(["2020-01-31", "2020-02-07", "2020-02-10", "2020-02-20", "2020-02-22"])
    table = pd.DataFrame(
        {
            "id": list("abcde"),
            "date": days,
            "orbit": [1, 2, 1, 1, 2],
            "season_year": 2020,
            "verdict": "use",
            "clear": np.nan,
            "sun_azimuth": np.nan,
        }
    )
    chosen = pairs.choose_pairs(table, moreno, [2020])
    assert set(zip(chosen.reference, chosen.secondary, strict=True)) == {
        ("a", "c"),
        ("a", "d"),
        ("c", "d"),
        ("b", "e"),
    }


def test_no_pair_is_an_error_that_counts(found, glacier):
    with pytest.raises(ValueError, match=r"no pair for season years \[2018, 2019\].*2020: 3"):
        pairs.choose_pairs(found["table"], glacier, [2018, 2019])


def test_sobel_of_a_ramp_is_one():
    y, x = np.mgrid[0:8, 0:8].astype(float)
    along, down = sobel_gradient(x + 2 * y)
    assert along[2:-2, 2:-2] == pytest.approx(1) and down[2:-2, 2:-2] == pytest.approx(2)


def test_stable_ground_keeps_its_distance(found):
    masks, grid = found["masks"], found["grid"]
    assert not (masks.glacier & masks.stable).any()
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(~masks.glacier.values) * grid.resolution.x
    assert distance[masks.stable.values].min() >= outlines.MARGIN - 10


def test_an_outline_elsewhere_is_an_error(found, glacier, tmp_path):
    import geopandas as gpd
    import shapely

    gpd.GeoDataFrame(geometry=[shapely.box(8, 46, 8.1, 46.1)], crs=4326).to_file(
        tmp_path / "far.geojson"
    )
    with pytest.raises(ValueError, match=r"nothing within the study's box"):
        outlines.read_outline(tmp_path / "far.geojson", glacier, found["grid"])
    with pytest.raises(ValueError, match="could not be read"):
        outlines.read_outline(tmp_path / "none.geojson", glacier, found["grid"])


def test_planted_shift_is_recovered(found, glacier, twin_folder):
    """Every pair of both season couples, against the mis-registration that the twin planted."""
    data = cube.load_cube(found["items"], found["table"], found["source"], found["grid"]).load()
    truth = xr.open_zarr(twin_folder / "truth.zarr", consolidated=False)["shift"]
    chosen = [
        pairs.choose_pairs(found["table"], glacier, years) for years in ([2020, 2021], [2021, 2022])
    ]
    table = coregistration.register_pairs(
        data, pd.concat(chosen, ignore_index=True), found["masks"]
    )
    known = table[table.blocks >= coregistration.MIN_BLOCKS]
    planted = (
        truth.sel(scene=known.secondary.tolist()).values
        - truth.sel(scene=known.reference.tolist()).values
    )
    assert len(known) >= 8
    assert known[["shift_x", "shift_y"]].to_numpy() == pytest.approx(planted, abs=0.05)
    assert (
        known.shift_spread < 0.1
    ).all() and known.before.median() > 3 * known.shift_spread.median()


def test_pairs_whose_ground_or_sky_says_no_are_dropped_with_the_reason(found, glacier):
    data = cube.load_cube(found["items"], found["table"], found["source"], found["grid"]).load()
    table = pairs.choose_pairs(found["table"], glacier, [2020, 2021])
    ids, reflectance = data.scene.values.tolist(), data.reflectance.values.copy()
    clouded, torn = table.reference.iloc[0], table.secondary.iloc[-1]
    reflectance[ids.index(clouded)][found["masks"].glacier.values] = np.nan
    rows = np.arange(reflectance.shape[1])
    wavy = (rows + 3 * np.sin(rows / 25)).round().astype(int).clip(0, rows[-1])
    reflectance[ids.index(torn)] = reflectance[ids.index(torn)][wavy]
    spoilt = data.assign(reflectance=(data.reflectance.dims, reflectance))
    reasons = coregistration.register_pairs(spoilt, table, found["masks"])
    assert (
        reasons[reasons.reference == clouded]
        .reason.str.contains("see only 0% of the glacier")
        .all()
    )
    rest = reasons[
        (reasons.secondary == torn) & (reasons.reference != clouded) & (reasons.blocks >= 4)
    ]
    assert len(rest) and rest.reason.str.contains("stable ground moves").all()
    nothing = spoilt.assign(reflectance=spoilt.reflectance * np.nan)
    with pytest.raises(ValueError, match="none of .* pairs can be used: both scenes see only 0%"):
        coregistration.register_pairs(nothing, table, found["masks"])


def test_a_folder_of_geotiffs_becomes_a_source(found, glacier, tmp_path):
    used = [
        i for i in found["items"] if i["id"] in found["table"].query("verdict == 'use'").id.tolist()
    ]
    for item in used:
        with rasterio.open(item["assets"]["nir"]["href"]) as file:
            profile, numbers = file.profile | {"driver": "GTiff"}, file.read(1)
        with rasterio.open(
            tmp_path / f"mine_{item['properties']['datetime'][:10]}.tif", "w", **profile
        ) as file:
            file.write(numbers, 1)
    source = file_source(folder.write_items(tmp_path))
    known = archive.find_items(source, glacier, [2020, 2021, 2022])
    assert len(known) == len(used) and grid_of_items(known, "nir", glacier) == found["grid"]
    masks = found["masks"]
    table = scenes.judge_scenes(
        known, source, glacier, found["grid"], masks.glacier.values, masks.stable.values
    )
    assert (table.verdict == "use").all()
    twins, ours = (
        pairs.choose_pairs(some, glacier, [2020, 2021]) for some in (found["table"], table)
    )
    assert (twins.reference_date.dt.date == ours.reference_date.dt.date).all() and len(
        twins
    ) == len(ours)


@pytest.mark.parametrize(
    ("name", "changed", "told"),
    [
        ("scene.tif", {}, "no date in its name"),
        ("scene_20201345.tif", {}, "no date in its name"),
        ("scene_20200731.tif", {"count": 4}, "has 4 bands; .*gdal_translate -b"),
        ("scene_20200731.tif", {"dtype": "float32"}, "holds float32"),
        ("scene_20200731.tif", {"crs": None}, "no projection"),
        ("scene_20200731.tif", {"nodata": 255}, "marks no data by 255"),
        ("scene.txt", {}, "holds no GeoTIFF"),
        ("LC08_L2SP_197012.tif", {}, "no date in its name"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_file_that_is_no_scene_is_named_with_the_cure(name, changed, told, tmp_path):
    profile = {
        "driver": "GTiff",
        "width": 8,
        "height": 8,
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32632",
        "nodata": 0,
    }
    with rasterio.open(
        tmp_path / name,
        "w",
        transform=rasterio.Affine(10, 0, 3e5, 0, -10, 5e6),
        **profile | changed,
    ):
        pass
    with pytest.raises(folder.FolderError, match=told):
        folder.write_items(tmp_path)


def test_dates_in_names_are_those_of_the_scene(tmp_path):
    names = {
        "LC08_L2SP_197012_20200731_20200908_02_T1_SR_B5": "2020-07-31T00:00:00",
        "20200731_142233_1003": "2020-07-31T14:22:33",
        "mine-2020-07-31": "2020-07-31T00:00:00",
        "x_20200731_320045": "2020-07-31T00:00:00",
    }
    assert {name: folder.date_in_name(name).isoformat() for name in names} == names
    profile = {
        "driver": "GTiff",
        "width": 8,
        "height": 8,
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32632",
    }
    for name in ("S2_20200731_B04.tif", "S2_20200731_B08.tif"):
        with rasterio.open(
            tmp_path / name, "w", transform=rasterio.Affine(10, 0, 3e5, 0, -10, 5e6), **profile
        ):
            pass
    with pytest.raises(folder.FolderError, match=r"B04.tif, .*B08.tif are of one date"):
        folder.write_items(tmp_path)
    (tmp_path / "S2_20200731_B08.tif").write_bytes(b"II*\0broken")
    with pytest.raises(folder.FolderError, match=r"B08.tif cannot be read"):
        folder.write_items(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_the_papers_rule_takes_all_170_pairs_of_a_real_calendar(glacier, seed):
    """Ten clear scenes of one season and seventeen of the next; the glacier's own rule leaves fewer."""
    table = scenes_every_five_days({2021: 10, 2022: 17}, seed)
    as_paper = glacier.model_copy(update={"pairing": Pairing(rule="paper")})
    assert len(pairs.choose_pairs(table, as_paper, [2021, 2022])) == 170
    assert 90 <= len(pairs.choose_pairs(table, glacier, [2021, 2022])) < 150


def test_the_papers_rule_knows_no_orbit_and_no_sun(glacier):
    table = scenes_every_five_days({2021: 10, 2022: 17}, 0)
    table["orbit"] = [108, 65] * 13 + [108]
    table["sun_azimuth"] = np.linspace(100, 200, 27)
    as_paper = glacier.model_copy(update={"pairing": Pairing(rule="paper")})
    assert len(pairs.choose_pairs(table, as_paper, [2021, 2022])) == 170


def test_light_from_elsewhere_is_not_paired(glacier):
    table = scenes_every_five_days({2021: 10, 2022: 17}, 0)
    apart = table.assign(sun_azimuth=[150.0] * 10 + [171.0] * 17)
    with pytest.raises(ValueError, match="no pair"):
        pairs.choose_pairs(apart, glacier, [2021, 2022])


def test_profile_paper_pairs_as_the_paper_and_full_as_the_glacier(tmp_path):
    own, paper = (
        gdiv.open_study("mer-de-glace", name, workspace=str(tmp_path)) for name in ("full", "paper")
    )
    assert own.glacier.pairing.rule == "annual" and paper.glacier.pairing.rule == "paper"
    assert own.profile.max_pairs is None and paper.profile.max_pairs is None
    with pytest.raises(CatalogError, match=r"perito-moreno is matched over days"):
        gdiv.open_study("perito-moreno", "paper", workspace=str(tmp_path))


def test_too_little_stable_ground_corrects_nothing():
    image = np.random.default_rng(0).normal(size=(64, 64))
    found = coregistration.measure_shift(image, image, np.zeros((64, 64), bool))
    assert found["shift_x"] == 0 and np.isnan(found["shift_spread"]) and found["blocks"] == 0
    assert np.isnan(
        coregistration.stable_ground_statistics(image, image, np.zeros((64, 64), bool))["nmad_x"]
    )


def test_two_orbits_disagree_as_an_independent_correlation_says(real):
    """Aletsch, two orbits a week apart: (0.54, 0.76) px by an independent correlation."""
    files = sorted((real / "aletsch-2020-07" / "nir08").glob("*.tif"))
    images = [rasterio.open(path).read(1).astype(np.float32) for path in files]
    shift = coregistration.measure_shift(*images, np.ones(images[0].shape, bool))
    assert (shift["shift_x"], shift["shift_y"]) == pytest.approx((0.54, 0.76), abs=0.1)


def test_real_scenes_are_read_exactly(real):
    """A nominal 6.08 m grid whose origin is no multiple of its spacing."""
    moreno = load_catalog().glaciers["perito-moreno"]
    source = file_source(real / "perito-moreno-2020" / "items.json")
    known = archive.find_items(source, moreno, [2020])
    grid = grid_of_items(known, "nir", moreno)
    ours = cube.load_asset(known[:1], source, "image", grid)[0].compute().values
    with rasterio.open(known[0]["assets"]["nir"]["href"]) as file:
        plain, transform = file.read(1), file.transform
    column, row = (
        round((transform.c - grid.affine.c) / 6.08),
        round((grid.affine.f - transform.f) / 6.08),
    )
    rows, columns = (
        min(plain.shape[0], ours.shape[0] - row),
        min(plain.shape[1], ours.shape[1] - column),
    )
    assert np.array_equal(ours[row : row + rows, column : column + columns], plain[:rows, :columns])


def test_study_grid_covers_the_box():
    from pyproj import Transformer

    entry = load_catalog().glaciers["tasman"]
    grid = study_grid(entry.bbox, entry.epsg)
    corners = Transformer.from_crs(4326, entry.epsg, always_xy=True).transform_bounds(*entry.bbox)
    box = grid.boundingbox
    assert (
        box.left <= corners[0]
        and box.bottom <= corners[1]
        and box.right >= corners[2]
        and box.top >= corners[3]
    )
