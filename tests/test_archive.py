"""The real loading code against a STAC API that answers as the archives do, well and badly."""

import json
import re

import numpy as np
import pytest
import shapely
import xarray as xr
from flavours import write_flavour
from places import file_source
from planetary_computer.settings import Settings
from pystac_client import Client
from stac_server import StacServer

from gdiv import files
from gdiv.catalog import load_catalog
from gdiv.files import write_json
from gdiv.imagery import archive, cube, items, scenes
from gdiv.imagery.grid import grid_of_items
from gdiv.study.resumable import write_dataset

FLAVOURS = {
    "earth-search": "earth-search",
    "earth-search-c1": "earth-search-c1",
    "planetary-computer": "planetary-computer",
    "landsat": "earth-search-landsat",
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch, request):
    """The same number of tries, without the waits; a slow answer is given up soon where a test is about that."""
    seconds = 1 if "slow" in request.node.name else 30
    monkeypatch.setattr(archive, "BACKOFF", 0)
    monkeypatch.setattr(files, "PAUSE", 0)
    monkeypatch.setattr(archive, "TIMEOUT", seconds)
    reads = dict(
        GDAL_HTTP_MAX_RETRY="1", GDAL_HTTP_RETRY_DELAY="0.05", GDAL_HTTP_TIMEOUT=str(seconds)
    )
    environment = cube.GDAL_ENVIRONMENT.updated(always=reads)
    monkeypatch.setattr(cube, "GDAL_ENVIRONMENT", environment)


@pytest.fixture(scope="session")
def flavoured(twin_folder, tmp_path_factory):
    """The small twin as each archive would serve it, written when first asked for."""
    made = {}

    def folder(flavour):
        if flavour not in made:
            made[flavour] = write_flavour(twin_folder, tmp_path_factory.mktemp(flavour), flavour)
        return made[flavour]

    return folder


def source_of(server, key="earth-search"):
    return load_catalog().sources[key].model_copy(update={"url": server.url})


def judged(server, glacier, found, key="earth-search", years=(2020, 2021, 2022)):
    source = source_of(server, key)
    known = archive.find_items(source, glacier, list(years))
    masks = found["masks"]
    return (
        source,
        known,
        scenes.judge_scenes(
            known, source, glacier, found["grid"], masks.glacier.values, masks.stable.values
        ),
    )


def test_a_service_gives_what_the_file_gives(glacier, twin_folder, found):
    with StacServer(twin_folder) as server:
        source, known, table = judged(server, glacier, found)
        assert server.searches > 3, "several pages a season"
        assert [i["id"] for i in known] == [i["id"] for i in found["items"]]
        assert all(a["href"].startswith(server.url) for i in known for a in i["assets"].values())
        assert table.reason.tolist() == found["table"].reason.tolist()
        remote = cube.load_cube(known, table, source, found["grid"]).isel(scene=[0, -1]).compute()
    local = (
        cube.load_cube(found["items"], found["table"], found["source"], found["grid"])
        .isel(scene=[0, -1])
        .compute()
    )
    assert np.array_equal(remote.reflectance.values, local.reflectance.values, equal_nan=True)


@pytest.mark.parametrize("flavour", ["earth-search", "earth-search-c1", "planetary-computer"])
def test_every_archive_gives_equal_reflectance(flavour, glacier, found, flavoured):
    """Names, orbit, sun and projection by other fields; the offset in the numbers or out of them."""
    with StacServer(flavoured(flavour)) as server:
        source, known, table = judged(server, glacier, found, flavour)
        assert table.verdict.tolist() == found["table"].verdict.tolist()
        for field in ("orbit", "sun_azimuth", "sun_elevation"):
            assert table[field].to_numpy() == pytest.approx(found["table"][field].to_numpy())
        assert grid_of_items(known, source.image, glacier) == found["grid"]
        theirs = cube.load_cube(known, table, source, found["grid"]).compute()
    ours = cube.load_cube(found["items"], found["table"], found["source"], found["grid"]).compute()
    # The ids differ, so that only values can be compared.
    images = [cube.reflectance.values for cube in (theirs, ours)]
    assert np.array_equal(*(np.isfinite(image) for image in images))
    assert np.nanmax(np.abs(images[0] - images[1])) < 1e-6


@pytest.mark.parametrize("says", [True, False])
def test_a_wrong_flag_is_found_out_by_the_data(says, glacier, twin_folder, found):
    """Every scene since 2022 says the same of its offset; some have it in their numbers and some have not."""
    known = [
        item | {"properties": item["properties"] | {"earthsearch:boa_offset_applied": says}}
        if item["properties"]["s2:processing_baseline"] >= "04.00" else item
        for item in found["items"]
    ]  # fmt: skip
    masks = found["masks"]
    table = scenes.judge_scenes(
        known, found["source"], glacier, found["grid"], masks.glacier.values, masks.stable.values
    )
    right = found["table"].set_index("id").offset
    read = table[table.offset.notna()].set_index("id")
    assert (read.offset == right[read.index]).all()
    assert read.offset_reason.str.contains("dark pixel").any(), "it is said that the flag was wrong"


def test_landsat_takes_the_same_path(glacier, found, flavoured):
    with StacServer(flavoured("landsat")) as server:
        source = source_of(server, "earth-search-landsat")
        known = archive.find_items(source, glacier, [2020, 2021, 2022])
        grid = grid_of_items(known, source.image, glacier)
        coarse = [
            found["masks"][name].values[1::3, 1::3][: grid.shape[0], : grid.shape[1]]
            for name in ("glacier", "stable")
        ]
        padded = [
            np.pad(mask, [(0, n - m) for n, m in zip(grid.shape, mask.shape, strict=True)])
            for mask in coarse
        ]
        table = scenes.judge_scenes(known, source, glacier, grid, *padded)
        data = cube.load_cube(known, table, source, grid).isel(scene=0).compute()
    assert grid.resolution.x == 30 and set(table.orbit) == {65, 108}
    reasons = " | ".join(table.reason)
    for word in (
        "snow on",
        "of the glacier is clear",
        "duplicate",
        "asset nir08 is missing",
        "other orbit",
    ):
        assert word in reasons
    sentinel = (
        cube.load_cube(found["items"], found["table"], found["source"], found["grid"])
        .isel(scene=0)
        .compute()
    )
    assert float(data.reflectance.median()) == pytest.approx(
        float(sentinel.reflectance.median()), rel=0.05
    )


@pytest.mark.parametrize("faults", [[429, 503], [500], ["reset"], ["slow"]], ids=str)
def test_a_busy_service_is_asked_again(faults, glacier, twin_folder):
    with StacServer(twin_folder) as server:
        server.faults = list(faults)
        assert len(archive.find_items(source_of(server), glacier, [2021])) >= 4
        assert not server.faults


@pytest.mark.parametrize(
    ("fault", "told"), [([403], "could not be read"), (["malformed"], "could not be read"), (["endless"], "same page again"), ([503] * 99, "could not be read")], ids=str
)  # fmt: skip
def test_what_does_not_end_is_one_error_that_names_the_service(fault, told, glacier, twin_folder):
    with StacServer(twin_folder) as server:
        server.faults = fault
        with pytest.raises(archive.SceneError, match=f"127.0.0.1.*{told}"):
            archive.find_items(source_of(server), glacier, [2021])
        assert server.searches <= archive.TRIES + 1


def test_a_service_that_is_not_there(glacier):
    source = load_catalog().sources["earth-search"].model_copy(update={"url": "http://127.0.0.1:9"})
    with pytest.raises(archive.SceneError, match="could not be read"):
        archive.find_items(source, glacier, [2021])


def test_bad_items_are_named_and_the_rest_goes_on(glacier, twin_folder, found, tmp_path):
    """No geometry, another zone, another tile, no projection: each a reason of its own."""
    content = json.loads((twin_folder / "items.json").read_text(encoding="utf-8"))
    for item in content["features"]:
        for asset in item["assets"].values():
            asset["href"] = str(twin_folder / asset["href"])
    changed = [
        i
        for i in content["features"]
        if i["id"] in found["table"].query("verdict == 'use'").id.tolist()
    ][:4]
    changed[0] |= {"geometry": None}
    del changed[0]["bbox"]
    changed[1]["properties"]["proj:epsg"] = 32631
    changed[2]["properties"]["grid:code"] = "MGRS-31TGL"
    del changed[3]["properties"]["proj:epsg"]
    (tmp_path / "items.json").write_text(json.dumps(content), encoding="utf-8")
    source = file_source(tmp_path / "items.json")
    known = archive.find_items(source, glacier, [2020, 2021, 2022])
    masks = found["masks"]
    table = scenes.judge_scenes(
        known, source, glacier, found["grid"], masks.glacier.values, masks.stable.values
    )
    reasons = table.set_index("id").reason
    told = (
        "has no location",
        "lies in EPSG:32631",
        "is tile 31TGL",
        "has no projection",
    )
    for item, reason in zip(changed, told, strict=True):
        assert reason in reasons[item["id"]]
    others = (
        found["table"][~found["table"].id.isin([i["id"] for i in changed])].set_index("id").reason
    )
    # The duplicate of a scene that is dropped now takes its place; nothing befalls the others.
    others = others[~others.str.startswith("duplicate")]
    assert (reasons[others.index] == others).all()


@pytest.mark.parametrize("fault", [404, 500, "reset", "truncated", "slow"])
def test_one_bad_file_costs_one_scene(fault, glacier, twin_folder, found):
    before = found["table"].query("season_year < 2022 and verdict == 'use'").id.tolist()
    with StacServer(twin_folder) as server:
        server.broken = {f"{before[1]}/nir.tif": fault}
        _, _, table = judged(server, glacier, found, years=(2020, 2021))
    reason = table.set_index("id").reason[before[1]]
    assert "could not be read" in reason and "127.0.0.1" not in reason
    assert table.query("verdict == 'use'").id.tolist() == [
        name for name in before if name != before[1]
    ]


@pytest.mark.parametrize("faults", [[429, 429], ["reset"], ["truncated"]], ids=str)
def test_a_file_that_fails_at_first_is_read(faults, glacier, twin_folder, found):
    name = found["table"].query("season_year == 2020 and verdict == 'use'").id.iloc[0]
    with StacServer(twin_folder) as server:
        server.broken = {f"{name}/nir.tif": list(faults)}
        _, _, table = judged(server, glacier, found, years=(2020, 2021))
        assert server.broken[f"{name}/nir.tif"] == []
    assert table.set_index("id").verdict[name] == "use"


def test_a_scene_without_data_is_named(glacier, twin_folder, found, tmp_path):
    import rasterio

    folder = write_flavour(twin_folder, tmp_path, "earth-search")
    day = found["table"].query("verdict == 'use'").date.iloc[0]
    name = next(path.name for path in folder.glob(f"S2*_{day:%Y%m%d}_0_L2A"))
    with rasterio.open(folder / name / "nir.tif") as file:
        profile, empty = file.profile, np.zeros_like(file.read(1))
    with rasterio.open(folder / name / "nir.tif", "w", **profile) as file:
        file.write(empty, 1)
    with StacServer(folder) as server:
        _, _, table = judged(server, glacier, found)
    assert "no data over the glacier" in table.set_index("id").reason[name]


def test_too_few_scenes_stop_with_what_would_do(found, glacier):
    table = found["table"].copy()
    chosen = table.season_year == 2021
    table.loc[chosen, ["verdict", "reason"]] = ["drop", "snow on everything"]
    with pytest.raises(
        archive.SceneError,
        match=r"one scene in each of two seasons(.|\n)*2021: 0 usable; .*snow on everything",
    ):
        scenes.require_enough(table, glacier, [2020, 2021])
    scenes.require_enough(found["table"], glacier, [2020, 2021])


def lazy(server, glacier, found, folder):
    """A cube to be read from `server`, judged on another, so that GDAL has nothing of its files in memory."""
    with StacServer(folder) as first:
        source, known, table = judged(first, glacier, found, years=(2020, 2021))
    return cube.load_cube(moved(known, first, server), table, source, found["grid"]), table


def moved(known, first, second):
    return [json.loads(json.dumps(item).replace(first.url, second.url)) for item in known]


def test_a_file_lost_while_the_cube_is_stored_is_left_out_and_named(
    glacier, twin_folder, found, tmp_path
):
    with StacServer(twin_folder) as server:
        data, table = lazy(server, glacier, found, twin_folder)
        lost = str(data.scene.values[1])
        server.broken = {f"{lost}/nir.tif": 500}
        told = write_dataset(data, tmp_path / "cube.zarr", glacier.epsg)
    assert (
        len(told) == 1
        and lost in told[0]
        and "could not be read" in told[0]
        and "127.0.0.1" not in told[0]
    )
    stored = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False)
    assert lost not in stored.scene.values and stored.sizes["scene"] == data.sizes["scene"] - 1
    assert np.isfinite(stored.reflectance).any(("y", "x")).all(), "never a silent NaN"
    after = scenes.mark_unreadable(table, stored.scene.values).set_index("id")
    assert after.verdict[lost] == "drop" and (after.verdict == "use").sum() == stored.sizes["scene"]


def test_an_interrupted_load_reads_no_scene_twice(glacier, twin_folder, found, tmp_path):
    def stop_before_the_last(path, content):
        write_json(path, content)
        if len(content["done"]) == data.sizes["scene"] - 1:
            raise KeyboardInterrupt

    with StacServer(twin_folder) as server:
        data, _ = lazy(server, glacier, found, twin_folder)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("os.cpu_count", lambda: 1)
            patched.setattr("gdiv.study.resumable.write_json", stop_before_the_last)
            with pytest.raises(KeyboardInterrupt):
                write_dataset(data, tmp_path / "cube.zarr", glacier.epsg)
        assert not (tmp_path / "cube.zarr").exists()
        mark = len(server.asked)
        write_dataset(data, tmp_path / "cube.zarr", glacier.epsg)
        again = {name.split("/")[0] for name in server.asked[mark:]}
    assert again == {data.scene.values[-1]}
    stored = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False)
    assert np.isfinite(stored.reflectance).any(("y", "x")).all()


def test_few_bytes_are_fetched_and_the_graph_stays_small(glacier, twin_folder, found):
    """At most a tenth more than odc-stac fetches for the same window of the same files."""
    import odc.stac
    import pystac

    with StacServer(twin_folder) as server:
        known = archive.find_items(source_of(server), glacier, [2020])
        known = [item for item in known if "nir" in item["assets"]]
        grid = found["grid"][32:160, 16:144]
        server.bytes = 0
        data = cube.load_asset(known, source_of(server), "image", grid)
        assert len(data.__dask_graph__()) <= 4 * len(known) + 10
        ours = data.compute().values
        fetched, server.bytes = server.bytes, 0
    with StacServer(twin_folder) as other:
        odc.stac.configure_rio(cloud_defaults=True)
        named = [pystac.Item.from_dict(item) for item in moved(known, server, other)]
        theirs = odc.stac.load(named, bands=["nir"], geobox=grid, groupby="id")
        limit = other.bytes
    assert np.array_equal(ours, theirs.nir.values)
    assert fetched <= 1.1 * limit


def test_signatures_are_made_on_use_renewed_and_never_kept(
    glacier, found, flavoured, tmp_path, monkeypatch
):
    """All that were handed out run out before the load and between its scenes; none is written anywhere."""
    with StacServer(flavoured("planetary-computer"), signed=True, lifetime=30) as server:
        monkeypatch.setenv("GDAL_HTTP_PROXY", server.url)
        monkeypatch.setattr(Settings.get(), "sas_url", f"{server.url}/token")
        source, known, table = judged(
            server, glacier, found, "planetary-computer", years=(2020, 2021)
        )
        data = cube.load_cube(known, table, source, found["grid"])
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
    assert "secret-" not in repr(data) and "secret-" not in json.dumps(known)


def test_the_server_searches_as_the_archives_do(twin_folder):
    """Query, filter, sort, intersects: what a user's own client may ask of such a service."""
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


def test_real_items_of_the_archives_are_understood(stac_items):
    """What gdiv reads of an item, on items as the archives served them."""
    for path in stac_items:
        item = json.loads(path.read_text(encoding="utf-8"))
        scene = items.parse_item(item, "nir")
        assert scene.epsg in range(32601, 32761)
        assert scene.orbit is not None and scene.day.year >= 2015
        assert 0 <= scene.sun_azimuth <= 360 and 0 < scene.sun_elevation < 90
        if item["properties"].get("constellation", "").lower().startswith("sentinel"):
            assert re.fullmatch(r"\d{2}[C-X][A-Z]{2}", scene.tile)
            assert scene.offset.baseline is not None
        else:
            assert scene.tile == ""
