"""Commands for user images."""

import json

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin

from gdiv.command import main
from gdiv.images.textures import fractal_texture


@pytest.fixture
def images(tmp_path):
    """Two images of a texture that moves two pixels to the right in one year."""
    texture = fractal_texture(200, 1.3, seed=0)
    numbers = (2000 + 400 * texture).clip(1, 9000).astype(np.uint16)
    paths = []
    for name, left in (("a_20200801.tif", 16), ("b_20210801.tif", 14)):
        path = tmp_path / "scenes" / name
        path.parent.mkdir(exist_ok=True)
        with rasterio.open(
            path, "w", driver="GTiff", width=160, height=160, count=1, dtype="uint16",
            crs="EPSG:32632", transform=from_origin(340000, 5090000, 10, 10), nodata=0,
        ) as file:  # fmt: skip
            file.write(numbers[16:176, left : left + 160], 1)
        paths.append(path)
    return paths


def test_a_pair_of_files_gives_products_a_map_and_a_summary(images, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["pair", *map(str, images), "--matcher", "dis", "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "speed: median 20 m/yr" in text and "registration: none" in text
    summary = json.loads((out / "summary.json").read_text())
    assert summary["median_speed"] == pytest.approx(20, abs=0.5)
    assert summary["days"] == 365 and summary["target"] == "image"
    for name in ("v.tif", "v_error.tif", "velocity.zarr", "map.png"):
        assert (out / name).exists()
    with rasterio.open(out / "vx.tif") as file:
        assert np.nanmedian(file.read(1)) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--matcher", "magic"], "magic"),
        (["--outline", "missing.gpkg"], "missing.gpkg could not be read"),
        (["--band", "3"], "no band 3"),
        (["--dates", "2021-08-01", "2020-08-01"], "must be earlier"),
    ],
)
def test_a_failed_pair_gives_one_message(arguments, message, images, capsys):
    assert main(["pair", *map(str, images), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gdiv: ") and error.count("\n") == 1 and message in error


def test_items_are_tabulated_before_they_are_written(images, capsys):
    folder = images[0].parent
    assert main(["items", str(folder)]) == 0
    out = capsys.readouterr().out
    for words in ("a_20200801.tif", "2021-08-01 00:00", "uint16", "0.0001 n", "EPSG:32632"):
        assert words in out
    assert GeoBox.from_rio(rasterio.open(images[0])).shape == (160, 160)
    assert len(json.loads((folder / "items.json").read_text())["features"]) == 2
