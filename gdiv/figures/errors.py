"""Graphs of errors: by displacement, class of speed, number of pairs and glacier."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gdiv.figures.style import FIGURE_WIDTH, INK, PALETTE, styled
from gdiv.flow.matchers.registry import matcher_colour, matcher_label

__all__ = ["plot_error_by_displacement", "plot_glaciers", "plot_reliability", "plot_subsampling"]

MARKERS = ("o", "s", "^")
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
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 3))
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
def plot_reliability(pairs: pd.DataFrame, mosaic: pd.DataFrame, blocks: pd.DataFrame) -> Figure:
    """Plot the calibration of stated errors: single pairs, a mosaic, and means over blocks.

    Parameters
    ----------
    pairs, mosaic : pandas.DataFrame
        ``speed`` (class), ``pixels``, ``stated`` (nominal coverage) and ``found`` (observed
        coverage), from `gdiv.velocity.reliability.coverage_of_pairs` and `observed_coverage`.
    blocks : pandas.DataFrame
        ``side`` (m) and ``ratio`` of true to stated error, from
        `gdiv.velocity.reliability.block_ratios`; may be empty.

    Returns
    -------
    matplotlib.figure.Figure
        Coverage with one line per class of speed: well calibrated errors lie on the 1:1 line;
        above it they are overestimated. Ratios of blocks over their side.
    """
    figure, axes = plt.subplots(1, 3, figsize=(FIGURE_WIDTH, 2.8), width_ratios=(1, 1, 0.9))
    parts = zip(axes, ("single pairs", "mosaic"), (pairs, mosaic), strict=False)
    for axis, title, table in parts:
        axis.plot([0, 1], [0, 1], color=INK, lw=0.8)
        for colour, (name, rows) in zip(cycle(PALETTE), table.groupby("speed", sort=False)):
            axis.plot(
                rows.stated,
                rows.found,
                color=colour,
                marker=".",
                lw=2 if name == "all" else 1,
                label=name,
            )
        axis.set(xlabel="nominal coverage", xlim=(0, 1), ylim=(0, 1), title=title)
    axes[0].set_ylabel("observed coverage")
    axes[1].legend(title="true speed (m/yr)")
    axes[2].axhspan(0.9, 1.1, color=INK, alpha=0.1, lw=0)
    axes[2].axhline(1, color=INK, lw=0.8)
    axes[2].plot(blocks.side, blocks.ratio, color=INK, marker="o")
    axes[2].set(
        title="means over blocks",
        xlabel="side of the block (m)",
        ylim=(0, max(2.0, 1.1 * blocks.ratio.max() if len(blocks) else 0)),
    )
    axes[2].set_ylabel("true / stated error")
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
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 2.8))
    methods = table.groupby("mosaic", sort=False)
    # Coinciding lines would hide each other: draw wider lines first, each with its own marker.
    widths = np.linspace(4, 1, methods.ngroups)
    for colour, marker, width, (method, rows) in zip(
        cycle(PALETTE), cycle(MARKERS), widths, methods, strict=False
    ):
        line = {"color": colour, "lw": width, "label": method}
        axis.plot(rows.pairs, rows.rmse, marker=marker, ms=9 - width, mfc="white", **line)
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
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, ROW_HEIGHT * len(table) + 1))
    for name in table:
        axis.scatter(
            table[name],
            range(len(table)),
            color=matcher_colour(name),
            s=34,
            label=matcher_label(name),
            alpha=0.8,
        )
    axis.set_yticks(range(len(table)), table.index)
    axis.invert_yaxis()
    axis.grid(axis="y", lw=0.4, alpha=0.5)
    axis.set(xlabel="RMS error (% of median speed)", xlim=(0, None))
    figure.suptitle("Synthetic twins of the catalog's glaciers (not satellite imagery)")
    figure.legend(loc="outside lower center", ncols=len(table.columns))
    return figure
