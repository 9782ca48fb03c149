"""Declared results of a study."""

from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from gdiv.study.results import RESULTS, check_content, find_result, result_path
from gdiv.study.workspace import StudyError


def test_names_are_unique_and_made_by_a_notebook():
    names = [result.name for result in RESULTS]
    assert len(set(names)) == len(names)
    assert all(result.maker.isdigit() and len(result.maker) == 2 for result in RESULTS)


def test_results_per_matcher_share_a_declaration():
    assert find_result("displacement-raft") == find_result("displacement-horn-schunck")
    assert find_result("mosaic-dis").name == "mosaic-*"


def test_an_unknown_result_raises_an_error_with_the_closest_or_all_names():
    with pytest.raises(StudyError, match="no result 'scene'; did you mean 'scenes'"):
        find_result("scene")
    with pytest.raises(StudyError, match="no result 'xyz'; choose from: items, scenes, cube"):
        find_result("xyz")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cube", "cube.zarr"),
        ("items", "items.json"),
        ("scenes", "scenes.csv"),
        ("weights", "weights.safetensors"),
        ("mosaic-raft", "mosaic-raft.zarr"),
    ],
)
def test_the_kind_of_a_result_determines_its_file(name, file):
    assert result_path(Path("run"), name) == Path("run") / "data" / file


def test_content_must_be_of_the_declared_kind_and_complete():
    masks = xr.Dataset({"glacier": ("x", [True]), "stable": ("x", [False])})
    check_content("masks", masks)
    check_content("items", [])
    with pytest.raises(StudyError, match="the result 'masks' lacks stable"):
        check_content("masks", masks.drop_vars("stable"))
    with pytest.raises(StudyError, match="the result 'items' must be a list, not a DataFrame"):
        check_content("items", pd.DataFrame())
