"""A study end to end through papermill: each notebook once, and again only if what it depends on changed."""

import ast
import json
import os
import sys
import time
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

import gdiv
from gdiv import claims
from gdiv.catalog import CATALOG_FILE
from gdiv.store import write_json
from gdiv.study import StudyError, open_study, recipe_hash, split_source

# Kernels inherit this. Spinning OpenMP threads slow each other down by a factor of twenty when anything
# else uses the processors; sleeping ones cost nothing measurable. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

NOTEBOOKS = next(
    p
    for p in (CATALOG_FILE.parent / "notebooks", Path(__file__).parent / "notebooks")
    if p.is_dir() or p.parent.name == "gdiv"
)


class RunError(RuntimeError):
    """A notebook failed; the message names notebook, cell and error."""


def notebooks(only: str = "") -> list[Path]:
    """The numbered notebooks in order, or the one whose number is `only`."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in found if not only or path.name[:2] == only]
    if not chosen:
        raise RunError(f"no notebook {only!r}; there are: {', '.join(path.name[:2] for path in found)}")
    return chosen


def run(
    glacier: str,
    profile: str = "demo",
    source: str = "",
    workspace: str = "",
    only: str = "",
    parameters: dict[str, str] | None = None,
) -> Path:
    """Run the notebooks of a study and return its folder.

    Raises
    ------
    CatalogError, StudyError
        For an unknown glacier, profile, source or parameter, before anything runs.
    RunError
        At the first cell that fails.
    """
    chosen, extra = notebooks(only), _checked(parameters or {})
    study = open_study(glacier, profile, source, workspace)
    folder = study.folder.resolve()
    if study.source.kind == "file":  # relative to the workspace, where notebooks run: no user's path is stored
        key, _ = split_source(source)
        source = (key and f"{key}@") + os.path.relpath(study.source.path, folder)
    base = {"glacier": glacier, "profile": profile, "source": source, "workspace": "."}
    seen = _seen(study)
    (folder / "notebooks").mkdir(exist_ok=True)
    state_file = folder / "run.json"
    state = json.loads(state_file.read_text(encoding="utf-8")) if state_file.exists() else {}
    write_json(state_file, state)
    before = recipe_hash(gdiv.code_hash(), CATALOG_FILE.read_text(encoding="utf-8"), glacier, profile, seen)
    current = True  # whether all that stands before a notebook is of this code and these inputs
    for path in notebooks():
        number = path.name[:2]
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        mine = {name: value for name, value in extra.items() if name in papermill.inspect_notebook(str(path))}
        fingerprint = recipe_hash(before, [cell["source"] for cell in cells], mine)
        before = fingerprint
        past = state.get(number, {})
        standing = all((folder / output).exists() for output in past.get("outputs", []))
        unchanged = past.get("fingerprint") == fingerprint and standing
        if path not in chosen:
            current = current and unchanged
            continue
        if unchanged and not only:
            print(f"{path.stem}: unchanged since it succeeded ({past['seconds']:.0f} s then)")
            continue
        print(f"{path.stem} ...", flush=True)
        state.pop(number, None)  # what it is about to overwrite no longer stands for what it was
        write_json(state_file, state)
        claims.forget(folder, past.get("claims", []))
        known = claims.read(folder)
        began = time.time()
        seconds = _execute(path, folder, base | mine)
        written = [p for room in ("data", "products", "figures") for p in (folder / room).glob("*")]
        outputs = [str(p.relative_to(folder)) for p in written if p.stat().st_mtime >= began - 1]
        state[number] = {
            "fingerprint": fingerprint if current else "",
            "seconds": round(seconds, 1),
            "outputs": [*outputs, f"notebooks/{path.name}"],
            "claims": sorted(set(claims.read(folder)) - set(known)),
        }
        write_json(state_file, state)
        print(f"{path.stem}: {seconds:.0f} s", flush=True)
    return folder


def _seen(study):
    """What of the source decides a result: its entry, and where it is a file, that file and what lies beside it."""
    entry = study.source.model_dump(mode="json", exclude={"path", "label"})
    if study.source.kind != "file":
        return [entry]
    beside = ("outline.geojson", "stakes.geojson", "NOTE.md")
    files = [Path(study.source.path), *(study.companions / name for name in beside)]
    return [entry, *(file.read_text(encoding="utf-8") for file in files if file.exists())]


def _checked(parameters):
    """Parameters beyond the four of every notebook, converted to the kind of their default."""
    known = {}
    for path in notebooks():
        known |= papermill.inspect_notebook(str(path))
    common = ("glacier", "profile", "source", "workspace")
    extra = [name for name in known if name not in common]
    if unknown := [name for name in parameters if name not in extra]:
        raise StudyError(
            f"no notebook parameter {', '.join(unknown)}; there are: {', '.join(extra) or 'none'} "
            f"(and the options --profile, --source, --workspace)"
        )
    try:
        return {name: _of_kind(ast.literal_eval(known[name]["default"]), value) for name, value in parameters.items()}
    except ValueError as error:
        told = ", ".join(f"{name}={value}" for name, value in parameters.items())
        raise StudyError(f"a notebook parameter has the wrong kind of value ({told}): {error}") from None


def _of_kind(default, value):
    """The text `value` as the kind of `default`."""
    if not isinstance(default, bool):
        return type(default)(value)
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{value!r} is neither true nor false")
    return value.lower() == "true"


def _execute(path, folder, parameters):
    output = folder / "notebooks" / path.name
    start = time.perf_counter()
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
    except PapermillExecutionError as error:
        cell = error.source.strip().splitlines()[0] if error.source else ""
        raise RunError(
            f"{path.name}, cell {error.cell_index} ({cell!r}): {error.ename}: {error.evalue}\nThe whole story: {output}"
        ) from None
    finally:
        _scrub(output)
    return time.perf_counter() - start


def _scrub(output):
    """An executed notebook keeps no path of the machine it ran on: warnings, tracebacks and papermill write some."""
    if not output.exists():
        return
    text = output.read_text(encoding="utf-8")
    for place, name in (
        (output.parent.parent, "."),
        (sys.prefix, "env"),
        (CATALOG_FILE.parent, "gdiv"),
        (Path.home(), "~"),
    ):
        text = text.replace(str(place), name)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = _settled(cell["outputs"])
    write_json(output, notebook)


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
