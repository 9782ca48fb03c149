"""Commands that list glaciers, matchers, sources and catalogs, and run the benchmark."""

import argparse
from pathlib import Path

from gdiv.benchmark.kinds import KINDS
from gdiv.catalog import CATALOG_FILE, OWN_CATALOG, load_catalog, own_catalog
from gdiv.files import write_json
from gdiv.flow.matchers.registry import list_matchers, matcher_label

__all__ = ["show_benchmark", "show_catalogs", "show_glaciers", "show_matchers", "show_sources"]

CATALOG_HELP = f"""\
The built-in catalog is
  {{built_in}}
To add glaciers, sources or profiles, write them to a YAML file of the same format and pass it with
--catalog FILE or the environment variable {OWN_CATALOG}; its entries are merged with the built-in
ones.
{{own}}"""


def show_benchmark(arguments: argparse.Namespace) -> None:
    """Score matchers on the benchmark.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    # Imported here, so that other commands start fast and write no caches before a run has its own
    # home folder.
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
        print(f"wrote {arguments.output}")


def show_glaciers(arguments: argparse.Namespace) -> None:
    """List the glaciers.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    for key, glacier in load_catalog().glaciers.items():
        years = ", ".join(map(str, glacier.years.validation))
        print(
            f"{key:<15}{glacier.label}, {glacier.country}: {glacier.pairing.rule} pairs, "
            f"{glacier.speed[0]:g}-{glacier.speed[1]:g} m/yr, validated on {years}"
        )


def show_matchers(arguments: argparse.Namespace) -> None:
    """List the matchers.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    for name in list_matchers():
        print(f"{name:<15}{matcher_label(name)}")


def show_sources(arguments: argparse.Namespace) -> None:
    """List the sources.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    for key, source in load_catalog().sources.items():
        print(f"{key:<28}{source.label} ({source.licence})")


def show_catalogs(arguments: argparse.Namespace) -> None:
    """Check the catalogs and print their paths.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    load_catalog()
    own = own_catalog()
    line = f"Your own catalog: {own}" if own else "You have not set a catalog of your own."
    print(CATALOG_HELP.format(built_in=CATALOG_FILE, own=line))
