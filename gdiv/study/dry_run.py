"""Plan a run without reading pixels or writing files."""

from typing import Any, NamedTuple

import pandas as pd

from gdiv.catalog import CatalogError, Glacier, Profile, Source, load_catalog
from gdiv.flow.matchers.registry import get_matcher
from gdiv.imagery.archive import SceneError, find_items
from gdiv.imagery.grid import grid_of_items
from gdiv.imagery.pairs import choose_pairs, terrain_note
from gdiv.imagery.scenes import screen_scenes
from gdiv.study.opening import resolve_matchers, resolve_source, with_paper_pairing

__all__ = ["Plan", "format_plan", "plan_run"]

#: Approximate bytes per pixel of a compressed Sentinel-2 band and of its mask.
BYTES = 1.5
#: Bytes per pixel of a stored scene, and of a stored pair of one matcher, measured on the demo.
SCENE_BYTES = 3.0
PAIR_BYTES = 16.0
#: Bytes of a pixel of the mosaic and the time series of a matcher, measured on the demo.
MATCHER_BYTES = 130.0
#: Seconds per megapixel for DIS on one core; the cost of a matcher is a multiple of it.
DIS_SECONDS = 0.45
#: Requester-pays buckets.
REQUESTER_PAYS = "s3://"


class Plan(NamedTuple):
    """Plan of a run.

    Attributes
    ----------
    scenes : pandas.DataFrame
        Scene table from `gdiv.imagery.scenes.screen_scenes`.
    pairs : dict of str to pandas.DataFrame or str
        Training and validation pairs, or the reason why there are none.
    pixels : int
        Pixels of a scene.
    bytes_read : float
        Approximate number of bytes to read.
    bytes_stored : float
        Approximate number of bytes to be stored.
    seconds : float
        Approximate time of matching on one core.
    notes : list of str
        Costs and unknowns.
    """

    scenes: pd.DataFrame
    pairs: dict[str, pd.DataFrame | str]
    pixels: int
    bytes_read: float
    bytes_stored: float
    seconds: float
    notes: list[str]


def plan_run(glacier: str, profile: str, source: str = "", matchers: str = "") -> Plan:
    """Search the scenes of a study and choose its pairs by their items alone.

    Parameters
    ----------
    glacier, profile, source, matchers : str
        As for `gdiv.run_study`.

    Returns
    -------
    Plan
        Plan of the run. Clouds, shadow and snow over the glacier can only be detected in pixels, so
        the run will use fewer scenes.

    Raises
    ------
    CatalogError
        For an unknown name, or a twin, whose scenes are rendered and not searched.
    SceneError
        If the source cannot be read or has no scene in the seasons.
    """
    catalog = load_catalog()
    entry: Glacier = catalog.pick("glaciers", glacier)
    chosen: Profile = catalog.pick("profiles", profile)
    if chosen.pairing == "paper":
        entry = with_paper_pairing(entry, glacier, profile)
    archive: Source = resolve_source(source, chosen)
    if archive.kind == "twin":
        raise CatalogError(
            f"profile {profile} renders a twin, so there is nothing to search; choose a source: "
            f"--source earth-search"
        )
    names = resolve_matchers(matchers or chosen.matchers)
    items = find_items(archive, entry, entry.years.seasons)
    table = screen_scenes(items, archive, entry)
    try:
        grid = grid_of_items(items, archive.image, entry)
    except ValueError as error:
        raise SceneError(str(error)) from None
    pixels = grid.width * grid.height
    pairs = {
        name: _pairs_or_reason(table, entry, wanted, chosen.max_pairs)
        for name, wanted in (
            ("training", entry.years.train),
            ("validation", entry.years.validation),
        )
    }
    used = int((table.verdict == "use").sum())
    layers = 1 + (archive.mask is not None)
    matched = sum(len(each) for each in pairs.values() if not isinstance(each, str))
    cost = sum(get_matcher(name).cost for name in names)
    seconds = matched * pixels / 1e6 * DIS_SECONDS * cost
    notes = _notes(items, archive)
    notes += [
        f"{name}: {note}"
        for name, each in pairs.items()
        if not isinstance(each, str) and (note := terrain_note(each))
    ]
    read = used * layers * pixels * BYTES
    # Half of the pairs, those of training, are matched twice: for the labels and by DIS. Those of
    # validation are matched by zero motion and every matcher, of which each has a mosaic and a
    # time series, too.
    matches = matched / 2 * (2 + 1 + len(names))
    stored = pixels * (used * SCENE_BYTES + matches * PAIR_BYTES + len(names) * MATCHER_BYTES)
    return Plan(table, pairs, pixels, read, stored, seconds, notes)


def _pairs_or_reason(
    table: pd.DataFrame, glacier: Glacier, years: list[int], most: int | None
) -> pd.DataFrame | str:
    """Pairs of the given seasons, or the reason why there are none."""
    try:
        return choose_pairs(table, glacier, years, most)
    except ValueError as error:
        return str(error)


def _notes(items: list[dict[str, Any]], source: Source) -> list[str]:
    """Notes on costs and unknowns."""
    links = []
    for item in items:
        assets = item.get("assets")
        for name in (source.image, source.mask):
            asset = assets.get(name) if isinstance(assets, dict) else None
            links.append(str(asset.get("href")) if isinstance(asset, dict) else "")
    notes = ["clouds, shadow and snow over the glacier are unknown until pixels are read"]
    if any(link.startswith(REQUESTER_PAYS) for link in links):
        notes.append("its bucket is requester-pays: it needs AWS credentials and egress is billed")
    if source.signing != "none":
        notes.append(f"links are signed by {source.signing} when a file is opened")
    return notes


def format_plan(plan: Plan) -> str:
    """Format a plan as text.

    Parameters
    ----------
    plan : Plan
        From `plan_run`.

    Returns
    -------
    str
        Scenes with their reasons, pairs, bytes and minutes.
    """
    table = plan.scenes
    rows = table.assign(date=table.date.dt.strftime("%Y-%m-%d"))
    lines = [
        rows[["date", "id", "orbit", "cloud_cover", "verdict", "reason"]].to_string(index=False)
    ]
    used = int((table.verdict == "use").sum())
    lines.append(
        f"\n{used} of {len(table)} scenes may be used, of {plan.pixels / 1e6:.2f} Mpx each"
    )
    for name, pairs in plan.pairs.items():
        count = f"0: {pairs}" if isinstance(pairs, str) else str(len(pairs))
        lines.append(f"{name} pairs: {count}")
    lines.append(
        f"about {plan.bytes_read / 1e6:.0f} MB to read and {plan.bytes_stored / 1e6:.0f} MB to "
        f"store; about {plan.seconds / 60:.0f} minutes to match on one core"
    )
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join(lines)
