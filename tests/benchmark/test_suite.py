"""Cases are listed and loaded by name, and the test split does not change unnoticed."""

import json
from pathlib import Path

import numpy as np
import pytest

import gdiv
from gdiv.benchmark.cases import split_hash
from gdiv.benchmark.kinds import UnknownCaseError
from gdiv.benchmark.scenes import MissingSceneError
from gdiv.benchmark.suite import cache_folder

#: Hash of the frozen recipes of the test split, and statistics of some of its pairs.
FROZEN = json.loads((Path(__file__).parent / "frozen_split.json").read_text(encoding="utf-8"))


def test_the_recipes_of_the_test_split_are_frozen():
    assert split_hash(gdiv.list_cases("test")) == FROZEN["hash"]


@pytest.mark.parametrize("name", FROZEN["pairs"])
def test_pairs_of_the_test_split_are_frozen(name):
    pair = gdiv.load_case(name)
    expected = FROZEN["pairs"][name]
    found = [pair.reference.mean(), pair.secondary.std(), np.hypot(*pair.flow).mean()]
    assert found == pytest.approx(expected, rel=1e-4)


def test_cases_without_their_scene_are_rejected_by_name(tmp_path):
    case = next(case for case in gdiv.list_cases("test", ["moved"]))
    with pytest.raises(MissingSceneError, match=case.texture.folder):
        gdiv.load_case(case, tmp_path)
    with pytest.raises(MissingSceneError, match="narrow-warped"):
        gdiv.load_case("test-published-rhone-mdg-8px", tmp_path)


def test_unknown_names_are_rejected():
    with pytest.raises(UnknownCaseError, match="kinds are: smooth, drawn"):
        gdiv.list_cases("test", ["surge"])
    with pytest.raises(UnknownCaseError, match="unknown split"):
        gdiv.list_cases("train")
    with pytest.raises(UnknownCaseError, match="unknown case"):
        gdiv.load_case("test-moved")


def test_published_fields_are_read(real):
    pair = gdiv.load_case("test-published-zmutt-aletsch-2px", real)
    assert np.hypot(*pair.flow)[pair.ice].max() == pytest.approx(2, abs=0.05)
    assert not pair.counted[np.isnan(pair.reference)].any()


def test_a_twin_is_rendered_for_its_case(tmp_path):
    pair = gdiv.load_case("dev-twin-argentiere-0", cache=tmp_path)
    speed = np.hypot(*pair.flow)
    assert pair.reference.shape == (320, 320)
    assert np.nanmedian(speed[pair.ice]) > 2
    assert np.nanmedian(speed[~pair.ice]) < 1.5


def test_without_a_home_the_cache_requires_a_folder(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(OSError, match="name a folder, or set XDG_CACHE_HOME"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/gdiv/benchmark")
