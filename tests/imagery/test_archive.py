"""Search scenes in files and in a STAC service with faults on demand."""

import json

import numpy as np
import pytest
import shapely
from local_archive import judge_from, make_source
from places import file_source
from pystac_client import Client
from stac_server import StacServer

from gdiv.catalog import load_catalog
from gdiv.imagery import archive, cube, scenes
from gdiv.imagery.grid import grid_of_items

pytestmark = pytest.mark.usefixtures("short_waits")


def test_a_service_and_a_file_give_the_same_scenes(glacier, twin_folder, twin):
    with StacServer(twin_folder) as server:
        source, archive_items, table = judge_from(server, glacier, twin)
        assert server.searches > 3, "several pages per season"
        assert [i["id"] for i in archive_items] == [i["id"] for i in twin["items"]]
        assert all(
            a["href"].startswith(server.url) for i in archive_items for a in i["assets"].values()
        )
        assert table.reason.tolist() == twin["table"].reason.tolist()
        remote = (
            cube.load_cube(archive_items, table, source, twin["grid"]).isel(scene=[0, -1]).compute()
        )
    local = (
        cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"])
        .isel(scene=[0, -1])
        .compute()
    )
    assert np.array_equal(remote.reflectance.values, local.reflectance.values, equal_nan=True)


@pytest.mark.parametrize("flavour", ["earth-search", "earth-search-c1", "planetary-computer"])
def test_all_archives_give_equal_reflectance(flavour, glacier, twin, archive_folder):
    """Archives differ in names, fields, and whether the offset is applied."""
    with StacServer(archive_folder(flavour)) as server:
        source, archive_items, table = judge_from(server, glacier, twin, flavour)
        assert table.verdict.tolist() == twin["table"].verdict.tolist()
        for field in ("orbit", "sun_azimuth", "sun_elevation"):
            assert table[field].to_numpy() == pytest.approx(twin["table"][field].to_numpy())
        assert grid_of_items(archive_items, source.image, glacier) == twin["grid"]
        theirs = cube.load_cube(archive_items, table, source, twin["grid"]).compute()
    ours = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"]).compute()
    # The ids differ, so only values can be compared.
    images = [cube.reflectance.values for cube in (theirs, ours)]
    assert np.array_equal(*(np.isfinite(image) for image in images))
    assert np.nanmax(np.abs(images[0] - images[1])) < 1e-6


@pytest.mark.parametrize(
    ("flavour", "key", "orbits"),
    [
        ("landsat", "earth-search-landsat", {65, 108}),
        ("hls", "planetary-computer-hls-sentinel", {6, 306}),
    ],
)
def test_other_archives_are_judged_and_loaded_like_sentinel_2(
    flavour, key, orbits, glacier, twin, archive_folder
):
    """Scenes have 30 m pixels, different masks and numbers; HLS states no orbit."""
    with StacServer(archive_folder(flavour)) as server:
        source = make_source(server, key)
        archive_items = archive.find_items(source, glacier, [2020, 2021, 2022])
        grid = grid_of_items(archive_items, source.image, glacier)
        coarse = [
            twin["masks"][name].values[1::3, 1::3][: grid.shape[0], : grid.shape[1]]
            for name in ("glacier", "stable")
        ]
        padded = [
            np.pad(mask, [(0, n - m) for n, m in zip(grid.shape, mask.shape, strict=True)])
            for mask in coarse
        ]
        table = scenes.judge_scenes(archive_items, source, glacier, grid, *padded)
        data = cube.load_cube(archive_items, table, source, grid).isel(scene=0).compute()
    assert grid.resolution.x == 30 and set(table.orbit) == orbits
    reasons = " | ".join(table.reason)
    for word in (
        "snow on",
        "of the glacier is clear",
        "duplicate",
        f"asset {source.image} is missing",
        "other orbit",
    ):
        assert word in reasons
    sentinel = (
        cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"])
        .isel(scene=0)
        .compute()
    )
    assert float(data.reflectance.median()) == pytest.approx(
        float(sentinel.reflectance.median()), rel=0.05
    )


@pytest.mark.parametrize("faults", [[429, 503], [500], ["reset"], ["slow"]], ids=str)
def test_requests_to_a_busy_service_are_repeated(faults, glacier, twin_folder):
    with StacServer(twin_folder) as server:
        server.faults = list(faults)
        assert len(archive.find_items(make_source(server), glacier, [2021])) >= 4
        assert not server.faults


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ([403], "could not be read"),
        (["malformed"], "could not be read"),
        (["endless"], "same page repeatedly"),
        ([503] * 99, "could not be read"),
    ],
    ids=str,
)
def test_a_failing_service_raises_one_error_that_names_it(fault, message, glacier, twin_folder):
    with StacServer(twin_folder) as server:
        server.faults = fault
        with pytest.raises(archive.SceneError, match=f"127.0.0.1.*{message}"):
            archive.find_items(make_source(server), glacier, [2021])
        assert server.searches <= archive.ATTEMPTS + 1


def test_an_unreachable_service_raises_an_error(glacier):
    source = load_catalog().sources["earth-search"].model_copy(update={"url": "http://127.0.0.1:9"})
    with pytest.raises(
        archive.UnreachableError, match=r"9 cannot be reached \(ConnectionError\); check"
    ):
        archive.find_items(source, glacier, [2021])


def test_a_season_without_scenes_raises_an_error(glacier, twin_folder):
    with pytest.raises(archive.SceneError, match="none of them within 2018-06-15 to 2018-10-15"):
        archive.find_items(file_source(twin_folder / "items.json"), glacier, [2018])


def test_a_missing_file_raises_an_error(glacier, tmp_path):
    with pytest.raises(archive.SceneError, match="could not be read"):
        archive.find_items(file_source(tmp_path / "none.json"), glacier, [2020])


def test_the_local_service_supports_the_search_options_of_the_archives(twin_folder):
    """Query, filter, sort and intersects, as pystac-client sends them."""
    with StacServer(twin_folder, page=3) as server:
        client = Client.open(server.url)
        every = list(client.search(collections=["sentinel-2-l2a"], limit=2).items())
        assert len(every) == len({item.id for item in every}) == len(server.items)
        dates = [i.datetime for i in client.search(sortby="+properties.datetime").items()]
        assert dates == sorted(dates)
        clear = {i.id for i in client.search(query={"eo:cloud_cover": {"lt": 5}}).items()}
        same = {
            i.id
            for i in client.search(
                filter={"op": "<", "args": [{"property": "eo:cloud_cover"}, 5]}
            ).items()
        }
        assert (
            clear
            == same
            == {i["id"] for i in server.items if i["properties"]["eo:cloud_cover"] < 5}
        )
        away = shapely.geometry.mapping(shapely.box(8, 46, 9, 47))
        assert not list(client.search(intersects=away).items())


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ([179.5, 65.9, -179.5, 66.3], True),
        ([179.9, 65.9, 180.4, 66.3], True),
        ([-179.9, 65.9, -179.0, 66.3], True),
        ([178.0, 65.9, 179.0, 66.3], False),
        ([-180.0, 66.5, 180.0, 67.0], False),
    ],
)
def test_scenes_are_found_over_a_box_across_180_degrees(box, found, glacier, tmp_path):
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "a",
        "bbox": box,
        "geometry": None,
        "properties": {"datetime": "2020-08-03T10:26:00Z"},
        "links": [],
        "assets": {"nir": {"href": "nir.tif"}},
    }
    (tmp_path / "items.json").write_text(json.dumps({"features": [item]}))
    wrapped = glacier.model_copy(update={"bbox": (179.7, 66.0, -179.7, 66.2), "epsg": 32660})
    source = file_source(tmp_path / "items.json")
    if found:
        assert len(archive.find_items(source, wrapped, [2020])) == 1
    else:
        with pytest.raises(archive.SceneError, match="has 0 scenes"):
            archive.find_items(source, wrapped, [2020])
