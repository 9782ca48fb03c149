"""Style and colours of all figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import matplotlib.pyplot as plt
from matplotlib.patheffects import AbstractPathEffect, withStroke

__all__ = [
    "BLUE",
    "GREY",
    "INK",
    "MOVING_FRACTION",
    "ORANGE",
    "PALETTE",
    "QUANTITY",
    "SIGNED",
    "SPEED",
    "VERMILION",
    "dark_outline",
    "styled",
]

# Colour maps, perceptually uniform and safe for colour-blind readers.
SPEED = "viridis"
SIGNED = "RdBu_r"
QUANTITY = "cividis"  # errors, counts and quality
GREY = "gray"

INK = "#1b2a3a"  # text, outlines and reference lines
# Colours of Okabe and Ito (2008), https://jfly.uni-koeln.de/color/.
BLUE = "#0072B2"
VERMILION = "#D55E00"
ORANGE = "#E69F00"
#: Colours of series that are not matchers, such as networks, stakes or kinds of mosaic.
PALETTE = [BLUE, VERMILION, "#009E73", "#CC79A7", ORANGE, "#56B4E9", "#000000"]

MOVING_FRACTION = 0.1  # of the colour limit; slower pixels get no arrow. Chosen by eye on the twin.

OUTLINE_WIDTH = 2.5  # points, around white text and lines

STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.title_fontsize": 7,
    "figure.constrained_layout.use": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply `STYLE` while a figure is drawn; use as a context or as a decorator.

    `matplotlib.rc_context` would not do: it also restores ``interactive`` to its value before
    the notebook's backend was loaded, and only the first figure would be shown.
    """
    # matplotlib types the keys as a list of literals, which a dictionary of settings is not.
    settings = cast(dict[str, Any], plt.rcParams)
    before = {name: settings[name] for name in STYLE}
    settings.update(STYLE)
    try:
        yield
    finally:
        settings.update(before)


def dark_outline() -> list[AbstractPathEffect]:
    """Outline that keeps white text and lines legible on any background."""
    return [withStroke(linewidth=OUTLINE_WIDTH, foreground=INK)]
