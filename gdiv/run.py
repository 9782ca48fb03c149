"""A study end to end: each notebook once, and again only if what it depends on has changed."""

import ast
import json
import os
import time
from pathlib import Path

from gdiv import claims, inputs
from gdiv.execution import RunError, announce, execute, usable_home
from gdiv.extras import require_installed
from gdiv.imagery.items import NOTICE
from gdiv.installation import shipped
from gdiv.store import write_json
from gdiv.study import open_study
from gdiv.workspace import StudyError, locked, split_source

# Kernels inherit this. Spinning OpenMP threads slow each other down by a factor of twenty when anything
# else uses the processors; sleeping ones cost nothing measurable. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

NOTEBOOKS = shipped("notebooks")


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
        For an unknown glacier, profile, source or parameter, or a workspace that is in use or
        cannot be written to, before anything runs.
    RunError
        At the first cell that fails.
    """
    require_installed("study", "running notebooks", "papermill", "ipykernel", "hvplot", "torch")
    with usable_home():
        return _run(glacier, profile, source, workspace, only, parameters or {})


def _run(glacier, profile, source, workspace, only, parameters):
    chosen, extra = notebooks(only), _checked(parameters)
    study = open_study(glacier, profile, source, workspace)
    folder = study.folder.resolve()
    if study.source.kind == "file":  # relative to the workspace, where notebooks run: no user's path is stored
        key, _ = split_source(source)
        source = (key and f"{key}@") + os.path.relpath(study.source.path, folder)
    base = {"glacier": glacier, "profile": profile, "source": source, "workspace": "."}
    (folder / "notebooks").mkdir(exist_ok=True)
    with locked(folder):
        for path in chosen:
            _bring_up_to_date(path, study, folder, base, extra, bool(only))
    return folder


def _bring_up_to_date(path, study, folder, base, extra, forced):
    """Run the notebook `path` if it is `forced`, or if what it depends on has changed."""
    number = path.name[:2]
    state_file = folder / "run.json"
    state = json.loads(state_file.read_text(encoding="utf-8")) if state_file.exists() else {}
    mine = {name: value for name, value in extra.items() if name in _parameters(path)}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    recipe = inputs.recipe_hash(inputs.common(study), [cell["source"] for cell in cells], mine)
    past = state.get(number, {})
    signed = inputs.signatures(study)
    standing = all((folder / output).exists() for output in past.get("outputs", []))
    known = inputs.fingerprint(study, state, recipe, past.get("reads", []), signed)
    if past.get("fingerprint") == known and standing and not forced:
        print(f"{path.stem}: unchanged since it succeeded ({past['seconds']:.0f} s then)")
        return
    print(f"{path.stem} ...", flush=True)
    state.pop(number, None)  # what it is about to overwrite no longer stands for what it was
    if study.source.kind == "twin":
        state["about"] = NOTICE
    write_json(state_file, state)
    claims.forget(folder, past.get("claims", []))
    before = claims.read(folder)
    began = time.time()
    seconds, reads = execute(path, folder, base | mine)
    if study.synthetic:
        announce(folder / "notebooks" / path.name, NOTICE)
    written = [p for room in ("data", "products", "figures") for p in (folder / room).glob("*")]
    outputs = [p.relative_to(folder).as_posix() for p in written if p.stat().st_mtime >= began - 1]
    if study.source.kind == "twin":  # rendered only now, by the first notebook
        signed = inputs.signatures(study)
    reads = [name for name in reads if name not in outputs]
    state[number] = {
        "fingerprint": inputs.fingerprint(study, state, recipe, reads, signed),
        "seconds": round(seconds, 1),
        "reads": reads,
        "outputs": [*outputs, f"notebooks/{path.name}"],
        "claims": sorted(set(claims.read(folder)) - set(before)),
    }
    write_json(state_file, state)
    print(f"{path.stem}: {seconds:.0f} s", flush=True)


def _parameters(path):
    import papermill

    return papermill.inspect_notebook(str(path))


def _checked(parameters):
    """Parameters beyond the four of every notebook, converted to the kind of their default."""
    known = {}
    for path in notebooks():
        known |= _parameters(path)
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
