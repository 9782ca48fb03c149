"""Compare the mosaics of several matchers: errors, stakes, checks, ITS_LIVE."""

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd
import xarray as xr

from gdiv.catalog import Glacier
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.images.arrays import Mask
from gdiv.velocity import itslive
from gdiv.velocity.mean_error import error_of_mean
from gdiv.velocity.stakes import compare_with_stakes
from gdiv.velocity.uncertainty import add_errors
from gdiv.velocity.validation import check_mosaic

__all__ = [
    "add_errors_to_all",
    "check_all",
    "compare_all_with_itslive",
    "compare_all_with_stakes",
    "summarise_mosaic",
]

Mosaics = Mapping[str, xr.Dataset]
#: Methods with correlated errors, which must not be used to check each other: RAFT starts from
#: Horn-Schunck.
RELATED = ("horn-schunck", "raft")


def add_errors_to_all(
    mosaics: Mosaics, seasons: Mosaics, ice: Mask, stable: Mask
) -> dict[str, xr.Dataset]:
    """Add errors to mosaics, checked by mosaics of another season pair.

    Errors of a single method would cancel in the comparison of two seasons. Horn-Schunck and RAFT,
    which starts from it, are therefore compared with DIS, and every other matcher with
    Horn-Schunck.

    Parameters
    ----------
    mosaics : mapping of str to xarray.Dataset
        Mosaics by matcher; the key may include the kind of mosaic after a comma.
    seasons : mapping of str to xarray.Dataset
        Mosaics of the other season pair, for ``"horn-schunck"`` and ``"dis"``; empty if there is
        none.
    ice, stable : ndarray of bool, shape (H, W)
        Ice and stable ground.

    Returns
    -------
    dict of str to xarray.Dataset
        The mosaics with errors, from `gdiv.add_errors`.
    """
    checks = {name: add_errors(season, ice, stable) for name, season in seasons.items()}
    completed = {}
    for name, mosaic in mosaics.items():
        other = "dis" if name.startswith(RELATED) else "horn-schunck"
        completed[name] = add_errors(mosaic, ice, stable, checks.get(other))
    return completed


def compare_all_with_stakes(
    mosaics: Mosaics, stakes: gpd.GeoDataFrame, year: int, crs: int | str
) -> pd.DataFrame:
    """Compare each mosaic with the stakes, using `gdiv.compare_with_stakes`.

    Parameters
    ----------
    mosaics : mapping of str to xarray.Dataset
        Mosaics by matcher.
    stakes : geopandas.GeoDataFrame
        Stakes with ``name``, ``year`` and ``speed``.
    year : int
        Year of the second survey.
    crs : int or str
        EPSG code of the mosaics.

    Returns
    -------
    pandas.DataFrame
        One table for all mosaics, with the column ``matcher``.
    """
    tables = [
        compare_with_stakes(mosaic, stakes, year, crs).assign(matcher=name)
        for name, mosaic in mosaics.items()
    ]
    return pd.concat(tables)


def check_all(
    mosaics: Mosaics, truth: xr.Dataset | None, ice: Mask, stable: Mask, stakes: pd.DataFrame
) -> pd.DataFrame:
    """Validate each mosaic.

    Parameters
    ----------
    mosaics : mapping of str to xarray.Dataset
        Mosaics with errors.
    truth : xarray.Dataset or None
        Truth of a twin.
    ice, stable : ndarray of bool, shape (H, W)
        Ice and stable ground.
    stakes : pandas.DataFrame
        From `compare_all_with_stakes`.

    Returns
    -------
    pandas.DataFrame
        One row per mosaic with the values of `check_mosaic`.
    """
    rows = {
        name: check_mosaic(mosaic, truth, ice, stable, stakes[stakes.matcher == name])
        for name, mosaic in mosaics.items()
    }
    return pd.DataFrame(rows).T


def compare_all_with_itslive(
    mosaics: Mosaics, glacier: Glacier, pairs: pd.DataFrame, ice: Mask
) -> pd.DataFrame:
    """Compare each mosaic with ITS_LIVE for the same time.

    Parameters
    ----------
    mosaics : mapping of str to xarray.Dataset
        Mosaics by matcher.
    glacier : gdiv.catalog.Glacier
        Glacier with the box and the projection.
    pairs : pandas.DataFrame
        Pairs of the mosaics, which define the time interval.
    ice : ndarray of bool, shape (H, W)
        Ice.

    Returns
    -------
    pandas.DataFrame
        One row per mosaic with the values of `gdiv.velocity.itslive.compare_velocities`; without
        columns if ITS_LIVE cannot be reached or has no velocities there.
    """
    theirs = itslive.load_velocity(glacier, pairs)
    if theirs is None:
        return pd.DataFrame(index=list(mosaics))
    rows = {
        name: itslive.compare_velocities(itslive.regrid_to(mosaic, theirs, glacier.crs, ice))
        for name, mosaic in mosaics.items()
    }
    return pd.DataFrame(rows).T


def summarise_mosaic(mosaic: xr.Dataset) -> dict[str, float]:
    """Summarise a mosaic: its speed, and the error of its mean.

    Parameters
    ----------
    mosaic : xarray.Dataset
        Mosaic of the ice with errors, from `gdiv.add_errors`, and with its speed ``v`` (m/yr); NaN
        elsewhere.

    Returns
    -------
    dict
        Median ``speed`` (m/yr), also as ``px_per_day``; ``correlation_length`` of the errors (m);
        ``mean_error`` and its systematic part ``mean_error_systematic`` (m/yr), from
        `gdiv.velocity.mean_error.error_of_mean`; and ``season_change`` in percent, NaN without a
        second season pair.
    """
    spacing = abs(float(mosaic.x[1] - mosaic.x[0]))
    median = float(mosaic.v.median())
    length = mosaic.attrs.get("correlation_length", float("nan"))
    mean_error = error_of_mean(mosaic.v_error.values, spacing, length)
    return {
        "speed": median,
        "px_per_day": median / DAYS_PER_YEAR / spacing,
        "correlation_length": length,
        "mean_error": mean_error.total,
        "mean_error_systematic": mean_error.systematic,
        "season_change": 100 * mosaic.attrs.get("season_change", float("nan")),
    }
