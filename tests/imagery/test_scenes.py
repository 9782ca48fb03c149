"""Judge scenes: a verdict and a reason for each."""

import json

import pytest
from places import file_source

from gdiv.imagery import archive, scenes
from gdiv.imagery.grid import grid_of_items


def test_each_fault_is_reported_as_a_reason(twin):
    table = twin["table"]
    reasons = " | ".join(table.reason[table.verdict == "drop"])
    for word in (
        "snow on",
        "of the glacier is clear",
        "duplicate of",
        "asset nir is missing",
        "other orbit",
    ):
        assert word in reasons
    assert (table.verdict == "use").sum() == 10
    assert (table[table.verdict == "use"].reason == "clear").all()


def test_faulty_items_do_not_affect_the_others(twin, glacier, twin_folder, tmp_path):
    """Items with nulls, missing dates or numbers as text leave the others unchanged."""
    content = json.loads((twin_folder / "items.json").read_text(encoding="utf-8"))
    features = content["features"]
    for item in features:
        for asset in item["assets"].values():
            asset["href"] = str(twin_folder / asset["href"])
    used = twin["table"].query("verdict == 'use'").id.tolist()
    by_id = {item["id"]: item for item in features}
    by_id[used[0]]["properties"]["datetime"] = None
    by_id[used[3]]["properties"]["eo:cloud_cover"] = "much"
    by_id[used[1]]["assets"]["thumbnail"] = None
    by_id[used[2]]["properties"] |= {"platform": None, "proj:epsg": "EPSG:32632"}
    by_id[used[4]]["assets"]["nir"]["proj:transform"] = None
    del by_id[used[5]]["stac_version"]
    by_id[used[6]]["bbox"] = [*by_id[used[6]]["bbox"][:2], 0, *by_id[used[6]]["bbox"][2:], 9]
    (tmp_path / "items.json").write_text(json.dumps(content), encoding="utf-8")
    source = file_source(tmp_path / "items.json")
    kept = archive.find_items(source, glacier, [2020, 2021, 2022])
    assert len(kept) == len(features) and kept[-1]["id"] == used[0]
    assert grid_of_items(kept, "nir", glacier) == twin["grid"]
    masks = twin["masks"]
    table = scenes.judge_scenes(
        kept, source, glacier, twin["grid"], masks.glacier.values, masks.stable.values
    ).set_index("id")
    assert "it has no date" in table.reason[used[0]]
    assert "eo:cloud_cover is 'much'" in table.reason[used[3]]
    # A duplicate may replace a dropped scene.
    before = twin["table"].set_index("id").drop([used[0], used[3], used[4]])
    before = before[~before.reason.str.startswith("duplicate")]
    assert table.reason[before.index].tolist() == before.reason.tolist()
    features[:] = [by_id[used[0]]]
    (tmp_path / "items.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(archive.SceneError, match="none of them within"):
        archive.find_items(source, glacier, [2020, 2021, 2022])


def test_too_few_scenes_raise_an_error_with_the_requirement(twin, glacier):
    table = twin["table"].copy()
    chosen = table.season_year == 2021
    table.loc[chosen, ["verdict", "reason"]] = ["drop", "snow on everything"]
    with pytest.raises(
        archive.SceneError,
        match=r"one scene in each of two seasons(.|\n)*2021: 0 usable; .*snow on everything",
    ):
        scenes.require_enough(table, glacier, [2020, 2021])
    scenes.require_enough(twin["table"], glacier, [2020, 2021])
