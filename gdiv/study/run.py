"""Run a study end to end; repeat a notebook only if its inputs have changed."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gdiv.catalog import OWN_CATALOG, own_catalog
from gdiv.extras import require_installed
from gdiv.files import write_json
from gdiv.flow.matchers.registry import get_matcher, source_hash
from gdiv.imagery.items import NOTICE
from gdiv.study import claims, dependencies
from gdiv.study.cluster import ADDRESS, cluster_address
from gdiv.study.execution import (
    announce,
    environment,
    run_notebook,
    usable_home,
)
from gdiv.study.integrity import RECORD, describe_damage, measure_size, read_state
from gdiv.study.opening import open_study, resolve_matchers
from gdiv.study.parameters import MATCHERS, check_parameters, notebook_parameters, notebooks
from gdiv.study.resumable import ATTEMPT
from gdiv.study.study import Study
from gdiv.study.workspace import StudyError, locked, relative, split_source

__all__ = ["run_study"]


def run_study(
    glacier: str,
    profile: str = "demo",
    source: str = "",
    workspace: str = "",
    only: str = "",
    parameters: dict[str, str] | None = None,
    matchers: str | Sequence[str] = "",
    cluster: str = "",
) -> Path:
    """Run the notebooks of a study and return its folder.

    Parameters
    ----------
    glacier : str
        Key of the catalog.
    profile : str, optional
        Profile of the catalog: ``"smoke"``, ``"demo"``, ``"full"`` or ``"paper"``.
    source : str, optional
        Source of the scenes, as in `gdiv.open_study`; that of the profile if empty.
    workspace : str, optional
        Folder of the run; ``runs/GLACIER-PROFILE`` if empty.
    only : str, optional
        Number of a single notebook to run, even if its inputs have not changed.
    parameters : dict, optional
        Parameters of single notebooks, as strings.
    matchers : str, optional
        Names of matchers, separated by commas; those of the profile if empty.
    cluster : str, optional
        Address of a Dask scheduler, or ``"local:N"`` for N processes on this machine. If empty, the
        environment variable ``DASK_SCHEDULER_ADDRESS`` is used if set, otherwise local threads.

    Returns
    -------
    Path
        Folder of the run.

    Raises
    ------
    CatalogError, StudyError
        For an unknown glacier, profile, source, matcher or parameter, or a workspace that is in use
        or cannot be written to, before anything runs.
    MissingPackageError
        If a package that the notebooks need is not installed.
    RunError
        At the first cell that fails.
    """
    require_installed("study", "running notebooks", "papermill", "ipykernel", "hvplot", "torch")
    own = own_catalog()
    # Use its full path, since kernels start in the workspace.
    variables = {OWN_CATALOG: str(own) if own else None}
    with usable_home(), cluster_address(cluster) as address:
        variables[ADDRESS] = address or None
        with environment(**variables):
            return _run(glacier, profile, source, workspace, only, parameters or {}, matchers)


def _run(
    glacier: str,
    profile: str,
    source: str,
    workspace: str,
    only: str,
    parameters: dict[str, str],
    matchers: str | Sequence[str],
) -> Path:
    """Check all arguments, then bring the notebooks up to date."""
    chosen = notebooks(only)
    checked = check_parameters(parameters, chosen)
    if matchers:
        resolve_matchers(matchers)  # before a folder is created
    study = open_study(glacier, profile, source, workspace)
    compared = resolve_matchers(matchers) if matchers else study.profile.matchers
    if checked.get("matcher", compared[0]) not in compared:
        raise StudyError(
            f"parameter matcher={checked['matcher']}: this study compares {', '.join(compared)}"
        )
    for name in compared:
        get_matcher(name)
    if compared != study.profile.matchers:
        checked[MATCHERS] = ",".join(compared)
    if study.caution:
        print(f"note: {study.caution}")
    folder = study.folder.resolve()
    common = {
        "glacier": glacier,
        "profile": profile,
        "source": _relative_source(study, source),
        "workspace": ".",
    }
    (folder / "notebooks").mkdir(exist_ok=True)
    with locked(folder):
        for path in chosen:
            names = notebook_parameters(path)
            own = {name: value for name, value in checked.items() if name in names}
            hashed = source_hash(compared) if MATCHERS in names else ""
            notebook = _Notebook(path, study, folder, common, own, hashed)
            notebook.bring_up_to_date(forced=bool(only))
    return folder


def _relative_source(study: Study, source: str) -> str:
    """Source relative to the workspace, where notebooks run, so that no user path is stored."""
    if study.source.kind != "file" or not study.source.path:
        return source
    key, _ = split_source(source)
    return (key and f"{key}@") + relative(study.source.path, study.folder.resolve())


@dataclass
class _Notebook:
    """One notebook of a run: its parameters, and the record of its last success in ``run.json``.

    Attributes
    ----------
    own : dict
        Parameters in addition to the common ones.
    matchers_hash : str
        Hash of the sources of matchers outside gdiv, if the notebook compares matchers.
    """

    path: Path
    study: Study
    folder: Path
    common: dict[str, str]
    own: dict[str, Any]
    matchers_hash: str

    @property
    def number(self) -> str:
        """Number of the notebook, two digits."""
        return self.path.name[:2]

    def bring_up_to_date(self, forced: bool) -> None:
        """Run the notebook if forced, or if one of its inputs has changed."""
        state = read_state(self.folder)
        signatures = dependencies.signatures(self.study)
        past = state.get(self.number, {})
        if not forced and self.is_current(past, state, signatures):
            print(f"{self.path.stem}: up to date (took {past['seconds']:.0f} s)")
            return
        print(f"{self.path.stem} ...", flush=True)
        state.pop(self.number, None)  # its results are about to be overwritten
        self.write_state(state)
        claims.forget_claims(self.folder, past.get("claims", []))
        others = set(claims.read_claims(self.folder))
        attempt = "" if forced else self.attempt(state, signatures)
        with environment(**{ATTEMPT: attempt or None}):
            seconds, reads, outputs = run_notebook(self.path, self.folder, self.common | self.own)
        state.pop("about", None)
        if self.study.synthetic:
            announce(self.folder / "notebooks" / self.path.name, NOTICE)
            state["about"] = NOTICE
        if self.study.source.kind == "twin":  # scenes were rendered by the first notebook
            signatures = dependencies.signatures(self.study)
        self.remove(set(past.get("outputs", [])) - set(outputs))
        reads = [name for name in reads if name not in outputs]
        made = sorted(set(claims.read_claims(self.folder)) - others)
        state[self.number] = {
            "fingerprint": self.fingerprint(state, reads, signatures),
            "seconds": round(seconds, 1),
            "reads": reads,
            "outputs": [*outputs, f"notebooks/{self.path.name}"],
            "measures": {
                name: measure_size(self.folder / name)
                for name in outputs
                if name.startswith("data/")
            },
            "claims": made,
        }
        self.write_state(state)
        for name in outputs:  # record the finished results
            (self.folder / name).with_suffix(".journal.json").unlink(missing_ok=True)
        print(f"{self.path.stem}: {seconds:.0f} s", flush=True)

    def attempt(self, state: dict[str, Any], signatures: dict[str, str]) -> str:
        """Hash of all possible inputs of the notebook, whether or not it reads them."""
        earlier = {
            number: entry["fingerprint"]
            for number, entry in state.items()
            if number < self.number and "fingerprint" in entry
        }
        return dependencies.recipe_hash(self.base(), signatures, earlier)

    def is_current(
        self, past: dict[str, Any], state: dict[str, Any], signatures: dict[str, str]
    ) -> bool:
        """Check that the results of the last success exist and their inputs have not changed."""
        if "reads" not in past:  # never run, or by an earlier version
            return False
        if not all((self.folder / output).exists() for output in past["outputs"]):
            return False
        for name, recorded in past.get("measures", {}).items():
            fault = describe_damage(self.folder / name, recorded)
            if fault:
                print(f"{name} is damaged: {fault}; it will be recomputed")
                return False
        return past["fingerprint"] == self.fingerprint(state, past["reads"], signatures)

    def fingerprint(
        self, state: dict[str, Any], reads: list[str], signatures: dict[str, str]
    ) -> str:
        """Fingerprint of all inputs of the notebook."""
        base = self.base()
        return dependencies.fingerprint(self.study, state, base, reads, signatures, self.number)

    def base(self) -> str:
        """Hash of the notebook and of the dependencies common to all notebooks."""
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return dependencies.recipe_hash(
            dependencies.shared_hash(self.study),
            [cell["source"] for cell in cells],
            self.own,
            self.matchers_hash,
        )

    def remove(self, outputs: set[str]) -> None:
        """Remove earlier results that this run did not make, such as those of a dropped matcher."""
        for name in outputs - {f"notebooks/{self.path.name}"}:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def write_state(self, state: dict[str, Any]) -> None:
        """Write ``run.json``."""
        write_json(self.folder / RECORD, state)
