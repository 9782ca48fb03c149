"""Figures of image pairs: the pair network, and the matching of one pair."""

from collections.abc import Iterable
from itertools import cycle

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdiv.figures.panels import draw_colour_bar, draw_image, draw_scale_bar, make_panels
from gdiv.figures.style import FIGURE_WIDTH, GREY, INK, PALETTE, QUANTITY, SIGNED, SPEED, styled
from gdiv.images.arrays import Component, Image, Mask

__all__ = ["colour_limit", "plot_pair", "plot_pair_network", "plot_pyramid", "plot_stripes"]

ARC_POINTS = 30
ARC_HEIGHT = 0.7  # of the spacing of rows, for a pair that spans all dates
CONTRAST_LIMIT = 2  # local standard deviations shown as black and white
MOTION_PERCENTILE = 99


@styled()
def plot_pair_network(scenes: pd.DataFrame, pairs: pd.DataFrame) -> Figure:
    """Plot scenes as points and image pairs as arcs between them.

    Parameters
    ----------
    scenes : pandas.DataFrame
        One row per scene, with ``id``, ``date``, ``orbit`` and ``verdict``; only those used are
        drawn.
    pairs : pandas.DataFrame
        One row per pair, with ``set`` (such as "train"), the scene ids ``reference`` and
        ``secondary``, and ``verdict``.

    Returns
    -------
    matplotlib.figure.Figure
        One row of points per relative orbit and one colour per set; dropped pairs are dotted.
    """
    # Sources without orbits have missing values, which cannot be sorted; use zero instead.
    used = scenes[scenes.verdict == "use"].assign(orbit=lambda table: table.orbit.fillna(0))
    levels = {orbit: -number for number, orbit in enumerate(sorted(used.orbit.unique()))}
    x = mdates.date2num(used.date)
    y = used.orbit.map(levels)
    points = dict(zip(used.id, zip(x, y, strict=True), strict=True))
    figure, axis = plt.subplots(figsize=(FIGURE_WIDTH, 1.6 + 0.9 * len(levels)))
    for colour, (name, table) in zip(cycle(PALETTE), pairs.groupby("set", sort=False)):
        for pair in table.itertuples():
            line = "-" if pair.verdict == "use" else ":"
            ends = points[pair.reference], points[pair.secondary]
            _draw_arc(axis, *ends, np.ptp(x), color=colour, ls=line)
        count = (table.verdict == "use").sum()
        axis.plot([], [], color=colour, label=f"{name} ({count} pairs)")
    if (pairs.verdict != "use").any():
        axis.plot([], [], color=INK, lw=0.8, ls=":", label="dropped pairs")
    axis.scatter(x, y, color=INK, s=16, zorder=3)
    labels = [f"orbit {orbit:.0f}" if orbit else "scenes" for orbit in levels]
    axis.set_yticks(list(levels.values()), labels)
    axis.set_ylim(-len(levels) + 0.75, 0.62)
    axis.spines["left"].set_visible(False)
    axis.xaxis.set_major_locator(mdates.AutoDateLocator())
    axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axis.xaxis.get_major_locator()))
    axis.legend(loc="upper left", ncols=3, bbox_to_anchor=(0, 1.05))
    return figure


def _draw_arc(
    axis: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    days: float,
    **style: str,
) -> None:
    """Draw a parabola between two points, with a height proportional to its length."""
    steps = np.linspace(0, 1, ARC_POINTS)
    length = end[0] - start[0]
    height = ARC_HEIGHT * length / days
    x = start[0] + steps * length
    y = start[1] + 4 * height * steps * (1 - steps)
    axis.plot(x, y, lw=0.8, alpha=0.7, **style)  # type: ignore[arg-type]


@styled()
def plot_pair(pair: xr.Dataset, image: Image, max_displacement: float) -> Figure:
    """Plot the displacement of one image pair and the quality of the match.

    Parameters
    ----------
    pair : xarray.Dataset
        ``u``, ``v`` (pixels) and ``quality`` (0 to 1), each ``(y, x)``.
    image : ndarray, shape (H, W)
        Image for the first panel.
    max_displacement : float
        Colour limit of both components in pixels.

    Returns
    -------
    matplotlib.figure.Figure
        Four panels.
    """
    figure, axes = make_panels(4, pair, bars=2)
    limits = (-max_displacement, max_displacement)
    draw_image(axes[0], image, pair, "reference image")
    u = draw_image(axes[1], pair.u.values, pair, "u, along columns (px)", SIGNED, limits)
    draw_colour_bar(figure, u, axes[1])
    v = draw_image(axes[2], pair.v.values, pair, "v, along rows (px)", SIGNED, limits)
    draw_colour_bar(figure, v, axes[2])
    quality = draw_image(
        axes[3], pair.quality.values, pair, "match quality (0 to 1)", QUANTITY, (0, 1)
    )
    draw_colour_bar(figure, quality, axes[3])
    draw_scale_bar(axes[0], pair)
    return figure


@styled()
def plot_pyramid(
    levels: Iterable[tuple[Image, Component, Component]],
    shape: tuple[int, int],
    max_displacement: float,
) -> Figure:
    """Plot the image and the displacement on every level of a coarse-to-fine solution.

    Parameters
    ----------
    levels : iterable of tuple of ndarray
        Local contrast of the reference, ``u`` and ``v`` of each level, the coarsest first, in
        pixels of the level, from `gdiv.flow.horn_schunck.solver.coarse_to_fine`.
    shape : tuple of int
        Rows and columns of the full image. Padding of the levels beyond it is cut off.
    max_displacement : float
        Upper colour limit in pixels of the full image.

    Returns
    -------
    matplotlib.figure.Figure
        One column per level: local contrast above, length of the displacement below.
    """
    levels = list(levels)
    size = (FIGURE_WIDTH, 0.3 + 2 * FIGURE_WIDTH / (len(levels) + 0.5))
    figure, axes = plt.subplots(2, len(levels), figsize=size, squeeze=False)
    for index, (image, u, v) in enumerate(levels):
        scale = 2 ** (len(levels) - 1 - index)
        inside = (slice(-(-shape[0] // scale)), slice(-(-shape[1] // scale)))
        axes[0, index].imshow(
            image[inside],
            cmap=GREY,
            vmin=-CONTRAST_LIMIT,
            vmax=CONTRAST_LIMIT,
            interpolation="nearest",
        )
        picture = axes[1, index].imshow(
            scale * np.hypot(u[inside], v[inside]),
            cmap=SPEED,
            vmin=0,
            vmax=max_displacement,
            interpolation="nearest",
        )
        axes[0, index].set_title(f"1/{scale} resolution" if scale > 1 else "full resolution")
        for axis in axes[:, index]:
            axis.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("local contrast")
    axes[1, 0].set_ylabel("displacement")
    draw_colour_bar(figure, picture, axes[1], "displacement (px)", "max", shrink=0.9)
    return figure


def colour_limit(pair: xr.Dataset) -> float:
    """Compute the colour limit for the displacement of an image pair.

    Parameters
    ----------
    pair : xarray.Dataset
        ``u`` and ``v`` in pixels.

    Returns
    -------
    float
        99th percentile of the length of the displacement in pixels; 1 if that is zero.
    """
    return float(np.nanpercentile(np.hypot(pair.u, pair.v), MOTION_PERCENTILE)) or 1.0


@styled()
def plot_stripes(pair: xr.Dataset, stable: Mask) -> Figure:
    """Plot stripes along the satellite's track on stable ground, before and after they are removed.

    Parameters
    ----------
    pair : xarray.Dataset
        ``u`` and ``stripe_u`` (pixel) with dimensions ``(y, x)``, from
        `gdiv.velocity.filters.remove_stripes`.
    stable : ndarray of bool, shape (H, W)
        Stable ground.

    Returns
    -------
    matplotlib.figure.Figure
        Displacement along columns on stable ground, before and after, with the same limits.
    """
    after = np.where(stable, pair.u.values, np.nan)
    images = {
        "before: u on stable ground (px)": after + pair.stripe_u.values,
        "after: u on stable ground (px)": after,
    }
    before, _ = images.values()
    limit = float(np.nanpercentile(np.abs(before), MOTION_PERCENTILE)) or 1.0
    figure, axes = make_panels(len(images), pair)
    for axis, (title, image) in zip(axes, images.items(), strict=True):
        picture = draw_image(axis, image, pair, title, SIGNED, (-limit, limit))
    draw_colour_bar(figure, picture, axes, extend="both")
    draw_scale_bar(axes[0], pair)
    return figure
