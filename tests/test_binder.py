"""What Binder would build and start, as far as it can be known without building it."""

import os
import subprocess
import sys

import yaml
from conftest import ROOT

LINES = (
    "COPY --chown=1000:1000 src/binder/environment.yml ${REPO_DIR}/binder/environment.yml",
    "RUN chmod +x binder/postBuild",
    "RUN ./binder/postBuild",
    'RUN chmod +x "${REPO_DIR}/binder/start"',
    'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
)


def test_binder_has_a_real_copy_of_the_environment():
    copy = ROOT / "binder" / "environment.yml"
    assert not copy.is_symlink() and copy.read_text() == (ROOT / "environment.yml").read_text()
    content = yaml.safe_load(copy.read_text())
    assert "python=3.11" in content["dependencies"] and content["channels"] == ["conda-forge"]


def test_repo2docker_takes_environment_post_build_and_start(tmp_path):
    """It writes its Dockerfile without Docker; of the repository it reads no more than `binder/`."""
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
    done = subprocess.run([*command, "."], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    written = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    for line in LINES:
        assert line in written
    assert any('--file "binder/environment.yml"' in line for line in written)


def test_start_limits_threads_and_starts_what_it_is_given():
    assert os.access(ROOT / "binder" / "start", os.X_OK) and os.access(ROOT / "binder" / "postBuild", os.X_OK)
    shown = "import os; print(os.environ['DASK_NUM_WORKERS'], os.environ['OMP_NUM_THREADS'])"
    done = subprocess.run([ROOT / "binder" / "start", sys.executable, "-c", shown], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "1"]
