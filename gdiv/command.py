"""The `gdiv` command."""

import argparse
import shutil
import sys
from pathlib import Path

import gdiv
from gdiv import claims
from gdiv.catalog import CatalogError, load_catalog
from gdiv.imagery.folder import FolderError, write_items
from gdiv.run import RunError, run
from gdiv.study import StudyError, default_workspace

EXAMPLES = """\
examples:
  gdiv run mer-de-glace                        the demo on the synthetic twin, no network
  gdiv run argentiere --profile smoke          another glacier, a few minutes
  gdiv run mer-de-glace --profile full         the real archive; a GPU helps
  gdiv run perito-moreno --source items.json   your own scenes: an ItemCollection of GeoTIFFs; an
                                               outline.geojson beside it is used
  gdiv items my-scenes                         describe a folder of GeoTIFFs, for --source my-scenes/items.json
  gdiv run mer-de-glace --only 06              one notebook, on what the others have left
A run goes on where it stopped: a notebook whose inputs, parameters and code are unchanged since it
succeeded is skipped.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command `argv`, the shell's if left out; 0 if it went well."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "run":
            pairs = [text.partition("=") for text in arguments.parameter]
            folder = run(
                arguments.glacier,
                arguments.profile,
                arguments.source,
                arguments.workspace,
                arguments.only,
                {n: v for n, _, v in pairs},
            )
            print(f"\nresults: {folder}\n  notebooks/ executed, figures/, data/, products/, claims.json:\n")
            print(claims.table(claims.read(folder)))
        elif arguments.command == "clean":
            _clean(arguments)
        elif arguments.command == "items":
            file = write_items(Path(arguments.folder))
            print(f"written: {file}; now: gdiv run GLACIER --source {file}")
        elif arguments.command == "glaciers":
            for key, glacier in load_catalog().glaciers.items():
                years = ", ".join(map(str, glacier.years.validation))
                print(
                    f"{key:<15}{glacier.label}, {glacier.country}: {glacier.pairing.rule} pairs, "
                    f"{glacier.speed[0]:g}-{glacier.speed[1]:g} m/yr, validated on {years}"
                )
        else:
            for key, source in load_catalog().sources.items():
                print(f"{key:<28}{source.label} ({source.licence})")
    except (CatalogError, StudyError, RunError, FolderError) as error:
        print(f"gdiv: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gdiv: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


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
        "run", help="run the study for a glacier", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    clean = commands.add_parser("clean", help="remove the folder of a run")
    for command in (runs, clean):
        command.add_argument(
            "glacier", metavar="GLACIER", help="a key of data_catalog.yaml; `gdiv glaciers` lists them"
        )
        command.add_argument("--profile", default="demo", help="how much is run: smoke, demo (default) or full")
        command.add_argument(
            "--source",
            default="",
            metavar="NAME|FILE|URL",
            help="where scenes come from: a name of `gdiv sources`, an ItemCollection or a STAC API, "
            "with NAME@ before it if its assets are named as that source's",
        )
        command.add_argument(
            "--workspace", default="", metavar="DIR", help="folder of the run; default runs/GLACIER-PROFILE"
        )
    runs.add_argument("--only", default="", metavar="NN", help="run one notebook, whether or not it changed")
    runs.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="set a notebook's own parameter"
    )
    items = commands.add_parser("items", help="describe a folder of GeoTIFFs, so that a study can run on it")
    items.add_argument("folder", metavar="FOLDER", help="its *.tif: one band each, the date in the name")
    commands.add_parser("glaciers", help="list the glaciers of the catalog")
    commands.add_parser("sources", help="list the sources of scenes")
    return parser


def _clean(arguments):
    folder = (
        Path(arguments.workspace)
        if arguments.workspace
        else default_workspace(arguments.glacier, arguments.profile, arguments.source)
    )
    load_catalog().pick("glaciers", arguments.glacier)
    load_catalog().pick("profiles", arguments.profile)
    if not (folder / "run.json").exists():
        raise StudyError(f"{folder} is not the folder of a run; nothing was removed")
    shutil.rmtree(folder)
    print(f"removed {folder}")
