"""Make the catalog entry of a glacier from scenes and an outline of one's own."""

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

#: Ground around the outline that is read for stable ground, m.
SURROUNDINGS = 2000.0
#: Longest time between the first and the last scene that counts as one season, days.
ONE_SEASON = 200
#: Shortest part of the year without a scene that parts two seasons, days.
SHORTEST_GAP = 60
#: Days added to a season before its first and after its last scene.
SEASON_MARGIN = 5
#: Any year without 29 February.
COMMON_YEAR = 2001
#: First line of a catalog.
HEADER = "# Written by gdiv from the scenes and the outline; edit it as you like.\n"


def describe_glacier(
    scenes: Sequence[SceneFile], outline: Path, label: str, max_speed: float
) -> dict[str, Any]:
    """Describe a glacier as the catalog does, by the scenes and the outline that there are.

    Parameters
    ----------
    scenes : sequence of SceneFile
        Scenes, from `gdiv.imagery.folder.describe_files`.
    outline : Path
        File of the outline.
    label : str
        Name of the glacier.
    max_speed : float
        Upper end of the expected speed, m/yr.

    Returns
    -------
    dict
        Entry of the catalog: box of the outline with two kilometres around it, within the scenes;
        projection of most scenes; season, pairing rule and season years by their dates. Scenes of
        less than 200 days are paired at an interval, others from season to season.

    Raises
    ------
    StudyError
        If the outline cannot be read or lies beside the scenes, or the dates allow no pair.
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
        Folder of the catalog, in which the outline lies.
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
        If there is another one, which somebody may have edited.
    """
    path = folder / "catalog.yaml"
    text = HEADER + yaml.safe_dump({"glaciers": {key: entry}}, sort_keys=False, allow_unicode=True)
    if path.exists() and read_text(path) != text:
        raise StudyError(
            f"{path} exists and would be overwritten; to use it: gdiv run {key} --catalog {path} "
            f"--source {folder / 'items.json'}; to make it anew, remove it"
        )
    path.write_text(text, encoding="utf-8")
    return path


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
    except Exception as error:  # each driver raises its own
        raise StudyError(f"the outline {outline} could not be read: {error}") from None
    if ice.crs is None:
        raise StudyError(f"the outline {outline} has no CRS; assign one: ogr2ogr -a_srs EPSG:4326")
    projection = grid_crs(scenes[0].grid)
    extents = [shapely.box(*scene.grid.boundingbox) for scene in scenes]
    scene_extent = shapely.box(*shapely.union_all(extents).bounds)
    bounds = shapely.box(*ice.to_crs(projection.to_wkt()).total_bounds)
    around = bounds.buffer(SURROUNDINGS)
    if not bounds.intersects(scene_extent):
        raise StudyError(f"the outline {outline} lies beside the scenes; check its CRS and place")
    part = gpd.GeoSeries([around.intersection(scene_extent)], crs=projection.to_wkt()).to_crs(4326)
    west, south, east, north = part.total_bounds
    if east - west > 180:  # it crosses 180 degrees
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
    """Season of scenes, as the catalog has it: the rest of the year has no scene."""
    in_year = sorted({_common(day) for day in days})
    following = [*in_year[1:], in_year[0].replace(year=COMMON_YEAR + 1)]
    gaps = [(b - a).days for a, b in zip(in_year, following, strict=True)]
    longest = max(range(len(gaps)), key=gaps.__getitem__)
    if gaps[longest] < SHORTEST_GAP:
        raise StudyError(
            "the scenes cover the whole year, so they show no season; write an entry of the "
            "catalog with the season to compare, and name it with --catalog"
        )
    margin = timedelta(days=SEASON_MARGIN)
    start = following[longest].replace(year=COMMON_YEAR) - margin
    end = in_year[longest] + margin
    return _bounds(start, end)


def _bounds(start: date, end: date) -> dict[str, str]:
    """First and last day of a season as the catalog writes them."""
    return {"start": f"{_common(start):%m-%d}", "end": f"{_common(end):%m-%d}"}


def _common(day: date) -> date:
    """The same day of a year without 29 February."""
    return day.replace(year=COMMON_YEAR, day=min(day.day, 28 if day.month == 2 else 31))
