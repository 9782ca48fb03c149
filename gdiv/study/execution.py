"""Execute one notebook, report errors in one sentence, and remove machine-specific paths."""

import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gdiv.extras import requires
from gdiv.installation import PACKAGE, checkout
from gdiv.study.journal import JOURNAL, read_journal
from gdiv.study.store import write_json


class RunError(RuntimeError):
    """A notebook failed; the message names notebook, cell and error."""


def run_notebook(path: Path, folder: Path, parameters: dict) -> tuple[float, list[str], list[str]]:
    """Execute the notebook `path` in the workspace `folder`, into its `notebooks/`.

    Returns
    -------
    seconds, reads, writes
        Time taken, and the names of what the notebook has read and written through the study.

    Raises
    ------
    RunError
        If a cell fails, or the kernel dies or cannot start.
    """
    with requires("study", "running notebooks"):
        import papermill
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import DeadKernelError
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what fails is raised, too
    output = folder / "notebooks" / path.name
    start = time.perf_counter()
    journal = (folder / "notebooks" / "journal.part").resolve()
    journal.write_text("", encoding="utf-8")
    os.environ[JOURNAL] = str(journal)
    try:
        papermill.execute_notebook(
            str(path),
            str(output),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            cwd=str(folder),
            extra_arguments=["--log-level=CRITICAL"],
        )
        seconds = time.perf_counter() - start
        return seconds, read_journal(journal, "read"), read_journal(journal, "wrote")
    except papermill.PapermillExecutionError as error:
        cell = error.source.strip().splitlines()[0] if error.source else ""
        raise RunError(
            f"{path.name}, cell {error.cell_index} ({cell!r}): {error.ename}: {error.evalue}\n"
            f"The executed notebook has the details: {output}"
        ) from None
    except DeadKernelError:
        raise RunError(
            f"{path.name}: its kernel was killed{_last_cell(output)}, most likely because memory ran out"
            f"{_memory()}; free some, or run a smaller profile. The same command resumes"
        ) from None
    except (NoSuchKernel, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if any(cell.get("execution_count") for cell in _read(output)["cells"]):
            raise RunError(
                f"{path.name} stopped ({reason[:200]}); the same command resumes"
            ) from None
        raise RunError(
            f"{path.name}: the notebooks' kernel python3 cannot start ({reason[:200]}); "
            f"see where it comes from with: jupyter kernelspec list, and make it anew with: "
            f"python -m ipykernel install --sys-prefix"
        ) from None
    finally:
        os.environ.pop(JOURNAL, None)
        journal.unlink(missing_ok=True)
        scrub(output)


def announce(output: Path, notice: str) -> None:
    """Put `notice` below the title of an executed notebook."""
    notebook = _read(output)
    cell = {"cell_type": "markdown", "id": "notice", "metadata": {}, "source": [f"> **{notice}**"]}
    notebook["cells"].insert(1, cell)
    write_json(output, notebook)


def _read(output):
    """An executed notebook; one without cells if it is missing, or half written on a full disk."""
    try:
        return json.loads(output.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"cells": []}


def _last_cell(output):
    """Where an interrupted notebook stood: the last cell that papermill had begun, by its first line."""
    cells = _read(output)["cells"]
    begun = [
        i for i, cell in enumerate(cells) if cell["metadata"].get("papermill", {}).get("start_time")
    ]
    if not begun:
        return ""
    first = "".join(cells[begun[-1]]["source"]).strip().split("\n")[0]
    return f" in cell {begun[-1]} ({first!r})"


def _memory():
    """Size of the machine's memory, where the system gives it."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return ""
    return f" (this machine has {size / 1e9:.0f} GB)"


@contextmanager
def usable_home() -> Iterator[None]:
    """Lend kernels a home while a run lasts where the user has none, as in many containers.

    Jupyter, Matplotlib and Numba write to the home. It may be unset without an entry in the user
    database, be `/`, be missing, or forbid writing.
    """
    try:
        home = Path.home()
        usable = home != Path(home.anchor) and home.is_dir() and os.access(home, os.W_OK)
    except RuntimeError:
        usable = False
    if usable:
        yield
        return
    before = {name: os.environ.get(name) for name in ("HOME", "LOGNAME")}
    with tempfile.TemporaryDirectory(prefix="gdiv-home-", ignore_cleanup_errors=True) as lent:
        os.environ["HOME"] = lent
        os.environ.setdefault("LOGNAME", "gdiv")  # asked of the user database otherwise
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def scrub(output: Path) -> None:
    """Remove the machine's paths from the texts of an executed notebook; pictures stay as they are.

    Warnings, tracebacks and papermill's records contain some. Progress bars keep their last state.
    """
    notebook = _read(output)
    if not notebook["cells"]:
        return
    names = _places(output.parent.parent)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = _settled([_without_places(each, names) for each in cell["outputs"]])
    notebook["metadata"] = _replaced(notebook["metadata"], names)
    write_json(output, notebook)


def _places(workspace):
    """Folders of this machine and what stands for each, longest first; never a root, which is in every path."""
    places = {workspace: ".", Path(sys.prefix): "env", checkout() or PACKAGE: "gdiv"}
    with suppress(RuntimeError):  # no home at all
        places.setdefault(Path.home(), "~")
    kept = {str(place): name for place, name in places.items() if place != Path(place.anchor)}
    return dict(sorted(kept.items(), key=lambda item: -len(item[0])))


def _without_places(output, names):
    """One output with its texts scrubbed: streams, tracebacks and every text that is not a picture."""
    scrubbed = {}
    for key, value in output.items():
        if key == "data":
            scrubbed[key] = {
                kind: value[kind] if kind.startswith("image/") else _replaced(value[kind], names)
                for kind in value
            }
        else:
            scrubbed[key] = (
                _replaced(value, names) if key in ("text", "evalue", "traceback") else value
            )
    return scrubbed


def _replaced(value, names):
    if isinstance(value, dict):
        return {key: _replaced(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, names) for each in value]
    if isinstance(value, str):
        for (
            place,
            name,
        ) in names.items():  # whole folders only: a short home may be part of other words
            value = re.sub(
                rf"(?<![\w.~-]){re.escape(place)}(?![\w-]|\.\w)", lambda _, name=name: name, value
            )
    return value


def _settled(outputs):
    """Text outputs joined, and of each line that was drawn over again, such as a progress bar, the last state."""
    kept = []
    for output in outputs:
        if output["output_type"] != "stream":
            kept.append(output)
        elif kept and kept[-1].get("name") == output["name"]:
            kept[-1]["text"] = [*kept[-1]["text"], *output["text"]]
        else:
            kept.append(output)
    for output in kept:
        if output["output_type"] == "stream":
            lines = "".join(output["text"]).split("\n")
            output["text"] = ["\n".join(line.rstrip("\r").split("\r")[-1] for line in lines)]
    return kept
