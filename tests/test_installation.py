"""Locations of files in a checkout and in an installed wheel."""

import pytest
from places import ROOT

from gdiv import installation

NAMES = {
    "data_catalog.yaml": "data_catalog.yaml",
    "notebooks": "notebooks",
    "published": "results/published",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_checkout_contains_its_files(name):
    assert installation.checkout() == ROOT
    path = installation.shipped_path(name)
    assert path == ROOT / NAMES[name]
    assert path.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_contains_its_files_in_the_package(name, tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "gdiv"
    monkeypatch.setattr(installation, "PACKAGE", package)
    assert installation.checkout() is None
    assert installation.shipped_path(name) == package / name
