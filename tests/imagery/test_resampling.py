"""Find scenes whose pixels do not lie on the grid, and resample them exactly."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from tiles import TEXTURE_ERROR, make_item, read_joined, texture, write_tile

from gdiv.catalog import load_catalog
from gdiv.imagery import assets
from gdiv.imagery.aligned import load_aligned
from gdiv.imagery.resampling import (
    RESAMPLED,
    PixelError,
    describe_difference,
    is_resampled,
    locate_pixels,
)

STUDY = GeoBox((20, 20), Affine(10, 0, 3e5, 0, -10, 5e6), "EPSG:32632")


def write(path, transform, crs="EPSG:32632", dtype="uint16"):
    profile = {"driver": "GTiff", "width": 20, "height": 20, "count": 1, "dtype": dtype}
    with rasterio.open(path, "w", crs=crs, transform=Affine(*transform), **profile) as file:
        file.write(np.ones((20, 20), dtype), 1)
    return {"id": "a", "assets": {"nir": {"href": str(path)}}, "properties": {}}


@pytest.mark.parametrize(
    ("transform", "crs", "difference"),
    [
        ((10, 0, 3e5 + 500, 0, -10, 5e6 - 30), "EPSG:32632", ""),
        ((10, 0, 3e5, 0, -10, 1.5e7), "EPSG:32732", ""),
        ((10, 0, 3e5 + 4, 0, -10, 5e6), "EPSG:32632", "pixels 0.40 px east and 0.00 px south"),
        ((15, 0, 3e5, 0, -15, 5e6), "EPSG:32632", "pixels of 15 m"),
        ((3, 0, 3e5, 0, -3, 5e6), "EPSG:32632", "pixels of 3 m"),
        ((10, 0, 3e5, 0, 10, 5e6), "EPSG:32632", "rotated pixels"),
        ((10, 1, 3e5, 1, -10, 5e6), "EPSG:32632", "rotated pixels"),
        ((10, 0, 3e5, 0, -10, 5e6), "EPSG:2154", "pixels of EPSG:2154"),
    ],
)
def test_differences_from_the_grid_are_described(transform, crs, difference, tmp_path):
    item = write(tmp_path / "a.tif", transform, crs)
    found = describe_difference(*locate_pixels(item, "nir"), STUDY)
    assert found.startswith(difference) if difference else found == ""


@pytest.mark.parametrize(
    ("transform", "crs", "dtype", "reason"),
    [
        ((20, 0, 3e5, 0, -20, 5e6), "EPSG:32632", "uint16", "20 m are too coarse for the study's"),
        ((1, 0, 3e5, 0, -1, 5e6), "EPSG:32633", "uint16", "1 m are too fine"),
        ((10, 0, 3e5, 0, -10, 5e6), None, "uint16", "no CRS"),
        ((10, 0, 3e5, 0, -10, 5e6), "EPSG:32632", "complex64", "complex"),
    ],
)
def test_pixels_that_cannot_be_resampled_are_rejected(transform, crs, dtype, reason, tmp_path):
    item = write(tmp_path / "a.tif", transform, crs, dtype)
    with pytest.raises(PixelError, match=reason):
        describe_difference(*locate_pixels(item, "nir"), STUDY)


def test_a_remote_link_is_located_by_its_item_alone():
    item = {
        "assets": {"nir": {"href": "https://a.org/a.tif", "proj:transform": [10, 0, 0, 0, -10, 0]}},
        "properties": {"proj:code": "EPSG:32633"},
    }
    crs, transform = locate_pixels(item, "nir")
    assert crs.epsg == 32633 and transform == Affine(10, 0, 0, 0, -10, 0)
    item["properties"] = {}
    del item["assets"]["nir"]["proj:transform"]
    assert locate_pixels(item, "nir") == (None, None)
    assert describe_difference(CRS(32633), None, STUDY) == "pixels of EPSG:32633"
    assert describe_difference(None, None, STUDY) == ""
    assert is_resampled({RESAMPLED: True}) and not is_resampled({})


def test_projections_without_codes_are_distinguished_by_their_definitions():
    near, far = (
        CRS(f"+proj=tmerc +lon_0={meridian} +k=0.9996 +datum=WGS84 +units=m")
        for meridian in (7.3, 8.9)
    )
    grid = GeoBox((20, 20), Affine(10, 0, 500, 0, -10, 5e6), near)
    assert describe_difference(near, grid.affine, grid) == ""
    assert describe_difference(CRS(near.to_wkt()), grid.affine, grid) == ""
    assert describe_difference(far, grid.affine, grid).startswith("pixels of")


def test_vrt_text_that_references_other_files_is_rejected(tmp_path):
    item = write(tmp_path / "a.tif", (10, 0, 3e5, 0, -10, 5e6))
    text = (
        '<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="UInt16" band="1">'
        f"<SimpleSource><SourceFilename>{tmp_path}/a.tif</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    for name in ("a.vrt", "b.tif"):
        (tmp_path / name).write_text(text)
        item["assets"]["nir"]["href"] = str(tmp_path / name)
        with pytest.raises(PixelError, match="neither GeoTIFF nor JPEG 2000"):
            locate_pixels(item, "nir")


@pytest.mark.parametrize(
    ("epsg", "step", "beside"), [(32633, 10.0, 0.0), (32632, 10.0, 3.7), (32632, 8.0, 1.0)]
)
def test_resampling_preserves_positions(epsg, step, beside, tmp_path):
    """Test a different zone, origin and spacing with an analytical texture."""
    grid = GeoBox((160, 160), Affine(10, 0, 700000, 0, -10, 5080000), "EPSG:32632")
    tile = write_tile(tmp_path / "a.tif", grid, epsg, step, beside)
    read = read_joined([tile | {RESAMPLED: True}], grid)
    inner = np.s_[8:-8, 8:-8]
    error = read[inner] - texture(grid)[inner]
    assert np.isfinite(error).all() and np.abs(error).max() < TEXTURE_ERROR


def test_any_band_is_resampled_without_its_nodata_value(tmp_path):
    grid = GeoBox((160, 160), Affine(10, 0, 700000, 0, -10, 5080000), "EPSG:32632")
    tile = write_tile(tmp_path / "a.tif", grid, 32632, 10.0, 3.7, band=2)
    assert tile["assets"]["nir"]["gdiv:band"] == 2
    read = read_joined([tile | {RESAMPLED: True}], grid)
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(read[inner] - texture(grid)[inner]).max() < TEXTURE_ERROR
    beyond = grid.pad(60)
    padded = read_joined([tile | {RESAMPLED: True}], beyond)
    assert np.isnan(padded[:20]).all() and np.isfinite(padded[80:-80, 80:-80]).all()


def test_one_zone_north_and_south_is_resampled_by_its_position(tmp_path):
    """Their northings differ by ten thousand kilometres."""
    path = tmp_path / "a.tif"
    numbers = np.full((40, 40), 500, np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=40, count=1, dtype="uint16", crs="EPSG:32618",
        transform=Affine(30, 0, 600015, 0, -30, 4500015 - 1e7), nodata=0,
    ) as file:  # fmt: skip
        file.write(numbers, 1)
    grid = GeoBox((20, 20), Affine(30, 0, 600125, 0, -30, 4499905), "EPSG:32718")
    for loaded in (
        load_aligned([str(path)], [1], grid, np.float32, np.nan, Resampling.cubic)[0],
        assets.load_asset(
            [make_item(path, 32618, 30.0, (600015, 4500015 - 1e7), 40) | {RESAMPLED: True}],
            load_catalog().sources["twin"],
            "image",
            grid,
        )[0],
    ):
        assert np.allclose(loaded, 500)
