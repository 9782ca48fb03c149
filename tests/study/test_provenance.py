"""Code, versions and published results."""

import re

import pytest
from places import ROOT

from gdiv.study import provenance

PUBLISHED = sorted(path.stem for path in (ROOT / "results" / "published").glob("*.json"))


def test_the_code_hash_depends_on_modules_and_weights(tmp_path, monkeypatch):
    hashes = set()
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    (tmp_path / "published").mkdir()
    changes = {"a.py": "1", "b.safetensors": "1", "calibration.json": "1"}
    for name, content in (
        *changes.items(),
        ("a.py", "2"),
        ("c.md", "1"),
        ("published/d.json", "1"),
    ):
        (tmp_path / name).write_text(content)
        provenance.code_hash.cache_clear()
        hashes.add(provenance.code_hash())
    provenance.code_hash.cache_clear()
    assert len(hashes) == 4, "documents and published results must not affect the hash"
    assert all(re.fullmatch("[0-9a-f]{16}", code) for code in hashes)


def test_versions_name_the_packages_that_results_depend_on():
    versions = provenance.versions()
    for name in ("opencv", "numpy", "numba", "torch"):
        assert re.search(rf"\b{name} \d+\.\d+", versions)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_results_can_be_loaded(name):
    assert provenance.load_published(name)


def test_published_claims_have_value_unit_and_meaning():
    for claim in provenance.load_published().values():
        assert set(claim) == {"value", "unit", "meaning"}
