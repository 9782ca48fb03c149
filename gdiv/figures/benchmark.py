"""Figures of the benchmark: one case with every matcher, and errors with intervals."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from gdiv.figures.panels import draw_colour_bar, draw_length, make_panels
from gdiv.figures.style import FIGURE_WIDTH, GREY, INK, SPEED, styled
from gdiv.images.arrays import Flow, Image, Mask

__all__ = ["plot_case", "plot_relative_errors"]

SCALE_LENGTHS = (1, 10, 20, 50, 100, 200, 500)  # px
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
    """Plot the images, the true displacement and the displacement of every matcher.

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
        Title of the figure; it should state what is synthetic.

    Returns
    -------
    matplotlib.figure.Figure
        The images, then one panel per displacement, with the mean error on ice.
    """
    panels = {"truth": truth, **flows}
    figure, axes = make_panels(len(images) + len(panels), xr.DataArray(ice, dims=("y", "x")))
    figure.suptitle(title)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    for axis, image, name in zip(axes, images, ("reference", "secondary"), strict=False):
        low, high = np.nanpercentile(image, [1, 99])
        axis.imshow(image, cmap=GREY, vmin=low, vmax=high)
        axis.set_title(name)
    scored = ice & counted
    fastest = float(np.nanmax(np.hypot(*truth)))
    for axis, (name, flow) in zip(axes[len(images) :], panels.items(), strict=True):
        picture = axis.imshow(np.hypot(*flow), cmap=SPEED, vmin=0, vmax=fastest)
        axis.contour(ice, [0.5], colors="white", linewidths=0.6)
        error = float(np.nanmean(np.hypot(*(flow - truth))[scored]))
        axis.set_title(name if name == "truth" else f"{name}\nmean error {error:.2f} px")
    first = axes[0]
    draw_length(first, first.get_xlim(), first.get_ylim(), SCALE_LENGTHS, "{:g} px".format)
    draw_colour_bar(figure, picture, axes, "displacement (px)", shrink=0.6)
    return figure


@styled()
def plot_relative_errors(errors: Mapping[str, tuple[float, float, float]], unit: str) -> Figure:
    """Plot the relative error of every matcher with its interval.

    Parameters
    ----------
    errors : mapping of str to tuple of float
        Value and interval bounds of each matcher, in the order of the figure from top to bottom.
    unit : str
        Label of the matcher whose error is 1.

    Returns
    -------
    matplotlib.figure.Figure
        One line per matcher.
    """
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, ROW_HEIGHT * len(errors) + 0.9))
    for place, (value, low, high) in enumerate(errors.values()):
        axis.plot([low, high], [place, place], color=INK, linewidth=1.4)
        axis.plot(value, place, "o", color=INK, markersize=4)
    axis.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    axis.set(
        yticks=range(len(errors)),
        yticklabels=[_label(name) for name in errors],
        xlabel=f"error on ice relative to {unit} (95 % interval)",
        ylim=(len(errors) - 0.4, -0.6),
        xscale="log",
    )
    axis.set_xticks([0.6, 0.8, 1, 1.5, 2, 3], ["0.6", "0.8", "1", "1.5", "2", "3"])
    axis.minorticks_off()
    figure.suptitle("Pairs with known displacement (synthetic)")
    return figure


def _label(name: str) -> str:
    """Name of a row with capital letters."""
    capital = name.replace("horn-schunck", "Horn-Schunck")
    return capital[:1].upper() + capital[1:]
