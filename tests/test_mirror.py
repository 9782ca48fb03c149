"""Test files mirror the modules of gdiv."""

from places import ROOT

#: Test files in subfolders that test several modules.
EXCEPTIONS = {"flow/matchers/test_matchers.py"}


def test_test_files_in_subfolders_have_a_module():
    tests = ROOT / "tests"
    without_module = set()
    for path in tests.glob("*/**/test_*.py"):
        name = path.relative_to(tests).as_posix()
        module = ROOT / "gdiv" / name.replace("test_", "", 1)
        if not module.is_file():
            without_module.add(name)
    assert without_module == EXCEPTIONS
