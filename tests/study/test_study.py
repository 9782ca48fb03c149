"""Save, open and record the results of a study."""

import pandas as pd
import pytest

from gdiv.study import claims
from gdiv.study.opening import open_study
from gdiv.study.results import find_result
from gdiv.study.workspace import StudyError


def test_a_missing_result_raises_an_error_that_names_its_notebook(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    with pytest.raises(
        StudyError, match="run notebook 03 first: gdiv run mer-de-glace --profile smoke --only 03"
    ):
        study.open("labels")


def test_saved_results_open_unchanged(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    content = find_result("pairs").content
    date = pd.to_datetime(["2020-08-18 10:25:59"])
    table = pd.DataFrame({name: [1.5] for name in content}).assign(
        reference="a", secondary="b", reference_date=date
    )
    study.save("pairs", table)
    pd.testing.assert_frame_equal(
        study.open("pairs"), table.astype({"reference_date": "datetime64[ns]"})
    )
    study.record("mosaic.speed", 1.23456789)
    study.record("mosaic.raft.rmse", float("nan"), row="raft")
    meaning = "median speed on the glacier, RAFT hybrid mosaic"
    assert claims.read_claims(study.folder) == {
        "mosaic.speed": {"value": 1.235, "unit": "m/yr", "meaning": meaning}
    }


def test_undeclared_results_and_claims_raise_an_error(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    with pytest.raises(StudyError, match="no result 'pair'; did you mean 'pairs'"):
        study.save("pair", pd.DataFrame())
    with pytest.raises(StudyError, match="the result 'tiles' lacks pair, row, column, turns, set"):
        study.save("tiles", pd.DataFrame({"x": [1]}))
    with pytest.raises(StudyError, match="the result 'masks' must be a Dataset, not a DataFrame"):
        study.save("masks", pd.DataFrame())
    with pytest.raises(StudyError, match=r"no claim 'speed.of.light' is declared"):
        study.record("speed.of.light", 3e8)


def test_rows_of_a_table_become_claims(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    study.record_rows("mosaic", pd.DataFrame({"rmse": [1.0], "along": [-0.02]}, ["raft, mean"]))
    made = claims.read_claims(study.folder)
    assert made["mosaic.raft-mean.rmse"]["value"] == 1
    assert made["mosaic.raft-mean.along"] == {
        "value": -2.0,
        "unit": "%",
        "meaning": "raft, mean: bias along the flow (negative: motion lost)",
    }


def test_numeric_names_remain_text(tmp_path):
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    scenes = pd.DataFrame({name: [1.0] for name in find_result("scenes").content})
    date = pd.to_datetime(["2020-07-31"])
    study.save("scenes", scenes.assign(id="20200731", date=date))
    stakes = pd.DataFrame({name: [1.0, 2.0] for name in find_result("stakes").content})
    study.save("stakes", stakes.assign(name=["1", "2"]))
    assert study.open("scenes").id.tolist() == ["20200731"]
    assert study.open("stakes").name.tolist() == ["1", "2"]
