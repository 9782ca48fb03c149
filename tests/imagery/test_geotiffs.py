"""Open two images as a pair, or raise one clear error."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin

import gdiv
from gdiv.imagery.geotiffs import PairError

DATES = ("2020-08-01", "2021-08-01")
GRID = GeoBox((80, 96), Affine(10, 0, 340000, 0, -10, 5090000), "EPSG:32632")


def write_image(path, values, left=340000.0, top=5090000.0, size=10.0, epsg=32632, **profile):
    profile = {"driver": "GTiff", "count": 1, "dtype": values.dtype} | profile
    height, width = values.shape
    transform = profile.pop("transform", from_origin(left, top, size, size))
    with rasterio.open(
        path, "w", height=height, width=width, crs=f"EPSG:{epsg}", transform=transform, **profile
    ) as file:
        file.write(values, 1)
    return path


@pytest.fixture
def files(tmp_path):
    """Two images that overlap except for a rim; the first has no data in a corner."""
    values = np.random.default_rng(0).integers(1, 4000, (80, 96)).astype(np.uint16)
    values[:4, :4] = 0
    first = write_image(tmp_path / "a_20200801.tif", values, nodata=0)
    second = write_image(
        tmp_path / "b_2021-08-03.tif", values[2:, 3:], left=340030, top=5089980, nodata=0
    )
    return first, second


def test_dates_are_parsed_from_names_and_images_are_cropped_to_their_overlap(files):
    pair = gdiv.open_pair(*files)
    assert pair.attrs["reference_date"].startswith("2020-08-01")
    assert pair.attrs["secondary_date"].startswith("2021-08-03")
    assert pair.reference.shape == (78, 93) and pair.attrs["spacing"] == 10
    assert float(pair.x[0]) == 340035 and float(pair.y[0]) == 5089975
    same = (pair.reference == pair.secondary).values
    assert same[2:, 2:].all() and np.isnan(pair.reference.values[:2, 0]).all()
    assert pair.rio.crs.to_epsg() == 32632


def test_an_outline_in_any_crs_gives_ice_and_stable_ground(files, tmp_path):
    box = shapely.box(340300, 5089400, 340600, 5089700)
    outline = gpd.GeoDataFrame(geometry=[box], crs=32632).to_crs(4326)
    outline.to_file(tmp_path / "glacier.gpkg")
    for given in (tmp_path / "glacier.gpkg", outline):
        pair = gdiv.open_pair(*files, outline=given)
        assert 800 < pair.glacier.sum() < 1000
        assert 0 < pair.stable.sum() < pair.sizes["x"] * pair.sizes["y"] - 900


def test_arrays_need_a_grid_and_data_arrays_have_one():
    images = np.random.default_rng(0).normal(size=(2, 80, 96))
    plain = gdiv.open_pair(*images, geobox=GRID, dates=DATES)
    coords = {"y": plain.y, "x": plain.x}
    labelled = [
        xr.DataArray(image, dims=("y", "x"), coords=coords).rio.write_crs(32632) for image in images
    ]
    pair = gdiv.open_pair(*labelled, dates=DATES)
    assert np.array_equal(pair.reference, plain.reference)
    assert plain.odc.geobox == GRID


def test_any_projected_crs_is_accepted(tmp_path):
    values = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    files = [
        write_image(tmp_path / f"{year}-08-01.tif", values, 0, 0, 15.0, 3413)
        for year in (2020, 2021)
    ]
    pair = gdiv.open_pair(*files)
    assert pair.attrs["spacing"] == 15 and pair.rio.crs.to_epsg() == 3413


VALUES = np.ones((80, 96), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsg": 32633}, "reproject both to one CRS"),
        ({"size": 20.0}, "pixels of 10 and 20 m"),
        ({"left": 340004.0}, "differ by a fraction of a pixel"),
        ({"left": 390000.0}, "do not overlap"),
        ({"epsg": 4326, "left": 7.0, "top": 46.0, "size": 1e-4}, "not projected"),
        ({"transform": Affine(10, 0, 340000, 0, -20, 5090000)}, "not square and north up"),
        ({"epsg": 2261}, "a CRS that uses metres"),
    ],
)
def test_incomparable_images_raise_an_error_with_the_remedy(tmp_path, change, message):
    first = write_image(tmp_path / "a_20200801.tif", VALUES)
    second = write_image(tmp_path / "b_20210801.tif", VALUES, **change)
    with pytest.raises(PairError, match=message):
        gdiv.open_pair(first, second)


def test_the_band_is_near_infrared_unless_named(tmp_path):
    files = []
    for name in ("a_20200801.tif", "b_20210801.tif"):
        image = xr.DataArray(np.stack([0 * VALUES, 1 + 0 * VALUES]), dims=("band", "y", "x"))
        image.rio.write_crs(GRID.crs).rio.write_transform(GRID.affine).rio.to_raster(
            tmp_path / name
        )
        with rasterio.open(tmp_path / name, "r+") as file:
            file.descriptions = ("Red", "NIR")
        files.append(tmp_path / name)
    assert (gdiv.open_pair(*files).reference == 1).all()
    assert (gdiv.open_pair(*files, band="red").reference == 0).all()
    assert (gdiv.open_pair(*files, band=1).reference == 0).all()
    with rasterio.open(files[1], "r+") as file:
        file.descriptions = (None, None)
    with pytest.raises(PairError, match="only one of the images has a band described as near"):
        gdiv.open_pair(*files)
    assert (gdiv.open_pair(*files, band=2).reference == 1).all()
    with pytest.raises(PairError, match=r"no band swir among 1 Red, 2 NIR"):
        gdiv.open_pair(*files, band="swir")


def test_missing_dates_files_bands_and_grids_raise_an_error_that_names_them(files, tmp_path):
    undated = write_image(tmp_path / "scene.tif", VALUES)
    with pytest.raises(PairError, match=r"scene.tif has no date in its name; give dates="):
        gdiv.open_pair(files[0], undated)
    with pytest.raises(PairError, match="must be earlier"):
        gdiv.open_pair(*files[::-1])
    with pytest.raises(PairError, match=r"nothing.tif cannot be read"):
        gdiv.open_pair(tmp_path / "nothing.tif", files[1])
    with pytest.raises(PairError, match="no band 4 among 1;"):
        gdiv.open_pair(*files, band=4)
    with pytest.raises(PairError, match="arrays need a grid"):
        gdiv.open_pair(VALUES, VALUES, dates=DATES)
    with pytest.raises(PairError, match="arrays have no dates"):
        gdiv.open_pair(VALUES, VALUES, geobox=GRID)
    with pytest.raises(PairError, match=r"the outline .* could not be read"):
        gdiv.open_pair(*files, outline=tmp_path / "missing.gpkg")


def labelled(values, **coords):
    """A DataArray on the grid of the tests."""
    plain = gdiv.open_pair(VALUES, VALUES, geobox=GRID, dates=DATES)
    array = xr.DataArray(values, dims=("y", "x"), coords={"y": plain.y, "x": plain.x})
    return array.assign_coords(coords).rio.write_crs(32632)


def test_data_arrays_may_be_transposed_or_south_up_and_have_their_own_time():
    values = np.random.default_rng(0).normal(size=(80, 96)).astype(np.float32)
    first = labelled(values, time=np.datetime64("2020-08-01T10:00", "ns"))
    second = labelled(values, time=np.datetime64("2021-08-01T10:00", "ns"))
    pair = gdiv.open_pair(first.transpose("x", "y"), second.isel(y=slice(None, None, -1)))
    assert np.array_equal(pair.reference, values) and np.array_equal(pair.secondary, values)
    assert pair.attrs["reference_date"].startswith("2020-08-01T10")


def test_masks_and_nodata_values_become_nan(tmp_path):
    values = np.full((80, 96), 5, np.uint16)
    values[:10] = 9
    first = write_image(tmp_path / "a_20200801.tif", values)
    with rasterio.open(first, "r+") as file:
        file.write_mask(values == 5)
    second = write_image(tmp_path / "b_20210801.tif", values)
    pair = gdiv.open_pair(first, second)
    assert np.isnan(pair.reference.values[:10]).all() and np.isfinite(pair.secondary.values).all()
    given = gdiv.open_pair(first, second, nodata=9)
    assert np.isnan(given.secondary.values[:10]).all()


def test_web_mercator_is_rejected_because_its_metres_are_too_short(tmp_path):
    files = [
        write_image(tmp_path / f"{year}-08-01.tif", VALUES, 772000, 5760000, 10.0, 3857)
        for year in (2020, 2021)
    ]
    with pytest.raises(PairError, match=r"a metre on the ground is 1\.4\d m on the map"):
        gdiv.open_pair(*files)


@pytest.mark.parametrize("dates", [(20200801, 20210801), (None, "2021-08-01"), ("x", "y")])
def test_invalid_dates_are_rejected(dates):
    with pytest.raises(PairError, match="is not a date; give dates="):
        gdiv.open_pair(VALUES, VALUES, geobox=GRID, dates=dates)
    with pytest.raises(PairError, match="two dates are needed, got 1"):
        gdiv.open_pair(VALUES, VALUES, geobox=GRID, dates=("2020-08-01",))


@pytest.mark.parametrize(
    "geometry",
    [
        shapely.box(500000, 5000000, 500100, 5000100),
        shapely.LineString([(340300, 5089400), (340600, 5089700)]),
    ],
    ids=["elsewhere", "a line"],
)
def test_an_outline_without_a_polygon_within_the_images_is_rejected(files, geometry):
    outline = gpd.GeoDataFrame(geometry=[geometry], crs=32632)
    with pytest.raises(PairError, match="no polygon within the images"):
        gdiv.open_pair(*files, outline=outline)


def test_a_margin_that_leaves_no_stable_ground_is_reported(files):
    outline = gpd.GeoDataFrame(geometry=[shapely.box(340300, 5089400, 340600, 5089700)], crs=32632)
    with pytest.warns(UserWarning, match="no pixel is farther than 5000 m"):
        gdiv.open_pair(*files, outline=outline, margin=5000)
