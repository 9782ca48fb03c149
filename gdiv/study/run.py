"""Run a study end to end; repeat a notebook only if its inputs have changed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from gdiv.catalog import OWN_CATALOG, own_catalog
from gdiv.extras import require_installed
from gdiv.flow.matchers.registry import get_matcher, source_hash
from gdiv.study.cluster import ADDRESS, cluster_address
from gdiv.study.execution import environment, usable_home
from gdiv.study.notebook import Notebook
from gdiv.study.opening import open_study, resolve_matchers
from gdiv.study.parameters import MATCHERS, check_parameters, notebook_parameters, notebooks
from gdiv.study.storage import choose_storage
from gdiv.study.study import Study
from gdiv.study.time_left import TimeLeft
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
    store: str = "",
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
    store : str, optional
        Location of the datasets, such as ``"s3://bucket/run"``, which workers without access to
        the folder of the run can use; if empty, its subfolder ``data``.

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
            return _run(
                glacier, profile, source, workspace, only, parameters or {}, matchers, store
            )


def _run(
    glacier: str,
    profile: str,
    source: str,
    workspace: str,
    only: str,
    parameters: dict[str, str],
    matchers: str | Sequence[str],
    store: str,
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
    time_left = TimeLeft(path.name[:2] for path in chosen)

    def prepared(path: Path) -> Notebook:
        names = notebook_parameters(path)
        own = {name: value for name, value in checked.items() if name in names}
        hashed = source_hash(compared) if MATCHERS in names else ""
        return Notebook(path, study, folder, common, own, hashed, time_left)

    with locked(folder):
        choose_storage(folder, store)
        if only:
            _warn_of_stale(prepared(path) for path in notebooks() if path < chosen[0])
        for path in chosen:
            prepared(path).bring_up_to_date(forced=bool(only))
    return folder


def _warn_of_stale(earlier: Iterable[Notebook]) -> None:
    """Print the notebooks whose stored results would change if they ran again."""
    stale = [notebook.number for notebook in earlier if notebook.is_stale()]
    if stale:
        print(
            f"note: results of notebooks {', '.join(stale)} are out of date and are used as they "
            f"are; omit --only to update them"
        )


def _relative_source(study: Study, source: str) -> str:
    """Source relative to the workspace, where notebooks run, so that no user path is stored."""
    if study.source.kind != "file" or not study.source.path:
        return source
    key, _ = split_source(source)
    return (key and f"{key}@") + relative(study.source.path, study.folder.resolve())
