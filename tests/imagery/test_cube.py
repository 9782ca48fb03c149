"""Load assets and cubes: exact pixels, reflectance, masks, few requests."""

import json

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from local_archive import judge_from, make_source, relocate
from odc.geo.geobox import GeoBox
from places import file_source
from planetary_computer.settings import Settings
from rasterio.windows import from_bounds
from stac_server import StacServer

from gdiv.catalog import load_catalog
from gdiv.files import write_json
from gdiv.imagery import archive, cube, items
from gdiv.imagery.grid import grid_of_items
from gdiv.study.resumable import write_dataset

pytestmark = pytest.mark.usefixtures("short_waits")


def test_loaded_pixels_equal_the_pixels_of_the_file(twin):
    """Compared with rasterio for the image, and with odc-stac for the coarser mask."""
    grid = twin["grid"]
    item = next(
        i for i in twin["items"] if i["id"] == twin["table"].query("verdict == 'use'").id.iloc[0]
    )
    ours = cube.load_asset([item], twin["source"], "image", grid)[0].compute()
    with rasterio.open(item["assets"]["nir"]["href"]) as file:
        plain = file.read(
            1,
            window=from_bounds(*grid.boundingbox, transform=file.transform),
            boundless=True,
            fill_value=0,
        )
    assert np.array_equal(ours.values, plain)
    assert float(ours.x[0]) == grid.affine.c + 5 and float(ours.y[0]) == grid.affine.f - 5
    mask = cube.load_asset([item], twin["source"], "mask", grid)[0].compute()
    oracle = odc.stac.load(
        [pystac.Item.from_dict(item)], bands=["scl"], geobox=grid, resampling="nearest"
    )
    assert np.array_equal(mask.values, oracle.scl[0].values)


def test_newer_projection_fields_cause_no_resampling(twin):
    item = next(i for i in twin["items"] if "nir" in i["assets"])
    newer = item | {
        "properties": {k: v for k, v in item["properties"].items() if k != "proj:epsg"}
        | {"proj:code": "EPSG:32632"}
    }
    assert items.read_epsg(newer) == 32632
    first, second = (
        cube.load_asset([i], twin["source"], "image", twin["grid"]).compute() for i in (item, newer)
    )
    assert np.array_equal(first.values, second.values)


def test_reflectance_does_not_depend_on_the_offset_of_a_scene(twin):
    """Some scenes of 2022 have the offset removed, and some still contain it."""
    used = twin["table"].query("verdict == 'use' and season_year == 2022")
    assert set(used.offset) == {0.0, -0.1}
    data = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).load()
    stable = twin["masks"].stable
    dark = data.reflectance.where(stable & ~data.snow).quantile(0.05, ("y", "x"))
    flavour = used.set_index("id").offset.reindex(data.scene.values.tolist()).to_numpy()
    removed, left_in = (float(dark.values[flavour == offset][-2:].mean()) for offset in (0.0, -0.1))
    assert abs(removed - left_in) < 0.05  # light and haze differ; the offset itself is 0.1


def test_cloud_is_no_data_and_loading_is_lazy(twin):
    lazy = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"])
    assert lazy.reflectance.chunks is not None
    table = twin["table"].query("verdict == 'use'").reset_index()
    cloudiest = int(table.clear.argmin())
    cloud_fraction = float(lazy.reflectance[cloudiest].isnull().mean())
    assert (cloud_fraction > 0) == (table.clear[cloudiest] < 1)
    assert lazy.reflectance.dtype == np.float32 and lazy.snow.dtype == bool


@pytest.mark.parametrize(
    ("kind", "values", "clear", "snow", "water"),
    [
        ("scl", [0, 1, 3, 4, 6, 8, 9, 10, 11], [3, 4, 8], [8], [4]),
        ("qa_pixel", [1, 1 << 3, 1 << 4, 1 << 6, (1 << 6) | (1 << 5), 1 << 7], [3, 4, 5], [4], [5]),
        (
            "fmask",
            [255, 1 << 1, 1 << 3, 0, 1 << 4, 1 << 5, 0b11 << 6],
            [3, 4, 5, 6],
            [0, 4],
            [0, 5],
        ),
    ],
)
def test_masks_are_classified(kind, values, clear, snow, water):
    found = cube.classify(np.array(values), kind)
    assert [np.flatnonzero(each).tolist() for each in found] == [clear, snow, water]


def test_loading_fetches_few_bytes_with_a_small_graph(glacier, twin_folder, twin):
    """At most 10 % more bytes than odc-stac fetches for the same window."""
    with StacServer(twin_folder) as server:
        archive_items = archive.find_items(make_source(server), glacier, [2020])
        archive_items = [item for item in archive_items if "nir" in item["assets"]]
        grid = twin["grid"][32:160, 16:144]
        server.bytes = 0
        data = cube.load_asset(archive_items, make_source(server), "image", grid)
        assert len(data.__dask_graph__()) <= 4 * len(archive_items) + 10
        ours = data.compute().values
        fetched, server.bytes = server.bytes, 0
    with StacServer(twin_folder) as other:
        odc.stac.configure_rio(cloud_defaults=True)
        named = [pystac.Item.from_dict(item) for item in relocate(archive_items, server, other)]
        theirs = odc.stac.load(named, bands=["nir"], geobox=grid, groupby="id")
        limit = other.bytes
    assert np.array_equal(ours, theirs.nir.values)
    assert fetched <= 1.1 * limit


def test_signatures_are_renewed_and_never_stored(
    glacier, twin, archive_folder, tmp_path, monkeypatch
):
    """Signatures expire before the load and between its scenes."""
    with StacServer(archive_folder("planetary-computer"), signed=True, lifetime=30) as server:
        monkeypatch.setenv("GDAL_HTTP_PROXY", server.url)
        monkeypatch.setattr(Settings.get(), "sas_url", f"{server.url}/token")
        source, archive_items, table = judge_from(
            server, glacier, twin, "planetary-computer", years=(2020, 2021)
        )
        data = cube.load_cube(archive_items, table, source, twin["grid"])
        server.expire()
        monkeypatch.setattr(
            "gdiv.study.resumable.write_json",
            lambda *content: (write_json(*content), server.expire()),
        )
        before = server.tokens
        assert write_dataset(data, tmp_path / "cube.zarr", glacier.epsg) == []
        assert server.tokens - before >= data.sizes["scene"] and server.refused == 0
    table.to_csv(tmp_path / "scenes.csv")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(b"secret-" in path.read_bytes() for path in written)
    assert "secret-" not in repr(data) and "secret-" not in json.dumps(archive_items)


def test_real_scenes_are_loaded_exactly(real):
    """A nominal 6.08 m grid whose origin is no multiple of its spacing."""
    moreno = load_catalog().glaciers["perito-moreno"]
    source = file_source(real / "perito-moreno-2020" / "items.json")
    archive_items = archive.find_items(source, moreno, [2020])
    grid = grid_of_items(archive_items, "nir", moreno)
    ours = cube.load_asset(archive_items[:1], source, "image", grid)[0].compute().values
    with rasterio.open(archive_items[0]["assets"]["nir"]["href"]) as file:
        plain, transform = file.read(1), file.transform
    column, row = (
        round((transform.c - grid.affine.c) / 6.08),
        round((grid.affine.f - transform.f) / 6.08),
    )
    rows, columns = (
        min(plain.shape[0], ours.shape[0] - row),
        min(plain.shape[1], ours.shape[1] - column),
    )
    ours = np.nan_to_num(ours[row : row + rows, column : column + columns])
    assert np.array_equal(ours, plain[:rows, :columns])


def test_a_zone_counted_from_north_is_read_exactly_in_the_south(tmp_path):
    """Landsat counts its zones from the equator northwards: 30 m do not divide 10,000 km."""
    numbers = np.arange(1, 1601, dtype=np.uint16).reshape(40, 40)
    left, top = 600015.0, 4500015.0
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=40, count=1, dtype="uint16",
        crs="EPSG:32618", transform=rasterio.Affine(30, 0, left, 0, -30, top - 1e7), nodata=0,
    ) as file:  # fmt: skip
        file.write(numbers, 1)
    item = {
        "id": "a",
        "type": "Feature",
        "stac_version": "1.0.0",
        "bbox": [-72, -50, -71, -49],
        "properties": {"datetime": "2020-01-01T14:00:00Z", "proj:epsg": 32618},
        "assets": {
            "nir": {"href": str(path), "proj:transform": [30, 0, left, 0, -30, top - 1e7],
                    "proj:shape": [40, 40]}
        },
        "links": [],
    }  # fmt: skip
    grid = GeoBox((20, 24), rasterio.Affine(30, 0, left + 120, 0, -30, top - 150), "EPSG:32718")
    source = load_catalog().sources["twin"]
    read = cube.load_asset([item], source, "image", grid)[0].values
    assert np.array_equal(read, numbers[5:25, 4:28])
