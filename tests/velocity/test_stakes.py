"""Compare mosaics with stakes."""

import geopandas as gpd
import numpy as np
import pytest
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
