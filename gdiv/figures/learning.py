"""Figures of training: generated samples, learning curves and predictions on test tiles."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from gdiv.figures.panels import draw_colour_bar
from gdiv.figures.style import FIGURE_WIDTH, GREY, INK, PALETTE, SPEED, styled
from gdiv.images.arrays import Flow

if TYPE_CHECKING:
    from gdiv.flow.training.scores import Sample

__all__ = ["plot_drawn_pairs", "plot_learning", "plot_tiles"]

LINE_STYLES = ("--", ":", "-.")


@styled()
def plot_drawn_pairs(samples: Sequence["Sample"]) -> Figure:
    """Plot generated training samples: both images and the displacement between them.

    Parameters
    ----------
    samples : sequence of (pair, flow)
        Pairs ``(2, H, W)`` of reference and secondary, and flows ``(2, H, W)`` in pixels.

    Returns
    -------
    matplotlib.figure.Figure
        One column per sample.
    """
    max_displacement = max(float(np.nanmax(np.hypot(*flow))) for _, flow in samples)
    figure, axes = plt.subplots(3, len(samples), figsize=(1.7 * len(samples), 5), squeeze=False)
    for column, (pair, flow) in zip(axes.T, samples, strict=True):
        column[0].imshow(pair[0], cmap=GREY)
        column[1].imshow(pair[1], cmap=GREY)
        picture = column[2].imshow(np.hypot(*flow), cmap=SPEED, vmin=0, vmax=max_displacement)
    for axis, label in zip(axes[:, 0], ("reference", "secondary", "displacement"), strict=True):
        axis.set_ylabel(label)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    draw_colour_bar(figure, picture, axes[2], "displacement (px)", shrink=1)
    figure.suptitle("Random pairs for training (synthetic)")
    return figure


@styled()
def plot_tiles(
    samples: Sequence["Sample"],
    predictions: Sequence[Flow],
    factor: float,
    max_speed: float,
    paper: Sequence[float] = (),
) -> Figure:
    """Plot test samples: difference of the images, label and prediction (Figure 2).

    Parameters
    ----------
    samples : sequence of (pair, flow)
        Pairs ``(2, H, W)`` of reference and secondary, and their labels, flows ``(2, H, W)`` in
        pixels; NaN is no label.
    predictions : sequence of ndarray, shape (2, H, W)
        Flow predicted by the network for each sample, in pixels.
    factor : float
        Velocity of one pixel of displacement, in m/yr.
    max_speed : float
        Upper colour limit in m/yr.
    paper : sequence of float, optional
        RMS difference stated by the paper for each sample, in m/yr; not shown if empty.

    Returns
    -------
    matplotlib.figure.Figure
        One row per sample. The title of each prediction gives its RMS difference from the label.
    """
    # Imported here, because the other figures do not need PyTorch.
    from gdiv.flow.training.scores import rms_differences

    differences = rms_differences(predictions, samples, factor)
    rows = len(samples)
    figure, axes = plt.subplots(rows, 3, figsize=(6.6, 2.2 * rows), squeeze=False)
    for number, (pair, label) in enumerate(samples):
        images, horn_schunck, raft = axes[number]
        images.imshow(pair[1] - pair[0], cmap=GREY)
        images.set_title("secondary − reference")
        predicted = np.where(np.isfinite(label), predictions[number], np.nan)
        for axis, flow in ((horn_schunck, label), (raft, predicted)):
            picture = axis.imshow(factor * np.hypot(*flow), cmap=SPEED, vmin=0, vmax=max_speed)
        horn_schunck.set_title("Horn-Schunck (label)")
        printed = f" (paper: {paper[number]})" if number < len(paper) else ""
        raft.set_title(f"RAFT, RMS difference\n{differences[number]:.2f} m/yr{printed}")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    draw_colour_bar(figure, picture, axes, "speed (m/yr)", "max", shrink=0.6)
    return figure


@styled()
def plot_learning(history: pd.DataFrame, lines: dict[str, float]) -> Figure:
    """Plot training loss and validation error over the training steps.

    Parameters
    ----------
    history : pandas.DataFrame
        ``network``, ``step``, ``loss`` and ``validation`` (mean endpoint error), in pixels.
    lines : dict of str to float
        Validation errors in pixels for comparison, by name; drawn as horizontal lines.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels with logarithmic scales, one line per network.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(FIGURE_WIDTH, 3.2))
    for colour, (name, rows) in zip(cycle(PALETTE), history.groupby("network", sort=False)):
        left.plot(rows.step, rows.loss, color=colour, marker=".")
        right.plot(rows.step, rows.validation, color=colour, marker=".", label=name)
    for style, (name, value) in zip(cycle(LINE_STYLES), lines.items()):
        right.axhline(value, color=INK, ls=style, lw=1, label=name)
    left.set(xlabel="training step", ylabel="training loss (px)", yscale="log")
    right.set(xlabel="training step", yscale="log")
    for axis in (left, right):
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.yaxis.set_minor_locator(NullLocator())
    right.set_ylabel("mean endpoint error on\nvalidation tiles (px)")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
