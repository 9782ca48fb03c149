"""Make a source from a folder of GeoTIFFs."""

import pytest
import rasterio
from places import file_source

from gdiv.imagery import archive, folder, pairs, scenes
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
    source = file_source(folder.write_items(tmp_path))
    archive_items = archive.find_items(source, glacier, [2020, 2021, 2022])
    assert (
        len(archive_items) == len(used)
        and grid_of_items(archive_items, "nir", glacier) == twin["grid"]
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


@pytest.mark.parametrize(
    ("name", "changed", "message"),
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
def test_unusable_files_raise_an_error_that_names_file_and_remedy(name, changed, message, tmp_path):
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
    with pytest.raises(folder.FolderError, match=message):
        folder.write_items(tmp_path)


def test_a_missing_folder_raises_an_error(tmp_path):
    with pytest.raises(folder.FolderError, match="nosuch does not exist"):
        folder.write_items(tmp_path / "nosuch")


def test_dates_are_parsed_from_file_names(tmp_path):
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
