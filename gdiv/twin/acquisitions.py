"""Dates and faults of the scenes of a twin."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from gdiv.catalog import Glacier
from gdiv.twin.inputs import PLAN_KEY, require_description

__all__ = ["ORBIT", "OTHER_ORBIT", "Acquisition", "Kind", "Offset", "plan_acquisitions"]

#: Relative orbit of the scenes, and of the scene from another orbit.
ORBIT = 108
OTHER_ORBIT = 65

REVISIT = 5  # days between acquisitions of one orbit by the two Sentinel-2 satellites
OTHER_ORBIT_DAY = 3  # days by which the other orbit follows, modulo REVISIT
OTHER_ORBIT_DELAY = 2  # days, at least, from the first clear day of the season
# Scenes from this day on have processing baseline 04.00, which adds 1000 to every number
# (ESA, Sentinel-2 Processing Baseline 04.00, deployed on 25 January 2022).
FIRST_OFFSET_DAY = date(2022, 1, 25)
# Every third scene keeps the offset; it is removed from the others, as in Earth Search.
OFFSET_CYCLE = 3
# Melt seasons begin snow-covered, so clear scenes are from the later part of the season.
SNOWY_FRACTION = 0.2  # fraction of the season with snow; chosen by eye on Sentinel-2 scenes
CLOUD_COVERS = (0, 0, 0.03, 0.08)  # fractions drawn for a clear scene, equally likely
CLOUDY_COVER = 0.75  # fraction of the cloudy scene

Kind: TypeAlias = Literal["usable", "cloud", "snow", "other-orbit", "duplicate", "missing-asset"]
Offset: TypeAlias = Literal["absent", "removed", "left-in"]


@dataclass(frozen=True)
class Acquisition:
    """One scene to render.

    Attributes
    ----------
    day : date
        Day of the acquisition.
    kind : str, optional
        "usable", or the fault of the scene.
    offset : {"absent", "removed", "left-in"}, optional
        State of the offset of 1000: never added, removed from the numbers, or still included.
    cover : float, optional
        Fraction of the scene under clouds.
    """

    day: date
    kind: Kind = "usable"
    offset: Offset = "absent"
    cover: float = 0.0

    @property
    def orbit(self) -> int:
        """Relative orbit."""
        return OTHER_ORBIT if self.kind == "other-orbit" else ORBIT

    @property
    def identifier(self) -> str:
        """Name such as ``synthetic-20200803``, which does not occur in archives."""
        suffix = "-again" if self.kind == "duplicate" else ""
        return f"synthetic-{self.day:%Y%m%d}{suffix}"


def plan_acquisitions(glacier: Glacier, usable: list[int], seed: int) -> list[Acquisition]:
    """Plan the clear scenes of each season year, and scenes with each fault.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog, with a description of its twin.
    usable : list of int
        Number of clear scenes in each season year. The last number applies to all later years.
    seed : int
        Seed of the random choice of dates and clouds.

    Returns
    -------
    list of Acquisition
        Acquisitions in order of date. Clear scenes may have a cloud cover of a few percent.
    """
    rng = np.random.default_rng([seed, PLAN_KEY])
    years = require_description(glacier).years
    plan: list[Acquisition] = []
    for index, year in enumerate(years):
        count = usable[min(index, len(usable) - 1)]
        calendar = _calendar(glacier, year)
        clear, cloudy = _choose_days(glacier, calendar.clear, count, rng)
        plan += _clear_scenes(clear, rng)
        offset = plan[-1].offset
        if cloudy is not None:
            plan.append(Acquisition(cloudy, "cloud", offset, CLOUDY_COVER))
        planned = {acquisition.day for acquisition in plan}
        spare = [day for day in calendar.clear if day not in planned]
        if calendar.snowy:
            plan.append(Acquisition(calendar.snowy[0], "snow", offset))
        if index == 0:
            plan.append(Acquisition(plan[0].day, "duplicate", offset))
        if index == 1 and spare:
            plan.append(Acquisition(spare[0], "missing-asset", offset))
        if index == len(years) - 1:
            plan.append(Acquisition(calendar.other_orbit[0], "other-orbit", offset))
    return sorted(plan, key=lambda acquisition: (acquisition.day, acquisition.kind))


class _Calendar(NamedTuple):
    """Days of one season on which a satellite passes."""

    snowy: list[date]  # early days, when snow still covers the ice
    clear: list[date]  # later days
    other_orbit: list[date]  # later days, from the other orbit


def _calendar(glacier: Glacier, year: int) -> _Calendar:
    """Split the passes of a season year at the day when the snow has melted."""
    first_day, last_day = glacier.season.dates(year)
    first = first_day.toordinal()
    last = last_day.toordinal()
    start = first + int(SNOWY_FRACTION * (last - first))
    return _Calendar(
        snowy=_passes(first, start),
        clear=_passes(start, last + 1),
        other_orbit=_passes(start + OTHER_ORBIT_DELAY, last, OTHER_ORBIT_DAY),
    )


def _passes(start: int, stop: int, phase: int = 0) -> list[date]:
    """Days of passes between two ordinals, excluding the last."""
    days = [day for day in range(start, stop) if day % REVISIT == phase]
    return [date.fromordinal(day) for day in days]


def _choose_days(
    glacier: Glacier, days: list[date], count: int, rng: np.random.Generator
) -> tuple[list[date], date | None]:
    """Choose the days of `count` clear scenes, and of a cloudy one if enough days remain."""
    pairing = glacier.pairing
    if pairing.rule == "interval" and pairing.days is not None:
        # Space consecutive dates as required by the pairing rule.
        stride = max(pairing.days[0] // REVISIT, 1)
        chosen = days[::stride][: count + 1]
    else:
        number = min(count + 1, len(days))
        positions = sorted(rng.choice(len(days), number, replace=False))
        chosen = [days[position] for position in positions]
    if len(chosen) <= count:
        return chosen, None
    cloudy = chosen.pop(int(rng.integers(len(chosen) // 2, len(chosen))))
    return chosen, cloudy


def _clear_scenes(days: list[date], rng: np.random.Generator) -> list[Acquisition]:
    """Clear scenes of one season on the given days, some with a few clouds."""
    scenes = []
    for number, day in enumerate(days):
        offset: Offset = "removed"
        if day < FIRST_OFFSET_DAY:
            offset = "absent"
        elif number % OFFSET_CYCLE == 1:
            offset = "left-in"
        cover = float(rng.choice(CLOUD_COVERS))
        scenes.append(Acquisition(day, "usable", offset, cover))
    return scenes
