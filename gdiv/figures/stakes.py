"""Graphs of speed: at the stakes, along the centreline and through time."""

from itertools import cycle

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gdiv.catalog import Season
from gdiv.figures.style import FIGURE_WIDTH, INK, PALETTE, styled
from gdiv.flow.matchers.registry import matcher_colour, matcher_label

__all__ = ["plot_profile", "plot_series", "plot_stakes"]

MIN_OPACITY = 0.25  # of an interval with a large error
COLUMN_WIDTH = 0.6  # of the distance between two stakes, for the points of all matchers


@styled()
def plot_stakes(table: pd.DataFrame) -> Figure:
    """Plot estimated minus measured speed at the stakes.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per stake and matcher, with ``matcher``, ``name`` of the stake, ``measured`` and
        ``estimated`` speed in m/yr.

    Returns
    -------
    matplotlib.figure.Figure
        One column per stake, the slowest first, and one colour per matcher.
    """
    measured = table.groupby("name").measured.first().sort_values()
    matchers = list(table.matcher.unique())
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 2.8))
    axis.axhline(0, color=INK, lw=0.8)
    for number, matcher in enumerate(matchers):
        rows = table[table.matcher == matcher].groupby("name").mean(numeric_only=True)
        rows = rows.reindex(measured.index)
        # Draw points side by side, since coinciding points would hide each other.
        offset = COLUMN_WIDTH * ((number + 0.5) / len(matchers) - 0.5)
        places = np.arange(len(measured)) + offset
        differences = rows.estimated - rows.measured
        colour = matcher_colour(matcher)
        axis.vlines(places, 0, differences, color=colour, lw=1)
        axis.scatter(places, differences, color=colour, s=26, label=matcher_label(matcher))
    labels = [f"{name}\n{speed:.1f} m/yr" for name, speed in measured.items()]
    axis.set_xticks(range(len(measured)), labels)
    axis.set(xlabel="stake and its measured speed", ylabel="estimated − measured (m/yr)")
    axis.set_xlim(-0.5, len(measured) - 0.5)
    figure.legend(loc="outside right upper")
    return figure


@styled()
def plot_profile(tables: dict[str, pd.DataFrame], stakes: pd.DataFrame, highlighted: str) -> Figure:
    """Plot the speed along the centreline, and the differences of other matchers from it.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name of the matcher: ``distance`` (km), ``speed`` and ``error`` (1 sigma, m/yr), from
        `gdiv.velocity.profiles.sample_along`.
    stakes : pandas.DataFrame
        ``name``, ``distance`` (km) and ``speed`` (m/yr) of the stakes near the line; may be
        empty.
    highlighted : str
        Name of the matcher whose speed is drawn, with its error.

    Returns
    -------
    matplotlib.figure.Figure
        Speed of the highlighted matcher with one sigma and the stakes; below, one line per other
        matcher: its speed minus that of the highlighted one.
    """
    best = tables[highlighted]
    colour = matcher_colour(highlighted)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(FIGURE_WIDTH, 4.6), sharex=True, height_ratios=(3, 2)
    )
    above.plot(best.distance, best.speed, color=colour, lw=1.5, label=matcher_label(highlighted))
    band = {"color": colour, "alpha": 0.2, "lw": 0}
    low, high = best.speed - best.error, best.speed + best.error
    above.fill_between(best.distance, low, high, label="1 sigma", **band)
    if len(stakes):
        above.scatter(stakes.distance, stakes.speed, color=INK, zorder=5, s=22, label="stakes")
    for row in stakes.itertuples():
        above.annotate(
            row.name,
            (row.distance, row.speed),
            (5, 6),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    below.axhline(0, color=colour, lw=1)
    below.fill_between(best.distance, -best.error, best.error, **band)
    for name, table in tables.items():
        if name != highlighted:
            difference = table.speed.to_numpy() - best.speed.to_numpy()
            line = {"color": matcher_colour(name), "label": matcher_label(name)}
            below.plot(table.distance, difference, lw=0.9, **line)
    above.set(ylabel="speed (m/yr)", ylim=(0, None))
    below.set(xlabel="distance along the centreline (km)")
    below.set_ylabel(f"difference from\n{matcher_label(highlighted)} (m/yr)")
    above.legend(loc="upper right")
    if len(tables) > 1:
        below.legend(loc="upper left", ncols=len(tables) - 1)
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
        One colour per stake: from images with bands of one sigma, fainter where the error is
        larger; dashed lines from stakes.
    """
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 2.8))
    surveyed = False
    for colour, (name, rows) in zip(cycle(PALETTE), table.groupby("name", sort=False)):
        start, end = mdates.date2num(rows.start), mdates.date2num(rows.end)
        # Intervals that are weakly constrained by the pairs fade. No line joins them, since a step
        # between intervals is not an observed change.
        opacity = (rows.error.min() / rows.error).clip(MIN_OPACITY, 1).fillna(1)
        axis.hlines(rows.speed, start, end, color=colour, lw=2, alpha=opacity.to_numpy())
        axis.plot([], [], color=colour, lw=2, label=name)
        low, high = (rows.speed - rows.error).clip(0), rows.speed + rows.error
        edges = [*start, end[-1]]
        axis.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.15, lw=0)
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
