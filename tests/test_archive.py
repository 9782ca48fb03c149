"""The real loading code against a STAC API that answers as Earth Search does."""

import numpy as np
import pytest
from stac_server import StacServer

from gdiv.catalog import load_catalog
from gdiv.imagery import cube, scenes


def archive(server):
    return load_catalog().sources["earth-search"].model_copy(update={"url": server.url})


def test_a_service_gives_what_the_file_gives(glacier, twin_folder, found):
    with StacServer(twin_folder) as server:
        items = scenes.find_items(archive(server), glacier, [2020, 2021, 2022])
        assert server.searches > 3, "several pages a season"
        assert [i["id"] for i in items] == [i["id"] for i in found["items"]]
        assert all(a["href"].startswith(server.url) for i in items for a in i["assets"].values())
        masks = found["masks"]
        table = scenes.judge_scenes(
            items, archive(server), glacier, found["grid"], masks.glacier.values, masks.stable.values
        )
        assert table.reason.tolist() == found["table"].reason.tolist()
        remote = cube.load_cube(items, table, archive(server), found["grid"]).isel(scene=[0, -1]).compute()
    local = cube.load_cube(found["items"], found["table"], found["source"], found["grid"]).isel(scene=[0, -1]).compute()
    assert np.array_equal(remote.reflectance.values, local.reflectance.values, equal_nan=True)


def test_a_busy_service_is_asked_again(glacier, twin_folder):
    with StacServer(twin_folder) as server:
        server.faults = [429, 503]
        assert len(scenes.find_items(archive(server), glacier, [2021])) >= 4
        assert not server.faults


def test_a_refusal_is_one_error_that_names_the_service(glacier, twin_folder):
    with StacServer(twin_folder) as server:
        server.faults = [403]
        with pytest.raises(scenes.SceneError, match="127.0.0.1.*could not be read"):
            scenes.find_items(archive(server), glacier, [2021])


def test_a_lost_file_costs_one_scene(glacier, twin_folder, found):
    with StacServer(twin_folder) as server:
        items = scenes.find_items(archive(server), glacier, [2020, 2021])
        items[1]["assets"]["nir"]["href"] += ".gone"
        masks = found["masks"]
        table = scenes.judge_scenes(
            items, archive(server), glacier, found["grid"], masks.glacier.values, masks.stable.values
        )
    assert "could not be read" in table.reason[1] and "127.0.0.1" not in table.reason[1]
    before = found["table"].query("season_year < 2022 and verdict == 'use'").id
    assert table.query("verdict == 'use'").id.tolist() == [name for name in before if name != items[1]["id"]]


def test_a_service_that_is_not_there(glacier):
    source = load_catalog().sources["earth-search"].model_copy(update={"url": "http://127.0.0.1:9"})
    with pytest.raises(scenes.SceneError, match="could not be read"):
        scenes.find_items(source, glacier, [2021])


def test_signing_happens_on_use_only(found, monkeypatch):
    import planetary_computer

    signed = []

    def sign(item):
        signed.append(item["id"])
        return item

    monkeypatch.setattr(planetary_computer, "sign", sign)
    source = found["source"].model_copy(update={"signing": "planetary-computer"})
    item = next(i for i in found["items"] if "nir" in i["assets"])
    cube.load_asset([item], source, "image", found["grid"])
    assert signed == [item["id"]]
