"""Compare mosaics with stakes."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from gdiv.catalog import load_catalog
from gdiv.velocity import stakes


def test_mosaics_are_interpolated_at_stakes_inside_the_map():
    size, epsg = 20, 32632
    x, y = 340000 + 10.0 * np.arange(size), 5086000 - 10.0 * np.arange(size)
    ramp = np.tile(np.arange(size, dtype=float), (size, 1))
    data = xr.Dataset(
        {"vx": (("y", "x"), ramp), "vy": (("y", "x"), 0 * ramp)}, coords={"x": x, "y": y}
    )
    surveyed = gpd.GeoDataFrame(
        {"name": ["in", "out", "other year"], "year": [2021, 2021, 2020], "speed": [7.0, 1.0, 1.0]},
        geometry=gpd.points_from_xy([340045, 341000, 340050], [5085950, 5085950, 5085950]),
        crs=epsg,
    ).to_crs(4326)
    table = stakes.compare_with_stakes(data, surveyed, 2021, epsg)
    assert table.name.tolist() == ["in"]
    assert table.estimated[0] == pytest.approx(4.5, abs=1e-3) and table.difference[
        0
    ] == pytest.approx(-2.5, abs=1e-3)


def test_stakes_of_the_catalog_replace_missing_ones(tmp_path):
    surveyed = stakes.read_stakes(tmp_path, load_catalog().glaciers["mer-de-glace"])
    assert (
        set(surveyed.name) == {"Tacul", "Trélaporte", "Échelets"} and surveyed.crs.to_epsg() == 4326
    )


def write_stakes(folder, **columns):
    """Write stakes at one point; columns that are None are omitted."""
    values = {"name": ["A"], "year": [2021], "speed": [10.0]} | columns
    geometry = values.pop("geometry", [shapely.Point(6.94, 45.9)])
    kept = {name: value for name, value in values.items() if value is not None}
    table = gpd.GeoDataFrame(kept, geometry=geometry, crs=4326)
    table.to_file(folder / "stakes.geojson")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"speed": None}, "lacks the column speed; each stake needs name, year, speed"),
        ({"name": None, "year": None}, "lacks the column name, year"),
        ({"speed": ["fast"]}, "the speed 'fast', which is not a number"),
        ({"speed": [-3.0]}, "negative speed"),
        ({"geometry": [shapely.box(6, 45, 7, 46)]}, "shapes other than points"),
    ],
)
def test_invalid_stakes_are_rejected_by_name(columns, message, tmp_path, glacier):
    write_stakes(tmp_path, **columns)
    with pytest.raises(ValueError, match=message):
        stakes.read_stakes(tmp_path, glacier)


def test_years_and_speeds_may_be_text_or_dates(tmp_path, glacier):
    write_stakes(tmp_path, year=["2021"], speed=["10.5"])
    table = stakes.read_stakes(tmp_path, glacier)
    assert (table.year[0], table.speed[0]) == (2021, 10.5)
    write_stakes(tmp_path, year=[pd.Timestamp("2021-09-30")])
    assert stakes.read_stakes(tmp_path, glacier).year[0] == 2021
