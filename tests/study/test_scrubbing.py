"""Executed notebooks contain no local paths."""

import json
import sys

import pytest
from places import ROOT

from gdiv.study import scrubbing
from gdiv.study.scrubbing import scrub_notebook


@pytest.mark.parametrize("home", ["/", "/t", "/users/someone"])
def test_paths_are_removed_from_texts_only(home, tmp_path, monkeypatch):
    """Keys, pictures and words that contain a short home directory do not change."""
    monkeypatch.setenv("HOME", home)
    picture = "iVBOR/t/users/someone/w0KGgo="
    output = tmp_path / "notebooks" / "01_a.ipynb"
    output.parent.mkdir()
    text = f"{tmp_path}/data, {sys.prefix}/lib, {home.rstrip('/')}/x, https://a.org/t/b and/or"
    data = {
        "image/png": picture,
        "text/html": f"<b>{tmp_path}</b>",
        "application/json": {"/t/key": str(tmp_path)},
    }
    cell = {
        "cell_type": "code",
        "source": ["1"],
        "metadata": {},
        "outputs": [
            {"output_type": "stream", "name": "stdout", "text": [text]},
            {"output_type": "display_data", "data": data, "metadata": {}},
        ],
    }
    output.write_text(json.dumps({"cells": [cell], "metadata": {}}), encoding="utf-8")
    scrub_notebook(output)
    stream, shown = json.loads(output.read_text(encoding="utf-8"))["cells"][0]["outputs"]
    home_label = "/x" if home == "/" else "~/x"
    assert stream["text"] == [f"./data, env/lib, {home_label}, https://a.org/t/b and/or"]
    assert shown["data"] == {
        "image/png": picture,
        "text/html": "<b>.</b>",
        "application/json": {"/t/key": "."},
    }


def test_executed_notebooks_have_no_paths_and_no_errors(smoke):
    for path in sorted((smoke / "notebooks").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        assert str(smoke) not in text and str(ROOT) not in text, (
            f"{path.name} contains the path of the run"
        )
        outputs = [o for c in json.loads(text)["cells"] for o in c.get("outputs", [])]
        assert outputs and not any(o["output_type"] == "error" for o in outputs)


def test_saved_files_do_not_contain_the_path_of_the_run(smoke):
    for path in [
        *(smoke / "data").rglob("*.json"),
        *(smoke / "products").rglob("*.json"),
        *(smoke / "products").rglob(".z*"),
        smoke / "claims.json",
    ]:
        assert str(smoke.parent) not in path.read_text(encoding="utf-8"), path


def test_only_the_last_state_of_a_progress_bar_is_kept():
    bar = [
        {"output_type": "stream", "name": "stdout", "text": [part]}
        for part in ("0/2\r", "1/2\r2/2\n", "saved\n")
    ]
    picture = {"output_type": "display_data", "data": {}}
    assert scrubbing._join_streams([*bar, picture]) == [
        {"output_type": "stream", "name": "stdout", "text": ["2/2\nsaved\n"]},
        picture,
    ]
