"""Commands of a study: run, search, check or remove it."""

import argparse
import hashlib
import shutil
from pathlib import Path

from gdiv.catalog import OWN_CATALOG, load_catalog, own_catalog
from gdiv.imagery.folder import describe_files, format_files, write_items
from gdiv.study import claims
from gdiv.study.dry_run import format_plan, plan_run
from gdiv.study.execution import environment
from gdiv.study.integrity import RECORD, check_run, read_state
from gdiv.study.own_glacier import describe_glacier, key_of, write_catalog
from gdiv.study.parameters import notebooks
from gdiv.study.run import run_study
from gdiv.study.storage import choose_storage, remove_datasets
from gdiv.study.workspace import StudyError, default_workspace, locked, relative

__all__ = ["check", "clean", "run_named", "search_scenes"]


def run_named(arguments: argparse.Namespace) -> None:
    """Run a study, and print its claims and the location of its results.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    if arguments.scenes:
        own = own_catalog()
        if own is not None:
            raise StudyError(
                f"--scenes writes its own catalog; omit {own}, or name one of its glaciers and "
                f"--source FOLDER/items.json"
            )
        with environment(**{OWN_CATALOG: str(_describe_own(arguments))}):
            folder = _run(arguments)
    elif arguments.outline or arguments.band:
        raise StudyError("--outline and --band require --scenes FOLDER")
    elif not arguments.glacier:
        raise StudyError(
            "name a glacier of the catalog (see `gdiv glaciers`), or a folder of scenes: "
            "gdiv run --scenes FOLDER --outline FILE"
        )
    else:
        folder = _run(arguments)
    _report(folder)


def _run(arguments: argparse.Namespace) -> Path:
    """Run the study that the arguments name."""
    return run_study(
        arguments.glacier,
        arguments.profile,
        arguments.source,
        arguments.workspace,
        arguments.only,
        _split_parameters(arguments.parameter),
        arguments.matchers,
        arguments.cluster,
        arguments.store,
    )


def _describe_own(arguments: argparse.Namespace) -> Path:
    """Describe the scenes and glacier of the arguments, print both, and write the catalog."""
    if arguments.glacier or arguments.source:
        raise StudyError("--scenes replaces GLACIER and --source; omit these")
    if not arguments.outline:
        raise StudyError("--scenes also needs the outline of the ice: --outline FILE")
    folder, outline = Path(arguments.scenes).resolve(), Path(arguments.outline).resolve()
    if not outline.is_file():
        raise StudyError(f"the outline {arguments.outline} does not exist")
    beside = folder / "outline.geojson"
    if beside.exists() and beside.resolve() != outline:
        raise StudyError(
            f"{beside} lies beside the scenes and would be used instead of {arguments.outline}; "
            f"remove one of them"
        )
    scenes = describe_files(folder, arguments.band)
    print(format_files(scenes))
    key = key_of(folder.name)
    if key in load_catalog().glaciers:
        raise StudyError(f"{folder.name} is a glacier of the catalog; rename the folder")
    entry = describe_glacier(scenes, outline, folder.name, arguments.speed)
    entry["outline"] = relative(outline, folder)
    arguments.glacier = key
    arguments.source = str(write_items(folder, scenes, arguments.aligned))
    if not arguments.workspace:
        name = f"{key}-{hashlib.sha256(str(folder).encode()).hexdigest()[:6]}"
        arguments.workspace = str(default_workspace(name, arguments.profile, ""))
    catalog = write_catalog(folder, key, entry)
    print(f"\nentry of the catalog, {catalog}:\n{catalog.read_text(encoding='utf-8')}")
    return catalog


def _report(folder: Path) -> None:
    """Print the claims of a run and the location of its results."""
    state = read_state(folder)
    titles = {path.name[:2]: path.stem.replace("_", " ") for path in notebooks()}
    groups = {
        title: state[number].get("claims", [])
        for number, title in titles.items()
        if number in state
    }
    print(f"\n{claims.format_claims(claims.read_claims(folder), groups)}\n")
    results = _relative_if_below(folder)
    print(f"results: {results}")
    print("  claims.json, notebooks/ (executed), figures/, data/, products/")
    print(f"start with: {results / _first_to_open(folder)}")


def _split_parameters(texts: list[str]) -> dict[str, str]:
    """Split NAME=VALUE into parameters of notebooks."""
    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise StudyError(f"-p {text} must have the form NAME=VALUE")
        parameters[name] = value
    return parameters


def _first_to_open(folder: Path) -> str:
    """The result to open first: the map, else an executed notebook, else the claims."""
    executed = sorted((folder / "notebooks").glob("*.ipynb"))
    candidates = [folder / "products" / "map.html", *executed]
    for path in candidates:
        if path.exists():
            return path.relative_to(folder).as_posix()
    return "claims.json"


def _relative_if_below(folder: Path) -> Path:
    """Make a folder relative to the current one if it lies below it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def search_scenes(arguments: argparse.Namespace) -> None:
    """Print the scenes and pairs that a run would use, without writing anything.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    plan = plan_run(arguments.glacier, arguments.profile, arguments.source, arguments.matchers)
    print(format_plan(plan))


def check(arguments: argparse.Namespace) -> None:
    """Check the stored results of a run.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.

    Raises
    ------
    StudyError
        If a result is damaged; the message lists all.
    """
    folder = _folder_of_run(arguments)
    choose_storage(folder)
    found = check_run(folder)
    if not found:
        raise StudyError(f"{folder} has no record of its results; run it with gdiv run")
    faults = [f"{name}: {fault}" for name, fault in found.items() if fault]
    if faults:
        listed = "\n  ".join(faults)
        raise StudyError(
            f"{len(faults)} of {len(found)} results in {folder} are damaged; reproduce them with "
            f"gdiv run:\n  {listed}"
        )
    print(f"{len(found)} results in {folder} are undamaged")


def clean(arguments: argparse.Namespace) -> None:
    """Remove the folder of a run.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    folder = _folder_of_run(arguments)
    with locked(folder):  # raises if a run is using it
        remove_datasets(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StudyError(f"{folder} could not be removed ({error.strerror or error})") from None
    print(f"removed {folder}")


def _folder_of_run(arguments: argparse.Namespace) -> Path:
    """Return the existing run folder that the arguments select."""
    load_catalog().pick("glaciers", arguments.glacier)
    load_catalog().pick("profiles", arguments.profile)
    if arguments.workspace:
        folder = Path(arguments.workspace)
    else:
        folder = default_workspace(arguments.glacier, arguments.profile, arguments.source)
    if not (folder / RECORD).exists():
        raise StudyError(f"{folder} is not a run folder; nothing was changed")
    return folder
