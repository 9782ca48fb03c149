"""Screen scenes without reading their pixels: by metadata, duplicates and partners.

Each step writes a reason into the scenes that it drops and skips those that have one.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyproj

from gdiv.catalog import Glacier, Source
from gdiv.imagery.archive import SceneError
from gdiv.imagery.inspection import Inspection
from gdiv.imagery.items import SceneItem

__all__ = [
    "Candidate",
    "check_metadata",
    "drop_duplicates",
    "drop_equal_ids",
    "drop_without_partner",
    "require_one_tile",
]


@dataclass
class Candidate:
    """Scene that is judged step by step.

    Attributes
    ----------
    item : dict
        STAC item of the scene.
    scene : SceneItem
        The same item, parsed.
    season_year : int or None
        Season year of its date; None outside the season.
    reason : str
        Why the scene is dropped; empty as long as it may be used.
    inspection : Inspection
        What its pixels gave; NaN before they are inspected.
    """

    item: dict[str, Any]
    scene: SceneItem
    season_year: int | None
    reason: str = ""
    inspection: Inspection = field(default_factory=Inspection)

    @property
    def baseline(self) -> str:
        """Processing baseline; empty if the item lacks it."""
        return self.scene.offset.baseline or ""


def require_one_tile(candidates: list[Candidate], glacier: Glacier) -> None:
    """Refuse several tiles: scenes of neighbouring ones would repeat each acquisition.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes.
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.

    Raises
    ------
    SceneError
        If the scenes are of several tiles and the catalog names none.
    """
    counts = Counter(candidate.scene.tile for candidate in candidates if candidate.scene.tile)
    if glacier.tile is None and len(counts) > 1:
        listed = ", ".join(f"{tile} ({count} scenes)" for tile, count in counts.most_common())
        raise SceneError(
            f"scenes of several tiles cover {glacier.label}: {listed}; "
            f"name one as `tile` in the catalog's entry"
        )


def check_metadata(candidates: list[Candidate], source: Source, glacier: Glacier) -> None:
    """Drop scenes whose items exclude them, so that none of their files is read.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes; `reason` is set on those that are dropped.
    source : gdiv.catalog.Source
        Gives the assets that are needed.
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.
    """
    required = [source.image]
    # Where some scenes have a mask, one without would let cloud through.
    if source.mask and any(source.mask in candidate.scene.assets for candidate in candidates):
        required.append(source.mask)
    for candidate in candidates:
        candidate.reason = _metadata_reason(candidate.scene, required, glacier)


def _metadata_reason(scene: SceneItem, required: list[str], glacier: Glacier) -> str:
    """Reason to drop a scene by its item alone; empty if there is none."""
    missing = [name for name in required if name not in scene.assets]
    if missing:
        return f"asset {', '.join(missing)} is missing"
    if not scene.located:
        return "has no location: neither geometry nor bbox"
    if scene.epsg is None and not scene.wkt:
        return "has no projection: neither proj:epsg nor proj:code nor proj:wkt2"
    if not _in_projection(scene, glacier):
        return f"lies in {_name_crs(scene.epsg)}, the study in {_name_crs(glacier.epsg)}"
    if scene.tile and glacier.tile and scene.tile != glacier.tile:
        return f"is tile {scene.tile}, the study's is {glacier.tile}"
    if scene.platform.lower() == "landsat-7":
        return "is of Landsat 7, whose scenes have gaps since 2003"
    if any("?" in scene.assets[name] for name in required):
        return (
            "its link carries a query, which may be a key, and keys are not stored; "
            "sign in the source instead"
        )
    return ""


def _in_projection(scene: SceneItem, glacier: Glacier) -> bool:
    """Whether the pixels of a scene are in the projection of the study."""
    if scene.epsg is not None or glacier.epsg is not None:
        return scene.epsg == glacier.epsg
    return pyproj.CRS.from_wkt(scene.wkt).equals(pyproj.CRS.from_user_input(glacier.crs))


def _name_crs(epsg: int | None) -> str:
    """Name of a projection in a sentence."""
    return "a projection without EPSG code" if epsg is None else f"EPSG:{epsg}"


def drop_equal_ids(candidates: list[Candidate]) -> None:
    """Drop scenes whose identifier an earlier one has: a cube selects its scenes by it.

    Identifiers are unique within a collection only, and a file may mix collections.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes; `reason` is set on those that are dropped.
    """
    ids = set()
    for candidate in candidates:
        if candidate.scene.id in ids and not candidate.reason:
            candidate.reason = "has the id of an earlier scene"
        ids.add(candidate.scene.id)


def drop_duplicates(candidates: list[Candidate]) -> None:
    """Keep the newest processing baseline of each acquisition.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes; `reason` is set on those that are dropped.
    """
    usable = [candidate for candidate in candidates if not candidate.reason]
    newest: dict[tuple[Any, ...], Candidate] = {}
    for candidate in usable:
        rival = newest.setdefault(_acquisition(candidate.scene), candidate)
        if candidate.baseline > rival.baseline:
            newest[_acquisition(candidate.scene)] = candidate
    for candidate in usable:
        kept = newest[_acquisition(candidate.scene)]
        if kept is not candidate:
            baseline = f", which has baseline {kept.baseline}" if kept.baseline else ""
            candidate.reason = f"duplicate of {kept.scene.id}{baseline}"


def _acquisition(scene: SceneItem) -> tuple[Any, ...]:
    """Key that scenes of one acquisition share.

    Landsat has no tiles: of neighbouring rows on one path and day one is kept.
    """
    by_moment = bool(scene.tile) or scene.orbit is None
    return scene.moment if by_moment else scene.day, scene.orbit, scene.tile


def drop_without_partner(candidates: list[Candidate], glacier: Glacier) -> None:
    """Drop scenes whose orbit offers no partner: pairs stay within an orbit.

    The paper's rule pairs across orbits and drops none.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes; `reason` is set on those that are dropped.
    glacier : gdiv.catalog.Glacier
        Gives the rule of pairing.
    """
    rule = glacier.pairing.rule
    if rule == "paper":
        return
    usable = [candidate for candidate in candidates if not candidate.reason]
    for candidate in usable:
        orbit = candidate.scene.orbit
        partners = [
            other
            for other in usable
            if other is not candidate
            and other.scene.orbit == orbit
            and (rule != "annual" or other.season_year != candidate.season_year)
        ]
        if not partners:
            which = "another season" if orbit is None else f"orbit {orbit}"
            candidate.reason = f"other orbit: no scene of {which} to pair it with"
