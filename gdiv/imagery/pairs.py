"""Choose pairs of scenes by the glacier's rule, and read their images."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.catalog import Glacier, Pairing
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.images.arrays import Image

__all__ = ["choose_pairs", "label_sets", "read_pair", "terrain_note"]

SECONDS_PER_DAY = 86400
#: First processing baseline of Sentinel-2 with the Copernicus terrain model, of 30 March 2021.
TERRAIN_BASELINE = "03.00"


def choose_pairs(
    scenes: pd.DataFrame, glacier: Glacier, years: list[int], max_pairs: int | None = None
) -> pd.DataFrame:
    """Choose pairs of usable scenes by the glacier's rule.

    Parameters
    ----------
    scenes : pandas.DataFrame
        Scene table from `gdiv.imagery.scenes.judge_scenes`.
    glacier : gdiv.catalog.Glacier
        Glacier whose pairing rule determines which scenes are compared.
    years : list of int
        Annual and paper rule: season year of the reference and of the secondary. Interval rule:
        season years within which scenes are paired.
    max_pairs : int, optional
        Maximum number of pairs; those with the smallest difference in day of year and the clearest
        sky are kept. No limit by default.

    Returns
    -------
    pandas.DataFrame
        One row per pair in order of dates: ``reference`` and ``secondary`` (identifiers),
        ``reference_date``, ``secondary_date``, ``days``, ``years`` (days / 365.25), ``orbit``,
        ``season_difference`` (days from a whole year; NaN under the interval rule),
        ``sun_difference`` (degrees of azimuth), ``clear`` (of the less clear scene) and
        ``mixed_terrain``, True if the scenes of Sentinel-2 were rectified with different terrain
        models, which causes apparent motion of slopes and thinned ice.

    Raises
    ------
    ValueError
        If no pair fits the rule; the message lists the number of usable scenes by season year.

    Examples
    --------
    >>> from gdiv.catalog import load_catalog
    >>> scenes = pd.DataFrame(
    ...     {
    ...         "id": ["a", "b", "c"],
    ...         "date": pd.to_datetime(["2020-08-01", "2021-08-04", "2021-09-30"]),
    ...         "season_year": [2020, 2021, 2021],
    ...         "verdict": "use",
    ...         "orbit": 108,
    ...         "sun_azimuth": [150.0, 151.0, 165.0],
    ...         "clear": 1.0,
    ...     }
    ... )
    >>> pairs = choose_pairs(scenes, load_catalog().glaciers["mer-de-glace"], [2020, 2021])
    >>> pairs[["reference", "secondary", "days", "sun_difference"]]
      reference secondary   days  sun_difference
    0         a         b  368.0             1.0
    """
    # Scenes of sources without orbits count as one orbit.
    usable = scenes[scenes.verdict == "use"].fillna({"orbit": 0})
    in_order = usable.sort_values("date").to_dict("records")
    rows = [
        _describe_pair(reference, secondary, glacier.pairing)
        for reference, secondary in itertools.combinations(in_order, 2)
        if _can_pair(reference, secondary, glacier.pairing, years)
    ]
    if not rows:
        sizes = usable.groupby("season_year").size()
        counts = {int(year): int(count) for year, count in sizes.items()}
        raise ValueError(
            f"no pair for season years {list(years)} under the {glacier.pairing.rule} rule of "
            f"{glacier.label}; usable scenes by season year: {counts}"
        )
    best_first = pd.DataFrame(rows).sort_values(
        ["season_difference", "clear", "days"], ascending=[True, False, True], kind="stable"
    )
    kept = best_first.head(max_pairs or len(best_first))
    return kept.sort_values(["reference_date", "secondary_date"]).reset_index(drop=True)


def _can_pair(
    reference: dict[Any, Any], secondary: dict[Any, Any], pairing: Pairing, years: list[int]
) -> bool:
    """Check whether the rule compares two scenes, of which the reference is the earlier."""
    seasons = [reference["season_year"], secondary["season_year"]]
    if pairing.rule == "paper":  # regardless of orbit and sun
        return seasons == list(years)
    if pairing.rule == "annual":
        difference = _season_difference(_days_between(reference, secondary))
        fits = seasons == list(years) and difference <= pairing.day_of_year_difference
    else:
        # Acquisitions from one orbit deviate by seconds from whole days.
        days = round(_days_between(reference, secondary))
        shortest, longest = pairing.days or (0, 0)  # the catalog requires days for this rule
        fits = seasons[0] == seasons[1] and seasons[0] in years and shortest <= days <= longest
    # A missing sun azimuth is NaN and does not exclude the pair.
    sun_moved = _sun_difference(reference, secondary) > pairing.sun_difference
    return fits and reference["orbit"] == secondary["orbit"] and not sun_moved


def _describe_pair(
    reference: dict[Any, Any], secondary: dict[Any, Any], pairing: Pairing
) -> dict[str, Any]:
    """Row of the pair table."""
    days = _days_between(reference, secondary)
    return {
        "reference": reference["id"],
        "secondary": secondary["id"],
        "reference_date": reference["date"],
        "secondary_date": secondary["date"],
        "days": days,
        "years": days / DAYS_PER_YEAR,
        "orbit": reference["orbit"],
        "season_difference": np.nan if pairing.rule == "interval" else _season_difference(days),
        "sun_difference": _sun_difference(reference, secondary),
        "clear": min(reference["clear"], secondary["clear"]),
        "mixed_terrain": _mixed_terrain(reference, secondary),
    }


def _mixed_terrain(reference: dict[Any, Any], secondary: dict[Any, Any]) -> bool:
    """Check whether ESA rectified two scenes of Sentinel-2 with different terrain models."""
    baselines = [str(scene.get("baseline") or "") for scene in (reference, secondary)]
    if not all(baselines):
        return False
    return (baselines[0] < TERRAIN_BASELINE) != (baselines[1] < TERRAIN_BASELINE)


def _days_between(reference: dict[Any, Any], secondary: dict[Any, Any]) -> float:
    """Time between two scenes in days."""
    return (secondary["date"] - reference["date"]).total_seconds() / SECONDS_PER_DAY


def _season_difference(days: float) -> float:
    """Difference from the nearest whole number of years, in days."""
    return abs(days - DAYS_PER_YEAR * round(days / DAYS_PER_YEAR))


def _sun_difference(reference: dict[Any, Any], secondary: dict[Any, Any]) -> float:
    """Angle between two azimuths of the sun in degrees, at most 180; NaN where one is missing."""
    first = reference["sun_azimuth"]
    second = secondary["sun_azimuth"]
    if first is None or second is None:
        return np.nan
    return abs((first - second + 180) % 360 - 180)


def label_sets(**tables: pd.DataFrame) -> pd.DataFrame:
    """Combine pair tables into one, with their names in the column ``set``.

    Parameters
    ----------
    **tables : pandas.DataFrame
        Pair tables by the name of their set.

    Returns
    -------
    pandas.DataFrame
        Rows of all tables, renumbered.
    """
    labelled = [table.assign(set=name) for name, table in tables.items()]
    return pd.concat(labelled, ignore_index=True)


def read_pair(cube: xr.Dataset, pair: Any) -> tuple[Image, Image]:
    """Read the two images of a pair from the store of the cube.

    Parameters
    ----------
    cube : xarray.Dataset
        Cube with the coordinate ``scene``, from `gdiv.imagery.cube.load_cube`.
    pair : Series or named tuple
        Row of the pair table, with ``reference`` and ``secondary``.

    Returns
    -------
    reference, secondary : ndarray of float32, shape (H, W)
        Reflectance; NaN where there is no data.
    """
    reference = cube.reflectance.sel(scene=pair.reference).values
    secondary = cube.reflectance.sel(scene=pair.secondary).values
    return reference, secondary


def terrain_note(pairs: pd.DataFrame) -> str:
    """Describe the pairs whose scenes were rectified with different terrain models.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Pair table from `choose_pairs`.

    Returns
    -------
    str
        Their number and the cure; empty if there are none.
    """
    count = int(pairs.mixed_terrain.sum())
    if not count:
        return ""
    return (
        f"{count} of {len(pairs)} pairs compare scenes before and after processing baseline "
        f"{TERRAIN_BASELINE}, which ESA rectified with different terrain models: slopes and "
        f"thinned ice appear to move. Use the source earth-search-c1, which is processed uniformly."
    )
