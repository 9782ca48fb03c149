"""The benchmark runs for registered matchers and user-defined functions, and resumes."""

import pytest

import gdiv
from gdiv.benchmark import evaluation, running
from gdiv.benchmark.kinds import BenchmarkError
from gdiv.command import main

CASES = ["dev-drawn"]


def test_a_user_function_is_scored_alongside_dis(tmp_path, monkeypatch):
    (tmp_path / "still.py").write_text(
        "def match(reference, secondary):\n    return 0 * reference, 0 * reference\n"
    )
    monkeypatch.chdir(tmp_path)
    results = gdiv.run_benchmark(["still:match"], "dev", CASES, store=tmp_path / "store")
    rows = {row["matcher"]: row for row in results["rows"] if row["group"] == "ice"}
    assert set(rows) == {"dis", "still:match"}
    assert rows["dis"]["relative"]["ice"] == [1.0, 1.0, 1.0]
    assert rows["still:match"]["classes"]["fast"]["bias"][0] == pytest.approx(-1)
    assert rows["still:match"]["relative"]["ice"][1] > 1, "no motion is worse than DIS"


def test_an_unwritable_store_raises_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=r"scores cannot be stored: .*file.*pass a folder"):
        gdiv.run_benchmark(["zero"], "dev", CASES, store=tmp_path / "file" / "store")


def test_a_benchmark_resumes_without_matching_again(tmp_path, monkeypatch):
    first = gdiv.run_benchmark(["zero"], "dev", CASES, store=tmp_path)
    monkeypatch.setattr(evaluation, "_match", lambda *_: pytest.fail("matched again"))
    second = gdiv.run_benchmark(["zero"], "dev", CASES, store=tmp_path)
    assert first["rows"] == second["rows"]


def test_stated_errors_of_a_function_are_scored(tmp_path, monkeypatch):
    (tmp_path / "careful.py").write_text(
        "import numpy as np\n"
        "def match(reference, secondary):\n"
        "    zero = 0 * reference\n"
        "    return zero, zero, zero + 100, zero + 100\n"
    )
    monkeypatch.chdir(tmp_path)
    results = gdiv.run_benchmark(["careful:match"], "dev", CASES, store=tmp_path / "store")
    row = next(row for row in results["rows"] if row["matcher"] == "careful:match")
    assert row["classes"]["ice"]["coverage"][0] == 1
    assert row["ause"] is not None


def test_the_shipped_network_lists_its_training_cases():
    assert running.contestant("raft").trained_on
    assert not running.contestant("dis").trained_on


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--matcher", "horn"], "no matcher 'horn'"),
        (["--matcher", "no_module:match"], "no_module:match cannot be imported"),
        (["--cases", "surge"], "no case 'surge'"),
        (["--scenes", "nowhere"], "the folder of real scenes, nowhere, does not exist"),
        (["--split", "dev", "--cases", "real"], "real pairs belong to the test split"),
    ],
)
def test_invalid_arguments_are_rejected_before_work_starts(arguments, message, capsys):
    assert main(["bench", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_the_command_prints_a_table_and_skipped_cases(tmp_path, capsys):
    target = tmp_path / "scores.json"
    command = ["bench", "--matcher", "zero", "--split", "dev", "--store", str(tmp_path / "store")]
    assert main([*command, "--cases", "dev-drawn,dev-moved-bend", "--output", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "skipped dev-moved-bend-09: this case needs real scenes" in printed
    assert "1 dis" in printed
    assert target.is_file()
