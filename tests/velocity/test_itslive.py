"""Velocities of ITS_LIVE: found, read over HTTP and rotated."""

import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pyproj
import pytest
import xarray as xr
from stac_server import StacServer

from gdiv.catalog import load_catalog
from gdiv.velocity import itslive

EPSG = 32622  # CRS of the study; ITS_LIVE's polar stereographic axes are rotated by almost 5°
PAIRS = pd.DataFrame(
    {
        "reference_date": pd.to_datetime(["2020-07-01", "2020-08-01"]),
        "secondary_date": pd.to_datetime(["2021-07-01", "2021-08-01"]),
        "days": [365.0, 365.0],
    }
)


def ice_velocity(x, y):
    """Velocity of ice that accelerates to the west, m/yr east and north in UTM."""
    return -2000 - 0.05 * (x - 550000), 300 + 0.05 * (y - 7672000)


@pytest.fixture(scope="module")
def glacier():
    return load_catalog().glaciers["jakobshavn"]


@pytest.fixture(scope="module")
def service(tmp_path_factory, glacier):
    """A folder with a catalog and one cube in ITS_LIVE's layout, served over HTTP."""
    folder = tmp_path_factory.mktemp("itslive")
    west, south, east, north = glacier.bbox
    crs = pyproj.CRS.from_epsg(3413)
    to_polar = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    to_utm = pyproj.Transformer.from_crs(crs, EPSG, always_xy=True)
    x0, y0, x1, y1 = to_polar.transform_bounds(west, south, east, north)
    x, y = (
        np.arange(x0 // 120 * 120 - 300, x1 + 300, 120),
        np.arange(y1 // 120 * 120 + 300, y0 - 300, -120),
    )
    gx, gy = np.meshgrid(x, y)
    # Position, 0.01 years later, of ice that starts at the centre of a cell.
    ox, oy = to_utm.transform(gx, gy)
    east_, north_ = ice_velocity(ox, oy)
    ex, ey = to_utm.transform(ox + east_ / 100, oy + north_ / 100, direction="INVERSE")
    theirs = np.stack([ex - gx, ey - gy]) * 100
    middles = pd.to_datetime(["2021-01-01", "2021-01-15", "2021-01-01", "2021-02-01"])
    days = np.array([360, 370, 6, 800])  # the third is too short, the fourth too long
    shape = (4, y.size, x.size)
    values = [
        np.where(np.array([1, 1, 0, 0], bool)[:, None, None], part, 9000.0) for part in theirs
    ]
    half = pd.to_timedelta(days / 2, unit="D")
    cube = xr.Dataset(
        {
            **{
                name: (("mid_date", "y", "x"), part)
                for name, part in zip(("vx", "vy"), values, strict=True)
            },
            "acquisition_date_img1": ("mid_date", middles - half),
            "acquisition_date_img2": ("mid_date", middles + half),
            "mapping": ((), "", {"spatial_epsg": 3413, "crs_wkt": crs.to_wkt()}),
        },
        coords={"mid_date": middles, "y": y, "x": x},
    )
    cube["vx"][0, shape[1] // 2] = np.nan
    packed = {"dtype": "int16", "_FillValue": -32767, "chunks": (4, 64, 64)}
    cube.to_zarr(
        folder / "cube.zarr",
        zarr_format=2,
        consolidated=True,
        encoding={"vx": packed, "vy": packed},
    )
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.func.log_message = lambda *args: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    ring = [
        [west - 1, south - 1],
        [east + 1, south - 1],
        [east + 1, north + 1],
        [west - 1, north + 1],
        [west - 1, south - 1],
    ]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"zarr_url": f"{url}/cube.zarr", "data_epsg": "EPSG:3413"},
    }
    (folder / "catalog_v02.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    yield f"{url}/catalog_v02.json"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def ours(glacier):
    west, south, east, north = glacier.bbox
    middle = pyproj.Transformer.from_crs(4326, EPSG, always_xy=True).transform(
        (west + east) / 2, (south + north) / 2
    )
    x, y = middle[0] + np.arange(-3000, 3000, 30), middle[1] - np.arange(-3000, 3000, 30)
    vx, vy = ice_velocity(*np.meshgrid(x, y))
    return xr.Dataset({"vx": (("y", "x"), vx), "vy": (("y", "x"), vy)}, coords={"y": y, "x": x})


def test_vectors_are_rotated_and_scaled_to_our_axes(service, glacier, ours):
    theirs = itslive.load_velocity(glacier, PAIRS, service, stac="")
    assert theirs["count"].max() == 2, "pairs too short and too long are left out"
    ice = np.ones(ours.vx.shape, bool)
    ice[:, :100] = False
    cells = itslive.regrid_to(ours, theirs, EPSG, ice)
    comparison = itslive.compare_velocities(cells)
    # ITS_LIVE has whole metres per year; a rotation by 5° would change 2000 m/yr by 170.
    assert (
        comparison["itslive"] < 1
        and comparison["itslive_bias"] < 0.5
        and comparison["itslive_nmad"] < 1
    )
    unrotated = np.hypot(theirs.vx - cells.vx, theirs.vy - cells.vy)
    assert float(unrotated.median()) > 100, "without rotation they differ"
    filled = int(cells.vx.notnull().sum())
    assert filled == pytest.approx(ice.sum() * (30 / 120) ** 2, rel=0.1), (
        "a cell is used if the mosaic covers half of it"
    )


def test_an_offset_from_itslive_is_reported(service, glacier, ours):
    theirs = itslive.load_velocity(glacier, PAIRS, service, stac="")
    comparison = itslive.compare_velocities(
        itslive.regrid_to(ours + 30, theirs, EPSG, np.ones(ours.vx.shape, bool))
    )
    assert comparison["itslive_bias"] == pytest.approx(30 * np.sqrt(2), abs=1)
    nowhere = itslive.compare_velocities(
        itslive.regrid_to(ours, theirs, EPSG, np.zeros(ours.vx.shape, bool))
    )
    assert all(np.isnan(value) for value in nowhere.values())


def test_the_study_continues_without_a_cube_or_network(service, glacier, capsys):
    assert (
        itslive.load_velocity(glacier, PAIRS, service.replace("catalog_v02", "none"), stac="")
        is None
    )
    assert "could not be read (HTTPError)" in capsys.readouterr().out
    unreachable = "http://127.0.0.1:9/catalog.json"
    assert itslive.load_velocity(glacier, PAIRS, unreachable, stac="") is None
    assert "could not be read (ConnectionError)" in capsys.readouterr().out
    elsewhere = glacier.model_copy(update={"bbox": (6.0, 45.0, 6.1, 45.1)})
    assert itslive.load_velocity(elsewhere, PAIRS, service, stac="") is None
    assert "has no cube over this glacier" in capsys.readouterr().out
    old = PAIRS.assign(
        reference_date=pd.Timestamp("1999-01-01"), secondary_date=pd.Timestamp("2000-01-01")
    )
    assert itslive.load_velocity(glacier, old, service, stac="") is None
    assert "has no pair of 182 to 730 days between 1999-01-01" in capsys.readouterr().out


def test_the_stac_service_is_queried_first(glacier, tmp_path, capsys):
    """The cube of image pairs is used, not the annual composites."""
    west, south, east, north = glacier.bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "cube",
        "collection": "itslive-cubes",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(glacier.bbox),
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {
            "composite": {"href": "https://a.org/cube_composite.zarr"},
            "zarr": {"href": "https://a.org/cube.zarr"},
        },
    }
    (tmp_path / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": [item]})
    )
    longitude, latitude = (west + east) / 2, (south + north) / 2
    with StacServer(tmp_path) as server:
        found = itslive.find_cube(longitude, latitude, "http://127.0.0.1:9/no.json", server.url)
        assert found.endswith("a.org/cube.zarr")  # the server prepends its own address
        assert itslive.find_cube(0, 0, "http://127.0.0.1:9/no.json", server.url) is None
    assert "catalog could not be read" in capsys.readouterr().out
    assert itslive.find_cube(0, 0, "http://127.0.0.1:9/no.json", "http://127.0.0.1:9") is None
    assert "STAC service could not be read" in capsys.readouterr().out
