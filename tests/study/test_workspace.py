"""The folder of a run: its location, its lock, and errors."""

import os
import shutil
import subprocess
import sys

import pytest
from places import ROOT

from gdiv.command import main
from gdiv.study.workspace import StudyError, _holder, locked, prepare, split_source

HOLD = """
import sys, time
from pathlib import Path
from gdiv.study.workspace import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holding_process(tmp_path):
    """Process that holds the workspace `tmp_path`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_names_the_process_that_holds_the_workspace(holding_process, tmp_path, capsys):
    assert main(["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert (
        f"process {holding_process.pid} on " in message
        and "since 20" in message
        and message.count("\n") == 1
    )


def test_a_killed_run_leaves_no_lock(holding_process, tmp_path):
    with pytest.raises(StudyError, match="in use by another run"), locked(tmp_path):
        pass
    holding_process.kill()
    holding_process.wait()
    with locked(tmp_path):
        pass
    assert (tmp_path / "run.lock").read_text(encoding="utf-8") == "", "the lock file is empty"


def test_a_file_instead_of_a_folder_raises_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("a file")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(
            StudyError, match=r"is a file, or lies below one; name a folder: --workspace"
        ):
            prepare(path)


def test_a_read_only_folder_raises_one_sentence(unprivileged_user, tmp_path):
    tmp_path.chmod(0o500)
    code = "import sys; from gdiv.command import main; sys.exit(main(sys.argv[1:]))"
    command = ["run", "mer-de-glace", "--profile", "smoke", "--workspace", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        **unprivileged_user,
    )
    tmp_path.chmod(0o700)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "(Permission denied); choose a writable folder: --workspace DIR" in done.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"process": 1}'])
def test_a_damaged_lock_file_is_ignored(text, tmp_path):
    (tmp_path / "run.lock").write_text(text, encoding="utf-8")
    assert _holder(tmp_path / "run.lock").startswith("; wait for it")


@pytest.mark.parametrize("name", ["gdiv", "other", "mit Leerzeichen und ä"])
def test_runs_are_in_the_checkout_regardless_of_its_name(name, tmp_path):
    clone = tmp_path / name
    clone.mkdir()
    shutil.copytree(ROOT / "gdiv", clone / "gdiv", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "notebooks", clone / "notebooks")
    shutil.copy(ROOT / "data_catalog.yaml", clone)
    code = """
from gdiv.study.workspace import default_workspace
print(default_workspace("mer-de-glace", "demo", ""))
"""
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


@pytest.mark.parametrize(
    ("name", "key", "location"),
    [
        ("earth-search-c1@a/items.json", "earth-search-c1", "a/items.json"),
        ("data/me@host/items.json", "", "data/me@host/items.json"),
        (
            "planetary-computer@https://user:word@x.org",
            "planetary-computer",
            "https://user:word@x.org",
        ),
    ],
)
def test_split_source_separates_a_source_key(name, key, location):
    assert split_source(name) == (key, location)
