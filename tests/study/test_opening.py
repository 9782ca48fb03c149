"""Open a study."""

import pytest
import yaml
from places import ROOT

import gdiv
from gdiv.catalog import CatalogError
from gdiv.study.opening import open_study, resolve_matchers, resolve_source


def test_the_paper_profile_uses_the_rule_of_the_paper(tmp_path):
    own, paper = (
        gdiv.open_study("mer-de-glace", name, workspace=str(tmp_path)) for name in ("full", "paper")
    )
    assert own.glacier.pairing.rule == "annual" and paper.glacier.pairing.rule == "paper"
    assert own.profile.max_pairs is None and paper.profile.max_pairs is None
    with pytest.raises(CatalogError, match=r"perito-moreno is matched over days"):
        gdiv.open_study("perito-moreno", "paper", workspace=str(tmp_path))


def test_required_matchers_are_added_in_front():
    resolved = resolve_matchers("correlation, raft")
    assert resolved == ["horn-schunck", "dis", "correlation", "raft"]
    with pytest.raises(CatalogError, match=r"no matcher 'rafts'.*mean 'raft'"):
        resolve_matchers("rafts")


def test_sources_are_keys_files_and_services(twin_folder, tmp_path):
    catalog = gdiv.load_catalog()
    profile = catalog.profiles["smoke"]
    assert resolve_source("", profile) == catalog.sources[profile.source]
    assert resolve_source("earth-search", profile) == catalog.sources["earth-search"]
    items = twin_folder / "items.json"
    file = resolve_source(str(items), profile)
    assert (file.kind, file.path, file.image) == ("file", str(items), "nir")
    microsoft = resolve_source(f"planetary-computer@{items}", profile)
    assert (microsoft.kind, microsoft.image) == ("file", "B08")
    service = resolve_source("https://stac.example.org/v1/", profile)
    assert (service.kind, service.url) == ("stac", "https://stac.example.org/v1")
    assert service.label == "stac.example.org"
    with pytest.raises(CatalogError, match=r"none.json does not exist"):
        resolve_source(str(tmp_path / "none.json"), profile)


@pytest.mark.parametrize(
    "source",
    [
        "https://me:secret@archive.example/v1",
        "https://archive.example/v1?token=secret",
        "earth-search@https://me:secret@archive.example",
        "ftp://me:secret@archive.example/items.json",
    ],
)
def test_a_source_with_a_secret_is_rejected_without_repeating_it(source, tmp_path):
    with pytest.raises(CatalogError, match=r"keep the login in ~/.netrc") as error:
        open_study("mer-de-glace", "smoke", source, str(tmp_path / "run"))
    assert "secret" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_years_that_the_twin_does_not_render_are_rejected(tmp_path, monkeypatch):
    own = tmp_path / "own.yaml"
    text = (ROOT / "data_catalog.yaml").read_text(encoding="utf-8")
    entry = yaml.safe_load(text)["glaciers"]["mer-de-glace"]
    entry["years"] = {"train": [2017, 2018], "validation": [2020, 2021]}
    own.write_text(yaml.safe_dump({"glaciers": {"mine": entry}}), encoding="utf-8")
    monkeypatch.setenv("GDIV_CATALOG", str(own))
    with pytest.raises(CatalogError, match=r"2017, 2018, which its twin does not render"):
        open_study("mine", "smoke", workspace=str(tmp_path / "run"))
