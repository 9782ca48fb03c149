"""What all pictures share: colours, panels on a grid in kilometres, scale bar and north."""

from contextlib import contextmanager

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects

SPEED, SIGNED, GREY = "viridis", "RdBu_r", "gray"
INK = "#1b2a3a"
SERIES = {  # Okabe and Ito's colours, one a matcher
    "horn-schunck": "#0072B2",
    "raft": "#D55E00",
    "correlation": "#009E73",
    "dis": "#CC79A7",
    "tv-l1": "#E69F00",
    "ilk": "#56B4E9",
    "zero": "#777777",
}
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.edgecolor": INK,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "gdiv",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def styled():
    """`STYLE` while a figure is made.

    Not `rc_context`: that also puts `interactive` back to what it was before the notebook's backend was loaded, and no
    figure after the first would be shown.
    """
    before = {name: plt.rcParams[name] for name in STYLE}
    plt.rcParams.update(STYLE)
    try:
        yield
    finally:
        plt.rcParams.update(before)


def extent(data) -> tuple[float, float, float, float]:
    """Outer edges of a grid of pixel centres in km, for `imshow`."""
    x, y = np.asarray(data.x) / 1000, np.asarray(data.y) / 1000
    half = abs(x[1] - x[0]) / 2
    return x[0] - half, x[-1] + half, y[-1] - half, y[0] + half


def panels(count, data, columns=None, width=3.3):
    columns = columns or count
    rows = -(-count // columns)
    height = width * data.sizes["y"] / data.sizes["x"] + 0.35
    with styled():
        figure, axes = plt.subplots(
            rows, columns, figsize=(width * columns + 0.9, height * rows), squeeze=False
        )
    for axis in axes.ravel()[count:]:
        axis.set_axis_off()
    return figure, axes.ravel()[:count]


def show(axis, values, data, title, colours=GREY, limits=None, image=None):
    if image is not None:
        axis.imshow(
            image,
            cmap=GREY,
            extent=extent(data),
            vmin=np.nanpercentile(image, 2),
            vmax=np.nanpercentile(image, 98),
            alpha=0.55,
        )
    low, high = limits or np.nanpercentile(values, [2, 98])
    picture = axis.imshow(
        values, cmap=colours, extent=extent(data), vmin=low, vmax=high, interpolation="nearest"
    )
    axis.set_title(title, loc="left", color=INK)
    axis.set_xticks([])
    axis.set_yticks([])
    return picture


def scale_bar(axis, data):
    """A bar of a round length at the lower left, an arrow to the north at the upper right; readable on any ground."""
    outlined = [patheffects.withStroke(linewidth=2.5, foreground=INK)]
    left, right, bottom, top = extent(data)
    length = max(step for step in (0.5, 1, 2, 5, 10) if step <= 0.35 * (right - left))
    x, y = left + 0.05 * (right - left), bottom + 0.05 * (top - bottom)
    axis.plot(
        [x, x + length], [y, y], color="white", lw=3, solid_capstyle="butt", path_effects=outlined
    )
    label = {
        "color": "white",
        "fontsize": 8,
        "weight": "bold",
        "path_effects": outlined,
        "ha": "center",
    }
    axis.text(x + length / 2, y + 0.02 * (top - bottom), f"{length:g} km", va="bottom", **label)
    arrow = {"arrowstyle": "->", "color": "white", "lw": 1.5, "path_effects": outlined}
    axis.annotate(
        "N",
        (0.94, 0.97),
        (0.94, 0.86),
        xycoords="axes fraction",
        textcoords="axes fraction",
        va="top",
        arrowprops=arrow,
        **label,
    )
