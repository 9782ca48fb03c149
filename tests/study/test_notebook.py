"""A notebook of a run is up to date or stale."""

import pytest

from gdiv.files import write_json
from gdiv.study.integrity import RECORD, read_state
from gdiv.study.notebook import Notebook
from gdiv.study.opening import open_study
from gdiv.study.parameters import notebooks
from gdiv.study.run import _warn_of_stale
from gdiv.study.time_left import TimeLeft


@pytest.fixture
def first_notebook(tmp_path):
    """Notebook 01 of a study that has not run."""
    study = open_study("mer-de-glace", "smoke", workspace=str(tmp_path))
    return Notebook(notebooks("01")[0], study, tmp_path, {}, {}, "", TimeLeft([]))


def test_results_are_stale_if_an_input_has_changed(first_notebook, capsys):
    assert not first_notebook.is_stale(), "it has never run"
    record = {"reads": [], "fingerprint": first_notebook._fingerprint({}, [], {})}
    write_json(first_notebook.folder / RECORD, {"01": record})
    assert not first_notebook.is_stale()
    _warn_of_stale([first_notebook])
    assert not capsys.readouterr().out
    first_notebook.own["seed"] = "2"
    assert first_notebook.is_stale()
    _warn_of_stale([first_notebook])
    assert "results of notebooks 01 are out of date" in capsys.readouterr().out
    assert read_state(first_notebook.folder) == {"01": record}, "nothing is changed"
