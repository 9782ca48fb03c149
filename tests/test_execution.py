"""Execution of one notebook: kernels that die or cannot start, missing homes, and texts without paths."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gdiv.study.execution import RunError, environment, run_notebook, usable_home
from gdiv.study.journal import JOURNAL
from gdiv.study.scrubbing import scrub_notebook


def notebook(folder, *cells):
    """A notebook of code cells in `folder`, with the workspace `folder / "run"`."""
    (folder / "run" / "notebooks").mkdir(parents=True)
    content = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )
    path = folder / "00_a_test.ipynb"
    nbformat.write(content, path)
    return path, folder / "run"


def test_a_killed_kernel_names_cell_and_likely_cause(tmp_path):
    path, run = notebook(
        tmp_path, "1 + 1", f"import os, signal\nos.kill(os.getpid(), {signal.SIGKILL:d})", "2 + 2"
    )
    with pytest.raises(RunError) as error:
        run_notebook(path, run, {})
    message = str(error.value)
    assert "00_a_test.ipynb: its kernel was killed in cell 1 ('import os, signal')" in message
    assert "memory" in message and "The same command resumes" in message and "\n" not in message


def test_a_kernel_that_cannot_start_is_one_sentence(tmp_path, monkeypatch):
    specification = {
        "argv": ["/nowhere/python", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(specification))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path, run = notebook(tmp_path, "1 + 1")
    with pytest.raises(RunError, match=r"kernel python3 cannot start .*jupyter kernelspec list"):
        run_notebook(path, run, {})


def test_reads_and_writes_of_a_notebook_are_listed(tmp_path):
    path, run = notebook(
        tmp_path,
        "import gdiv, pandas\nstudy = gdiv.open_study('mer-de-glace', 'smoke', 'earth-search', '.')",
        "study.stakes()\nstudy.claims_frame('a')\ngdiv.load_published('costs')",
        "columns = ['network', 'step', 'loss', 'validation']\n"
        "study.save('history', pandas.DataFrame(columns=columns))",
    )
    seconds, reads, writes = run_notebook(path, run, {})
    assert seconds > 0 and reads == ["claims/a", "published/costs", "stakes.geojson"]
    assert writes == ["data/history.csv"]


@pytest.mark.parametrize("home", ["", "/", "/nowhere/at/all"])
def test_a_temporary_home_is_provided_where_there_is_none(home, monkeypatch):
    monkeypatch.setenv("HOME", home)
    if not home:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with usable_home():
        provided = Path(os.environ["HOME"])
        assert provided.is_dir() and os.access(provided, os.W_OK) and provided != Path("/")
    assert not provided.exists() and os.environ.get("HOME", "") == home


def test_environment_variables_are_restored_after_an_error(monkeypatch):
    monkeypatch.setenv("GDIV_A", "a")
    monkeypatch.setenv("GDIV_B", "b")
    with pytest.raises(ZeroDivisionError), environment(GDIV_A="1", GDIV_B=None, GDIV_C="3"):
        assert (os.environ["GDIV_A"], os.environ["GDIV_C"]) == ("1", "3")
        assert "GDIV_B" not in os.environ
        1 / 0  # noqa: B018
    assert (os.environ["GDIV_A"], os.environ["GDIV_B"]) == ("a", "b")
    assert "GDIV_C" not in os.environ


def test_a_home_of_ones_own_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with usable_home():
        assert os.environ["HOME"] == str(tmp_path)


@pytest.mark.parametrize("home", ["/", "/t", "/users/someone"])
def test_paths_leave_texts_and_nothing_else_changes(home, tmp_path, monkeypatch):
    """Keys, pictures and words that merely contain a short home stay as they are."""
    monkeypatch.setenv("HOME", home)
    picture = "iVBOR/t/users/someone/w0KGgo="
    output = tmp_path / "notebooks" / "01_a.ipynb"
    output.parent.mkdir()
    text = f"{tmp_path}/data, {sys.prefix}/lib, {home.rstrip('/')}/x, https://a.org/t/b and/or"
    data = {
        "image/png": picture,
        "text/html": f"<b>{tmp_path}</b>",
        "application/json": {"/t/key": str(tmp_path)},
    }
    cell = {
        "cell_type": "code",
        "source": ["1"],
        "metadata": {},
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": [text]},
            {"output_type": "display_data", "data": data, "metadata": {}},
        ],
    }
    output.write_text(json.dumps({"cells": [cell], "metadata": {}}), encoding="utf-8")
    scrub_notebook(output)
    stream, shown = json.loads(output.read_text(encoding="utf-8"))["cells"][0]["outputs"]
    home_label = "/x" if home == "/" else "~/x"
    assert stream["text"] == [f"./data, env/lib, {home_label}, https://a.org/t/b and/or"]
    assert shown["data"] == {
        "image/png": picture,
        "text/html": "<b>.</b>",
        "application/json": {"/t/key": "."},
    }


RUN = """
import sys
from gdiv.command import main
sys.exit(main(["run", "mer-de-glace", "--profile", "smoke", "--only", "01", "--workspace", sys.argv[1]]))
"""


@pytest.mark.run
def test_a_user_without_name_home_or_right_to_write_runs_the_study(stranger, tmp_path_factory):
    """As in containers: no entry in the user database, no HOME, code and caches not writable, ASCII terminal."""
    folder = tmp_path_factory.mktemp("nobody")
    for place in (folder, *list(folder.parents)[:2]):
        place.chmod(0o777)
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", RUN, str(folder / "run")]
    done = subprocess.run(
        command, cwd=folder, env=environment, **stranger,
        capture_output=True, encoding="ascii", errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "run" / "figures" / "site.png").stat().st_size > 5000
    assert [path.name for path in folder.iterdir()] == ["run"], (
        "nothing is left where it was started"
    )


def test_a_failing_cell_is_named_and_leaves_no_journal(tmp_path):
    path, run = notebook(tmp_path, "raise ValueError('a reason')")
    with pytest.raises(RunError, match=r"cell 0 \(.*\): ValueError: a reason"):
        run_notebook(path, run, {})
    assert JOURNAL not in os.environ
    assert [file.name for file in (run / "notebooks").iterdir()] == [path.name]


def test_a_half_written_notebook_does_not_hide_the_error(tmp_path, monkeypatch):
    """As on a full disk."""
    import papermill

    path, run = notebook(tmp_path, "1 + 1")

    def full(source, target, *arguments, **options):
        Path(target).write_text('{"cells": [{"cell_ty', encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(papermill, "execute_notebook", full)
    with pytest.raises(RunError, match="No space left on device"):
        run_notebook(path, run, {})
