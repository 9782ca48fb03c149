"""Options of the ``gdiv`` command."""

import argparse

from gdiv.benchmark.kinds import KINDS
from gdiv.catalog import OWN_CATALOG
from gdiv.region.plan import CORE_HOUR, GIGABYTE_MONTH
from gdiv.version import __version__

__all__ = ["make_parser"]

EXAMPLES = """\
examples:
  gdiv run mer-de-glace                        the demo on the synthetic twin, no network
  gdiv run argentiere --profile smoke          another glacier, a few minutes
  gdiv run mer-de-glace --profile full         the real archive; a GPU helps (not yet run end to
                                               end)
  gdiv run mer-de-glace --profile paper        like full, with every pair of two seasons, as in
                                               the paper
  gdiv run perito-moreno --source items.json   your own scenes: an ItemCollection of GeoTIFFs, with
                                               outline.geojson in the same folder
  gdiv pair a_2020-08-03.tif b_2021-08-08.tif --outline glacier.gpkg -o velocity
                                               velocity between two images of your own
  gdiv run --scenes my-scenes --outline glacier.gpkg
                                               the study on a folder of your own GeoTIFFs
  gdiv search mer-de-glace --source earth-search
                                               estimate scenes, pairs, bytes and minutes of a run
                                               without reading pixels
  gdiv region rgi-11.gpkg --years 2020 2021 -o alps
                                               every glacier in a file: plan and cost; with --run,
                                               also the maps
  gdiv items my-scenes                         describe a folder of your own GeoTIFFs, for
                                               --source my-scenes/items.json
  gdiv run findel --catalog my.yaml            a glacier of your own catalog
  gdiv run mer-de-glace --matchers ilk,tv-l1   ILK and TV-L1, beside Horn-Schunck, RAFT and DIS,
                                               which every study compares
  gdiv run mer-de-glace --only 06              one notebook, with the results of the others
  gdiv bench --matcher dis,my_package.flow:match
                                               score matchers on pairs with known displacement
A run resumes where it was interrupted: a notebook is skipped if its inputs, parameters and code
have not changed since it succeeded.
"""


def make_parser() -> argparse.ArgumentParser:
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
    check = commands.add_parser("check", help="check that the stored results are undamaged")
    clean = commands.add_parser("clean", help="remove the folder of a run")
    search = commands.add_parser(
        "search", help="list the scenes and pairs of a run and estimate its cost"
    )
    items = commands.add_parser(
        "items", help="describe a folder of GeoTIFFs, so that a study can run on it"
    )
    pair = commands.add_parser(
        "pair", help="compute the velocity between two images of any sensor and target"
    )
    region = commands.add_parser(
        "region", help="plan or run all glaciers in a file of outlines or a catalog"
    )
    bench = commands.add_parser(
        "bench", help="score matchers on pairs with exactly known displacement and on real pairs"
    )
    glaciers = commands.add_parser("glaciers", help="list the glaciers of the catalog")
    commands.add_parser("matchers", help="list the matchers, including those of other packages")
    sources = commands.add_parser("sources", help="list the sources of scenes")
    catalog = commands.add_parser(
        "catalog", help="show the path of the catalog and how to extend it"
    )
    run.add_argument(
        "glacier",
        nargs="?",
        default="",
        metavar="GLACIER",
        help="key of the catalog; `gdiv glaciers` lists them",
    )
    for command in (check, clean, search):
        command.add_argument("glacier", metavar="GLACIER", help="key of the catalog")
    search.add_argument("--profile", default="full", help="extent of the study; default full")
    search.add_argument(
        "--source", default="", metavar="NAME|FILE|URL", help="as for gdiv run; default: profile"
    )
    search.add_argument("--matchers", default="", metavar="NAME,...", help="as for gdiv run")
    for command in (run, check, clean):
        _add_study_options(command)
    _add_run_options(run)
    _add_bench_options(bench)
    items.add_argument("folder", metavar="FOLDER", help="folder of *.tif, with dates in the names")
    _add_band_option(items)
    _add_pair_options(pair)
    _add_region_options(region)
    _add_catalog_option(parser, default=None)
    for command in (run, check, clean, search, glaciers, sources, catalog):
        # No default here: it would override the option given before the subcommand.
        _add_catalog_option(command, default=argparse.SUPPRESS)
    return parser


def _add_study_options(command: argparse.ArgumentParser) -> None:
    """Add the options that identify a study."""
    command.add_argument(
        "--profile",
        default="demo",
        help="extent of the study: smoke, demo (default), full or paper",
    )
    command.add_argument(
        "--source",
        default="",
        metavar="NAME|FILE|URL",
        help="source of the scenes: a name from `gdiv sources`, an ItemCollection or a STAC API; "
        "prefix it with NAME@ if its assets are named as in the source NAME",
    )
    command.add_argument(
        "--workspace",
        default="",
        metavar="DIR",
        help="folder of the run; default runs/GLACIER-PROFILE",
    )


def _add_run_options(command: argparse.ArgumentParser) -> None:
    """Add the options that apply only to a run."""
    command.add_argument(
        "--scenes",
        default="",
        metavar="FOLDER",
        help="folder of your own *.tif files, instead of GLACIER and --source; needs --outline",
    )
    command.add_argument(
        "--outline", default="", metavar="FILE", help="polygons of the ice; required by --scenes"
    )
    command.add_argument(
        "--speed",
        type=float,
        default=100.0,
        metavar="M/YR",
        help="maximum expected speed with --scenes, for the colour limits; default 100",
    )
    _add_band_option(command)
    command.add_argument(
        "--only", default="", metavar="NN", help="run one notebook, even if nothing has changed"
    )
    command.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS|local:N",
        help="Dask scheduler to use, or N worker processes on this machine; default: environment "
        "variable DASK_SCHEDULER_ADDRESS, else threads on this machine",
    )
    command.add_argument(
        "--store",
        default="",
        metavar="URL",
        help="where to store the datasets, such as s3://bucket/run, for workers without access to "
        "the folder of the run; default in that folder",
    )
    command.add_argument(
        "--matchers",
        default="",
        metavar="NAME,...",
        help="matchers to compare, from `gdiv matchers`; default from the profile; horn-schunck, "
        "raft and dis are always included",
    )
    command.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a notebook parameter",
    )


def _add_band_option(command: argparse.ArgumentParser) -> None:
    """Add the option that chooses the band of a file."""
    command.add_argument(
        "--band",
        default="",
        metavar="N|NAME",
        help="band to match: number or name in multi-band files, or part of the file names of "
        "single-band files; default near infrared, found by name",
    )
    command.add_argument(
        "--aligned",
        action="store_true",
        help="the scenes are co-registered: use pairs without stable ground without a correction",
    )


def _add_pair_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a single pair."""
    command.add_argument("reference", metavar="REFERENCE", help="image of the earlier date")
    command.add_argument("secondary", metavar="SECONDARY", help="image of the later date")
    command.add_argument(
        "--outline",
        default="",
        metavar="FILE",
        help="polygons of moving terrain; ground outside them is stable",
    )
    command.add_argument("--stable", default="", metavar="FILE", help="polygons of stable ground")
    command.add_argument(
        "--dates",
        nargs=2,
        metavar=("DATE", "DATE"),
        help="dates of both images; default from the file names",
    )
    command.add_argument(
        "--band",
        default=None,
        metavar="N|NAME",
        help="band of the files, by number or description; default near infrared if described so, "
        "else the first",
    )
    command.add_argument(
        "--margin",
        type=float,
        default=100.0,
        metavar="M",
        help="minimum distance of stable ground from the outline in metres; default 100",
    )
    command.add_argument(
        "--matcher",
        default="raft",
        metavar="NAME",
        help="a matcher from `gdiv matchers`; default raft; dis is the fastest",
    )
    command.add_argument(
        "-o",
        "--output",
        default="velocity",
        metavar="DIR",
        help="folder of the results, replaced; default velocity",
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
        default="dev",
        help="dev (default) to choose settings; test to score once",
    )
    command.add_argument(
        "--cases",
        default="",
        metavar="NAME,...",
        help=f"kinds of cases ({', '.join(KINDS)}) or prefixes of their names; default all",
    )
    command.add_argument(
        "--scenes",
        default="",
        metavar="DIR",
        help="folder with a subfolder per site of real scenes; their cases are skipped by default",
    )
    command.add_argument(
        "--store",
        default="",
        metavar="DIR",
        help="folder for scores and rendered twins, with which a benchmark resumes; default in the "
        "user's cache",
    )
    command.add_argument("--output", default="", metavar="FILE", help="write the results as JSON")


def _add_region_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a region."""
    command.add_argument(
        "glaciers", metavar="FILE", help="outlines, such as a region of RGI; or a catalog, *.yaml"
    )
    command.add_argument("--years", type=int, nargs=2, metavar="YEAR", help="seasons to compare")
    command.add_argument(
        "--min-area", type=float, default=1.0, metavar="KM2", help="minimum area; default 1 km²"
    )
    command.add_argument(
        "--season",
        nargs=2,
        metavar="MM-DD",
        help="first and last day of the snow-free season; default summer of the hemisphere",
    )
    command.add_argument("--profile", default="full", help="extent of the study; default full")
    command.add_argument(
        "--source", default="", metavar="NAME|FILE|URL", help="as for gdiv run; the profile's own"
    )
    command.add_argument("--matcher", default="raft", metavar="NAME", help="matcher; default raft")
    command.add_argument("--run", action="store_true", help="run the plan; repeat to resume")
    command.add_argument(
        "--workers", type=int, default=1, metavar="N", help="glaciers run in parallel; default 1"
    )
    command.add_argument("--cluster", default="", metavar="ADDRESS|local:N", help="as for gdiv run")
    command.add_argument("--store", default="", metavar="URL", help="as for gdiv run")
    command.add_argument("--core-hour", type=float, default=CORE_HOUR, metavar="USD", help="price")
    command.add_argument(
        "--gigabyte-month", type=float, default=GIGABYTE_MONTH, metavar="USD", help="price"
    )
    command.add_argument(
        "-o", "--output", default="region", metavar="FOLDER", help="folder of the region"
    )


def _add_catalog_option(command: argparse.ArgumentParser, default: str | None) -> None:
    """Add the option that names the user's own catalog."""
    command.add_argument(
        "--catalog",
        default=default,
        metavar="FILE",
        help=f"your own catalog, merged with the built-in one; or set {OWN_CATALOG}",
    )
