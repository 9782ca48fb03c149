"""Run several glaciers independently: failures are listed, results are combined."""

import json

import geopandas as gpd
import pandas as pd
import pytest

from gdiv.region import running
from gdiv.region.running import run_region

pytestmark = pytest.mark.run


@pytest.fixture(scope="module")
def region(twin_folder, tmp_path_factory):
    """Folder and table of a region of two glaciers, one of which has no scenes."""
    folder = tmp_path_factory.mktemp("region")
    source = str(twin_folder / "items.json")
    table = run_region(folder, ["aletsch", "mer-de-glace"], "smoke", source, "dis", workers=2)
    return folder, source, table


def test_a_failure_is_listed_and_the_others_continue(region):
    folder, _, table = region
    rows = table.set_index("glacier")
    assert rows.status.tolist() == ["failed", "done"]
    assert "none of them within" in rows.reason["aletsch"]
    stored = pd.read_csv(folder / "summary.csv").set_index("glacier")
    assert stored.speed["mer-de-glace"] == rows.speed["mer-de-glace"]
    assert "scenes" in (folder / "mer-de-glace" / "log.txt").read_text()


def test_the_products_are_one_collection_and_one_map(region):
    folder, _, _ = region
    collection = json.loads((folder / "collection.json").read_text())
    (link,) = collection["links"]
    assert (folder / link["href"]).is_file() and collection["type"] == "Collection"
    assert gpd.read_file(folder / "map.gpkg").status.tolist() == ["done"]
    assert (folder / "map.png").stat().st_size > 1000


def test_a_second_run_repeats_nothing(region, capsys):
    folder, source, table = region
    before = (folder / "mer-de-glace" / "products" / "item.json").stat().st_mtime_ns
    again = run_region(folder, ["aletsch", "mer-de-glace"], "smoke", source, "dis", workers=1)
    assert again.equals(table)
    assert (folder / "mer-de-glace" / "products" / "item.json").stat().st_mtime_ns == before
    assert "2/2" in capsys.readouterr().out


def test_a_killed_process_fails_only_its_glacier(region, monkeypatch):
    """The first batch breaks; each glacier then runs in its own pool."""
    folder, source, table = region
    tried = []

    def run_pool(keys, task, workers, rows, count):
        tried.append(list(keys))
        if len(keys) > 1 or keys == ["aletsch"]:
            return list(keys)
        rows[keys[0]] = {"glacier": keys[0], "status": "done"} | {
            "pairs": 1,
            "speed": 1,
            "error": 1,
        }
        return []

    monkeypatch.setattr(running, "_run_pool", run_pool)
    again = run_region(folder, ["aletsch", "mer-de-glace"], "smoke", source, "dis", workers=2)
    assert tried == [["aletsch", "mer-de-glace"], ["aletsch"], ["mer-de-glace"]]
    assert again.status.tolist() == ["failed", "done"]
    assert "ran out of memory" in again.reason[0] and len(again) == len(table)


def test_glaciers_rejected_by_the_plan_are_listed(region):
    folder, source, _ = region
    table = run_region(
        folder, ["aletsch", "mer-de-glace"], "smoke", source, "dis", refused={"aletsch": "no scene"}
    )
    assert table.reason.tolist() == ["no scene", ""]
