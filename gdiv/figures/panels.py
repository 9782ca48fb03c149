"""Panels for images and maps: extents, colour bars, scale bar and north arrow."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from gdiv.figures.style import FIGURE_WIDTH, GREY, INK, dark_outline
from gdiv.images.arrays import Image

__all__ = [
    "BACKGROUND_OPACITY",
    "METRES_PER_KM",
    "STRETCH",
    "Gridded",
    "choose_columns",
    "compute_extent",
    "draw_colour_bar",
    "draw_image",
    "draw_length",
    "draw_scale_bar",
    "make_panels",
]

#: Data on a grid of projected coordinates ``x`` and ``y``, in metres.
Gridded: TypeAlias = xr.DataArray | xr.Dataset

METRES_PER_KM = 1000
STRETCH = (2, 98)  # percentiles of an image shown as black and white
BACKGROUND_OPACITY = 0.55  # of the image under a map, chosen by eye
PANEL_HEIGHT_EXTRA = 0.3  # inch, for the title
MAX_COLUMNS = 4
BAR_WIDTH = 0.5  # inch, of a colour bar with its numbers
BAR_ASPECT = 25  # length of a colour bar over its width
MAX_TICKS = 5  # of a horizontal colour bar
EMPTY_PANEL_BAR = (0.1, 0.55, 0.8, 0.07)  # left, bottom, width and height in an empty panel
SCALE_LENGTHS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 50)  # km
SMALLEST_KM = 0.1  # shorter scale bars are labelled in metres
MAX_SCALE_FRACTION = 0.35  # of the panel's width


def compute_extent(data: Gridded) -> tuple[float, float, float, float]:
    """Compute the outer edges of a grid, for `imshow`.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Coordinates ``x`` and ``y`` of pixel centres, in metres; ``y`` decreases.

    Returns
    -------
    left, right, bottom, top : float
        Outer edges in kilometres.
    """
    x = np.asarray(data.x) / METRES_PER_KM
    y = np.asarray(data.y) / METRES_PER_KM
    half = abs(x[1] - x[0]) / 2
    return x[0] - half, x[-1] + half, y[-1] - half, y[0] + half


def make_panels(
    count: int,
    data: Gridded,
    columns: int | None = None,
    width: float = FIGURE_WIDTH,
    bars: int = 1,
) -> tuple[Figure, npt.NDArray[Any]]:
    """Make a figure with equal panels that have the aspect ratio of a grid.

    Parameters
    ----------
    count : int
        Number of panels.
    data : xarray.DataArray or xarray.Dataset
        Grid, of which only the size is used.
    columns : int, optional
        Panels per row; by default two to four, with as few empty panels as possible.
    width : float
        Width of the figure in inches.
    bars : int
        Number of colour bars side by side for which to reserve space.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.
    axes : ndarray, shape (count,)
        The panels.
    """
    columns = columns or choose_columns(count)
    rows = -(-count // columns)
    if rows * columns > count:
        bars = 0  # a shared bar is drawn in an empty panel
    panel = (width - bars * BAR_WIDTH) / columns
    height = panel * data.sizes["y"] / data.sizes["x"] + PANEL_HEIGHT_EXTRA
    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height * rows), squeeze=False, layout="compressed"
    )
    for axis in axes.ravel()[count:]:
        axis.set_axis_off()
    return figure, axes.ravel()[:count]


def choose_columns(count: int) -> int:
    """Choose how many panels go into a row.

    Parameters
    ----------
    count : int
        Number of panels.

    Returns
    -------
    int
        At most three panels in one row, four in two rows; otherwise three or four per row,
        whichever leaves fewer panels empty.

    Examples
    --------
    >>> [choose_columns(count) for count in (1, 3, 4, 5, 6, 7, 8)]
    [1, 3, 2, 3, 3, 4, 4]
    """
    if count <= MAX_COLUMNS:
        return 2 if count == MAX_COLUMNS else count
    return min((3, MAX_COLUMNS), key=lambda columns: -count % columns)


def draw_image(
    axis: Axes,
    values: Image,
    data: Gridded,
    title: str,
    colours: str = GREY,
    limits: tuple[float, float] | Normalize | None = None,
    background: Image | None = None,
) -> AxesImage:
    """Draw values on their grid, without ticks.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Panel to draw on.
    values : ndarray, shape (H, W)
        Values; NaN is transparent.
    data : xarray.DataArray or xarray.Dataset
        Grid of `values`.
    title : str
        Title of the panel, with the unit.
    colours : str
        Name of a colour map.
    limits : tuple of float or matplotlib.colors.Normalize, optional
        Values of the first and last colour, or a normalisation; by default from the 2nd to the 98th
        percentile.
    background : ndarray, shape (H, W), optional
        Image drawn in pale grey below `values`.

    Returns
    -------
    matplotlib.image.AxesImage
        The drawn values, for a colour bar.
    """
    extent = compute_extent(data)
    if background is not None:
        black, white = np.nanpercentile(background, STRETCH)
        axis.imshow(
            background,
            cmap=GREY,
            extent=extent,
            vmin=black,
            vmax=white,
            alpha=BACKGROUND_OPACITY,
        )
    if not isinstance(limits, Normalize):
        limits = Normalize(*(limits or np.nanpercentile(values, STRETCH)))
    picture = axis.imshow(values, cmap=colours, extent=extent, norm=limits, interpolation="nearest")
    axis.set_title(title, loc="left", color=INK)
    axis.set_xticks([])
    axis.set_yticks([])
    return picture


def draw_colour_bar(
    figure: Figure,
    picture: AxesImage,
    axes: Axes | npt.NDArray[Any],
    label: str = "",
    extend: Literal["neither", "both", "min", "max"] = "neither",
    shrink: float = 0.75,
) -> Colorbar:
    """Draw a colour bar in an empty panel of the figure, or to the right of the panels.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure of the panels.
    picture : matplotlib.image.AxesImage
        Drawn values.
    axes : matplotlib.axes.Axes or ndarray of Axes
        The panels described by the colour bar.
    label : str
        Quantity and unit; leave empty if the panel's title has them.
    extend : {"neither", "both", "min", "max"}
        Ends of the bar where values beyond the limits exist.
    shrink : float
        Length of the bar as a fraction of the panels' height.

    Returns
    -------
    matplotlib.colorbar.Colorbar
        The colour bar.
    """
    beside: Axes | list[Axes]
    if isinstance(axes, np.ndarray):
        empty = [axis for axis in figure.axes if not axis.axison]
        if empty:
            bar_axes = empty[0].inset_axes(EMPTY_PANEL_BAR)
            bar = figure.colorbar(
                picture, cax=bar_axes, orientation="horizontal", label=label, extend=extend
            )
            bar.ax.xaxis.set_major_locator(MaxNLocator(MAX_TICKS))
            return bar
        beside = axes.ravel().tolist()
    else:
        beside = axes
    return figure.colorbar(
        picture, ax=beside, shrink=shrink, aspect=BAR_ASPECT, label=label, extend=extend
    )


def _length_label(length: float) -> str:
    """Format a length in kilometres, or in metres below 0.1 km."""
    return f"{length:g} km" if length >= SMALLEST_KM else f"{length * METRES_PER_KM:.3g} m"


def draw_scale_bar(axis: Axes, data: Gridded) -> None:
    """Draw a scale bar at the lower left and a north arrow at the upper right.

    The bar has the largest round length up to 35 % of the panel's width.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Panel to draw on.
    data : xarray.DataArray or xarray.Dataset
        Grid of the panel.
    """
    left, right, bottom, top = compute_extent(data)
    draw_length(axis, (left, right), (bottom, top), SCALE_LENGTHS, _length_label)
    outline = dark_outline()
    axis.annotate(
        "N",
        (0.94, 0.97),
        (0.94, 0.86),
        xycoords="axes fraction",
        textcoords="axes fraction",
        va="top",
        arrowprops={"arrowstyle": "->", "color": "white", "lw": 1.5, "path_effects": outline},
        **_text_style(),
    )


def draw_length(
    axis: Axes,
    across: tuple[float, float],
    up: tuple[float, float],
    lengths: Sequence[float],
    label: Callable[[float], str],
) -> None:
    """Draw a bar with its length at the lower left.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Panel to draw on.
    across, up : tuple of float
        Left and right, and lower and upper limit of the panel.
    lengths : sequence of float
        Round lengths; the largest up to 35 % of the panel's width is drawn.
    label : callable
        Formats the length.
    """
    width, height = across[1] - across[0], up[1] - up[0]
    longest = MAX_SCALE_FRACTION * width
    length = max((step for step in lengths if step <= longest), default=longest)
    x, y = across[0] + 0.05 * width, up[0] + 0.05 * height
    line: dict[str, Any] = {"solid_capstyle": "butt", "path_effects": dark_outline()}
    axis.plot([x, x + length], [y, y], color="white", lw=3, **line)
    axis.text(x + length / 2, y + 0.02 * height, label(length), va="bottom", **_text_style())


def _text_style() -> dict[str, Any]:
    """Style of white text on an image."""
    outline = dark_outline()
    font = {"fontsize": 8, "weight": "bold", "ha": "center"}
    return {"color": "white", "path_effects": outline, **font}
