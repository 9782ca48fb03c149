"""Make a source from a folder of GeoTIFFs."""

import json

import numpy as np
import pytest
import rasterio
from places import file_source

from gdiv.imagery import archive, folder, pairs, scenes
from gdiv.imagery.assets import load_asset
from gdiv.imagery.file_source import adapt_to_items
from gdiv.imagery.grid import grid_of_items


def test_a_folder_of_geotiffs_gives_the_same_pairs(twin, glacier, tmp_path):
    used = [
        i for i in twin["items"] if i["id"] in twin["table"].query("verdict == 'use'").id.tolist()
    ]
    for item in used:
        with rasterio.open(item["assets"]["nir"]["href"]) as file:
            profile, numbers = file.profile | {"driver": "GTiff"}, file.read(1)
        with rasterio.open(
            tmp_path / f"mine_{item['properties']['datetime'][:10]}.tif", "w", **profile
        ) as file:
            file.write(numbers, 1)
    path = folder.write_items(tmp_path)
    source = adapt_to_items(file_source(path), path)
    archive_items = archive.find_items(source, glacier, [2020, 2021, 2022])
    assert (
        len(archive_items) == len(used)
        and grid_of_items(archive_items, "image", glacier) == twin["grid"]
    )
    masks = twin["masks"]
    table = scenes.judge_scenes(
        archive_items, source, glacier, twin["grid"], masks.glacier.values, masks.stable.values
    )
    assert (table.verdict == "use").all()
    twins, ours = (
        pairs.choose_pairs(scene_table, glacier, [2020, 2021])
        for scene_table in (twin["table"], table)
    )
    assert (twins.reference_date.dt.date == ours.reference_date.dt.date).all() and len(
        twins
    ) == len(ours)


PROFILE = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "uint16"}
PROFILE |= {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 3e5, 0, -10, 5e6)}


def write(path, names=(), **changed):
    """Write a GeoTIFF; bands get the descriptions `names`."""
    with rasterio.open(path, "w", **PROFILE | changed) as file:
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)


def describe(tmp_path, band=""):
    """Describe the one scene of a folder."""
    (scene,) = folder.describe_files(tmp_path, band)
    return scene


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("scene.tif", {}, "no date in its name.*scenes.csv"),
        ("scene_20201345.tif", {}, "no date in its name"),
        ("scene_20200731.tif", {"count": 4}, "no band described as near .*--band"),
        ("scene_20200731.tif", {"dtype": "complex64"}, "complex numbers"),
        ("scene_20200731.tif", {"crs": None}, "no CRS; assign one"),
        (
            "scene_20200731.tif",
            {"crs": "EPSG:4326", "transform": rasterio.Affine(1e-4, 0, 7, 0, -1e-4, 46)},
            r"EPSG:4326, which is not projected; .*gdalwarp -r cubic -t_srs EPSG:32632",
        ),
        ("scene_20200731.tif", {"crs": "EPSG:2056", "transform": rasterio.Affine(
            10, 1, 2.6e6, 0, -10, 1.1e6)}, "not square and north up.*-tr 10 10"),
        ("scene_20200731.tif", {"transform": rasterio.Affine(10, 0, 3e5, 0, 10, 5e6)}, "north up"),
        ("scene_20200731.tif", {"transform": rasterio.Affine(10, 0, 3e5, 0, -10.001, 5e6)}, "squ"),
        ("scene_20200731.tif", {"crs": "EPSG:3857", "transform": rasterio.Affine(
            10, 0, 7e5, 0, -10, 5.7e6)}, r"1.4\d m on the map"),
        ("scene.txt", {}, "contains no GeoTIFF"),
        ("scene_20200731_udm2.tif", {}, "contains no GeoTIFF"),
        ("LC08_L2SP_197012.tif", {}, "no date in its name"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_unusable_files_raise_an_error_that_names_file_and_remedy(name, changed, message, tmp_path):
    write(tmp_path / name, **changed)
    with pytest.raises(folder.FolderError, match=message) as error:
        folder.write_items(tmp_path)
    assert "contains no" in str(error.value) or name in str(error.value)
    assert not (tmp_path / "items.json").exists()


def test_an_item_collection_of_another_program_is_not_overwritten(tmp_path):
    write(tmp_path / "a_20200731.tif")
    path = folder.write_items(tmp_path)
    assert folder.write_items(tmp_path) == path, "gdiv's own file is replaced"
    theirs = {"type": "FeatureCollection", "features": []}
    path.write_text(json.dumps(theirs))
    with pytest.raises(folder.FolderError, match="was not written by gdiv"):
        folder.write_items(tmp_path)
    assert json.loads(path.read_text()) == theirs


def test_all_faults_are_listed_at_once(tmp_path):
    write(tmp_path / "a.tif")
    write(tmp_path / "b_20200731.tif", count=3)
    (tmp_path / "c_20200801.tif").write_bytes(b"II*\0broken")
    write(tmp_path / "d_20200802.tif")
    with pytest.raises(folder.FolderError, match="3 of 4 files cannot be used") as error:
        folder.write_items(tmp_path)
    for name in (
        "a.tif has no date",
        "b_20200731.tif has no band",
        "c_20200801.tif cannot be read",
    ):
        assert name in str(error.value)


def test_a_missing_folder_raises_an_error(tmp_path):
    with pytest.raises(folder.FolderError, match="nosuch does not exist"):
        folder.write_items(tmp_path / "nosuch")


def test_scenes_with_equal_time_and_position_are_rejected_but_tiles_are_not(tmp_path):
    for band in ("B04", "B08"):
        write(tmp_path / f"S2_20200731_{band}.tif")
    with pytest.raises(
        folder.FolderError, match=r"B04.tif, .*B08.tif have the same time and position; .*--band"
    ):
        folder.write_items(tmp_path)
    write(tmp_path / "S2_20200731_B08.tif", transform=rasterio.Affine(10, 0, 4e5, 0, -10, 5e6))
    assert len(folder.describe_files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("dtype", "nodata", "scale"),
    [
        ("uint8", 255, 1 / 255),
        ("uint16", 65535, 1e-4),
        ("int16", -9999, 1e-4),
        ("float32", np.nan, 1),
    ],
)
def test_any_type_and_nodata_value_is_described_and_read(dtype, nodata, scale, tmp_path):
    numbers = np.arange(64).reshape(8, 8).astype(dtype)
    numbers[3] = nodata
    write(tmp_path / "scene_20200731.tif", dtype=dtype, nodata=nodata)
    with rasterio.open(tmp_path / "scene_20200731.tif", "r+") as file:
        file.write(numbers, 1)
    scene = describe(tmp_path)
    assert (scene.dtype, scene.scale) == (dtype, scale)
    path = folder.write_items(tmp_path)
    source = adapt_to_items(file_source(path), path)
    assert source.scale == pytest.approx(scale)
    items = json.loads(path.read_text())["features"]
    items[0]["assets"]["image"]["href"] = str(tmp_path / "scene_20200731.tif")
    read = load_asset(items, source, "image", scene.grid).values[0]
    void = numbers == 0
    void[3] = True
    assert np.array_equal(np.isnan(read), void)
    assert np.array_equal(read[~void], numbers[~void])


def test_scale_and_offset_of_the_file_are_used(tmp_path):
    write(tmp_path / "scene_20200731.tif")
    with rasterio.open(tmp_path / "scene_20200731.tif", "r+") as file:
        file.scales, file.offsets = (2e-5,), (-0.1,)
    path = folder.write_items(tmp_path)
    source = adapt_to_items(file_source(path), path)
    assert (source.scale, source.offset) == (2e-5, -0.1)
    assert "2e-05 n -0.1" in folder.tabulate_files(folder.describe_files(tmp_path)).to_string()


def test_the_band_is_chosen_by_number_or_name(tmp_path):
    write(tmp_path / "scene_20200731.tif", ("Blue", "Green", "Red", "NIR"), count=4)
    assert describe(tmp_path).band == 4
    assert describe(tmp_path, "2").band == 2
    assert describe(tmp_path, "red").band == 3
    with pytest.raises(folder.FolderError, match="no band 5 among"):
        describe(tmp_path, "5")
    with pytest.raises(folder.FolderError, match=r"no band swir among 1 Blue, 2 Green"):
        describe(tmp_path, "swir")


def test_a_table_beside_the_scenes_gives_dates_and_orbits(tmp_path):
    write(tmp_path / "first.tif")
    (tmp_path / "scenes.csv").write_text("file,date,orbit\nfirst.tif,2020-07-31T12:26+02:00,108\n")
    scene = describe(tmp_path)
    assert (scene.moment.isoformat(), scene.orbit) == ("2020-07-31T10:26:00", 108)
    item = json.loads(folder.write_items(tmp_path).read_text())["features"][0]
    assert item["properties"]["sat:relative_orbit"] == 108
    (tmp_path / "scenes.csv").write_text("name,date\nfirst.tif,2020-07-31\n")
    with pytest.raises(folder.FolderError, match="has no column 'file'; it has name, date"):
        describe(tmp_path)


@pytest.mark.parametrize("date", ["03/08/2020", "August 2020", "x"])
def test_ambiguous_dates_of_a_table_are_rejected(date, tmp_path):
    write(tmp_path / "first.tif")
    (tmp_path / "scenes.csv").write_text(f"file,date\nfirst.tif,{date}\n")
    with pytest.raises(folder.FolderError, match="write it as YYYY-MM-DD"):
        describe(tmp_path)


def test_scenes_with_different_scales_are_rejected(tmp_path):
    for name, dtype in (
        ("a_20200801", "uint16"),
        ("b_20200802", "uint16"),
        ("c_20200803", "uint8"),
    ):
        write(tmp_path / f"{name}.tif", dtype=dtype)
    with pytest.raises(folder.FolderError, match=r"c_20200803.tif \(uint8\) has the scale 0.0039"):
        folder.describe_files(tmp_path)


def test_aligned_scenes_are_marked(tmp_path):
    write(tmp_path / "scene_20200731.tif")
    path = folder.write_items(tmp_path, aligned=True)
    assert adapt_to_items(file_source(path), path).aligned
    path = folder.write_items(tmp_path)
    assert not adapt_to_items(file_source(path), path).aligned


def test_a_projection_without_code_is_kept_as_wkt(tmp_path):
    wkt = rasterio.CRS.from_proj4("+proj=tmerc +lon_0=7.6 +k=0.9996 +datum=WGS84 +units=m").to_wkt()
    write(
        tmp_path / "scene_20200731.tif", crs=wkt, transform=rasterio.Affine(10, 0, 0, 0, -10, 5e6)
    )
    item = json.loads(folder.write_items(tmp_path).read_text())["features"][0]
    assert item["properties"]["proj:epsg"] is None
    assert "Transverse" in item["properties"]["proj:wkt2"]


def test_a_terrain_model_beside_the_scenes_is_not_a_scene(tmp_path):
    profile = {"driver": "GTiff", "width": 20, "height": 20, "count": 1, "dtype": "float32"}
    grid = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 3e5, 0, -10, 5e6)}
    for name in ("a_20200801.tif", "b_20210801.tif", "dem.tif"):
        with rasterio.open(tmp_path / name, "w", **profile, **grid) as file:
            file.write(np.ones((20, 20), np.float32), 1)
    names = [scene.name for scene in folder.describe_files(tmp_path)]
    assert names == ["a_20200801.tif", "b_20210801.tif"]
