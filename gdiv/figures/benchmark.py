"""Figures of the benchmark: one case with every matcher, and errors with intervals."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from gdiv.figures.panels import draw_colour_bar
from gdiv.figures.style import GREY, INK, SPEED, styled
from gdiv.images.arrays import Flow, Image, Mask

__all__ = ["plot_case", "plot_relative_errors"]

COLUMNS = 4
PANEL_SIZE = 2.1  # inch
ROW_HEIGHT = 0.27  # inch, of a matcher


@styled()
def plot_case(
    images: Sequence[Image],
    truth: Flow,
    flows: Mapping[str, Flow],
    ice: Mask,
    counted: Mask,
    title: str,
) -> Figure:
    """Plot the images, the true displacement and that of every matcher.

    Parameters
    ----------
    images : sequence of ndarray, shape (H, W)
        Reference and secondary; empty to leave them out.
    truth : ndarray, shape (2, H, W)
        True displacement in pixels.
    flows : mapping of str to ndarray, shape (2, H, W)
        Displacement by label of the matcher.
    ice, counted : ndarray of bool, shape (H, W)
        Ice, and the pixels that are scored.
    title : str
        Title of the figure; it says what is synthetic.

    Returns
    -------
    matplotlib.figure.Figure
        The images, then one panel per displacement, with the mean error on ice.
    """
    panels = {"truth": truth, **flows}
    rows = -(-(len(panels) + len(images)) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(PANEL_SIZE * COLUMNS, (PANEL_SIZE + 0.3) * rows + 0.5)
    )
    figure.suptitle(title)
    fastest = float(np.nanmax(np.hypot(*truth)))
    for axis, image, name in zip(axes.flat, images, ("reference", "secondary"), strict=False):
        low, high = np.nanpercentile(image, [1, 99])
        axis.imshow(image, cmap=GREY, vmin=low, vmax=high)
        axis.set_title(name)
    scored = ice & counted
    shown = axes.flat[len(images) : len(images) + len(panels)]
    for axis, (name, flow) in zip(shown, panels.items(), strict=True):
        picture = axis.imshow(np.hypot(*flow), cmap=SPEED, vmin=0, vmax=fastest)
        error = float(np.nanmean(np.hypot(*(flow - truth))[scored]))
        axis.set_title(name if name == "truth" else f"{name}\nerror {error:.2f} px")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for axis in shown:
        axis.contour(ice, [0.5], colors="white", linewidths=0.6)
    for axis in axes.flat[len(images) + len(panels) :]:
        axis.set_visible(False)
    draw_colour_bar(figure, picture, axes, "displacement (px)", shrink=0.6)
    return figure


@styled()
def plot_relative_errors(errors: Mapping[str, tuple[float, float, float]], unit: str) -> Figure:
    """Plot the relative error of every matcher with its interval.

    Parameters
    ----------
    errors : mapping of str to tuple of float
        Value and both ends of its interval by matcher, in the order of the figure from the top.
    unit : str
        Label of the matcher whose error is 1.

    Returns
    -------
    matplotlib.figure.Figure
        One line per matcher.
    """
    figure, axis = plt.subplots(figsize=(6.4, ROW_HEIGHT * len(errors) + 0.9))
    for place, (value, low, high) in enumerate(errors.values()):
        axis.plot([low, high], [place, place], color=INK, linewidth=1.4)
        axis.plot(value, place, "o", color=INK, markersize=4)
    axis.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    axis.set(
        yticks=range(len(errors)),
        yticklabels=list(errors),
        xlabel=f"error on ice relative to {unit} (95 % interval)",
        ylim=(len(errors) - 0.4, -0.6),
        xscale="log",
    )
    axis.set_xticks([0.6, 0.8, 1, 1.5, 2, 3], ["0.6", "0.8", "1", "1.5", "2", "3"])
    axis.minorticks_off()
    return figure
