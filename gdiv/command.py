"""The `gdiv` command."""

import argparse
import contextlib
import os
import shutil
import sys
from pathlib import Path

import gdiv
from gdiv.catalog import CATALOG_FILE, OWN_CATALOG, CatalogError, load_catalog, own_catalog
from gdiv.extras import MissingPackageError
from gdiv.imagery.folder import FolderError, write_items
from gdiv.study import claims
from gdiv.study.execution import RunError
from gdiv.study.run import notebooks, read_state, run_study
from gdiv.study.workspace import StudyError, default_workspace, locked

EXAMPLES = """\
examples:
  gdiv run mer-de-glace                        the demo on the synthetic twin, no network
  gdiv run argentiere --profile smoke          another glacier, a few minutes
  gdiv run mer-de-glace --profile full         the real archive; a GPU helps
  gdiv run mer-de-glace --profile paper        as full, with every pair of two seasons, as in the paper
  gdiv run perito-moreno --source items.json   your own scenes: an ItemCollection of GeoTIFFs; an
                                               outline.geojson beside it is used
  gdiv items my-scenes                         describe a folder of GeoTIFFs, for --source my-scenes/items.json
  gdiv run findel --catalog my.yaml            a glacier of your own catalog
  gdiv run mer-de-glace --only 06              one notebook, on what the others have left
A run resumes where it stopped: a notebook whose inputs, parameters and code are unchanged since it
succeeded is skipped.
"""
CATALOG_HELP = f"""\
The built-in catalog is
  {{built_in}}
To add glaciers, sources or profiles, write them into a YAML file of the same form and name it with
--catalog FILE or the environment variable {OWN_CATALOG}; its entries are merged over the built-in ones.
{{own}}"""


def main(argv: list[str] | None = None) -> int:
    """Run the command `argv`, the shell's if left out; 0 if it went well."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names have accents, and not every terminal has them
            stream.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    try:
        with _catalog(arguments.catalog):
            _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except (CatalogError, StudyError, RunError, FolderError, MissingPackageError) as error:
        print(f"gdiv: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gdiv: stopped; the same command resumes from here", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def _catalog(own):
    """Make the catalog `own` known to this process and to the notebooks' kernels."""
    before = os.environ.get(OWN_CATALOG)
    if own:
        os.environ[OWN_CATALOG] = own
    try:
        yield
    finally:
        os.environ.pop(OWN_CATALOG, None)
        if before is not None:
            os.environ[OWN_CATALOG] = before


def _run(arguments):
    parameters = {}
    for text in arguments.parameter:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise StudyError(f"-p {text}: NAME=VALUE is expected")
        parameters[name] = value
    folder = run_study(
        arguments.glacier,
        arguments.profile,
        arguments.source,
        arguments.workspace,
        arguments.only,
        parameters,
    )
    state = read_state(folder)
    titles = {path.name[:2]: path.stem.replace("_", " ") for path in notebooks()}
    groups = {
        titles[number]: state[number].get("claims", []) for number in titles if number in state
    }
    print(f"\n{claims.format_claims(claims.read_claims(folder), groups)}\n")
    shown = _short(folder)
    print(f"results: {shown}")
    print("  claims.json, notebooks/ (executed), figures/, data/, products/")
    first = next(
        (f for f in ("products/map.html", *_executed(folder)) if (folder / f).exists()),
        "claims.json",
    )
    print(f"open first: {shown / first}")


def _executed(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in (folder / "notebooks").glob("*.ipynb")
    )


def _short(folder):
    """A folder as seen from here, if it lies below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _clean(arguments):
    load_catalog().pick("glaciers", arguments.glacier)
    load_catalog().pick("profiles", arguments.profile)
    folder = (
        Path(arguments.workspace)
        if arguments.workspace
        else default_workspace(arguments.glacier, arguments.profile, arguments.source)
    )
    if not (folder / "run.json").exists():
        raise StudyError(f"{folder} is not the folder of a run; nothing was removed")
    with locked(folder):
        pass
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StudyError(f"{folder} could not be removed ({error.strerror or error})") from None
    print(f"removed {folder}")


def _items(arguments):
    file = write_items(Path(arguments.folder))
    print(f"written: {file}; now: gdiv run GLACIER --source {file}")


def _glaciers(arguments):
    for key, glacier in load_catalog().glaciers.items():
        years = ", ".join(map(str, glacier.years.validation))
        print(
            f"{key:<15}{glacier.label}, {glacier.country}: {glacier.pairing.rule} pairs, "
            f"{glacier.speed[0]:g}-{glacier.speed[1]:g} m/yr, validated on {years}"
        )


def _sources(arguments):
    for key, source in load_catalog().sources.items():
        print(f"{key:<28}{source.label} ({source.licence})")


def _show_catalog(arguments):
    load_catalog()  # an own catalog that is not valid is an error here, too
    own = own_catalog()
    told = f"Your own catalog: {own}" if own else "No catalog of your own is set."
    print(CATALOG_HELP.format(built_in=CATALOG_FILE, own=told))


_COMMANDS = {
    "run": _run,
    "clean": _clean,
    "items": _items,
    "glaciers": _glaciers,
    "sources": _sources,
    "catalog": _show_catalog,
}


def _parser():
    parser = argparse.ArgumentParser(
        prog="gdiv",
        description="Glacier velocity from satellite image pairs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gdiv {gdiv.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    runs = commands.add_parser(
        "run",
        help="run the study for a glacier",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    clean = commands.add_parser("clean", help="remove the folder of a run")
    for command in (runs, clean):
        command.add_argument(
            "glacier", metavar="GLACIER", help="a key of the catalog; `gdiv glaciers` lists them"
        )
        command.add_argument(
            "--profile",
            default="demo",
            help="how much is run: smoke, demo (default), full or paper",
        )
        command.add_argument(
            "--source",
            default="",
            metavar="NAME|FILE|URL",
            help="where scenes come from: a name of `gdiv sources`, an ItemCollection or a STAC API, "
            "with NAME@ before it if its assets are named as that source's",
        )
        command.add_argument(
            "--workspace",
            default="",
            metavar="DIR",
            help="folder of the run; default runs/GLACIER-PROFILE",
        )
    runs.add_argument(
        "--only", default="", metavar="NN", help="run one notebook, whether or not it changed"
    )
    runs.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a notebook's own parameter",
    )
    items = commands.add_parser(
        "items", help="describe a folder of GeoTIFFs, so that a study can run on it"
    )
    items.add_argument(
        "folder", metavar="FOLDER", help="its *.tif: one band each, the date in the name"
    )
    glaciers = commands.add_parser("glaciers", help="list the glaciers of the catalog")
    sources = commands.add_parser("sources", help="list the sources of scenes")
    catalog = commands.add_parser(
        "catalog", help="show where the catalog lies and how to add to it"
    )
    for command in (runs, clean, glaciers, sources, catalog):
        command.add_argument(
            "--catalog",
            metavar="FILE",
            help=f"your own catalog, merged over the built-in one; or set {OWN_CATALOG}",
        )
    items.set_defaults(catalog=None)
    return parser
