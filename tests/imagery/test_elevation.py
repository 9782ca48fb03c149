"""Elevation from files of any grid, and from the tiles of a STAC collection."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from stac_server import StacServer

from gdiv.imagery.elevation import ElevationError, read_elevation
from gdiv.imagery.grid import study_grid


def write(path, west, columns=90):
    """Write a terrain model in degrees that rises by 1000 m per degree to the east."""
    step, top = 1 / 1800, 45.92
    east = west + step * (np.arange(columns) + 0.5)
    heights = np.tile(1000 + 1000 * (east - 6.9), (90, 1)).astype(np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=90, count=1, dtype="float32",
        crs="EPSG:4326", transform=Affine(step, 0, west, 0, -step, top),
    ) as file:  # fmt: skip
        file.write(heights, 1)
    return path


def expected(grid: GeoBox):
    longitude = grid.to_crs(4326).extent.boundingbox
    return 1000 + 1000 * (longitude.left - 6.9), 1000 + 1000 * (longitude.right - 6.9)


def test_a_terrain_model_in_degrees_is_resampled_to_the_grid(glacier, tmp_path):
    grid = study_grid(glacier.bbox, glacier.epsg)
    path = write(tmp_path / "dem.tif", 6.92)
    elevation = read_elevation(path, glacier, grid)
    low, high = expected(grid)
    assert elevation.shape == tuple(grid.shape) and np.isfinite(elevation).all()
    assert np.nanmin(elevation) == pytest.approx(low, abs=1)
    assert np.nanmax(elevation) == pytest.approx(high, abs=1)


def test_the_tiles_of_a_collection_are_joined(glacier, tmp_path):
    features = []
    for name, west in (("a", 6.915), ("b", 6.94)):
        write(tmp_path / f"{name}.tif", west, 46)
        ring = [[west, 45.87], [west + 0.03, 45.87], [west + 0.03, 45.92], [west, 45.92]]
        features.append(
            {
                "type": "Feature",
                "stac_version": "1.0.0",
                "id": name,
                "collection": "cop-dem-glo-30",
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                "bbox": [west, 45.87, west + 0.03, 45.92],
                "properties": {"datetime": "2021-04-22T00:00:00Z", "proj:epsg": 4326},
                "links": [],
                "assets": {
                    "data": {
                        "href": f"{name}.tif",
                        "proj:transform": [1 / 1800, 0, west, 0, -1 / 1800, 45.92],
                        "proj:shape": [90, 46],
                    }
                },
            }
        )
    (tmp_path / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    grid = study_grid(glacier.bbox, glacier.epsg)
    with StacServer(tmp_path) as server:
        elevation = read_elevation(f"{server.url}/collections/cop-dem-glo-30", glacier, grid)
        with pytest.raises(ElevationError, match="no terrain model over Mer de Glace"):
            read_elevation(f"{server.url}/collections/none", glacier, grid)
    assert np.isfinite(elevation[20:-20, 20:-20]).all()
    assert elevation[100, 150] > elevation[100, 50]


def test_a_missing_or_distant_terrain_model_is_named(glacier, tmp_path):
    grid = study_grid(glacier.bbox, glacier.epsg)
    with pytest.raises(ElevationError, match=r"dem.tif could not be read"):
        read_elevation(tmp_path / "dem.tif", glacier, grid)
    with pytest.raises(ElevationError, match="no data over"):
        read_elevation(write(tmp_path / "far.tif", 10.0), glacier, grid)
