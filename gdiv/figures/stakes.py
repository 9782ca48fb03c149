"""Graphs of speed: at the stakes, along the centreline and through time."""

from itertools import cycle

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gdiv.catalog import Season
from gdiv.figures.style import INK, PALETTE, styled
from gdiv.flow.matchers.registry import matcher_colour, matcher_label

__all__ = ["plot_profile", "plot_series", "plot_stakes"]

HEADROOM = 1.15  # of the largest speed, upper limit of both axes
THIN_LINE = 0.9  # points
THICK_LINE = 2  # points, for the highlighted matcher


@styled()
def plot_stakes(table: pd.DataFrame) -> Figure:
    """Plot estimated over measured speed at the stakes.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per stake and matcher, with ``matcher``, ``name`` of the stake, ``measured`` and
        ``estimated`` speed in m/yr.

    Returns
    -------
    matplotlib.figure.Figure
        One colour per matcher, and the 1:1 line.
    """
    figure, axis = plt.subplots(figsize=(4, 3.6))
    limit = HEADROOM * np.nanmax([table.measured.max(), table.estimated.max()])
    axis.plot([0, limit], [0, limit], color=INK, lw=0.8)
    for matcher, rows in table.groupby("matcher"):
        axis.scatter(
            rows.measured,
            rows.estimated,
            label=matcher_label(matcher),
            color=matcher_colour(matcher),
            s=30,
            alpha=0.85,
        )
    for name, rows in table.groupby("name"):
        axis.annotate(
            name,
            (rows.measured.iloc[0], 0.02 * limit),
            rotation=90,
            fontsize=7,
            color=INK,
            ha="right",
        )
    axis.set(xlabel="measured speed (m/yr)", ylabel="estimated speed (m/yr)")
    axis.set(xlim=(0, limit), ylim=(0, limit))
    axis.legend()
    return figure


@styled()
def plot_profile(tables: dict[str, pd.DataFrame], stakes: pd.DataFrame, highlighted: str) -> Figure:
    """Plot the speed of every matcher along the centreline.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name of the matcher: ``distance`` (km), ``speed`` and ``error`` (1 sigma, m/yr), from
        `gdiv.velocity.profiles.sample_along`.
    stakes : pandas.DataFrame
        ``name``, ``distance`` (km) and ``speed`` (m/yr) of the stakes near the line; may be
        empty.
    highlighted : str
        Name of the matcher that is drawn with a thick line and its error.

    Returns
    -------
    matplotlib.figure.Figure
        One line per matcher, and the stakes as points.
    """
    figure, axis = plt.subplots(figsize=(7, 3.2))
    for name, table in tables.items():
        axis.plot(
            table.distance,
            table.speed,
            color=matcher_colour(name),
            lw=THICK_LINE if name == highlighted else THIN_LINE,
            label=matcher_label(name),
            zorder=3 if name == highlighted else 2,
        )
    best = tables[highlighted]
    axis.fill_between(
        best.distance,
        best.speed - best.error,
        best.speed + best.error,
        color=matcher_colour(highlighted),
        alpha=0.2,
        lw=0,
        label=f"{matcher_label(highlighted)}, 1 sigma",
    )
    if len(stakes):
        axis.scatter(stakes.distance, stakes.speed, color=INK, zorder=5, s=26, label="stakes")
    for row in stakes.itertuples():
        axis.annotate(
            row.name,
            (row.distance, row.speed),
            (5, 6),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    axis.set(xlabel="distance along the centreline (km)", ylabel="speed (m/yr)", ylim=(0, None))
    axis.legend(ncols=2)
    return figure


@styled()
def plot_series(table: pd.DataFrame, measured: pd.DataFrame, season: Season) -> Figure:
    """Plot the speed between consecutive scenes at each stake.

    Parameters
    ----------
    table : pandas.DataFrame
        ``name`` of the stake, ``start``, ``end``, ``speed`` and ``error`` (m/yr), one row per
        interval, from `gdiv.velocity.stakes.sample_series`.
    measured : pandas.DataFrame
        ``name``, ``year`` and ``speed`` (m/yr) of the stakes. A speed of a year is the mean from
        the end of the season before to the end of the season of that year.
    season : gdiv.catalog.Season
        Season of the glacier.

    Returns
    -------
    matplotlib.figure.Figure
        One colour per stake: steps from images with bands of one sigma, dashed lines from stakes.
    """
    figure, axis = plt.subplots(figsize=(7, 2.8))
    surveyed = False
    for colour, (name, rows) in zip(cycle(PALETTE), table.groupby("name", sort=False)):
        edges = mdates.date2num([*rows.start, rows.end.iloc[-1]])
        axis.stairs(rows.speed, edges, color=colour, lw=1.5, baseline=None, label=name)
        low, high = rows.speed - rows.error, rows.speed + rows.error
        axis.stairs(high, edges, baseline=low.clip(0), fill=True, color=colour, alpha=0.2, lw=0)
        for row in measured[measured.name == name].itertuples():
            first = season.dates(row.year - 1)[1]
            last = season.dates(row.year)[1]
            year = mdates.date2num([first, last])
            axis.plot(year, [row.speed] * 2, color=colour, ls="--", lw=1)
            surveyed = True
    if surveyed:
        axis.plot([], [], color=INK, ls="--", lw=1, label="measured at the stake")
    axis.xaxis_date()
    axis.set(ylabel="speed (m/yr)", ylim=(0, None))
    axis.set_xlim(mdates.date2num([table.start.min(), table.end.max()]))
    axis.legend(ncols=4)
    return figure
