"""Installation: the Python chosen by make, and a wheel that works without a checkout."""

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from places import ROOT

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="shell scripts as they run under make on Linux and macOS"
)
TOOLS = ("sh", "sort", "cut", "tail", "uname", "env")


@pytest.fixture
def path(tmp_path):
    """Search path with the few tools that the scripts need; tests add their Pythons."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def write_script(folder, name, content):
    """Write an executable file."""
    file = folder / name
    file.write_text(content)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def make_environment(path, **variables):
    """Run the script that makes the environment."""
    clean = {"PATH": str(path), "PYENV_ROOT": "/nowhere", "HOME": str(path)}
    command = ["sh", ".ci/environment", str(path.parent / "made"), "study"]
    return subprocess.run(
        command, cwd=ROOT, env=clean | variables, capture_output=True, text=True, timeout=300
    )


# A Python that is too old, one that does not start (like a shim of pyenv), and this one.
OLD = '#!/bin/sh\ncase "$2" in *platform*) echo 3.10.4;; *) exit 1;; esac\n'
SHIM = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"
# Its `-m venv` makes a folder in which pip only prints its arguments.
GOOD = f"""#!/bin/sh
if [ "$1" = -m ]; then
    mkdir -p "$3/bin"
    printf '#!/bin/sh\\ncase "$*" in *show*) exit 0;; esac\\necho "asked: $*"\\n' > "$3/bin/python"
    chmod +x "$3/bin/python"
else
    exec {sys.executable} "$@"
fi
"""


@posix
def test_a_supported_python3_is_chosen(path):
    write_script(path, "python3", GOOD)
    done = make_environment(path, PATH=f"{path}:/bin:/usr/bin")
    assert done.returncode == 0, done.stderr
    assert "(python3)" in done.stdout and "--editable .[study]" in done.stdout


@posix
def test_another_python_is_chosen_if_python3_is_not_supported(path):
    (path / "mkdir").symlink_to(shutil.which("mkdir"))
    (path / "chmod").symlink_to(shutil.which("chmod"))
    write_script(path, "python3", OLD)
    write_script(path, "python3.14", SHIM)
    write_script(path, "python3.12", GOOD)
    done = make_environment(path)
    assert done.returncode == 0, done.stderr
    assert f"({path}/python3.12)" in done.stdout


@posix
def test_no_usable_python_raises_one_sentence(path):
    write_script(path, "python3", OLD)
    done = make_environment(path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert (
        "python3 is 3.10.4; gdiv needs Python 3.11 to 3.14" in done.stderr
        and "make PYTHON=" in done.stderr
    )


@posix
def test_a_named_unsupported_python_raises_one_sentence(path):
    old = write_script(path, "old", OLD)
    done = make_environment(path, PYTHON=str(old))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"PYTHON={old} is 3.10.4; gdiv needs Python 3.11 to 3.14" in done.stderr


@posix
def test_listed_pythons_start_and_are_supported():
    listed = subprocess.run(
        ["sh", ".ci/pythons"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    code = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"
    assert listed.split()
    for python in listed.split():
        subprocess.run([python, "-c", code], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_contains_all_data_and_only_the_picture_of_a_notebook(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.stat().st_size < 3e6
    pictures = [name for name in names if name.endswith((".png", ".jpg"))]
    assert pictures == ["gdiv/published/speed.png"]
    weights = "gdiv/flow/raft/weights/gdiv.safetensors"
    assert {"gdiv/data_catalog.yaml", "gdiv/py.typed", weights} <= set(names)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"gdiv/notebooks/{path.name}" in names
    for path in (ROOT / "results" / "published").glob("*.json"):
        assert f"gdiv/published/{path.name}" in names


@pytest.mark.run
def test_the_wheel_alone_runs_the_study_in_an_empty_folder(wheel, tmp_path):
    """Published results and catalog are in the wheel; runs lie below the current folder."""
    site, here = tmp_path / "site", tmp_path / "empty"
    here.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    clean = os.environ | {"PYTHONPATH": str(site)}
    for number in ("00", "01"):
        command = ["run", "mer-de-glace", "--profile", "smoke", "--only", number]
        done = subprocess.run(
            [sys.executable, "-m", "gdiv", *command],
            cwd=here,
            env=clean,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (
        here / "runs" / "mer-de-glace-smoke" / "notebooks" / "01_which_scenes_can_we_use.ipynb"
    ).exists()
    shown = subprocess.run(
        [sys.executable, "-m", "gdiv", "catalog"],
        cwd=here,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert str(site / "gdiv" / "data_catalog.yaml") in shown.stdout
    assert [path.name for path in Path(here).iterdir()] == ["runs"]
