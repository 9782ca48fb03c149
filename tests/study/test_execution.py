"""Execution of one notebook: kernels that die or cannot start, missing homes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from gdiv.study.execution import RunError, environment, run_notebook, usable_home
from gdiv.study.journal import JOURNAL


def write_notebook(folder, *cells):
    """Write a notebook of code cells into `folder`, with the workspace `folder / "run"`."""
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


def test_a_killed_kernel_raises_an_error_with_cell_and_likely_cause(tmp_path):
    path, run = write_notebook(
        tmp_path, "1 + 1", f"import os, signal\nos.kill(os.getpid(), {signal.SIGKILL:d})", "2 + 2"
    )
    with pytest.raises(RunError) as error:
        run_notebook(path, run, {})
    message = str(error.value)
    assert "00_a_test.ipynb: its kernel was killed in cell 1 ('import os, signal')" in message
    assert "memory" in message and "The same command resumes" in message and "\n" not in message


def test_a_kernel_that_cannot_start_raises_one_sentence(tmp_path, monkeypatch):
    specification = {
        "argv": ["/nowhere/python", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(specification))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path, run = write_notebook(tmp_path, "1 + 1")
    with pytest.raises(RunError, match=r"kernel python3 cannot start .*jupyter kernelspec list"):
        run_notebook(path, run, {})


def test_reads_and_writes_of_a_notebook_are_listed(tmp_path):
    path, run = write_notebook(
        tmp_path,
        "import gdiv, pandas\n"
        "study = gdiv.open_study('mer-de-glace', 'smoke', 'earth-search', '.')",
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


def test_a_writable_home_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with usable_home():
        assert os.environ["HOME"] == str(tmp_path)


RUN = """
import sys
from gdiv.command import main
command = ["run", "mer-de-glace", "--profile", "smoke", "--only", "01"]
sys.exit(main([*command, "--workspace", sys.argv[1]]))
"""


@pytest.mark.run
def test_a_user_without_name_home_or_rights_can_run_the_study(unprivileged_user, tmp_path_factory):
    """As in containers: no user entry, no HOME, read-only code and caches, ASCII terminal."""
    folder = tmp_path_factory.mktemp("nobody")
    for path in (folder, *folder.parents):
        if path == Path(tempfile.gettempdir()):
            break
        path.chmod(0o777)
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", RUN, str(folder / "run")]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        **unprivileged_user,
        capture_output=True,
        encoding="ascii",
        errors="replace",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "run" / "figures" / "site.png").stat().st_size > 5000
    assert [path.name for path in folder.iterdir()] == ["run"], (
        "the run leaves nothing in the current folder"
    )


def test_a_failing_cell_raises_an_error_and_leaves_no_journal(tmp_path):
    path, run = write_notebook(tmp_path, "raise ValueError('a reason')")
    with pytest.raises(RunError, match=r"cell 0 \(.*\): ValueError: a reason"):
        run_notebook(path, run, {})
    assert JOURNAL not in os.environ
    assert [file.name for file in (run / "notebooks").iterdir()] == [path.name]


def test_a_half_written_notebook_does_not_hide_the_error(tmp_path, monkeypatch):
    """A full disk truncates the notebook."""
    import papermill

    path, run = write_notebook(tmp_path, "1 + 1")

    def full(source, target, *arguments, **options):
        Path(target).write_text('{"cells": [{"cell_ty', encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(papermill, "execute_notebook", full)
    with pytest.raises(RunError, match="the disk is full"):
        run_notebook(path, run, {})
