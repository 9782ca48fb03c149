"""The ``gdiv`` command."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from gdiv.benchmark.kinds import KINDS, BenchmarkError, UnknownCaseError
from gdiv.catalog import CATALOG_FILE, OWN_CATALOG, CatalogError, load_catalog, own_catalog
from gdiv.extras import MissingPackageError
from gdiv.files import write_json
from gdiv.flow.matchers.registry import UnknownMatcherError, list_matchers, matcher_label
from gdiv.imagery.folder import FolderError, write_items
from gdiv.study import claims
from gdiv.study.execution import RunError, environment
from gdiv.study.parameters import notebooks
from gdiv.study.run import read_state, run_study
from gdiv.study.workspace import StudyError, default_workspace, locked
from gdiv.version import __version__

__all__ = ["main"]

EXAMPLES = """\
examples:
  gdiv run mer-de-glace                        the demo on the synthetic twin, no network
  gdiv run argentiere --profile smoke          another glacier, a few minutes
  gdiv run mer-de-glace --profile full         the real archive; a GPU helps (not yet run as a
                                               whole)
  gdiv run mer-de-glace --profile paper        as full, with every pair of two seasons as in the
                                               paper
  gdiv run perito-moreno --source items.json   your own scenes: an ItemCollection of GeoTIFFs; an
                                               outline.geojson beside it is used
  gdiv items my-scenes                         describe a folder of GeoTIFFs, for
                                               --source my-scenes/items.json
  gdiv run findel --catalog my.yaml            a glacier of your own catalog
  gdiv run mer-de-glace --matchers ilk,tv-l1   ILK and TV-L1, beside Horn-Schunck, RAFT and DIS,
                                               which every study compares
  gdiv run mer-de-glace --only 06              one notebook, with the results of the others
  gdiv bench --matcher dis,my_package.flow:match
                                               score matchers on pairs of exactly known displacement
A run resumes where it stopped: a notebook is skipped if its inputs, parameters and code are
unchanged since it succeeded.
"""
CATALOG_HELP = f"""\
The built-in catalog is
  {{built_in}}
To add glaciers, sources or profiles, write them into a YAML file of the same form and name it with
--catalog FILE or the environment variable {OWN_CATALOG}; its entries are merged over the built-in
ones.
{{own}}"""
#: Errors of the user's input, whose message is enough.
ERRORS = (
    BenchmarkError,
    CatalogError,
    FolderError,
    MissingPackageError,
    RunError,
    StudyError,
    UnknownCaseError,
    UnknownMatcherError,
)
#: Exit status of a command that the user has interrupted: 128 + SIGINT, as in shells.
INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; those of the shell if left out.

    Returns
    -------
    int
        Exit status: 0 on success, 1 after an error, 130 if interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names have accents, which not every terminal can show
            stream.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    # The notebooks' kernels inherit the variable.
    own = arguments.catalog or os.environ.get(OWN_CATALOG)
    try:
        with environment(**{OWN_CATALOG: own}):
            _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except ERRORS as error:
        print(f"gdiv: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gdiv: stopped; the same command resumes from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(arguments: argparse.Namespace) -> None:
    """Run a study, and print its claims and where its results are."""
    folder = run_study(
        arguments.glacier,
        arguments.profile,
        arguments.source,
        arguments.workspace,
        arguments.only,
        _split_parameters(arguments.parameter),
        arguments.matchers,
    )
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
    print(f"open first: {results / _first_to_open(folder)}")


def _split_parameters(texts: list[str]) -> dict[str, str]:
    """Split NAME=VALUE into parameters of notebooks."""
    parameters = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise StudyError(f"-p {text}: NAME=VALUE is expected")
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


def _clean(arguments: argparse.Namespace) -> None:
    """Remove the folder of a run."""
    load_catalog().pick("glaciers", arguments.glacier)
    load_catalog().pick("profiles", arguments.profile)
    if arguments.workspace:
        folder = Path(arguments.workspace)
    else:
        folder = default_workspace(arguments.glacier, arguments.profile, arguments.source)
    if not (folder / "run.json").exists():
        raise StudyError(f"{folder} is not the folder of a run; nothing was removed")
    with locked(folder):  # raises if a run is using it
        pass
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StudyError(f"{folder} could not be removed ({error.strerror or error})") from None
    print(f"removed {folder}")


def _items(arguments: argparse.Namespace) -> None:
    """Describe a folder of GeoTIFFs."""
    file = write_items(Path(arguments.folder))
    print(f"written: {file}; now: gdiv run GLACIER --source {file}")


def _bench(arguments: argparse.Namespace) -> None:
    """Score matchers on the benchmark."""
    # Other commands need not wait for the matchers, nor write caches before a run has a home.
    from gdiv.benchmark.results import format_real, format_results
    from gdiv.benchmark.running import run_benchmark

    results = run_benchmark(
        arguments.matcher.split(","),
        arguments.split,
        [name for name in arguments.cases.split(",") if name],
        arguments.scenes or None,
        arguments.store or None,
    )
    for name, reason in results["skipped"].items():
        print(f"skipped {name}: {reason}")
    for group, count in results.get("cases", {}).items():
        title = "all but smooth" if group == "ice" else f"{group}: {KINDS[group]}"
        print(f"\n{title} ({count} cases, {arguments.split})")
        print(format_results(results, group))
    print(format_real(results.get("real", {})))
    if arguments.output:
        write_json(Path(arguments.output), results)
        print(f"written: {arguments.output}")


def _glaciers(arguments: argparse.Namespace) -> None:
    """List the glaciers."""
    for key, glacier in load_catalog().glaciers.items():
        years = ", ".join(map(str, glacier.years.validation))
        print(
            f"{key:<15}{glacier.label}, {glacier.country}: {glacier.pairing.rule} pairs, "
            f"{glacier.speed[0]:g}-{glacier.speed[1]:g} m/yr, validated on {years}"
        )


def _matchers(arguments: argparse.Namespace) -> None:
    """List the matchers."""
    for name in list_matchers():
        print(f"{name:<15}{matcher_label(name)}")


def _sources(arguments: argparse.Namespace) -> None:
    """List the sources."""
    for key, source in load_catalog().sources.items():
        print(f"{key:<28}{source.label} ({source.licence})")


def _show_catalog(arguments: argparse.Namespace) -> None:
    """Print the paths of the catalogs, after checking them."""
    load_catalog()
    own = own_catalog()
    line = f"Your own catalog: {own}" if own else "No catalog of your own is set."
    print(CATALOG_HELP.format(built_in=CATALOG_FILE, own=line))


_COMMANDS = {
    "run": _run,
    "bench": _bench,
    "clean": _clean,
    "items": _items,
    "glaciers": _glaciers,
    "matchers": _matchers,
    "sources": _sources,
    "catalog": _show_catalog,
}


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="gdiv",
        description="Glacier velocity from satellite image pairs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gdiv {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run the study for a glacier",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    clean = commands.add_parser("clean", help="remove the folder of a run")
    items = commands.add_parser(
        "items", help="describe a folder of GeoTIFFs, so that a study can run on it"
    )
    bench = commands.add_parser(
        "bench", help="score matchers on pairs of exactly known displacement, and on real pairs"
    )
    glaciers = commands.add_parser("glaciers", help="list the glaciers of the catalog")
    commands.add_parser("matchers", help="list the matchers, including those of other packages")
    sources = commands.add_parser("sources", help="list the sources of scenes")
    catalog = commands.add_parser(
        "catalog", help="show the path of the catalog and how to extend it"
    )
    for command in (run, clean):
        _add_study_options(command)
    _add_run_options(run)
    _add_bench_options(bench)
    items.add_argument(
        "folder", metavar="FOLDER", help="folder of *.tif: one band each, the date in the name"
    )
    _add_catalog_option(parser, default=None)
    for command in (run, clean, glaciers, sources, catalog):
        # Without a default of its own, so that the option before the subcommand stays.
        _add_catalog_option(command, default=argparse.SUPPRESS)
    return parser


def _add_study_options(command: argparse.ArgumentParser) -> None:
    """Add the options that identify a study."""
    command.add_argument(
        "glacier", metavar="GLACIER", help="key of the catalog; `gdiv glaciers` lists them"
    )
    command.add_argument(
        "--profile",
        default="demo",
        help="extent of the study: smoke, demo (default), full or paper",
    )
    command.add_argument(
        "--source",
        default="",
        metavar="NAME|FILE|URL",
        help="source of the scenes: a name that `gdiv sources` lists, an ItemCollection or a STAC "
        "API; with NAME@ before it if its assets have the names of that source",
    )
    command.add_argument(
        "--workspace",
        default="",
        metavar="DIR",
        help="folder of the run; default runs/GLACIER-PROFILE",
    )


def _add_run_options(command: argparse.ArgumentParser) -> None:
    """Add the options that only a run has."""
    command.add_argument(
        "--only", default="", metavar="NN", help="run one notebook, even if nothing has changed"
    )
    command.add_argument(
        "--matchers",
        default="",
        metavar="NAME,...",
        help="matchers to compare, as `gdiv matchers` lists them; default those of the profile; "
        "horn-schunck, raft and dis are always included",
    )
    command.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of a single notebook",
    )


def _add_bench_options(command: argparse.ArgumentParser) -> None:
    """Add the options of the benchmark."""
    command.add_argument(
        "--matcher",
        default="horn-schunck,correlation",
        metavar="NAME,...",
        help="registered matchers, or functions of two images as package.module:function; default "
        "horn-schunck,correlation. DIS is always added: its error is the unit",
    )
    command.add_argument(
        "--split",
        choices=("dev", "test"),
        default="test",
        help="choose settings on dev, and score once on test (default)",
    )
    command.add_argument(
        "--cases",
        default="",
        metavar="NAME,...",
        help=f"kinds of cases ({', '.join(KINDS)}) or beginnings of their names; default all",
    )
    command.add_argument(
        "--scenes",
        default="",
        metavar="DIR",
        help="folder of the folders of real scenes; without it their cases are skipped",
    )
    command.add_argument(
        "--store",
        default="",
        metavar="DIR",
        help="folder of scores and rendered twins, so that the benchmark resumes; default in the "
        "user's cache",
    )
    command.add_argument("--output", default="", metavar="FILE", help="write the results as JSON")


def _add_catalog_option(command: argparse.ArgumentParser, default: str | None) -> None:
    """Add the option that names the user's own catalog."""
    command.add_argument(
        "--catalog",
        default=default,
        metavar="FILE",
        help=f"your own catalog, merged over the built-in one; or set {OWN_CATALOG}",
    )
