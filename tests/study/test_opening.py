"""Open a study."""

import pytest

import gdiv
from gdiv.catalog import CatalogError
from gdiv.study.opening import resolve_matchers, resolve_source


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
