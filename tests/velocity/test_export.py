"""Exported products open unchanged in other tools."""

import hashlib
import json
import shutil
import subprocess

import geopandas as gpd
import numpy as np
import odc.geo.xr  # noqa: F401  (registers .odc)
import pandas as pd
import pytest
import rioxarray
import xarray as xr
from velocity_fields import make_annual_pairs, make_pair_cube

from gdiv.catalog import load_catalog
from gdiv.velocity import annual, export, products, stakes, uncertainty
from gdiv.velocity.flags import FLAGS, flag_pixels


@pytest.fixture(scope="module")
def matched():
    return make_annual_pairs()


@pytest.fixture(scope="module")
def pair_cube(matched):
    return make_pair_cube(matched)


def test_products_open_unchanged_in_other_tools(tmp_path):
    size = 64
    rng = np.random.default_rng(0)
    coords = {"x": 340005 + 10.0 * np.arange(size), "y": 5086005 - 10.0 * np.arange(size)}
    names = ("vx", "vy", "vx_error", "vy_error", "v_error")
    mosaic = xr.Dataset(
        {n: (("y", "x"), rng.normal(20, 5, (size, size)).astype(np.float32)) for n in names}
        | {"count": (("y", "x"), np.full((size, size), 3, np.int16))},
        coords=coords,
    )
    mosaic.vx[:4] = np.nan
    dates = pd.Timestamp("2020-08-18"), pd.Timestamp("2021-09-07")
    product = products.velocity_product(mosaic, 32632, "Test", {"matcher": "dis"}, dates)
    product.to_zarr(tmp_path / "v.zarr", zarr_format=2, consolidated=False)
    stored = xr.open_zarr(tmp_path / "v.zarr", consolidated=False, decode_coords="all")
    assert (
        stored.rio.crs.to_epsg() == 32632
        and stored.attrs["Conventions"] == "CF-1.8"
        and stored.attrs["date_end"] == "2021-09-07"
    )
    assert (
        stored.vx.attrs["standard_name"] == "land_ice_surface_x_velocity"
        and stored.v.attrs["units"] == "meter/year"
    )
    assert stored.mapping.attrs["grid_mapping_name"] == "transverse_mercator"
    assert np.array_equal(
        stored.v.values, np.hypot(mosaic.vx, mosaic.vy).values.astype(np.float32), equal_nan=True
    )
    from rio_cogeo import cog_validate

    for path in export.write_geotiffs(product, tmp_path):
        assert cog_validate(path)[0]
        tif = rioxarray.open_rasterio(path).squeeze("band")
        assert np.array_equal(tif.values, product[path.stem].values, equal_nan=True)
        assert tif.rio.crs.to_epsg() == 32632 and float(tif.x[0]) == 340005

    # From its STAC item alone, as odc-stac loads scenes of an archive.
    import odc.stac
    import pystac
    from pystac.validation import validate_dict

    file = export.write_stac_item(product, sorted(tmp_path.glob("*.tif")), "test", tmp_path)
    item = pystac.Item.from_file(str(file))
    validate_dict(json.loads(file.read_text(encoding="utf-8")), extensions=[])
    assert item.properties["start_datetime"].startswith("2020-08-18")
    loaded = odc.stac.load([item], bands=["v"], chunks={}).v.squeeze()
    assert loaded.odc.crs.epsg == 32632
    assert np.array_equal(loaded.values, product.v.values, equal_nan=True)
    asset = item.assets["vx"].extra_fields
    content = (tmp_path / "vx.tif").read_bytes()
    assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest() and asset[
        "file:size"
    ] == len(content)


def test_stakes_and_profile_are_written_as_a_geopackage(tmp_path):
    surveyed = stakes.read_stakes(tmp_path, load_catalog().glaciers["mer-de-glace"])
    table = pd.DataFrame(
        {"name": ["Tacul"], "matcher": ["raft"], "measured": [69.0], "estimated": [68.5]}
    )
    line = gpd.GeoDataFrame(
        {"distance": [0.0], "speed": [70.0], "error": [1.0]},
        geometry=surveyed.geometry[:1].to_crs(32632),
    )
    file = export.write_points(table, surveyed, line, tmp_path / "points.gpkg")
    points, profile = (gpd.read_file(file, layer=layer) for layer in ("stakes", "profile"))
    assert (
        profile.speed.tolist() == [70.0]
        and profile.geometry[0].distance(surveyed.geometry[0]) < 1e-7
    )
    assert (
        points.name.tolist() == ["Tacul"]
        and points.estimated.tolist() == [68.5]
        and points.crs.to_epsg() == 4326
    )
    assert export.write_points(table[:0], surveyed, None, tmp_path / "none.gpkg") is None


@pytest.mark.parametrize(
    ("fastest", "step"), [(90, 0.01), (1500, 0.1), (12000, 1.0), (40000, 10.0)]
)
def test_packing_rounds_to_half_a_step_and_keeps_missing_data(pair_cube, tmp_path, fastest, step):
    data = pair_cube.copy(deep=True)
    data["vx"] *= fastest / float(data.vx.max())
    data.vx[0, :5] = np.nan
    path = export.write_zarr(data, tmp_path / "packed.zarr", packed=True)
    raw = xr.open_zarr(path, consolidated=False, mask_and_scale=False).vx
    assert (
        raw.dtype == np.int16 and (raw[0, :5] == -32767).all() and raw.attrs["scale_factor"] == step
    )
    stored = xr.open_zarr(path, consolidated=False).vx
    assert np.array_equal(np.isnan(stored), np.isnan(data.vx))
    assert float(np.abs(stored - data.vx).max()) <= 0.51 * step
    assert xr.open_zarr(path, consolidated=False, decode_coords="all").rio.crs.to_epsg() == 32632


@pytest.mark.skipif(
    not shutil.which("gdalinfo"), reason="GDAL's command line tools are not installed (gdal-bin)"
)
def test_command_line_tools_of_gdal_read_all_products(matched, pair_cube, tmp_path):
    ice = np.ones((40, 40), bool)
    mosaic = uncertainty.add_errors(annual.combine_pairs(annual.to_velocity(matched)), ice, ~ice)
    dates = pd.Timestamp("2020-08-18"), pd.Timestamp("2021-09-07")
    product = products.velocity_product(mosaic.load(), 32632, "Test", {"matcher": "dis"}, dates)
    export.write_geotiffs(product, tmp_path)
    export.write_zarr(product, tmp_path / "v.zarr")
    export.write_zarr(pair_cube, tmp_path / "pairs.zarr", packed=True)
    surveyed = stakes.read_stakes(tmp_path, load_catalog().glaciers["mer-de-glace"])
    table = pd.DataFrame(
        {"name": ["Tacul"], "matcher": ["raft"], "measured": [69.0], "estimated": [68.5]}
    )
    export.write_points(table, surveyed, None, tmp_path / "stakes.gpkg")

    def gdal(*command):
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    info = json.loads(gdal("gdalinfo", "-json", "-stats", "v.tif"))
    assert (
        info["geoTransform"][:2] == [340000.0, 10.0]
        and 'ID["EPSG",32632]' in info["coordinateSystem"]["wkt"]
    )
    assert float(info["bands"][0]["metadata"][""]["STATISTICS_MEAN"]) == pytest.approx(
        float(product.v.mean()), rel=1e-4
    )
    zarr = json.loads(gdal("gdalinfo", "-json", "-stats", 'ZARR:"v.zarr":/v'))
    assert zarr["size"] == [40, 40] and zarr["geoTransform"][0] == 340000.0
    assert float(zarr["bands"][0]["metadata"][""]["STATISTICS_MEAN"]) == pytest.approx(
        float(product.v.mean()), rel=1e-4
    )
    packed = json.loads(gdal("gdalinfo", "-json", 'ZARR:"pairs.zarr":/vx:0'))
    assert packed["bands"][0]["scale"] == 0.01 and packed["bands"][0]["noDataValue"] == -32767
    assert "Tacul" in gdal("ogrinfo", "-q", "stakes.gpkg", "stakes")


def test_flags_reach_every_product_as_bits(tmp_path):
    ice = np.ones((40, 40), bool)
    ice[:, :10] = False
    matched = make_annual_pairs()
    matched.quality[:2, 20:] = 0
    matched.quality[:, :4] = 0
    mosaic = uncertainty.add_errors(annual.combine_pairs(annual.to_velocity(matched)), ice, ~ice)
    flags = flag_pixels(mosaic, mosaic["count"].copy(data=ice))
    dates = pd.Timestamp("2020-07-01"), pd.Timestamp("2021-08-10")
    attributes = {"matcher": "dis"}
    product = products.velocity_product(
        mosaic.assign(flags=flags), 32632, "Test", attributes, dates
    )
    files = export.write_geotiffs(product, tmp_path)
    read = rioxarray.open_rasterio(tmp_path / "flags.tif").squeeze("band")
    assert len(files) == 5 and read.dtype == np.uint8
    assert read[2, 2] == FLAGS["no_vector"] + FLAGS["few_pairs"] + FLAGS["outside_outline"]
    assert read[30, 20] == FLAGS["few_pairs"] and read[10, 20] == 0
    store = export.write_zarr(product, tmp_path / "v.zarr", packed=True)
    stored = xr.open_zarr(store, consolidated=False).flags
    assert stored.attrs["flag_meanings"].split()[:2] == ["no_vector", "few_pairs"]
    assert np.array_equal(stored.values, read.values)
