"""Remove machine-specific paths from executed notebooks."""

import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from gdiv.files import redacted, write_json
from gdiv.installation import PACKAGE, checkout

__all__ = ["read_notebook", "scrub_notebook"]

#: Keys of an output that contain text, for streams and errors.
TEXT_KEYS = ("text", "evalue", "traceback")


def read_notebook(path: Path) -> dict[str, Any]:
    """Read an executed notebook.

    Parameters
    ----------
    path : Path
        Notebook file.

    Returns
    -------
    dict
        Content of the file; without cells if the file is missing or damaged, as on a full disk.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"cells": []}


def scrub_notebook(path: Path) -> None:
    """Replace local paths and secrets in URLs in the text of an executed notebook.

    Warnings, tracebacks and papermill's metadata contain paths. Images are not changed. For
    overwritten lines, such as progress bars, only the last state is kept.

    Parameters
    ----------
    path : Path
        Notebook in the folder ``notebooks`` of a workspace; overwritten.
    """
    notebook = read_notebook(path)
    if not notebook["cells"]:
        return
    labels = _folder_labels(workspace=path.parent.parent)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            outputs = [_scrub_output(output, labels) for output in cell["outputs"]]
            cell["outputs"] = _join_streams(outputs)
    notebook["metadata"] = _scrub(notebook["metadata"], labels)
    write_json(path, notebook)


def _folder_labels(workspace: Path) -> dict[str, str]:
    """Labels that replace folders of this machine, longest folder first.

    Root folders are excluded, since every path contains them.
    """
    labels = {workspace: ".", Path(sys.prefix): "env", checkout() or PACKAGE: "gdiv"}
    with suppress(RuntimeError):  # no home directory at all
        labels.setdefault(Path.home(), "~")
    by_name = {str(path): label for path, label in labels.items() if path != Path(path.anchor)}
    return dict(sorted(by_name.items(), key=lambda item: -len(item[0])))


def _scrub_output(output: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """Scrub the texts of one output: streams, tracebacks and all data except images."""
    scrubbed = {}
    for key, value in output.items():
        if key == "data":
            scrubbed[key] = {
                kind: content if kind.startswith("image/") else _scrub(content, labels)
                for kind, content in value.items()
            }
        elif key in TEXT_KEYS:
            scrubbed[key] = _scrub(value, labels)
        else:
            scrubbed[key] = value
    return scrubbed


def _scrub(value: Any, labels: dict[str, str]) -> Any:
    """Replace folders in all strings of a JSON value; keys are left unchanged."""
    if isinstance(value, dict):
        return {key: _scrub(each, labels) for key, each in value.items()}
    if isinstance(value, list):
        return [_scrub(each, labels) for each in value]
    if isinstance(value, str):
        for folder, label in labels.items():
            value = _replace_folder(value, folder, label)
        value = redacted(value) if "://" in value else value
    return value


def _replace_folder(text: str, folder: str, label: str) -> str:
    """Replace a folder in a text, but not inside a longer name.

    A short home such as ``/t`` may be part of other words.
    """
    # Terminal colour codes end with a letter, directly before a path.
    pattern = rf"(?:(?<![\w.~-])|(?<=\[3\dm)|(?<=\[0m)){re.escape(folder)}(?![\w-]|\.\w)"
    # Use a function, since backslashes in a replacement string would be interpreted.
    return re.sub(pattern, lambda _: label, text)


def _join_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join consecutive outputs of one stream, and keep the last state of overwritten lines."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        is_stream = output["output_type"] == "stream"
        # Only streams have a name.
        if is_stream and joined and joined[-1].get("name") == output["name"]:
            joined[-1]["text"] = [*joined[-1]["text"], *output["text"]]
        else:
            joined.append(output)
    for output in joined:
        if output["output_type"] == "stream":
            lines = "".join(output["text"]).split("\n")
            # A carriage return overwrites the line, except at its end, where it is a line break.
            states = [line.rstrip("\r").split("\r")[-1] for line in lines]
            output["text"] = ["\n".join(states)]
    return joined
