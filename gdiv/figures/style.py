"""Style and colours of all figures."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.patheffects import AbstractPathEffect, withStroke

__all__ = [
    "BLUE",
    "FIGURE_WIDTH",
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
    "speed_norm",
    "styled",
]

#: Width of most figures, inches: a column of a notebook or page.
FIGURE_WIDTH = 7.4
#: If the median is below this fraction of the limit, most of the ice would have the same colour.
SLOW_FRACTION = 0.15
#: Exponent of the colour scale where most of the ice is slow, chosen by eye on Yahtse.
SLOW_EXPONENT = 0.5

# Colour maps, perceptually uniform and safe for colour-blind readers.
SPEED = "viridis"
SIGNED = "RdBu_r"
QUANTITY = "magma"  # errors, counts and quality; contains no grey, unlike images below
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
    "figure.titlesize": 9,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply `STYLE` while a figure is drawn; use as a context or as a decorator.

    `matplotlib.rc_context` is not suitable: it also restores ``interactive`` to its value before
    the notebook's backend was loaded, so that only the first figure would be shown.
    """
    # matplotlib types the keys as literals, which a dictionary of settings does not satisfy.
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


def speed_norm(speeds: Iterable[npt.NDArray[np.floating]], max_speed: float) -> Normalize:
    """Choose the colour scale of speeds: linear, or stretched if most of the ice is slow.

    Parameters
    ----------
    speeds : iterable of ndarray
        Speeds of all maps that share the colours, in m/yr.
    max_speed : float
        Speed of the last colour, m/yr.

    Returns
    -------
    matplotlib.colors.Normalize
        Linear, or square root if the median speed is below 15 % of `max_speed`.

    Examples
    --------
    >>> float(speed_norm([np.array([100.0, 200.0, 2400.0])], 2500)(625.0))
    0.5
    """
    values = np.concatenate([np.ravel(speed) for speed in speeds])
    if np.isfinite(values).any() and np.nanmedian(values) < SLOW_FRACTION * max_speed:
        return PowerNorm(SLOW_EXPONENT, 0, max_speed, clip=True)
    return Normalize(0, max_speed)
