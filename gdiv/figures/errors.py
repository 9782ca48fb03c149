"""Graphs of errors: by displacement, class of speed, number of pairs and glacier."""

from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from gdiv.figures.style import INK, PALETTE, styled
from gdiv.flow.matchers.registry import matcher_colour, matcher_label

__all__ = ["plot_error_by_displacement", "plot_glaciers", "plot_reliability", "plot_subsampling"]

ROW_HEIGHT = 0.42  # inch per glacier


@styled()
def plot_error_by_displacement(tables: dict[str, pd.DataFrame]) -> Figure:
    """Plot the mean error of single pairs over the true displacement.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name of the matcher: ``displacement`` and ``error`` in pixels, one row per class.

    Returns
    -------
    matplotlib.figure.Figure
        One line per matcher.
    """
    figure, axis = plt.subplots(figsize=(6.2, 3.2))
    for name, table in tables.items():
        axis.plot(
            table.displacement,
            table.error,
            color=matcher_colour(name),
            marker=".",
            label=matcher_label(name),
        )
    axis.set(xlabel="true displacement (px)", ylabel="mean error (px)")
    axis.set(xlim=(0, None), ylim=(0, None))
    figure.legend(loc="outside right upper")
    return figure


@styled()
def plot_reliability(table: pd.DataFrame) -> Figure:
    """Plot observed over nominal coverage of the errors by class of speed.

    Parameters
    ----------
    table : pandas.DataFrame
        ``speed`` (class), ``pixels``, ``stated`` (nominal coverage) and ``found`` (observed
        coverage), from `gdiv.velocity.validation.observed_coverage`.

    Returns
    -------
    matplotlib.figure.Figure
        One line per class. Well calibrated errors lie on the 1:1 line; above it they are
        overestimated.
    """
    figure, axis = plt.subplots(figsize=(4.6, 3.4))
    axis.plot([0, 1], [0, 1], color=INK, lw=0.8)
    for colour, (name, rows) in zip(cycle(PALETTE), table.groupby("speed", sort=False)):
        axis.plot(
            rows.stated,
            rows.found,
            color=colour,
            marker=".",
            lw=2 if name == "all" else 1,
            label=f"{name} ({rows.pixels.iloc[0]} px)",
        )
    axis.set(xlabel="nominal coverage", ylabel="observed coverage", xlim=(0, 1), ylim=(0, 1))
    axis.legend(title="true speed (m/yr)")
    return figure


@styled()
def plot_subsampling(table: pd.DataFrame, reference_name: str) -> Figure:
    """Plot the error of a mosaic over the number of its pairs.

    Parameters
    ----------
    table : pandas.DataFrame
        ``mosaic`` (method), ``pairs`` and ``rmse`` (m/yr).
    reference_name : str
        Name of the map that the mosaics are compared with, such as "the truth".

    Returns
    -------
    matplotlib.figure.Figure
        One line per method.
    """
    figure, axis = plt.subplots(figsize=(5, 3.2))
    for colour, (method, rows) in zip(cycle(PALETTE), table.groupby("mosaic", sort=False)):
        axis.plot(rows.pairs, rows.rmse, color=colour, marker=".", label=method)
    axis.set(xlabel="number of pairs", ylim=(0, None))
    axis.set_ylabel(f"RMS difference from {reference_name} (m/yr)")
    axis.set_xticks(table.pairs.unique())
    axis.legend()
    return figure


@styled()
def plot_glaciers(table: pd.DataFrame) -> Figure:
    """Plot the relative error of every matcher on every glacier.

    Parameters
    ----------
    table : pandas.DataFrame
        Root mean square error as percentage of the median speed on ice; one row per glacier, one
        column per matcher.

    Returns
    -------
    matplotlib.figure.Figure
        One row per glacier, one point per matcher.
    """
    figure, axis = plt.subplots(figsize=(6.4, ROW_HEIGHT * len(table) + 1))
    for name in table:
        axis.scatter(
            table[name],
            range(len(table)),
            color=matcher_colour(name),
            s=34,
            label=matcher_label(name),
            alpha=0.9,
        )
    axis.set_yticks(range(len(table)), table.index)
    axis.invert_yaxis()
    axis.grid(axis="y", lw=0.4, alpha=0.5)
    axis.set(xlabel="RMS error (% of median speed)", xlim=(0, None))
    figure.legend(loc="outside upper center", ncols=len(table.columns))
    return figure
