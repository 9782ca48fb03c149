"""Judge scenes by their items and their pixels, with a reason for each verdict.

The steps are: parse the items, check their metadata, join the tiles of an acquisition, inspect the
pixels, and drop duplicates and scenes without a partner. Each step skips the scenes that an earlier
step has dropped.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from odc.geo.geobox import GeoBox

from gdiv.catalog import Glacier, Source
from gdiv.files import short_message
from gdiv.imagery.archive import SceneError
from gdiv.imagery.cube import SEPARATOR
from gdiv.imagery.inspection import Inspection, inspect_scene, reading_fault
from gdiv.imagery.items import PARTS, RESAMPLED, ItemError, parse_item, read_id
from gdiv.imagery.mosaics import join_tiles, measure_seam
from gdiv.imagery.resampling import PixelError, describe_difference, locate_pixels
from gdiv.imagery.screening import (
    Candidate,
    check_metadata,
    drop_duplicates,
    drop_equal_ids,
    drop_without_partner,
)
from gdiv.images.arrays import Mask

__all__ = ["judge_scenes", "mark_unreadable", "require_enough", "screen_scenes"]

#: Factor by which the grid is coarsened for inspecting pixels.
COARSENING = 4
#: Scenes inspected in parallel, since reading mostly waits for the network.
WORKERS = 8
#: Columns of the scene table and their types; None keeps the type inferred by pandas. A field may
#: be missing from all items of a source, and an empty column would have no type.
COLUMNS: dict[str, Any] = {
    "id": None,
    "date": "datetime64[ns]",
    "season_year": "Int64",
    "verdict": None,
    "reason": None,
    "orbit": "Int64",
    "tile": None,
    "platform": None,
    "baseline": None,
    "offset_flag": None,
    "raster_offset": float,
    "cloud_cover": float,
    "sun_azimuth": float,
    "sun_elevation": float,
    "clear": float,
    "no_data": float,
    "shadow": float,
    "snow": float,
    "dark": float,
    "offset": float,
    "offset_reason": None,
    "resampled": None,
    "parts": None,
    "seam": float,
}
#: Row of an item of which only the identifier is known.
_EMPTY_ROW: dict[str, Any] = dict.fromkeys(COLUMNS) | dict.fromkeys(
    ("tile", "platform", "baseline", "offset_reason", "resampled", "parts"), ""
)


def judge_scenes(
    items: list[dict[str, Any]],
    source: Source,
    glacier: Glacier,
    grid: GeoBox,
    glacier_mask: Mask,
    beside_mask: Mask,
) -> pd.DataFrame:
    """Judge the usability of scenes.

    Pixels are read on a coarse grid. A scene that cannot be parsed or read is dropped with a
    reason; it never ends the study.

    Parameters
    ----------
    items : list of dict
        STAC items, as from `gdiv.imagery.archive.find_items`.
    source : gdiv.catalog.Source
        Archive of the scenes.
    glacier : gdiv.catalog.Glacier
        Glacier with projection, tile, season and pairing rule.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.
    glacier_mask, beside_mask : ndarray of bool, shape (H, W)
        Glacier and ground beside it, on `grid`.

    Returns
    -------
    pandas.DataFrame
        One row per item in the given order, with ``id``, ``date`` (UTC), ``season_year``,
        ``verdict`` ("use" or "drop"), ``reason``, the fields of the item, and the fractions and
        the ``offset`` derived from its pixels. The identifiers of usable scenes are unique.
        ``date`` and ``season_year`` are missing if the item cannot be parsed. ``parts`` lists the
        identifiers of further tiles joined to a scene, separated by ``|``; ``seam`` is the largest
        shift between its tiles in pixels; ``resampled`` describes how its pixels differ from those
        of the grid, and is empty if they lie on it.
    """
    outcomes, candidates = _parse_all(items, source, glacier)
    drop_equal_ids(candidates)
    _place_on_grid(candidates, source, grid)
    _join(candidates, glacier)
    _inspect_pixels(candidates, source, grid, glacier_mask, beside_mask, glacier.max_cloud)
    table = _tabulate(items, outcomes, candidates, glacier)
    return _with_seams(table, candidates, source, grid)


def screen_scenes(items: list[dict[str, Any]], source: Source, glacier: Glacier) -> pd.DataFrame:
    """Judge scenes by their items alone, without reading pixels.

    Parameters
    ----------
    items : list of dict
        STAC items.
    source : gdiv.catalog.Source
        Archive of the scenes.
    glacier : gdiv.catalog.Glacier
        Glacier with projection, tile, season and pairing rule.

    Returns
    -------
    pandas.DataFrame
        As from `judge_scenes`, without the columns that need pixels; ``clear`` is one minus the
        cloud cover of the whole scene.
    """
    outcomes, candidates = _parse_all(items, source, glacier)
    _join(candidates, glacier)
    for candidate in candidates:
        if candidate.season_year is None and not candidate.reason:
            candidate.reason = "lies outside the season"
        clear = 1 - (candidate.scene.cloud_cover or 0) / 100
        candidate.inspection = Inspection(clear=clear)
    return _tabulate(items, outcomes, candidates, glacier)


def _parse_all(
    items: list[dict[str, Any]], source: Source, glacier: Glacier
) -> tuple[list[Candidate | str], list[Candidate]]:
    """Parse and screen all items; return the outcome of each, and the candidates among them."""
    outcomes = [_parse_candidate(item, source, glacier) for item in items]
    candidates = [outcome for outcome in outcomes if isinstance(outcome, Candidate)]
    check_metadata(candidates, source, glacier)
    return outcomes, candidates


def _tabulate(
    items: list[dict[str, Any]],
    outcomes: list[Candidate | str],
    candidates: list[Candidate],
    glacier: Glacier,
) -> pd.DataFrame:
    """Drop duplicates and scenes without a partner; return the scene table."""
    drop_duplicates(candidates)
    drop_without_partner(candidates, glacier)
    rows = [_row(item, outcome) for item, outcome in zip(items, outcomes, strict=True)]
    types = {name: kind for name, kind in COLUMNS.items() if kind is not None}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)


def require_enough(table: pd.DataFrame, glacier: Glacier, years: list[int]) -> None:
    """Check that the usable scenes can make a pair, before long work begins.

    Parameters
    ----------
    table : pandas.DataFrame
        Scene table from `judge_scenes`.
    glacier : gdiv.catalog.Glacier
        Glacier whose pairing rule determines the number of scenes needed.
    years : list of int
        Season years to pair.

    Raises
    ------
    SceneError
        If a season has too few usable scenes; the message lists the usable and dropped scenes of
        each season and the number needed.
    """
    usable = table[table.verdict == "use"]
    lost = table[table.verdict == "drop"]
    annual = glacier.pairing.rule != "interval"
    required = 1 if annual else 2
    counts = usable.groupby("season_year").size().reindex(years, fill_value=0)
    if (counts >= required).all():
        return
    lines = []
    for year in years:
        reasons = _listed_reasons(lost[lost.season_year == year])
        lines.append(f"{year}: {counts[year]} usable{reasons}")
    undated = lost[lost.season_year.isna()]
    if len(undated):
        lines.append(f"without a season{_listed_reasons(undated)}")
    need = "one scene in each of two seasons" if annual else "two scenes in one season"
    listed = "\n  ".join(lines)
    raise SceneError(
        f"too few usable scenes of {glacier.label}: at least {need}, of one orbit, "
        f"are needed.\n  {listed}"
    )


def mark_unreadable(table: pd.DataFrame, stored: npt.ArrayLike) -> pd.DataFrame:
    """Mark scenes that could not be read when the cube was written as dropped.

    Parameters
    ----------
    table : pandas.DataFrame
        Scene table from `judge_scenes`.
    stored : array_like of str
        Identifiers in the stored cube, ``cube.scene.values``.

    Returns
    -------
    pandas.DataFrame
        Copy of the table; scenes with the verdict "use" that are not in the cube are dropped.
    """
    kept = [str(name) for name in np.asarray(stored)]
    lost = (table.verdict == "use") & ~table.id.isin(kept)
    return table.assign(
        verdict=table.verdict.mask(lost, "drop"),
        reason=table.reason.mask(lost, "could not be read in full"),
    )


def _listed_reasons(dropped: pd.DataFrame) -> str:
    """Format dropped scenes and their reasons for the end of a line."""
    return "".join(f"; {row.id}: {row.reason}" for row in dropped.itertuples())


def _parse_candidate(item: dict[str, Any], source: Source, glacier: Glacier) -> Candidate | str:
    """Make a candidate from an item, or return the reason why it cannot be parsed."""
    try:
        scene = parse_item(item, source.image)
        return Candidate(item, scene, glacier.season.year_of(scene.day))
    except ItemError as error:
        return f"could not be parsed: {error}"
    except Exception as error:  # items may be malformed; one bad item must not end the study
        return f"could not be parsed ({short_message(error)})"


def _place_on_grid(candidates: list[Candidate], source: Source, grid: GeoBox) -> None:
    """Mark the scenes to resample, and drop those that cannot be resampled."""
    for candidate in candidates:
        if candidate.reason:
            continue
        try:
            crs, transform = locate_pixels(candidate.item, source.image)
            candidate.resampled = describe_difference(crs, transform, grid)
        except PixelError as error:
            candidate.reason = str(error)
        except Exception as error:  # an archive may write anything as a projection
            candidate.reason = f"could not be located ({short_message(error)})"
        candidate.item = candidate.item | {RESAMPLED: bool(candidate.resampled)}


def _join(candidates: list[Candidate], glacier: Glacier) -> None:
    """Join the tiles of each acquisition, and their items."""
    join_tiles(candidates, glacier)
    for candidate in candidates:
        if candidate.parts:
            parts = [part.item for part in candidate.parts]
            candidate.item = candidate.item | {PARTS: parts}


def _with_seams(
    table: pd.DataFrame, candidates: list[Candidate], source: Source, grid: GeoBox
) -> pd.DataFrame:
    """Add the seams of usable scenes with several tiles to the scene table."""
    seams = {}
    for candidate in candidates:
        if candidate.parts and not candidate.reason:
            try:
                seams[candidate.scene.id] = measure_seam(candidate.item, source, grid)
            except Exception:  # any reader may fail; one bad seam must not end the study
                seams[candidate.scene.id] = np.nan
    return table.assign(seam=table.id.map(seams).astype(float))


def _inspect_pixels(
    candidates: list[Candidate],
    source: Source,
    grid: GeoBox,
    glacier_mask: Mask,
    beside_mask: Mask,
    max_cloud: float,
) -> None:
    """Inspect the pixels of the remaining scenes, several at a time."""
    coarse = grid.zoom_out(COARSENING)
    glacier_coarse = _shrink(glacier_mask, coarse)
    beside_coarse = _shrink(beside_mask, coarse)

    def inspect(candidate: Candidate) -> None:
        _drop_unreadable_parts(candidate, source, coarse)
        candidate.inspection = inspect_scene(
            candidate.item,
            candidate.scene,
            source,
            coarse,
            glacier_coarse,
            beside_coarse,
            max_cloud,
        )
        candidate.reason = candidate.inspection.reason

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(inspect, [candidate for candidate in candidates if not candidate.reason]))


def _drop_unreadable_parts(candidate: Candidate, source: Source, grid: GeoBox) -> None:
    """Remove unreadable tiles from a joined scene, since the others may suffice."""
    for part in list(candidate.parts):
        fault = reading_fault(part.item, source, grid)
        if fault:
            part.reason = fault
            candidate.parts.remove(part)
    if PARTS in candidate.item:
        tiles = [part.item for part in candidate.parts]
        candidate.item = candidate.item | {PARTS: tiles}


def _shrink(mask: Mask, coarse: GeoBox) -> Mask:
    """Resample a mask to a coarser grid with nearest neighbour."""
    rows = _coarse_indices(coarse.height, mask.shape[0])
    columns = _coarse_indices(coarse.width, mask.shape[1])
    return mask[np.ix_(rows, columns)]


def _coarse_indices(count: int, size: int) -> npt.NDArray[np.intp]:
    """Indices of `count` pixels spread over `size`."""
    return np.minimum((np.arange(count) * size) // count, size - 1)


def _row(item: dict[str, Any], outcome: Candidate | str) -> dict[str, Any]:
    """Row of the scene table for a candidate, or for an item that could not be parsed."""
    if isinstance(outcome, str):
        return _EMPTY_ROW | {"id": read_id(item), "verdict": "drop", "reason": outcome}
    candidate = outcome
    scene = candidate.scene
    inspection = candidate.inspection
    tiles = [part.scene.tile for part in candidate.parts]
    return {
        "id": scene.id,
        "date": _timestamp(scene.moment),
        "season_year": candidate.season_year,
        "verdict": "drop" if candidate.reason else "use",
        "reason": candidate.reason or _reason_to_use(candidate),
        "orbit": scene.orbit,
        "tile": "+".join(dict.fromkeys([scene.tile, *tiles])),
        "platform": scene.platform,
        "baseline": candidate.baseline,
        "offset_flag": scene.offset.flag,
        "raster_offset": scene.offset.raster,
        "cloud_cover": scene.cloud_cover,
        "sun_azimuth": scene.sun_azimuth,
        "sun_elevation": scene.sun_elevation,
        "clear": inspection.clear,
        "no_data": inspection.no_data,
        "shadow": inspection.shadow,
        "snow": inspection.snow,
        "dark": inspection.dark,
        "offset": inspection.offset,
        "offset_reason": inspection.offset_reason,
        "resampled": candidate.resampled,
        "parts": SEPARATOR.join(part.scene.id for part in candidate.parts),
        "seam": None,
    }


def _reason_to_use(candidate: Candidate) -> str:
    """Reason for using a scene, with the processing applied first."""
    resampled = [each.resampled for each in (candidate, *candidate.parts) if each.resampled]
    parts = ["clear"]
    if candidate.parts:
        parts.append(f"joined from {1 + len(candidate.parts)} tiles")
    if resampled:
        parts.append(f"resampled: {', '.join(dict.fromkeys(resampled))}")
    return "; ".join(parts)


def _timestamp(moment: datetime) -> pd.Timestamp:
    """Convert a time in UTC to a Timestamp without a time zone, as in the tables."""
    return pd.Timestamp(moment).tz_localize(None)
