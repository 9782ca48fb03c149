"""Screen scenes by their metadata."""

import json

import numpy as np
import pytest
from places import file_source
from tiles import make_candidate

from gdiv.imagery import archive, cube, scenes, screening
from gdiv.imagery.inspection import Inspection
from gdiv.imagery.items import parse_item


def test_bad_items_are_dropped_and_the_others_are_judged(glacier, twin_folder, twin, tmp_path):
    """Each fault has its own reason: location, wrong zone, tile, projection."""
    content = json.loads((twin_folder / "items.json").read_text(encoding="utf-8"))
    for item in content["features"]:
        for asset in item["assets"].values():
            asset["href"] = str(twin_folder / asset["href"])
    changed = [
        i
        for i in content["features"]
        if i["id"] in twin["table"].query("verdict == 'use'").id.tolist()
    ][:4]
    changed[0] |= {"geometry": None}
    del changed[0]["bbox"]
    changed[1]["properties"]["proj:epsg"] = 32631
    changed[2]["properties"]["grid:code"] = "MGRS-31TGL"
    del changed[3]["properties"]["proj:epsg"]
    (tmp_path / "items.json").write_text(json.dumps(content), encoding="utf-8")
    source = file_source(tmp_path / "items.json")
    archive_items = archive.find_items(source, glacier, [2020, 2021, 2022])
    masks = twin["masks"]
    table = scenes.judge_scenes(
        archive_items, source, glacier, twin["grid"], masks.glacier.values, masks.stable.values
    )
    reasons = table.set_index("id").reason
    expected = (
        "has no location",
        "has no data over the glacier",
        "is tile 31TGL",
        "has no projection",
    )
    for item, reason in zip(changed, expected, strict=True):
        assert reason in reasons[item["id"]]
    others = (
        twin["table"][~twin["table"].id.isin([i["id"] for i in changed])].set_index("id").reason
    )
    # A duplicate replaces a dropped scene; the others do not change.
    others = others[~others.str.startswith("duplicate")]
    assert (reasons[others.index] == others).all()


def test_scenes_with_equal_ids_are_kept_once(twin, glacier):
    """Ids are only unique within a collection; the first scene with an id is used."""
    used = twin["table"].query("verdict == 'use'").id.tolist()
    first, second = (
        next(i for i in twin["items"] if i["id"] == name) for name in (used[0], used[3])
    )
    others = [i for i in twin["items"] if i["id"] not in (used[0], used[3])]
    renamed = [first, second | {"id": first["id"]}, *others]
    masks = twin["masks"]
    table = scenes.judge_scenes(
        renamed, twin["source"], glacier, twin["grid"], masks.glacier.values, masks.stable.values
    )
    assert table.reason[1] == "has the id of an earlier scene" and table.verdict[0] == "use"
    data = cube.load_cube(renamed, table, twin["source"], twin["grid"])
    assert data.indexes["scene"].is_unique
    whole = cube.load_cube(twin["items"], twin["table"], twin["source"], twin["grid"])
    images = [c.reflectance.sel(scene=used[0]).values for c in (data, whole)]
    assert np.array_equal(*images, equal_nan=True)


def test_the_newest_baseline_of_an_acquisition_is_kept():
    old, new, other = candidates = [
        make_candidate("old", **{"s2:processing_baseline": "02.14"}),
        make_candidate("new"),
        make_candidate("other", datetime="2020-08-08T10:26:00Z"),
    ]
    screening.drop_duplicates(candidates)
    assert old.reason == "duplicate of new, which has baseline 05.00"
    assert new.reason == other.reason == ""


def test_scenes_without_a_partner_on_their_orbit_are_dropped(glacier):
    candidates = [
        make_candidate("a", 2020),
        make_candidate("b", 2021),
        make_candidate("c", 2021, **{"sat:relative_orbit": 65}),
    ]
    screening.drop_without_partner(candidates, glacier)
    reasons = [candidate.reason for candidate in candidates]
    assert reasons == ["", "", "other orbit: no scene of orbit 65 to pair it with"]


def test_gaps_of_landsat_7_and_links_with_keys_are_dropped(glacier, twin):
    landsat = make_candidate("landsat", platform="landsat-7")
    signed = make_candidate("signed")
    signed.scene.assets["nir"] = "https://a.org/nir.tif?key=secret"
    screening.check_metadata([landsat, signed], twin["source"], glacier)
    assert "gaps since 2003" in landsat.reason
    assert "may be a credential and is not stored" in signed.reason


def test_the_duplicate_with_more_coverage_is_kept():
    """The newest would be kept if both had the same coverage."""
    void, old = candidates = [
        make_candidate("void", **{"s2:processing_baseline": "05.10"}),
        make_candidate("old", **{"s2:processing_baseline": "02.14"}),
    ]
    void.inspection = Inspection(clear=0.5)
    old.inspection = Inspection(clear=0.9)
    screening.drop_duplicates(candidates)
    assert void.reason == "duplicate of old, which shows more of the glacier"
    assert old.reason == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"datetime": "2020-08-03T10:26:02Z"},
        {"datetime": "2020-08-03T10:25:45Z"},
        {"grid:code": None},
    ],
)
def test_one_acquisition_is_recognised_by_every_service(changes):
    candidates = [make_candidate("a"), make_candidate("b", **changes)]
    screening.drop_duplicates(candidates)
    assert sum(not candidate.reason for candidate in candidates) == 1


@pytest.mark.parametrize(
    ("kind", "link", "reason"),
    [
        ("stac", "https://me:secret@host/a.tif", "a query or a password"),
        ("stac", "https://host/a.tif?sig=secret", "a query or a password"),
        ("stac", "file:///etc/passwd", "names a local file"),
        ("stac", "/etc/passwd", "names a local file"),
        ("stac", "http://127.0.0.1:8080/a.tif", "points to this machine"),
        ("file", "/vsicurl/http://127.0.0.1/a.tif", "a GDAL file system"),
        ("file", "/dev/null", "not name a regular file"),
        ("stac", "s3://bucket/a.tif", ""),
        ("stac", "https://host/a.tif", ""),
    ],
)
def test_unsafe_links_are_rejected(kind, link, reason, glacier, twin):
    candidate = make_candidate("a")
    candidate.item["assets"]["nir"]["href"] = link
    candidate.scene = parse_item(candidate.item, "nir")
    change = {"kind": kind, "url": "https://archive.example/v1", "mask": None, "colour": {}}
    screening.check_metadata([candidate], twin["source"].model_copy(update=change), glacier)
    assert (reason in candidate.reason) if reason else candidate.reason == ""
    assert "secret" not in candidate.reason


@pytest.mark.parametrize(
    ("link", "below"),
    [("scenes/a.tif", True), ("a.tif", True), ("../a.tif", False), ("scenes/../../a.tif", False)],
)
def test_a_local_collection_may_only_link_below_its_folder(
    link, below, glacier, twin, tmp_path, monkeypatch
):
    """Symbolic links are allowed; their target is the user's choice."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scenes").symlink_to(tmp_path / "elsewhere")
    candidate = make_candidate("a")
    candidate.item["assets"]["nir"]["href"] = str(archive.local_path(link, tmp_path / "mine"))
    source = file_source(tmp_path / "mine" / "items.json")
    source = source.model_copy(update={"mask": None, "colour": {}})

    def judge():
        candidate.scene = parse_item(candidate.item, "nir")
        screening.check_metadata([candidate], source, glacier)
        return candidate.reason

    assert judge() == ""
    monkeypatch.delenv("GDIV_TRUST_LINKS")
    assert judge() == "" if below else "points outside the folder" in judge()
