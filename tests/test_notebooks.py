"""The notebooks keep to their contract."""

import json
import re

import pytest
from places import ROOT

from gdiv.study.results import RESULTS, find_result

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARAMETERS = ["glacier", "profile", "source", "workspace"]


def load(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    text = ["".join(cell["source"]) for cell in notebook["cells"]]
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    return notebook, text, kinds


def lines(source):
    return [line for line in source.split("\n") if line.strip()]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def test_they_are_numbered_in_order():
    assert [path.name[:2] for path in NOTEBOOKS] == [
        f"{n:02d}" for n in range(len(NOTEBOOKS))
    ] and len(NOTEBOOKS) >= 8


def test_stored_without_outputs_with_a_kernel(notebook):
    content, _, _ = load(notebook)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    for cell in content["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_short_and_explained(notebook):
    _, text, kinds = load(notebook)
    code = [lines(source) for source, kind in zip(text, kinds, strict=True) if kind == "code"]
    assert sum(map(len, code)) <= 100
    assert max(map(len, code)) <= 20
    assert kinds.count("markdown") >= kinds.count("code")


def test_no_method_no_paths_in_a_notebook(notebook):
    _, text, kinds = load(notebook)
    code = "\n".join(source for source, kind in zip(text, kinds, strict=True) if kind == "code")
    assert not re.search(r"^\s*(def|class|while|try) ", code, re.M)
    assert not re.search(r"\b(import os|pathlib|Path\(|open\(['\"]/)", code)
    assert not re.search(r"for .*\bpair\b.* in .*pairs", code)


def test_opens_with_its_contract(notebook):
    _, text, kinds = load(notebook)
    first = text[0]
    assert kinds[0] == "markdown" and first.startswith(f"# {notebook.name[:2]} · ")
    assert re.search(r"^\*\*.*\?.*\*\*", first, re.M | re.S), "question and answer in bold"
    for row in ("| reads |", "| writes |", "| takes |", "next |", "| differs from the paper |"):
        assert row in first
    assert "You will see" in first
    assert "**One limitation" in "".join(text)


def test_one_parameters_cell_of_annotated_literals(notebook):
    content, text, _ = load(notebook)
    tagged = [
        i
        for i, cell in enumerate(content["cells"])
        if "parameters" in cell["metadata"].get("tags", [])
    ]
    assert len(tagged) == 1
    rows = lines(text[tagged[0]])
    assert [row.split(":")[0] for row in rows][:4] == PARAMETERS
    for row in rows:
        assert re.fullmatch(r"\w+: (str|int|float|bool) = (\".*\"|[\d.]+|True|False)  # .+", row), (
            row
        )


def test_links_lead_somewhere(notebook):
    _, text, _ = load(notebook)
    for target in re.findall(r"\]\(([^)#]+)\)", "".join(text)):
        assert target.startswith("http") or (notebook.parent / target).exists(), target


def test_every_declared_result_is_saved_by_its_notebook_before_another_opens_it():
    saved = {}
    for path in NOTEBOOKS:
        code = "\n".join(load(path)[1])
        for call, name in re.findall(r'study\.(open|save)\(f?"([^"]+)"', code):
            result = find_result(name)
            if call == "save":
                saved[result.name] = path.name[:2]
            assert result.name in saved, f"{path.name} opens {name}, which nothing has saved"
    assert saved == {result.name: result.maker for result in RESULTS}
