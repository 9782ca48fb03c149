"""Which scenes to compare, and the paper's Sobel images."""

import itertools

import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

DAYS_PER_YEAR = 365.25


def choose_pairs(
    scenes: pd.DataFrame, glacier, years: list[int], most: int | None = None
) -> pd.DataFrame:
    """Pairs of usable scenes for the season years `years`, by the glacier's rule.

    Parameters
    ----------
    scenes
        The scene table.
    years
        Annual and paper rule: the reference's season year and the secondary's. Interval rule: season
        years within which any two scenes the right number of days apart are paired.
    most
        Keep at most this many, those with the least difference of day of year and the most clear sky.

    Returns
    -------
    pandas.DataFrame
        `reference`, `secondary` (ids), `reference_date`, `secondary_date`, `days`, `years` (days / 365.25),
        `orbit`, `season_difference` (days from a whole year), `sun_difference` (degrees of azimuth), `clear`.

    Raises
    ------
    ValueError
        If no pair fits; the message says what there was.
    """
    usable = scenes[scenes.verdict == "use"].fillna(
        {"orbit": 0}
    )  # sources that tell no orbit have one for all
    rule = glacier.pairing
    rows = []
    for first, second in itertools.combinations(usable.sort_values("date").to_dict("records"), 2):
        seasons = (first["season_year"], second["season_year"])
        days = (second["date"] - first["date"]).total_seconds() / 86400
        difference = abs(days - DAYS_PER_YEAR * round(days / DAYS_PER_YEAR))
        if rule.rule == "paper":
            fits = list(seasons) == list(years)
        elif rule.rule == "annual":
            fits = list(seasons) == list(years) and difference <= rule.day_of_year_difference
        else:
            # Acquisitions of one orbit differ by seconds from whole days.
            fits = seasons[0] == seasons[1] in years and rule.days[0] <= round(days) <= rule.days[1]
        if not fits:
            continue
        sun = _angle_between(first["sun_azimuth"], second["sun_azimuth"])
        alike = first["orbit"] == second["orbit"] and not sun > rule.sun_difference
        if not alike and rule.rule != "paper":
            continue
        rows.append(
            {
                "reference": first["id"],
                "secondary": second["id"],
                "reference_date": first["date"],
                "secondary_date": second["date"],
                "days": days,
                "years": days / DAYS_PER_YEAR,
                "orbit": first["orbit"],
                "season_difference": np.nan if rule.rule == "interval" else difference,
                "sun_difference": sun,
                "clear": min(first["clear"], second["clear"]),
            }
        )
    if not rows:
        counts = usable.groupby("season_year").size().to_dict()
        raise ValueError(
            f"no pair for season years {list(years)} under the {rule.rule} rule of {glacier.label}; "
            f"usable scenes by season year: {counts}"
        )
    table = pd.DataFrame(rows).sort_values(
        ["season_difference", "clear", "days"], ascending=[True, False, True], kind="stable"
    )
    return (
        table.head(most or len(table))
        .sort_values(["reference_date", "secondary_date"])
        .reset_index(drop=True)
    )


def _angle_between(first, second):
    """Degrees between two azimuths, at most 180; NaN where either is not told."""
    if first is None or second is None:
        return np.nan
    return abs((first - second + 180) % 360 - 180)


def label_sets(**tables: pd.DataFrame) -> pd.DataFrame:
    """Several pair tables as one, with the column `set` holding each one's name."""
    return pd.concat([table.assign(set=name) for name, table in tables.items()], ignore_index=True)


def sobel_gradient(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel derivatives of a `(H, W)` image along x and y, in its unit per pixel.

    The paper filters its images "in both the x and y directions" to enhance contrast and mitigate
    shadows; it does not say how the two are combined. The kernels are divided by 8, so that a ramp
    of one unit per pixel gives one. NaN spreads by one pixel.
    """
    return ndimage.sobel(image, axis=1, mode="nearest") / 8, ndimage.sobel(
        image, axis=0, mode="nearest"
    ) / 8


def read_pair(cube: xr.Dataset, pair) -> tuple[np.ndarray, np.ndarray]:
    """The two reflectance images of a row of the pair table, float32 `(y, x)`, NaN no data. Reads the store."""
    ids = list(cube.attrs["scene_ids"])
    return tuple(
        cube.reflectance.isel(scene=ids.index(name)).values
        for name in (pair.reference, pair.secondary)
    )
