"""Files of Binder, as far as they can be tested without building the image."""

import os
import subprocess
import sys

import pytest
import yaml
from places import ROOT

on_linux = pytest.mark.skipif(
    sys.platform == "win32", reason="repo2docker and Binder's scripts are not for Windows"
)

# In this order: the repository is copied first, since the environment installs the package.
LINES = (
    "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
    "bash -c 'time ${MAMBA_EXE} env update -p ${NB_PYTHON_PREFIX} "
    '--file "binder/environment.yml" && \\',
    "RUN chmod +x binder/postBuild",
    "RUN ./binder/postBuild",
    'RUN chmod +x "${REPO_DIR}/binder/start"',
    'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
)


def test_the_environment_of_binder_is_a_copy_of_environment_yml():
    """Only the path to the package differs: pip runs in the folder of the environment file."""
    copy = ROOT / "binder" / "environment.yml"
    original = (ROOT / "environment.yml").read_text()
    assert original.count("-e .[study]") == 1
    assert not copy.is_symlink() and copy.read_text() == original.replace(
        "-e .[study]", "-e ..[study]"
    )
    content = yaml.safe_load(copy.read_text())
    assert "python=3.11" in content["dependencies"] and content["channels"] == ["conda-forge"]
    assert (copy.parent / ".." / "pyproject.toml").is_file()


def test_post_build_installs_nothing():
    assert "install" not in (ROOT / "binder" / "postBuild").read_text()


@on_linux
def test_repo2docker_uses_environment_post_build_and_start(tmp_path):
    """repo2docker writes its Dockerfile without Docker and reads only `binder/`."""
    (tmp_path / "binder").mkdir()
    for path in (ROOT / "binder").iterdir():
        (tmp_path / "binder" / path.name).write_bytes(path.read_bytes())
    command = [
        sys.executable,
        "-m",
        "repo2docker",
        "--no-build",
        "--debug",
        "--user-id",
        "1000",
        "--user-name",
        "reader",
    ]
    done = subprocess.run(
        [*command, "."], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    written = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert [line for line in written if line in LINES] == list(LINES)


@on_linux
def test_start_limits_threads_and_runs_its_arguments():
    assert os.access(ROOT / "binder" / "start", os.X_OK) and os.access(
        ROOT / "binder" / "postBuild", os.X_OK
    )
    code = "import os; print(os.environ['DASK_NUM_WORKERS'], os.environ['OMP_NUM_THREADS'])"
    done = subprocess.run(
        [ROOT / "binder" / "start", sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.split() == ["1", "1"]
