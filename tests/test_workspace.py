"""The folder of a run: where it lies, who uses it, and what is said of one that cannot be used."""

import os
import shutil
import subprocess
import sys

import pytest
from places import ROOT

from gdiv.command import main
from gdiv.study.run import read_state
from gdiv.study.workspace import StudyError, _holder, locked, prepare

HOLD = """
import sys, time
from pathlib import Path
from gdiv.study.workspace import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the workspace `tmp_path`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_told_who_holds_the_workspace(holder, tmp_path, capsys):
    assert main(["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert (
        f"process {holder.pid} on " in message
        and "since 20" in message
        and message.count("\n") == 1
    )


def test_a_killed_run_leaves_no_lock(holder, tmp_path):
    with pytest.raises(StudyError, match="in use by another run"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass
    assert (tmp_path / "run.lock").read_text(encoding="utf-8") == "", (
        "no name of the machine is left"
    )


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("a file")
    for place in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(
            StudyError, match=r"is a file, or lies below one; name a folder: --workspace"
        ):
            prepare(place)


def test_a_folder_without_the_right_to_write_is_one_sentence(stranger, tmp_path):
    tmp_path.chmod(0o500)
    code = "import sys; from gdiv.command import main; sys.exit(main(sys.argv[1:]))"
    command = ["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, cwd=ROOT, **stranger
    )
    tmp_path.chmod(0o700)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert (
        "cannot be written to (Permission denied); name a folder of your own: --workspace DIR"
        in done.stderr
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"process": 1}'])
def test_a_damaged_record_of_the_holder_is_left_out(text, tmp_path):
    (tmp_path / "run.lock").write_text(text, encoding="utf-8")
    assert _holder(tmp_path / "run.lock").startswith("; wait for it")


def test_a_damaged_record_of_a_run_is_no_error(tmp_path):
    (tmp_path / "run.json").write_text('{"01": {"fing', encoding="utf-8")
    assert read_state(tmp_path) == {}


@pytest.mark.parametrize("name", ["gdiv", "other", "mit Leerzeichen und ä"])
def test_a_checkout_of_any_name_keeps_its_runs(name, tmp_path):
    clone = tmp_path / name
    clone.mkdir()
    shutil.copytree(ROOT / "gdiv", clone / "gdiv", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "notebooks", clone / "notebooks")
    shutil.copy(ROOT / "data_catalog.yaml", clone)
    code = "from gdiv.study.workspace import default_workspace as d; print(d('mer-de-glace', 'demo', ''))"
    environment = os.environ | {"PYTHONPATH": str(clone), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == str(clone / "runs" / "mer-de-glace-demo")
