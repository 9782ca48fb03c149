"""A study end to end: each notebook once, and again only if what it depends on has changed."""

import ast
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gdiv.catalog import OWN_CATALOG, own_catalog
from gdiv.extras import require_installed
from gdiv.imagery.items import NOTICE
from gdiv.installation import shipped
from gdiv.study import claims
from gdiv.study import dependencies as inputs
from gdiv.study.execution import RunError, announce, run_notebook, usable_home
from gdiv.study.store import write_json
from gdiv.study.study import Study, open_study
from gdiv.study.workspace import StudyError, locked, relative, split_source

# Kernels inherit this. Spinning OpenMP threads slow each other down by a factor of twenty when anything
# else uses the processors; sleeping ones cost nothing measurable. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

NOTEBOOKS = shipped("notebooks")


def notebooks(only: str = "") -> list[Path]:
    """The numbered notebooks in order, or the one whose number is `only`."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in found if not only or path.name[:2] == only]
    if not chosen:
        raise RunError(
            f"no notebook {only!r}; there are: {', '.join(path.name[:2] for path in found)}"
        )
    return chosen


def run_study(
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
    if own := own_catalog():  # by its full path: kernels start in the workspace
        os.environ[OWN_CATALOG] = str(own)
    with usable_home():
        return _run(glacier, profile, source, workspace, only, parameters or {})


def _run(glacier, profile, source, workspace, only, parameters):
    chosen = notebooks(only)
    extra = _checked(parameters, chosen)
    study = open_study(glacier, profile, source, workspace)
    folder = study.folder.resolve()
    if (
        study.source.kind == "file"
    ):  # relative to the workspace, where notebooks run: no user's path is stored
        key, _ = split_source(source)
        source = (key and f"{key}@") + relative(study.source.path, folder)
    common = {"glacier": glacier, "profile": profile, "source": source, "workspace": "."}
    (folder / "notebooks").mkdir(exist_ok=True)
    with locked(folder):
        for path in chosen:
            own = {name: value for name, value in extra.items() if name in _parameters(path)}
            _Notebook(path, study, folder, common, own).bring_up_to_date(forced=bool(only))
    return folder


@dataclass
class _Notebook:
    """One notebook of a run: its parameters, and what `run.json` records of its last success."""

    path: Path
    study: Study
    folder: Path
    common: dict[str, str]
    own: dict[str, Any]

    @property
    def number(self):
        return self.path.name[:2]

    def bring_up_to_date(self, forced):
        """Run the notebook if it is forced to, or if something that it depends on has changed."""
        state = self.read_state()
        signatures = inputs.signatures(self.study)
        past = state.get(self.number, {})
        if not forced and self.is_current(past, state, signatures):
            print(f"{self.path.stem}: unchanged since it succeeded ({past['seconds']:.0f} s then)")
            return
        print(f"{self.path.stem} ...", flush=True)
        state.pop(
            self.number, None
        )  # what it is about to overwrite no longer stands for what it was
        self.write_state(state)
        claims.forget_claims(self.folder, past.get("claims", []))
        others = set(claims.read_claims(self.folder))
        seconds, reads, outputs = run_notebook(self.path, self.folder, self.common | self.own)
        state.pop("about", None)
        if self.study.synthetic:
            announce(self.folder / "notebooks" / self.path.name, NOTICE)
            state["about"] = NOTICE
        if (
            self.study.source.kind == "twin"
        ):  # its scenes exist only now, rendered by the first notebook
            signatures = inputs.signatures(self.study)
        reads = [name for name in reads if name not in outputs]
        made = sorted(set(claims.read_claims(self.folder)) - others)
        state[self.number] = {
            "fingerprint": inputs.fingerprint(
                self.study, state, self.recipe(), reads, signatures, self.number
            ),
            "seconds": round(seconds, 1),
            "reads": reads,
            "outputs": [*outputs, f"notebooks/{self.path.name}"],
            "claims": made,
        }
        self.write_state(state)
        print(f"{self.path.stem}: {seconds:.0f} s", flush=True)

    def is_current(self, past, state, signatures):
        """Whether the results of the last success stand, and all they were made from is as it was."""
        if "reads" not in past:  # never run, or by an earlier version
            return False
        if not all((self.folder / output).exists() for output in past["outputs"]):
            return False
        recipe = self.recipe()
        now = inputs.fingerprint(self.study, state, recipe, past["reads"], signatures, self.number)
        return past["fingerprint"] == now

    def recipe(self):
        """Hash of the notebook's own cells and parameters, and of what all notebooks depend on."""
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return inputs.recipe_hash(
            inputs.shared_hash(self.study), [cell["source"] for cell in cells], self.own
        )

    def read_state(self):
        return read_state(self.folder)

    def write_state(self, state):
        write_json(self.folder / "run.json", state)


def read_state(folder: Path) -> dict[str, dict]:
    """What `run.json` records of each notebook's last success, by number; nothing if it is damaged."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@cache
def _parameters(path):
    import papermill

    return papermill.inspect_notebook(str(path))


def _checked(parameters, chosen):
    """Parameters beyond the four of every notebook, converted to the kind of their default."""
    defaults = {
        name: each["default"] for path in notebooks() for name, each in _parameters(path).items()
    }
    common = ("glacier", "profile", "source", "workspace")
    extra = [name for name in defaults if name not in common]
    checked = {}
    for name, text in parameters.items():
        if name not in extra:
            raise StudyError(
                f"no notebook parameter {name!r}; there are: {', '.join(extra) or 'none'} "
                f"(and the options --profile, --source, --workspace)"
            )
        if not any(name in _parameters(path) for path in chosen):
            raise StudyError(f"notebook {chosen[0].name[:2]} has no parameter {name!r}")
        default = ast.literal_eval(defaults[name])
        try:
            checked[name] = _of_kind(default, text)
        except ValueError:
            kind = {bool: "true or false", int: "an integer", float: "a number"}[type(default)]
            raise StudyError(f"parameter {name}={text}: {kind} is expected") from None
    return checked


def _of_kind(default, text):
    """The text as the kind of `default`."""
    if not isinstance(default, bool):
        return type(default)(text)
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
