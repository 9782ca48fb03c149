"""Public names: importable, documented, annotated and listed in the API."""

import inspect
import re
import subprocess
import sys

import pytest
from numpydoc.validate import validate
from places import ROOT

import gdiv

NAMES = [name for name in gdiv.__all__ if name != "__version__"]
#: Codes of numpydoc: parameters undocumented or unknown, without type or description, no return, no
#: summary, no example.
CODES = {"GL08", "SS01", "PR01", "PR02", "PR04", "PR07", "RT01", "RT03", "YD01"}


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_documented_with_types_and_returns(name):
    codes = CODES - {"PR01"} if inspect.isclass(getattr(gdiv, name)) else CODES
    errors = [error for error in validate(f"gdiv.{name}")["errors"] if error[0] in codes]
    assert not errors


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_returns_are_annotated(name):
    value = getattr(gdiv, name)
    if inspect.isclass(value):
        return
    signature = inspect.signature(value)
    assert signature.return_annotation is not signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not parameter.empty, parameter.name


def test_the_api_page_lists_public_names_once():
    page = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", page, re.M)
    assert sorted(listed) == sorted(NAMES)


def test_public_names_are_few_and_come_from_their_modules():
    assert 25 <= len(NAMES) <= 40
    for name in NAMES:
        assert getattr(gdiv, name).__module__.startswith(gdiv._PUBLIC[name]), name


def test_importing_gdiv_loads_neither_torch_nor_matplotlib():
    code = "import sys, gdiv; sys.exit(any(n in sys.modules for n in ('torch', 'matplotlib')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_raises_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'velocities'"):
        gdiv.velocities  # noqa: B018
