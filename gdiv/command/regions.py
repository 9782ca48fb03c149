"""Command for many glaciers: plan a region, and run it."""

import argparse
from pathlib import Path

from gdiv.catalog import OWN_CATALOG, load_catalog
from gdiv.files import read_text
from gdiv.region.glaciers import describe_glaciers, write_region_catalog
from gdiv.region.plan import plan_region, summarise_plan
from gdiv.study.cluster import cluster_address
from gdiv.study.execution import environment
from gdiv.study.workspace import StudyError

__all__ = ["plan_or_run"]

#: File extensions of catalogs, which are run unchanged.
CATALOGS = (".yaml", ".yml")


def plan_or_run(arguments: argparse.Namespace) -> None:
    """Plan the glaciers of a file, and run them if requested.

    Parameters
    ----------
    arguments : argparse.Namespace
        Arguments of the command line.
    """
    folder = Path(arguments.output).resolve()
    catalog = Path(arguments.glaciers).resolve()
    if not catalog.is_file():
        raise StudyError(f"{arguments.glaciers} does not exist")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot write to {folder} ({error.strerror or error})") from None
    if catalog.suffix.lower() not in CATALOGS:
        catalog = _write_catalog(arguments, catalog, folder)
    with environment(**{OWN_CATALOG: str(catalog)}):
        keys = _keys(catalog)
        plan = plan_region(keys, arguments.profile, arguments.source, arguments.matcher)
        plan.to_csv(folder / "plan.csv", index=False)
        print(plan.drop(columns="label").to_string(index=False))
        print(f"\n{summarise_plan(plan, arguments.core_hour, arguments.gigabyte_month)}")
        if not arguments.run:
            print(f"\nplan: {folder / 'plan.csv'}; add --run to run it")
            return
        # Imported here, so that other commands start fast and write no caches before a run has
        # its own home folder.
        from gdiv.region.one_glacier import SUMMARY

        reasons = dict(zip(plan.glacier, plan.reason, strict=True))
        # Finished glaciers are kept, even if their scenes cannot be searched now.
        refused = {
            key: reason
            for key, reason in reasons.items()
            if reason and not (folder / key / SUMMARY).exists()
        }
        if len(refused) == len(keys):
            raise StudyError(f"none of {len(keys)} glaciers can run; see {folder / 'plan.csv'}")
        _run(arguments, folder, keys, refused)


def _write_catalog(arguments: argparse.Namespace, outlines: Path, folder: Path) -> Path:
    """Write a catalog of the glaciers in a file of outlines; keep an existing one."""
    if not arguments.years:
        raise StudyError("give the two seasons to compare: --years 2020 2021")
    if arguments.years[0] >= arguments.years[1]:
        raise StudyError("--years needs the earlier season first, such as --years 2020 2021")
    catalog = folder / "glaciers.yaml"
    season = tuple(arguments.season) if arguments.season else None
    first, second = arguments.years
    made_of = f"{outlines.name}, {first} to {second}, at least {arguments.min_area:g} km²"
    if season:
        made_of += f", {season[0]} to {season[1]}"
    header = f"# Glaciers of {made_of}. Written by gdiv; edit the entries as you like.\n"
    if not catalog.exists():
        entries = describe_glaciers(
            outlines, arguments.years, folder / "outlines", arguments.min_area, season
        )
        write_region_catalog(entries, catalog, header)
    elif not read_text(catalog).startswith(header):
        raise StudyError(
            f"{catalog} was made with other options ({read_text(catalog).splitlines()[0]}); use "
            f"another folder, or remove the catalog"
        )
    print(f"catalog: {catalog}")
    return catalog


def _keys(catalog: Path) -> list[str]:
    """Keys of the glaciers of a catalog."""
    import yaml

    content = yaml.safe_load(read_text(catalog))
    glaciers = content.get("glaciers") if isinstance(content, dict) else None
    if not isinstance(glaciers, dict) or not glaciers:
        raise StudyError(f"{catalog} has no glaciers; add entries under glaciers:")
    load_catalog()  # checks every entry
    return list(glaciers)


def _run(
    arguments: argparse.Namespace, folder: Path, keys: list[str], refused: dict[str, str]
) -> None:
    """Run the glaciers and print the location of the results."""
    from gdiv.region.running import run_region
    from gdiv.study.cluster import ADDRESS

    with (
        cluster_address(arguments.cluster) as address,
        environment(**{ADDRESS: address or None}),
    ):
        table = run_region(
            folder,
            keys,
            arguments.profile,
            arguments.source,
            arguments.matcher,
            arguments.workers,
            refused,
            arguments.store,
        )
    failed = table[table.status == "failed"]
    print(f"\n{len(table) - len(failed)} of {len(table)} glaciers done")
    for row in failed.itertuples():
        print(f"  failed: {row.glacier}: {row.reason}")
    print(f"results: {folder}: summary.csv, map.gpkg, map.png, collection.json")
