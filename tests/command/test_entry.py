"""The command: errors, lists, help, terminals and pipes."""

import subprocess
import sys

import pytest

import gdiv
from gdiv.command import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "mont-blanc"], ["'mont-blanc'", "mer-de-glace", "jakobshavn"]),
        (["run", "mer-de-glace", "--profile", "quick"], ["'quick'", "smoke, demo, full"]),
        (
            ["run", "mer-de-glace", "--source", "landsat"],
            ["'landsat'", "earth-search", "planetary-computer"],
        ),
        (
            ["run", "mer-de-glace", "--source", "missing.json"],
            ["missing.json", "does not exist", "ItemCollection"],
        ),
        (["run", "mer-de-glace", "--only", "42"], ["'42'", "00, 01, 02"]),
        (["run", "mer-de-glace", "-p", "colour=red"], ["colour", "pair", "matcher"]),
        (["run", "mer-de-glace", "-p", "packed"], ["-p packed", "NAME=VALUE"]),
        (["run", "mer-de-glace", "-p", "packed=perhaps"], ["packed=perhaps", "true or false"]),
        (["run", "mer-de-glace", "--only", "00", "-p", "packed=true"], ["notebook 00", "'packed'"]),
        (["run", "mer-de-glace", "--source", "https://"], ["https://", "has no host"]),
        (
            ["clean", "mer-de-glace", "--workspace", "nowhere"],
            ["nowhere", "not a run folder"],
        ),
    ],
)
def test_an_unknown_argument_is_reported_with_the_valid_ones(
    arguments, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, *(["--workspace", "w"] if arguments[0] == "run" else [])]) == 1
    message = capsys.readouterr().err
    assert message.startswith("gdiv: ") and message.count("\n") == 1
    for word in words:
        assert word in message


def test_lists_contain_all_entries(capsys):
    assert main(["glaciers"]) == 0 and main(["sources"]) == 0
    out = capsys.readouterr().out
    for name in (*gdiv.load_catalog().glaciers, *gdiv.load_catalog().sources):
        assert name in out


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    out = capsys.readouterr().out
    assert "examples:" in out and "--profile smoke" in out and "ItemCollection" in out


@pytest.mark.parametrize(
    "invocation",
    [["-m", "gdiv"], ["-c", "import sys; from gdiv.command import main; sys.exit(main())"]],
)
def test_python_m_gdiv_runs_the_command(invocation):
    done = subprocess.run(
        [sys.executable, *invocation, "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("gdiv ")


def test_glaciers_are_listed_in_an_ascii_terminal():
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "gdiv", "glaciers"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0 and "Argenti?re" in done.stdout, done.stderr


def test_a_closed_pipe_raises_no_error():
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
