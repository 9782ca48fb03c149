"""Figures of the benchmark: one case with every matcher, and errors with intervals."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdiv.figures.panels import choose_columns, draw_colour_bar
from gdiv.figures.style import FIGURE_WIDTH, GREY, INK, SPEED, dark_outline, styled
from gdiv.images.arrays import Flow, Image, Mask

__all__ = ["plot_case", "plot_relative_errors"]

TITLE_HEIGHT = 0.4  # inch, of a panel
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
    count = len(images) + len(panels)
    columns = choose_columns(count)
    rows = -(-count // columns)
    height, width = ice.shape
    panel = (FIGURE_WIDTH - 0.7) / columns
    size = (FIGURE_WIDTH, (panel * height / width + TITLE_HEIGHT) * rows + 0.4)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="compressed")
    figure.suptitle(title)
    axes = grid.ravel()
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    for axis in axes[count:]:
        axis.set_axis_off()
    for axis, image, name in zip(axes, images, ("reference", "secondary"), strict=False):
        low, high = np.nanpercentile(image, [1, 99])
        axis.imshow(image, cmap=GREY, vmin=low, vmax=high)
        axis.set_title(name)
    scored = ice & counted
    fastest = float(np.nanmax(np.hypot(*truth)))
    shown = axes[len(images) : count]
    for axis, (name, flow) in zip(shown, panels.items(), strict=True):
        picture = axis.imshow(np.hypot(*flow), cmap=SPEED, vmin=0, vmax=fastest)
        axis.contour(ice, [0.5], colors="white", linewidths=0.6)
        error = float(np.nanmean(np.hypot(*(flow - truth))[scored]))
        axis.set_title(name if name == "truth" else f"{name}\nmean error {error:.2f} px")
    _draw_pixel_scale(axes[0], width)
    draw_colour_bar(figure, picture, axes[:count], "displacement (px)", shrink=0.6)
    return figure


def _draw_pixel_scale(axis: Axes, width: int) -> None:
    """Draw a scale bar of a round number of pixels at the lower left."""
    length = max(step for step in SCALE_LENGTHS if step <= max(width / 3, 1))
    across, down = axis.get_xlim()[0], axis.get_ylim()[0]
    x, y = across + 0.05 * width, down - 0.05 * width
    outline = dark_outline()
    axis.plot([x, x + length], [y, y], color="white", lw=3, path_effects=outline)
    axis.text(
        x, y - 0.03 * width, f"{length} px", color="white", weight="bold", path_effects=outline
    )


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
