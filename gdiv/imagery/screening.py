"""Screen scenes without reading their pixels: by metadata, duplicates and partners.

Each step sets a reason on the scenes that it drops, and skips scenes that already have one.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from gdiv.catalog import Glacier, Source
from gdiv.files import redacted
from gdiv.imagery.inspection import Inspection
from gdiv.imagery.items import SceneItem

__all__ = [
    "Candidate",
    "check_metadata",
    "drop_duplicates",
    "drop_equal_ids",
    "drop_without_partner",
    "group_acquisitions",
]

#: Environment variable that allows a local ItemCollection to link to files outside its folder.
TRUST = "GDIV_TRUST_LINKS"
#: Allowed URL schemes for scenes of a service, and names of the local machine.
REMOTE = ("http", "https", "s3")
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
#: Maximum time difference within one acquisition, seconds: if the orbit is unknown, and between
#: the tiles or rows of one pass.
SAME_MOMENT = 60
SAME_PASS = 1800
#: Tolerated loss of glacier coverage when a newer scene is preferred, as a fraction.
COVERAGE_TOLERANCE = 0.05


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
        Reason for dropping the scene; empty while it may be used.
    inspection : Inspection
        Result of inspecting its pixels; NaN before.
    parts : list of Candidate
        Further tiles of the same acquisition that are joined to it.
    resampled : str
        Difference of its pixels from the grid of the study; empty if they lie on it.
    """

    item: dict[str, Any]
    scene: SceneItem
    season_year: int | None
    reason: str = ""
    inspection: Inspection = field(default_factory=Inspection)
    parts: list["Candidate"] = field(default_factory=list)
    resampled: str = ""

    @property
    def baseline(self) -> str:
        """Processing baseline; empty if the item lacks it."""
        return self.scene.offset.baseline or ""


def check_metadata(candidates: list[Candidate], source: Source, glacier: Glacier) -> None:
    """Drop scenes that can be excluded by their items, without reading their files.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes; `reason` is set on those that are dropped.
    source : gdiv.catalog.Source
        Source with the required assets.
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.
    """
    required = [source.image]
    # If some scenes have a mask, scenes without one would pass with undetected clouds.
    if source.mask and any(source.mask in candidate.scene.assets for candidate in candidates):
        required.append(source.mask)
    for candidate in candidates:
        candidate.reason = _metadata_reason(candidate.scene, required, glacier, source)


def _metadata_reason(
    scene: SceneItem, required: list[str], glacier: Glacier, source: Source
) -> str:
    """Reason to drop a scene by its item alone; empty if there is none."""
    missing = [name for name in required if name not in scene.assets]
    if missing:
        return f"asset {', '.join(missing)} is missing"
    if not scene.located:
        return "has no location: neither geometry nor bbox"
    if scene.epsg is None and not scene.wkt:
        return "has no projection: neither proj:epsg nor proj:code nor proj:wkt2"
    if scene.tile and glacier.tile and scene.tile != glacier.tile:
        return f"is tile {scene.tile}, the study's is {glacier.tile}"
    if scene.platform.lower() == "landsat-7":
        return "is of Landsat 7, whose scenes have gaps since 2003"
    read = [name for name in (*required, *source.colour.values()) if name in scene.assets]
    return next(filter(None, (_link_reason(scene.assets[name], source) for name in read)), "")


def _link_reason(link: str, source: Source) -> str:
    """Reason not to follow a link; empty if there is none."""
    if "://" in link and redacted(link) != link:
        return (
            "its link contains a query or a password, which may be a credential and is not stored; "
            "set the signing of the source instead"
        )
    if link.startswith("/vsi"):
        return "its link names a GDAL file system; use a file or a URL"
    if source.kind == "stac":
        try:
            parts = urlsplit(link)
        except ValueError:
            return "its link is not a URL"
        if parts.scheme not in REMOTE:
            return "its link names a local file, which is not allowed for a service"
        here = urlsplit(str(source.url)).hostname
        if parts.scheme != "s3" and parts.hostname in LOOPBACK and here not in LOOPBACK:
            return "its link points to this machine, which is not allowed for a service"
    elif "://" not in link:
        if Path(link).exists() and not Path(link).is_file():
            return "its link does not name a regular file"
        if not _is_below(link, source) and not os.environ.get(TRUST):
            return (
                f"its link points outside the folder of its ItemCollection; if you trust the "
                f"file, set {TRUST}=1"
            )
    return ""


def _is_below(link: str, source: Source) -> bool:
    """Check whether a file lies below the folder of its ItemCollection."""
    folder, file = (
        Path(os.path.normpath(path.absolute()))
        for path in (Path(str(source.path)).parent, Path(link))
    )
    return file.is_relative_to(folder)


def drop_equal_ids(candidates: list[Candidate]) -> None:
    """Drop scenes with the same identifier as an earlier one, since a cube is indexed by it.

    Identifiers are only unique within a collection, and a file may mix collections.

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
    """Keep one scene per acquisition: the newest among those with the best glacier coverage.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes whose pixels are inspected; `reason` is set on those that are dropped.
    """
    groups = group_acquisitions([each for each in candidates if not each.reason])
    for group in groups:
        max_visible = max(_visible_fraction(candidate) for candidate in group)
        rivals = [
            candidate
            for candidate in group
            if _visible_fraction(candidate) >= max_visible - COVERAGE_TOLERANCE
        ]
        kept = max(rivals, key=lambda each: (each.baseline, not each.resampled))
        for candidate in group:
            if candidate is kept:
                continue
            if candidate not in rivals:
                explanation = ", which shows more of the glacier"
            else:
                explanation = f", which has baseline {kept.baseline}" if kept.baseline else ""
            candidate.reason = f"duplicate of {kept.scene.id}{explanation}"


def group_acquisitions(candidates: list[Candidate]) -> list[list[Candidate]]:
    """Group scenes by acquisition, that is, by satellite pass.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes.

    Returns
    -------
    list of list of Candidate
        Groups, oldest first.
    """
    groups: list[list[Candidate]] = []
    for candidate in sorted(candidates, key=lambda each: each.scene.moment):
        for group in groups:
            if _same_acquisition(group[0].scene, candidate.scene):
                group.append(candidate)
                break
        else:
            groups.append([candidate])
    return groups


def _visible_fraction(candidate: Candidate) -> float:
    """Fraction of the glacier that a scene shows, as far as known."""
    inspection = candidate.inspection
    visible_fraction = inspection.clear if np.isfinite(inspection.clear) else 1 - inspection.no_data
    return float(np.nan_to_num(visible_fraction))


def _same_acquisition(one: SceneItem, other: SceneItem) -> bool:
    """Check whether two scenes are one acquisition: adjacent tiles or rows, or reprocessed.

    Times may differ slightly, because services round them.
    """
    if one.orbit != other.orbit:
        return False
    time_difference = abs((one.moment - other.moment).total_seconds())
    return time_difference <= (SAME_MOMENT if one.orbit is None else SAME_PASS)


def drop_without_partner(candidates: list[Candidate], glacier: Glacier) -> None:
    """Drop scenes without a partner in the same orbit, since pairs stay within an orbit.

    The paper's rule also pairs scenes of different orbits, so it drops none.

    Parameters
    ----------
    candidates : list of Candidate
        Scenes; `reason` is set on those that are dropped.
    glacier : gdiv.catalog.Glacier
        Glacier with the pairing rule.
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
