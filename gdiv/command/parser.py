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
  gdiv run mer-de-glace --profile full         the real archive; a GPU helps (not yet run as a
                                               whole)
  gdiv run mer-de-glace --profile paper        as full, with every pair of two seasons as in the
                                               paper
  gdiv run perito-moreno --source items.json   your own scenes: an ItemCollection of GeoTIFFs; an
                                               outline.geojson beside it is used
  gdiv pair a_2020-08-03.tif b_2021-08-08.tif --outline glacier.gpkg -o velocity
                                               velocity between two images of your own
  gdiv run --scenes my-scenes --outline glacier.gpkg
                                               the study on a folder of your own GeoTIFFs
  gdiv search mer-de-glace --source earth-search
                                               scenes, pairs, bytes and minutes of a run, without
                                               reading a pixel
  gdiv region rgi-11.gpkg --years 2020 2021 -o alps
                                               every glacier of a file: a plan with its cost, and
                                               with --run the maps
  gdiv items my-scenes                         describe a folder of your own GeoTIFFs, for
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
        "search", help="list the scenes and pairs of a run, and estimate its cost"
    )
    items = commands.add_parser(
        "items", help="describe a folder of GeoTIFFs, so that a study can run on it"
    )
    pair = commands.add_parser(
        "pair", help="compute the velocity between two images of any sensor and target"
    )
    region = commands.add_parser(
        "region", help="plan or run every glacier of a file of outlines, or of a catalog"
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
        "--source", default="", metavar="NAME|FILE|URL", help="as for gdiv run; the profile's own"
    )
    search.add_argument("--matchers", default="", metavar="NAME,...", help="as for gdiv run")
    for command in (run, check, clean):
        _add_study_options(command)
    _add_run_options(run)
    _add_bench_options(bench)
    items.add_argument("folder", metavar="FOLDER", help="folder of *.tif, the date in the name")
    _add_band_option(items)
    _add_pair_options(pair)
    _add_region_options(region)
    _add_catalog_option(parser, default=None)
    for command in (run, check, clean, search, glaciers, sources, catalog):
        # Without a default of its own, so that the option before the subcommand stays.
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
        "--scenes",
        default="",
        metavar="FOLDER",
        help="folder of *.tif of your own, in place of GLACIER and --source; needs --outline",
    )
    command.add_argument(
        "--outline", default="", metavar="FILE", help="polygons of the ice, with --scenes"
    )
    command.add_argument(
        "--speed",
        type=float,
        default=100.0,
        metavar="M/YR",
        help="largest speed that is expected, with --scenes; it sets the colours; default 100",
    )
    _add_band_option(command)
    command.add_argument(
        "--only", default="", metavar="NN", help="run one notebook, even if nothing has changed"
    )
    command.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS|local:N",
        help="Dask scheduler whose workers compute, or N worker processes on this machine; default "
        "the environment variable DASK_SCHEDULER_ADDRESS, else the threads of this machine",
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


def _add_band_option(command: argparse.ArgumentParser) -> None:
    """Add the option that chooses the band of a file."""
    command.add_argument(
        "--band",
        default="",
        metavar="N|NAME",
        help="band that is matched: its number or name in files of several bands, or a part of the "
        "names of files of one; near infrared by its name if left out",
    )
    command.add_argument(
        "--aligned",
        action="store_true",
        help="the scenes are known to be aligned: pairs without stable ground are used as they are",
    )


def _add_pair_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a single pair."""
    command.add_argument("reference", metavar="REFERENCE", help="image of the earlier date")
    command.add_argument("secondary", metavar="SECONDARY", help="image of the later date")
    command.add_argument(
        "--outline",
        default="",
        metavar="FILE",
        help="polygons of what moves; ground outside them is stable",
    )
    command.add_argument(
        "--stable", default="", metavar="FILE", help="polygons of ground that is known to be stable"
    )
    command.add_argument(
        "--dates",
        nargs=2,
        metavar=("DATE", "DATE"),
        help="dates of both images; those in the names of the files if left out",
    )
    command.add_argument("--band", type=int, default=1, metavar="N", help="band of the files")
    command.add_argument(
        "--margin",
        type=float,
        default=100.0,
        metavar="M",
        help="least distance of stable ground from the outline in metres; default 100",
    )
    command.add_argument(
        "--matcher",
        default="raft",
        metavar="NAME",
        help="a matcher that `gdiv matchers` lists; default raft, dis is the fastest",
    )
    command.add_argument(
        "-o", "--output", default="velocity", metavar="DIR", help="folder of the results"
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


def _add_region_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a region."""
    command.add_argument(
        "glaciers", metavar="FILE", help="outlines, such as a region of RGI; or a catalog, *.yaml"
    )
    command.add_argument("--years", type=int, nargs=2, metavar="YEAR", help="seasons to compare")
    command.add_argument(
        "--min-area", type=float, default=1.0, metavar="KM2", help="least area; default 1 km²"
    )
    command.add_argument(
        "--season",
        nargs=2,
        metavar="MM-DD",
        help="first and last day without snow; summer of the hemisphere if left out",
    )
    command.add_argument("--profile", default="full", help="extent; default full")
    command.add_argument(
        "--source", default="", metavar="NAME|FILE|URL", help="as for gdiv run; the profile's own"
    )
    command.add_argument("--matcher", default="raft", metavar="NAME", help="default raft")
    command.add_argument("--run", action="store_true", help="run the plan; the same call resumes")
    command.add_argument(
        "--workers", type=int, default=1, metavar="N", help="glaciers at the same time; default 1"
    )
    command.add_argument("--cluster", default="", metavar="ADDRESS|local:N", help="as for gdiv run")
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
        help=f"your own catalog, merged over the built-in one; or set {OWN_CATALOG}",
    )
