"""The command line, and a study end to end through papermill."""

import argparse
import ast
import json
import os
import shutil
import sys
import time
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

import gdiv
from gdiv.catalog import CATALOG_FILE, CatalogError, load_catalog
from gdiv.study import StudyError, default_workspace, open_study, recipe_hash

# Kernels inherit this. Spinning OpenMP threads slow each other down by a factor of twenty when anything
# else uses the processors; sleeping ones cost nothing measurable. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

NOTEBOOKS = next(
    p
    for p in (CATALOG_FILE.parent / "notebooks", Path(__file__).parent / "notebooks")
    if p.is_dir() or p.parent.name == "gdiv"
)

EXAMPLES = """\
examples:
  gdiv run mer-de-glace                        the demo on the synthetic twin, no network
  gdiv run argentiere --profile smoke          another glacier, a few minutes
  gdiv run mer-de-glace --profile full         the real archive; a GPU helps
  gdiv run perito-moreno --source items.json   your own scenes: an ItemCollection of GeoTIFFs; an
                                               outline.geojson beside it is used
  gdiv run mer-de-glace --only 06              one notebook, on what the others have left
A run goes on where it stopped: a notebook whose inputs, parameters and code are unchanged since it
succeeded is skipped.
"""


class RunError(RuntimeError):
    """A notebook failed; the message names notebook, cell and error."""


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
        For an unknown glacier, profile, source or parameter, before anything runs.
    RunError
        At the first cell that fails.
    """
    chosen, extra = notebooks(only), _checked(parameters or {})
    study = open_study(glacier, profile, source, workspace)
    folder = study.folder.resolve()
    if study.source.kind == "file":  # relative to the workspace, where notebooks run: no user's path is stored
        source = os.path.relpath(study.source.path, folder)
    base = {"glacier": glacier, "profile": profile, "source": source, "workspace": "."}
    # A file is known by its content, wherever it lies.
    seen = Path(study.source.path).read_text(encoding="utf-8") if study.source.kind == "file" else source
    (folder / "notebooks").mkdir(exist_ok=True)
    state_file = folder / "run.json"
    state = json.loads(state_file.read_text(encoding="utf-8")) if state_file.exists() else {}
    _write_json(state_file, state)
    before = recipe_hash(gdiv.code_hash(), CATALOG_FILE.read_text(encoding="utf-8"), glacier, profile, seen)
    current = True  # whether all that stands before a notebook is of this code and these inputs
    for path in notebooks():
        number = path.name[:2]
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        mine = {name: value for name, value in extra.items() if name in papermill.inspect_notebook(str(path))}
        fingerprint = recipe_hash(before, [cell["source"] for cell in cells], mine)
        before = fingerprint
        past = state.get(number, {})
        standing = all((folder / output).exists() for output in past.get("outputs", []))
        unchanged = past.get("fingerprint") == fingerprint and standing
        if path not in chosen:
            current = current and unchanged
            continue
        if unchanged and not only:
            print(f"{path.stem}: unchanged since it succeeded ({past['seconds']:.0f} s then)")
            continue
        print(f"{path.stem} ...", flush=True)
        state.pop(number, None)  # what it is about to overwrite no longer stands for what it was
        _write_json(state_file, state)
        _forget(folder / "claims.json", past.get("claims", []))
        known = _claims(folder)
        began = time.time()
        seconds = _execute(path, folder, base | mine)
        written = [p for room in ("data", "products", "figures") for p in (folder / room).glob("*")]
        outputs = [str(p.relative_to(folder)) for p in written if p.stat().st_mtime >= began - 1]
        state[number] = {
            "fingerprint": fingerprint if current else "",
            "seconds": round(seconds, 1),
            "outputs": [*outputs, f"notebooks/{path.name}"],
            "claims": sorted(set(_claims(folder)) - set(known)),
        }
        _write_json(state_file, state)
        print(f"{path.stem}: {seconds:.0f} s", flush=True)
    return folder


def _write_json(path, content):
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def _claims(folder):
    file = folder / "claims.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _forget(file, keys):
    """Drop a notebook's earlier claims: it may not make them again."""
    if file.exists():
        _write_json(file, {key: claim for key, claim in _claims(file.parent).items() if key not in keys})


def _checked(parameters):
    """Parameters beyond the four of every notebook, converted to the kind of their default."""
    known = {}
    for path in notebooks():
        known |= papermill.inspect_notebook(str(path))
    common = ("glacier", "profile", "source", "workspace")
    extra = [name for name in known if name not in common]
    if unknown := [name for name in parameters if name not in extra]:
        raise StudyError(
            f"no notebook parameter {', '.join(unknown)}; there are: {', '.join(extra) or 'none'} "
            f"(and the options --profile, --source, --workspace)"
        )
    try:
        return {name: type(ast.literal_eval(known[name]["default"]))(value) for name, value in parameters.items()}
    except ValueError as error:
        raise StudyError(f"a notebook parameter has the wrong kind of value: {error}") from None


def _execute(path, folder, parameters):
    output = folder / "notebooks" / path.name
    start = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(path),
            str(output),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            cwd=str(folder),
            extra_arguments=["--log-level=CRITICAL"],
        )
    except PapermillExecutionError as error:
        cell = error.source.strip().splitlines()[0] if error.source else ""
        raise RunError(
            f"{path.name}, cell {error.cell_index} ({cell!r}): {error.ename}: {error.evalue}\nThe whole story: {output}"
        ) from None
    finally:
        _scrub(output)
    return time.perf_counter() - start


def _scrub(output):
    """An executed notebook keeps no path of the machine it ran on: warnings, tracebacks and papermill write some."""
    if not output.exists():
        return
    text = output.read_text(encoding="utf-8")
    for place, name in (
        (output.parent.parent, "."),
        (sys.prefix, "env"),
        (CATALOG_FILE.parent, "gdiv"),
        (Path.home(), "~"),
    ):
        text = text.replace(str(place), name)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = _settled(cell["outputs"])
    _write_json(output, notebook)


def _settled(outputs):
    """Text outputs joined, and of each line that was drawn over again, such as a progress bar, the last state."""
    kept = []
    for output in outputs:
        if output["output_type"] != "stream":
            kept.append(output)
        elif kept and kept[-1].get("name") == output["name"]:
            kept[-1]["text"] = [*kept[-1]["text"], *output["text"]]
        else:
            kept.append(output)
    for output in kept:
        if output["output_type"] == "stream":
            lines = "".join(output["text"]).split("\n")
            output["text"] = ["\n".join(line.rstrip("\r").split("\r")[-1] for line in lines)]
    return kept


def claims_table(claims: dict) -> str:
    """Claims as aligned text, a line each."""
    width = max((len(key) for key in claims), default=0)
    lines = []
    for key, claim in claims.items():
        value = f"{claim['value']:g}"
        lines.append(f"  {key:<{width}}  {value:>9} {claim['unit']:<8} {claim['meaning']}")
    return "\n".join(lines)


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
            help="where scenes come from: a name of `gdiv sources`, an ItemCollection, a STAC API",
        )
        command.add_argument(
            "--workspace", default="", metavar="DIR", help="folder of the run; default runs/GLACIER-PROFILE"
        )
    runs.add_argument("--only", default="", metavar="NN", help="run one notebook, whether or not it changed")
    runs.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="set a notebook's own parameter"
    )
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


def main(argv: list[str] | None = None) -> int:
    """The `gdiv` command."""
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
            print(claims_table(_claims(folder)))
        elif arguments.command == "clean":
            _clean(arguments)
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
    except (CatalogError, StudyError, RunError) as error:
        print(f"gdiv: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gdiv: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0
