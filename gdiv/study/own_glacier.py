"""Make the catalog entry of a glacier from user-supplied scenes and an outline."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
import yaml

from gdiv.catalog import Season
from gdiv.files import read_text
from gdiv.imagery.folder import SceneFile
from gdiv.imagery.grid import grid_crs
from gdiv.imagery.outlines import read_vector
from gdiv.study.workspace import StudyError

__all__ = ["describe_glacier", "key_of", "write_catalog"]

#: Width of the ground around the outline that is included as stable ground, m.
SURROUNDINGS = 2000.0
#: Maximum time between the first and last scene of one season, days.
ONE_SEASON = 200
#: Minimum part of the year without scenes that separates two seasons, days.
SHORTEST_GAP = 60
#: Days added to a season before its first and after its last scene.
SEASON_MARGIN = 5
#: Any year without 29 February.
COMMON_YEAR = 2001
#: First line of a catalog.
HEADER = "# Written by gdiv from the scenes and the outline ({}); edit it as you like.\n"


def describe_glacier(
    scenes: Sequence[SceneFile], outline: Path, label: str, max_speed: float
) -> dict[str, Any]:
    """Make a catalog entry for a glacier from its scenes and outline.

    Parameters
    ----------
    scenes : sequence of SceneFile
        Scenes, from `gdiv.imagery.folder.describe_files`.
    outline : Path
        File of the outline.
    label : str
        Name of the glacier.
    max_speed : float
        Maximum expected speed, m/yr.

    Returns
    -------
    dict
        Catalog entry: box of the outline with a margin of two kilometres, within the scenes;
        projection of most scenes; season, pairing rule and season years from their dates. Scenes
        that span less than 200 days are paired at an interval, others between seasons.

    Raises
    ------
    StudyError
        If the outline cannot be read or lies outside the scenes, or the dates allow no pair.
    """
    (projection, _), *_ = Counter(grid_crs(scene.grid) for scene in scenes).most_common()
    chosen = [scene for scene in scenes if scene.grid.crs == projection]
    box = _box(chosen, outline)
    entry: dict[str, Any] = {"label": label, "country": "", "bbox": box}
    if projection.epsg is None:
        entry["wkt"] = projection.to_wkt()
    else:
        entry["epsg"] = projection.epsg
    days = sorted({scene.moment.date() for scene in chosen})
    if len(days) < 2:
        raise StudyError("a study needs scenes of at least two dates in one projection")
    return entry | _timing(days) | {"speed": [0, max_speed]}


def write_catalog(folder: Path, key: str, entry: dict[str, Any]) -> Path:
    """Write a catalog of one glacier.

    Parameters
    ----------
    folder : Path
        Folder of the catalog, which contains the outline.
    key : str
        Key of the glacier.
    entry : dict
        From `describe_glacier`.

    Returns
    -------
    Path
        ``catalog.yaml`` in the folder.

    Raises
    ------
    StudyError
        If the file exists already with other content that was not written by gdiv.
    """
    path = folder / "catalog.yaml"
    content = yaml.safe_dump({"glaciers": {key: entry}}, sort_keys=False, allow_unicode=True)
    if path.exists() and _was_edited(read_text(path), content):
        raise StudyError(
            f"{path} exists and would be overwritten; to use it: gdiv run {key} --catalog {path} "
            f"--source {folder / 'items.json'}; to recreate it, remove it"
        )
    path.write_text(_header(content) + content, encoding="utf-8", newline="\n")
    return path


def _header(content: str) -> str:
    """First line of a catalog, with a hash of the rest, by which an edited one is recognised."""
    return HEADER.format(hashlib.sha256(content.encode()).hexdigest()[:8])


def _was_edited(existing: str, content: str) -> bool:
    """Check whether a catalog has other content than `content`, and was not written by gdiv."""
    first, _, rest = existing.replace("\r\n", "\n").partition("\n")
    return rest != content and f"{first}\n" != _header(rest)


def key_of(name: str) -> str:
    """Turn a name into a key of the catalog.

    Parameters
    ----------
    name : str
        Name, such as that of a folder.

    Returns
    -------
    str
        Lower-case letters, digits and hyphens.

    Examples
    --------
    >>> key_of("Mont Miné 2020")
    'mont-miné-2020'
    """
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-") or "glacier"


def _box(scenes: Sequence[SceneFile], outline: Path) -> list[float]:
    """Box of the outline and its surroundings within the scenes, degrees."""
    try:
        ice = read_vector(outline)
    except Exception as error:  # each driver raises its own errors
        raise StudyError(f"the outline {outline} could not be read: {error}") from None
    if ice.crs is None:
        raise StudyError(f"the outline {outline} has no CRS; assign one: ogr2ogr -a_srs EPSG:4326")
    projection = grid_crs(scenes[0].grid)
    extents = [shapely.box(*scene.grid.boundingbox) for scene in scenes]
    scene_extent = shapely.box(*shapely.union_all(extents).bounds)
    bounds = shapely.box(*ice.to_crs(projection.to_wkt()).total_bounds)
    around = bounds.buffer(SURROUNDINGS)
    if not bounds.intersects(scene_extent):
        raise StudyError(f"the outline {outline} is outside the scenes; check its CRS and position")
    part = gpd.GeoSeries([around.intersection(scene_extent)], crs=projection.to_wkt()).to_crs(4326)
    west, south, east, north = part.total_bounds
    if east - west > 180:  # the box crosses 180 degrees
        longitudes = shapely.get_coordinates(part.to_numpy())[:, 0]
        west, east = longitudes[longitudes > 0].min(), longitudes[longitudes < 0].max()
    return [round(float(side), 5) for side in (west, south, east, north)]


def _timing(days: Sequence[date]) -> dict[str, Any]:
    """Season, pairing rule and season years of scenes."""
    if (days[-1] - days[0]).days > ONE_SEASON:
        season = Season(**_season(days))
        years = sorted(filter(None, {season.year_of(day) for day in days}))
        if len(years) > 1:
            pairs = list(pairwise(years))
            return {
                "season": season.model_dump(),
                "pairing": {"rule": "annual"},
                "years": {"train": list(pairs[0]), "validation": list(pairs[-1])},
            }
    start, end = (
        days[0] - timedelta(days=SEASON_MARGIN),
        days[-1] + timedelta(days=SEASON_MARGIN),
    )
    shortest = min((b - a).days for a, b in pairwise(days))
    return {
        "season": _bounds(start, end),
        "pairing": {"rule": "interval", "days": [shortest, (days[-1] - days[0]).days]},
        "years": {"train": [end.year], "validation": [end.year]},
    }


def _season(days: Sequence[date]) -> dict[str, str]:
    """Season of the scenes as in the catalog; there are no scenes in the rest of the year."""
    in_year = sorted({_without_leap_day(day) for day in days})
    following = [*in_year[1:], in_year[0].replace(year=COMMON_YEAR + 1)]
    gaps = [(b - a).days for a, b in zip(in_year, following, strict=True)]
    longest = max(range(len(gaps)), key=gaps.__getitem__)
    if gaps[longest] < SHORTEST_GAP:
        raise StudyError(
            "the scenes cover the whole year, so no season can be derived; write a catalog entry "
            "with the season to compare, and pass it with --catalog"
        )
    margin = timedelta(days=SEASON_MARGIN)
    start = following[longest].replace(year=COMMON_YEAR) - margin
    end = in_year[longest] + margin
    return _bounds(start, end)


def _bounds(start: date, end: date) -> dict[str, str]:
    """First and last day of a season in the format of the catalog."""
    return {"start": f"{_without_leap_day(start):%m-%d}", "end": f"{_without_leap_day(end):%m-%d}"}


def _without_leap_day(day: date) -> date:
    """Same day in a year without 29 February."""
    return day.replace(year=COMMON_YEAR, day=min(day.day, 28 if day.month == 2 else 31))
