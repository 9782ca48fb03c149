"""Products open unchanged in other tools and state their provenance."""

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
from test_velocity import field

from gdiv.catalog import load_catalog
from gdiv.study.store import read_result, write_result
from gdiv.velocity import annual, export, products, stakes, uncertainty


def test_products_open_elsewhere(tmp_path):
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
    again = xr.open_zarr(tmp_path / "v.zarr", consolidated=False, decode_coords="all")
    assert (
        again.rio.crs.to_epsg() == 32632
        and again.attrs["Conventions"] == "CF-1.8"
        and again.attrs["date_end"] == "2021-09-07"
    )
    assert (
        again.vx.attrs["standard_name"] == "land_ice_surface_x_velocity"
        and again.v.attrs["units"] == "meter/year"
    )
    assert again.mapping.attrs["grid_mapping_name"] == "transverse_mercator"
    assert np.array_equal(
        again.v.values, np.hypot(mosaic.vx, mosaic.vy).values.astype(np.float32), equal_nan=True
    )
    from rio_cogeo import cog_validate

    for path in export.write_geotiffs(product, tmp_path):
        assert cog_validate(path)[0]
        tif = rioxarray.open_rasterio(path).squeeze("band")
        assert np.array_equal(tif.values, product[path.stem].values, equal_nan=True)
        assert tif.rio.crs.to_epsg() == 32632 and float(tif.x[0]) == 340005

    # By its STAC item alone, as odc-stac loads an archive's.
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
    again, down = (gpd.read_file(file, layer=layer) for layer in ("stakes", "profile"))
    assert down.speed.tolist() == [70.0] and down.geometry[0].distance(surveyed.geometry[0]) < 1e-7
    assert (
        again.name.tolist() == ["Tacul"]
        and again.estimated.tolist() == [68.5]
        and again.crs.to_epsg() == 4326
    )
    assert export.write_points(table[:0], surveyed, None, tmp_path / "none.gpkg") is None


@pytest.fixture(scope="module")
def matched():
    """Four annual pairs of ice at 20 m/yr east and 10 north, as `match_pairs` gives them, not in order of time."""
    data = field(2, -1, pairs=4, noise=0.2)
    first = pd.DatetimeIndex(["2020-08-10", "2020-08-01", "2020-08-10", "2020-07-01"])
    coords = {
        "reference_date": ("pair", first),
        "secondary_date": ("pair", first + pd.Timedelta(days=365)),
    }
    about = {"matcher": "dis", "options": "{}", "network": ""}
    place = {"x": 340005 + 10.0 * np.arange(40), "y": 5086005 - 10.0 * np.arange(40)}
    return data.assign_coords(pair=np.arange(4), **coords, **place).assign_attrs(about)


@pytest.fixture(scope="module")
def pair_cube(matched):
    ice = np.ones((40, 40), bool)
    velocity = annual.to_velocity(matched)
    mosaic = uncertainty.add_errors(annual.combine_pairs(velocity), ice, ~ice)
    return products.pair_cube(velocity, mosaic, ice, 32632, {"matcher": "dis"})


def test_pairs_are_laid_out_as_an_its_live_cube_and_as_ticoi_documents(pair_cube, tmp_path):
    """TICOI's loader for unknown authors wants vx, vy, date1, date2; takes errorx, errory; time is the first coordinate
    beside x and y. Its own package cannot be installed beside ours: its s3fs wants an older python-dateutil."""
    again = xr.open_zarr(export.write_zarr(pair_cube, tmp_path / "pairs.zarr"), consolidated=False)
    assert again.vx.dims == ("mid_date", "y", "x")
    assert next(name for name in again.coords if name not in "xy") == "mid_date"
    assert (np.diff(again.mid_date) > np.timedelta64(0)).all()
    for one, two in (
        ("date1", "acquisition_date_img1"),
        ("date2", "acquisition_date_img2"),
        ("errorx", "vx_error"),
    ):
        assert np.array_equal(again[one], again[two]) and again[one].dims == ("mid_date",)
    assert again.date1.dtype.kind == "M" and again.date_dt.values == pytest.approx(365)
    assert again.id_img1.values.tolist() == ["r3", "r1", "r0", "r2"], "ids go with their dates"
    assert again.get_index("mid_date").is_unique, "though two pairs are of the same days"
    # Noise of 0.2 px is 2 m/yr; of four pairs the map's own is added.
    assert again.errorx.values == pytest.approx(2.2, rel=0.25)
    assert float(again.vx.mean()) == pytest.approx(20, abs=0.2) and float(
        again.vy.mean()
    ) == pytest.approx(10, abs=0.2)
    assert again.mapping.attrs["grid_mapping_name"] == "transverse_mercator"
    decoded = xr.open_zarr(tmp_path / "pairs.zarr", consolidated=False, decode_coords="all")
    assert decoded.rio.crs.to_epsg() == 32632 and decoded.odc.geobox.crs.epsg == 32632
    assert decoded.odc.geobox.affine.c == 340000, "pixel centres, not corners"


@pytest.mark.parametrize(
    ("fastest", "step"), [(90, 0.01), (1500, 0.1), (12000, 1.0), (40000, 10.0)]
)
def test_packing_rounds_to_half_a_step_and_keeps_no_data(pair_cube, tmp_path, fastest, step):
    data = pair_cube.copy(deep=True)
    data["vx"] *= fastest / float(data.vx.max())
    data.vx[0, :5] = np.nan
    path = export.write_zarr(data, tmp_path / "packed.zarr", packed=True)
    raw = xr.open_zarr(path, consolidated=False, mask_and_scale=False).vx
    assert (
        raw.dtype == np.int16 and (raw[0, :5] == -32767).all() and raw.attrs["scale_factor"] == step
    )
    again = xr.open_zarr(path, consolidated=False).vx
    assert np.array_equal(np.isnan(again), np.isnan(data.vx))
    assert float(np.abs(again - data.vx).max()) <= 0.51 * step
    assert xr.open_zarr(path, consolidated=False, decode_coords="all").rio.crs.to_epsg() == 32632


def test_scene_provenance_lists_scenes_baselines_and_orbits(matched, tmp_path):
    scenes = pd.DataFrame(
        {
            "id": ["s0", "r0", "other"], "date": pd.to_datetime(["2021-08-10", "2020-08-10", "2020-08-12"]),
            "baseline": ["05.10", None, "05.00"], "orbit": [108, np.nan, 65],
        }
    )  # fmt: skip
    write_result(scenes, tmp_path / "scenes.csv", "table", 32632, {})
    scenes = read_result(tmp_path / "scenes.csv", "table")
    provenance = products.scene_provenance(
        scenes, pd.DataFrame({"reference": ["r0"], "secondary": ["s0"]}), matched
    )
    assert provenance["scenes"] == "r0 s0" and provenance["processing_baselines"] == "unknown 05.10"
    assert (
        provenance["relative_orbits"] == "unknown 108"
        and provenance["matcher"] == "dis"
        and provenance["matcher_options"] == "{}"
    )


@pytest.mark.skipif(
    not shutil.which("gdalinfo"), reason="GDAL's command line tools are not installed (gdal-bin)"
)
def test_gdals_own_tools_read_every_product(matched, pair_cube, tmp_path):
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
