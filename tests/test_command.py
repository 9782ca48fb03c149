"""The command in terminals and pipes as they are."""

import subprocess
import sys

import pytest

from gdiv.study import claims


@pytest.mark.parametrize(
    "how", [["-m", "gdiv"], ["-c", "import sys; from gdiv.command import main; sys.exit(main())"]]
)
def test_python_m_gdiv_is_the_command(how):
    done = subprocess.run([sys.executable, *how, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("gdiv ")


def test_a_terminal_of_ascii_shows_the_glaciers():
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "gdiv", "glaciers"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0 and "Argenti?re" in done.stdout, done.stderr


def test_a_pipe_that_closes_early_is_no_error():
    code = """
import os, sys
from gdiv.command import main
read, write = os.pipe()
os.close(read)
sys.stdout = os.fdopen(write, "w")
sys.exit(main(["glaciers"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr


def claim(value, meaning="what it is"):
    return {"value": value, "unit": "m/yr", "meaning": meaning}


def test_claims_are_grouped_and_fit_a_terminal():
    matchers, checks = (
        ("horn-schunck-median", "raft", "zero"),
        ("along", "coverage", "covered", "rmse", "stakes"),
    )
    made = {f"mosaic.{name}.{check}": claim(1.2345678) for name in matchers for check in checks}
    made |= {
        "mosaic.speed": claim(30.4, "a meaning that is given at length, " * 6),
        "scenes.used": claim(8),
    }
    groups = {"01 scenes": ["scenes.used"], "06 motion": [*made][:-1], "07 maps": []}
    lines = claims.format_claims(made, groups).splitlines()
    assert all(len(line) < 100 for line in lines) and "07 maps" not in lines
    assert [line for line in lines if line[:1].isdigit()] == ["01 scenes", "06 motion"]
    row = next(line for line in lines if line.strip().startswith("raft"))
    assert row.split() == ["raft", *["1.23"] * 5]
    assert lines[lines.index(row) - 3].split() == ["mosaic", *checks]
