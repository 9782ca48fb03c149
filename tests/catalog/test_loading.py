"""Load the built-in and user catalogs; errors are described precisely."""

import copy
import os
from pathlib import Path

import jsonschema
import pytest
import yaml

from gdiv.catalog import (
    CATALOG_FILE,
    OWN_CATALOG,
    CatalogError,
    json_schema,
    load_catalog,
    read_catalog,
)
from gdiv.catalog.loading import _UniqueKeys
from gdiv.command import main

CONTENT = yaml.safe_load(CATALOG_FILE.read_text(encoding="utf-8"))
# Beginnings of keys: a glacier, a source and a profile.
G = "glaciers.mer-de-glace"
S = "sources.earth-search"
P = "profiles.demo"
ABSENT = object()
# Key, its new value, and words of the error message: key, value, and valid values.
MALFORMED = [
    (f"{G}.epsg", 4326, ["epsg 4326", "WGS 84", "metres"]),
    (f"{G}.epsg", "here", ["epsg", "'here'", "integer"]),
    (f"{G}.epsg", 32999, ["epsg 32999", "cannot be read"]),
    (f"{G}.bbox", [6.9, 45.9, 6.8, 46.0], ["bbox", "west < east", "6.8"]),
    (f"{G}.bbox", [6.9, 46.0, 7.0, 45.9], ["bbox", "south < north", "45.9"]),
    (f"{G}.bbox", [6.9, 45.9, 7.0], ["bbox", "3", "required"]),
    (f"{G}.bbox", [6.9, 95, 7.0, 96], ["bbox", "95", "90"]),
    (f"{G}.bbox", [-200, 45, 7, 46], ["bbox", "-200", "-180"]),
    (f"{G}.bbox", [45.88, 6.9, 45.93, 6.95], ["6.9 N, 45.9 E", "epsg 32632", "west, south"]),
    (f"{G}.bbox", [-180, -90, 180, 90], ["bbox", "km", "0.2 to 400 km"]),
    (f"{G}.bbox", [6.94, 45.89, 6.940001, 45.890001], ["bbox", "km"]),
    (f"{G}.epsg", 32607, ["7.0 E", "epsg 32607", "-144 to -138"]),
    (f"{G}.epsg", 32732, ["45.9 N", "epsg 32732"]),
    (f"{G}.epsg", 32700, ["epsg 32700"]),
    (f"{G}.epsg", True, ["epsg", "true or false"]),
    (f"{G}.season", {"start": "08-01", "end": "08-01"}, ["season", "at least 7 days"]),
    (f"{G}.years.train", [2022, 2021], ["years.train", "must increase"]),
    (f"{G}.years.train", [2021, 2021], ["years.train", "must increase"]),
    (f"{P}.seed", -1, ["seed", "-1", "0"]),
    ("glaciers./evil", CONTENT["glaciers"]["mer-de-glace"], ["evil", "pattern"]),
    (f"{G}.bbox", "Alps", ["bbox", "'Alps'", "tuple"]),
    (f"{G}.tile", "LTR32", ["tile", "'LTR32'", "pattern"]),
    (f"{G}.tile", 32, ["tile", "32", "string"]),
    (f"{G}.label", ABSENT, ["label", "missing", "country"]),
    (f"{G}.rgi", 11, ["rgi", "11", "string"]),
    (f"{G}.season", ABSENT, ["season", "missing", "pairing"]),
    (f"{G}.season.start", "June", ["season.start", "'June'", "pattern"]),
    (f"{G}.season.start", "06-31", ["season", "'06-31'", "MM-DD"]),
    (f"{G}.season.end", "13-01", ["season.end", "'13-01'", "pattern"]),
    (f"{G}.season.months", [6, 7], ["season", "months", "start, end"]),
    (
        f"{G}.pairing.rule", "yearly",
        ["pairing.rule", "'yearly'", "'annual', 'interval' or 'paper'"],
    ),
    (f"{G}.pairing.rule", "interval", ["pairing", "days", "min <= max"]),
    (f"{G}.pairing.days", [20, 10], None),
    (f"{G}.pairing.day_of_year_difference", 400, ["day_of_year_difference", "400", "182"]),
    (f"{G}.pairing.day_of_year_difference", -1, ["day_of_year_difference", "-1", "0"]),
    (f"{G}.years.train", [2021], ["years.train", "[2021]", "2 season year"]),
    (f"{G}.years.train", [], ["years.train", "at least 1"]),
    (f"{G}.years.validation", [2020, 2021, 2022], ["years.validation", "at most 2"]),
    (f"{G}.years.train", [1969, 1970], ["years.train", "1969", "1972"]),
    (f"{G}.years.test", [2020], ["years", "test", "train, validation"]),
    (f"{G}.speed", [90, 10], ["speed", "min < max", "90"]),
    (f"{G}.speed", [-5, 90], ["speed", "-5", "0"]),
    (f"{G}.speed", "fast", ["speed", "'fast'", "tuple"]),
    (f"{G}.stakes", [{"name": "A"}], ["stakes.0", "missing", "speed"]),
    (f"{G}.stakes.0.lat", 145.9, ["stakes.0.lat", "145.9", "90"]),
    (f"{G}.stakes.0.speed", {2020: -3}, ["stakes.0.speed", "-3", "0"]),
    (f"{G}.stakes.0.speed", {"last year": 3}, ["stakes.0.speed", "last year", "integer"]),
    (f"{G}.stakes.0.color", "red", ["stakes.0", "color", "name, lon, lat"]),
    (f"{G}.twin.branches", [], ["twin.branches", "at least 1"]),
    (f"{G}.twin.branches.0.points", [[6.9, 45.9, 100, 10]], ["points", "at least 3"]),
    (f"{G}.twin.branches.0.debris", 2, ["debris", "2", "1"]),
    (f"{G}.twin.relief", 0, ["relief", "0", "greater than 0"]),
    (f"{G}.twin.snow_line", None, ["snow_line", "None", "number"]),
    (f"{G}.twin.years", [], ["twin.years", "at least 1"]),
    (f"{G}.labl", "x", ["mer-de-glace", "labl", "label"]),
    (f"{S}.kind", "ftp", ["earth-search.kind", "'ftp'", "'twin', 'stac' or 'file'"]),
    (f"{S}.url", ABSENT, ["earth-search", "url", "landing page"]),
    (f"{S}.url", "earth-search", ["url", "'earth-search'", "pattern"]),
    (f"{S}.scale", 0, ["scale", "0", "greater than 0"]),
    (f"{S}.offset", "always", ["offset", "'always'", "'flag', 'baseline' or 'raster'"]),
    (f"{S}.mask_kind", "udm", ["mask_kind", "'udm'", "'qa_pixel' or 'fmask'"]),
    (f"{S}.signing", "token", ["signing", "'token'", "'none' or 'planetary-computer'"]),
    (f"{S}.colour", {"infrared": "B08"}, ["colour", "infrared", "'red', 'green' or 'blue'"]),
    (f"{S}.licence", ABSENT, ["licence", "missing", "required"]),
    (f"{P}.source", "nowhere", ["demo.source", "'nowhere'", "earth-search"]),
    (f"{P}.tile", 250, ["tile", "250", "multiple of 8"]),
    (f"{P}.tile", 32, ["tile", "32", "64"]),
    (f"{P}.train_steps", 0, ["train_steps", "0", "greater than 0"]),
    (f"{P}.train_steps", 1.5, ["train_steps", "1.5", "integer"]),
    (f"{P}.matchers", ["piv"], ["matchers", "add dis, horn-schunck, raft to matchers"]),
    (f"{P}.matchers", ["raft", "ilk"], ["matchers", "add dis, horn-schunck to matchers"]),
    (f"{P}.usable_scenes", [0], ["usable_scenes", "0", "greater than 0"]),
    ("glaciers", {}, ["glaciers", "at least 1"]),
    ("glaciers", ABSENT, ["glaciers", "missing", "sources"]),
    ("satellites", {}, ["satellites", "glaciers, sources, profiles"]),
    (G, "a glacier", ["mer-de-glace", "'a glacier'", "label"]),
]  # fmt: skip


def edit_catalog(key, value):
    """Return the text of the catalog with a changed or deleted key."""
    content = copy.deepcopy(CONTENT)
    *parents, last = key.split(".")
    parent = content
    for part in parents:
        parent = parent[int(part) if isinstance(parent, list) else part]
    if value is ABSENT:
        del parent[last]
    else:
        parent[int(last) if isinstance(parent, list) else last] = value
    return yaml.safe_dump(content, allow_unicode=True)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    MALFORMED,
    ids=lambda part: "absent" if part is ABSENT else str(part)[:40],
)
def test_a_malformed_entry_raises_an_error_with_key_value_and_valid_values(key, value, words):
    if words is None:  # the annual rule ignores days, so any value is valid
        read_catalog(edit_catalog(key, value))
        return
    with pytest.raises(CatalogError) as error:
        read_catalog(edit_catalog(key, value))
    for word in words:
        assert word in str(error.value)


def test_fifty_malformed_entries_are_tested():
    assert sum(words is not None for _, _, words in MALFORMED) >= 50


def test_duplicate_keys_and_invalid_yaml_raise_an_error():
    with pytest.raises(CatalogError, match="line 1: duplicate key 'a'"):
        read_catalog("glaciers: {a: 1, a: 2}")
    with pytest.raises(CatalogError, match="not YAML"):
        read_catalog("glaciers: [")


def test_the_schema_is_current_and_validates_the_catalog():
    stored = Path(CATALOG_FILE).with_suffix(".schema.json").read_text(encoding="utf-8")
    assert stored == json_schema(), "run: python -m gdiv.catalog"
    content = yaml.safe_load(CATALOG_FILE.read_text(encoding="utf-8"))
    for glacier in content["glaciers"].values():  # JSON has string keys only
        for stake in glacier.get("stakes", []):
            stake["speed"] = {str(year): speed for year, speed in stake["speed"].items()}
    jsonschema.validate(content, yaml.safe_load(stored))


def test_the_catalog_has_eight_glaciers_and_both_pairing_rules():
    catalog = load_catalog()
    assert set(catalog.glaciers) >= {
        "mer-de-glace", "argentiere", "aletsch", "kaskawulsh",
        "perito-moreno", "baltoro", "tasman", "jakobshavn",
    }  # fmt: skip
    assert {g.pairing.rule for g in catalog.glaciers.values()} == {"annual", "interval"}


FINDEL = """
glaciers:
  findel:
    label: Findel près de Zermatt
    country: Switzerland
    outline: findel.geojson
    bbox: [7.78, 45.98, 7.90, 46.03]
    epsg: 32632
    season: {start: "07-01", end: "09-30"}
    pairing: {rule: annual}
    years: {train: [2021, 2022], validation: [2020, 2021]}
    speed: [0, 100]
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_user_catalog_is_merged_with_the_built_in_one(encoding, tmp_path, monkeypatch, capsys):
    """`rgi` and `tile` are optional; paths of outlines are relative to their catalog."""
    own = tmp_path / "mine.yaml"
    own.write_bytes(FINDEL.encode(encoding))
    assert main(["glaciers", "--catalog", str(own)]) == 0
    out = capsys.readouterr().out
    assert "Findel près de Zermatt" in out and "mer-de-glace" in out
    assert "findel" not in load_catalog().glaciers, "the option applies to that command only"
    monkeypatch.setenv("GDIV_CATALOG", str(own))
    entry = load_catalog().glaciers["findel"]
    assert (
        entry.rgi is None
        and entry.tile is None
        and entry.outline == str(tmp_path / "findel.geojson")
    )
    assert main(["catalog"]) == 0
    out = capsys.readouterr().out
    assert str(own) in out and str(CATALOG_FILE) in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "glaciers:\n  findel: {label: x}",
            ["mine.yaml is not valid", "glaciers.findel", "missing"],
        ),
        (
            "glacier: {findel: {}}",
            ["mine.yaml", "unknown key glacier", "glaciers, sources, profiles"],
        ),
        ("glaciers: {[1, 2]: x}", ["mine.yaml, line 1", "is not a valid key"]),
        ("glaciers: {a: 1, a: 2}", ["mine.yaml, line 1: duplicate key 'a'"]),
        ("- findel", ["mine.yaml must contain mappings", "glaciers, sources, profiles"]),
        ("glaciers: [", ["mine.yaml is not YAML"]),
        ("", ["mine.yaml must contain mappings"]),
        (None, ["mine.yaml cannot be read: No such file"]),
    ],
)
def test_errors_in_a_user_catalog_name_its_file(text, words, tmp_path, capsys):
    own = tmp_path / "mine.yaml"
    if text is not None:
        own.write_text(text)
    assert main(["glaciers", "--catalog", str(own)]) == 1
    message = capsys.readouterr().err
    for word in words:
        assert word in message


def test_the_catalog_option_is_accepted_before_and_after_the_subcommand(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv(OWN_CATALOG, "before.yaml")
    own = tmp_path / "mine.yaml"
    own.write_text(FINDEL)
    for arguments in (["--catalog", str(own), "glaciers"], ["glaciers", "--catalog", str(own)]):
        assert main(arguments) == 0
        assert "Findel" in capsys.readouterr().out
        assert os.environ[OWN_CATALOG] == "before.yaml"


def test_a_merge_key_can_be_overridden(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n"
    assert yaml.load(text, _UniqueKeys) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}
