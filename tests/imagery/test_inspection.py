"""Inspect the pixels of scenes, readable or not."""

import numpy as np
import pytest
import rasterio
from flavours import write_flavour
from local_archive import judge_from
from stac_server import StacServer

from gdiv.imagery import scenes

pytestmark = pytest.mark.usefixtures("short_waits")


def test_an_unreadable_scene_is_dropped_and_the_others_are_judged(twin, glacier):
    chosen = [dict(i) for i in twin["items"] if "nir" in i["assets"]][:4]
    broken = chosen[1] | {
        "assets": chosen[1]["assets"]
        | {"nir": chosen[1]["assets"]["nir"] | {"href": "/nowhere/b08.tif"}}
    }
    masks = twin["masks"]
    table = scenes.judge_scenes(
        [chosen[0], broken, *chosen[2:]],
        twin["source"],
        glacier,
        twin["grid"],
        masks.glacier.values,
        masks.stable.values,
    )
    assert "could not be read" in table.reason[1] and "could not" not in " ".join(
        table.reason.drop(1)
    )


@pytest.mark.parametrize("fault", [404, 500, "reset", "truncated", "slow"])
def test_an_unreadable_file_drops_one_scene(fault, glacier, twin_folder, twin):
    before = twin["table"].query("season_year < 2022 and verdict == 'use'").id.tolist()
    with StacServer(twin_folder) as server:
        server.broken = {f"{before[1]}/nir.tif": fault}
        _, _, table = judge_from(server, glacier, twin, years=(2020, 2021))
    reason = table.set_index("id").reason[before[1]]
    assert "could not be read" in reason and "127.0.0.1" not in reason
    assert table.query("verdict == 'use'").id.tolist() == [
        name for name in before if name != before[1]
    ]


@pytest.mark.parametrize("faults", [[429, 429], ["reset"], ["truncated"]], ids=str)
def test_failed_reads_are_repeated(faults, glacier, twin_folder, twin):
    name = twin["table"].query("season_year == 2020 and verdict == 'use'").id.iloc[0]
    with StacServer(twin_folder) as server:
        server.broken = {f"{name}/nir.tif": list(faults)}
        _, _, table = judge_from(server, glacier, twin, years=(2020, 2021))
        assert server.broken[f"{name}/nir.tif"] == []
    assert table.set_index("id").verdict[name] == "use"


def test_a_scene_without_data_is_dropped_with_a_reason(glacier, twin_folder, twin, tmp_path):
    folder = write_flavour(twin_folder, tmp_path, "earth-search")
    day = twin["table"].query("verdict == 'use'").date.iloc[0]
    name = next(path.name for path in folder.glob(f"S2*_{day:%Y%m%d}_0_L2A"))
    with rasterio.open(folder / name / "nir.tif") as file:
        profile, empty = file.profile, np.zeros_like(file.read(1))
    with rasterio.open(folder / name / "nir.tif", "w", **profile) as file:
        file.write(empty, 1)
    with StacServer(folder) as server:
        _, _, table = judge_from(server, glacier, twin)
    assert "no data over the glacier" in table.set_index("id").reason[name]
