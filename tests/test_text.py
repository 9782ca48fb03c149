"""Text files in the encodings that editors write."""

import shutil

import geopandas as gpd
import pytest

from gdiv.files import read_text
from gdiv.imagery.archive import find_items
from gdiv.imagery.outlines import read_outline
from gdiv.velocity.stakes import read_stakes

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_usual_encoding_is_read(encoding, tmp_path):
    (tmp_path / "NOTE.md").write_bytes("Trélaporte: schön".encode(encoding))
    assert read_text(tmp_path / "NOTE.md") == "Trélaporte: schön"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_scenes_outline_and_stakes_are_read(encoding, found, glacier, twin_folder, tmp_path):
    for name in ("items.json", "outline.geojson", "stakes.geojson"):
        text = (twin_folder / name).read_text(encoding="utf-8").replace("Tacul", "Trélaporte")
        (tmp_path / name).write_bytes(text.encode(encoding))
    source = found["source"].model_copy(update={"path": str(tmp_path / "items.json")})
    assert len(find_items(source, glacier, [2020, 2021, 2022])) == len(found["items"])
    assert "Trélaporte" in set(read_stakes(tmp_path, glacier).name)
    ours = read_outline(tmp_path / "outline.geojson", glacier, found["grid"])
    theirs = read_outline(twin_folder / "outline.geojson", glacier, found["grid"])
    assert ours.geom_equals(theirs).all()


def test_a_shapefile_in_a_zip_is_read(found, glacier, twin_folder, tmp_path):
    gpd.read_file(twin_folder / "outline.geojson").to_file(tmp_path / "outline.shp")
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path)
    assert len(read_outline(archive, glacier, found["grid"])) == 1
