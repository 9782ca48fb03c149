"""Maps of speed: all matchers, their mosaics and differences, and one product with its error."""

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure

from gdiv.figures.panels import (
    METRES_PER_KM,
    Gridded,
    compute_extent,
    draw_colour_bar,
    draw_image,
    draw_scale_bar,
    make_panels,
)
from gdiv.figures.style import (
    INK,
    MOVING_FRACTION,
    QUANTITY,
    SIGNED,
    SPEED,
    VERMILION,
    speed_norm,
    styled,
)
from gdiv.flow.matchers.registry import matcher_label
from gdiv.images.arrays import Image

__all__ = ["plot_differences", "plot_mosaics", "plot_speeds", "plot_velocity"]

DIFFERENCE_PERCENTILE = 95  # percentile of the absolute differences used as colour limit
SPEED_PERCENTILE = 98  # percentile of the speeds used as colour limit by default
SIGMA_PERCENTILE = 99  # percentile of the errors; the colour limit is slightly higher
SIGMA_HEADROOM = 1.1
MAX_COUNT_TICKS = 6  # on the colour bar of numbers of pairs
ARROWS_PER_ROW = 20  # chosen by eye
ARROWS_PER_WIDTH = 22  # length of an arrow, as a fraction 1 / 22 of the panel's width
ARROW_WIDTH = 0.005  # of the panel's width


@styled()
def plot_speeds(
    speeds: dict[str, Image],
    data: Gridded,
    max_speed: float,
    image: Image | None = None,
    notes: dict[str, str] | None = None,
) -> Figure:
    """Plot speed maps side by side with one colour bar.

    Parameters
    ----------
    speeds : dict of str to ndarray, shape (H, W)
        Speed in m/yr by name of the matcher.
    data : xarray.DataArray or xarray.Dataset
        Grid of the maps.
    max_speed : float
        Upper colour limit in m/yr.
    image : ndarray, shape (H, W), optional
        Image below the maps; none by default.
    notes : dict of str to str, optional
        Second line of the title, by name of the matcher.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per matcher.
    """
    figure, axes = make_panels(len(speeds), data)
    norm = speed_norm(speeds.values(), max_speed)
    for axis, (name, values) in zip(axes, speeds.items(), strict=True):
        title = _title_of(name, notes)
        picture = draw_image(axis, values, data, title, SPEED, norm, image)
    draw_colour_bar(figure, picture, axes, "speed (m/yr)", "max")
    draw_scale_bar(axes[0], data)
    return figure


@styled()
def plot_mosaics(
    speeds: dict[str, xr.DataArray],
    stakes: gpd.GeoDataFrame,
    outline: gpd.GeoDataFrame,
    image: Image,
    max_speed: float,
    notes: dict[str, str] | None = None,
) -> Figure:
    """Plot the stakes on a scene and the annual speed of each matcher (Figure 3).

    Parameters
    ----------
    speeds : dict of str to xarray.DataArray
        Speed ``(y, x)`` in m/yr by name of the matcher, all on one grid.
    stakes : geopandas.GeoDataFrame
        Stakes with ``name``, in any projection; may be empty.
    outline : geopandas.GeoDataFrame
        Glacier outline in the projection of the grid.
    image : ndarray, shape (H, W)
        Scene for the first panel and below the maps.
    max_speed : float
        Upper colour limit in m/yr.
    notes : dict of str to str, optional
        Second line of the title, by name of the matcher.

    Returns
    -------
    matplotlib.figure.Figure
        The scene and one panel per matcher. Ice without a match is white.
    """
    grid = next(iter(speeds.values()))
    figure, axes = make_panels(len(speeds) + 1, grid)
    draw_image(axes[0], image, grid, "scene and stakes" if len(stakes) else "scene")
    norm = speed_norm([values.values for values in speeds.values()], max_speed)
    for axis, (name, values) in zip(axes[1:], speeds.items(), strict=True):
        title = _title_of(name, notes)
        picture = draw_image(axis, values.values, grid, title, SPEED, norm, image)
        # White between the scene and the speed: it shows where the ice has no match.
        _in_kilometres(outline).plot(ax=axis, color="white", zorder=0.5)
        picture.set_zorder(0.6)
    points = stakes.drop_duplicates("name").to_crs(outline.crs) if len(stakes) else stakes
    for axis in axes:
        _draw_outline_and_stakes(axis, outline, points, grid)
    draw_colour_bar(figure, picture, axes, "speed (m/yr); white: no match", "max")
    draw_scale_bar(axes[0], grid)
    return figure


def _title_of(name: str, notes: dict[str, str] | None) -> str:
    """Label of a matcher, with its note on a second line if there is one."""
    note = (notes or {}).get(name, "")
    label = matcher_label(name)
    return f"{label}\n{note}" if note else label


def _in_kilometres(outline: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Shapes of an outline in kilometres."""
    return outline.geometry.affine_transform([1 / METRES_PER_KM, 0, 0, 1 / METRES_PER_KM, 0, 0])


def _draw_outline_and_stakes(
    axis: Axes, outline: gpd.GeoDataFrame, points: gpd.GeoDataFrame, grid: xr.DataArray
) -> None:
    """Draw an outline and stakes, both in metres, without changing the limits of the panel."""
    _in_kilometres(outline).boundary.plot(ax=axis, color=INK, lw=0.7)
    if len(points):
        x = points.geometry.x / METRES_PER_KM
        y = points.geometry.y / METRES_PER_KM
        axis.scatter(x, y, s=26, facecolor="none", edgecolor=VERMILION, lw=1.5)
    left, right, bottom, top = compute_extent(grid)
    axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel="", ylabel="")


@styled()
def plot_differences(speeds: dict[str, xr.DataArray], baseline: str, image: Image) -> Figure:
    """Plot the differences between the speed of each matcher and that of one matcher.

    Parameters
    ----------
    speeds : dict of str to xarray.DataArray
        Speed ``(y, x)`` in m/yr by name of the matcher, all on one grid.
    baseline : str
        Name of the matcher that is subtracted from the others.
    image : ndarray, shape (H, W)
        Image below the maps.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per other matcher: red where it is faster, blue where slower.
    """
    differences = {
        name: values - speeds[baseline] for name, values in speeds.items() if name != baseline
    }
    percentiles = [
        np.nanpercentile(np.abs(values), DIFFERENCE_PERCENTILE) for values in differences.values()
    ]
    limit = float(max(percentiles))
    figure, axes = make_panels(len(differences), speeds[baseline])
    for axis, (name, values) in zip(axes, differences.items(), strict=True):
        title = f"{matcher_label(name)} − {matcher_label(baseline)}"
        picture = draw_image(axis, values.values, values, title, SIGNED, (-limit, limit), image)
    draw_colour_bar(figure, picture, axes, "speed difference (m/yr)", "both")
    draw_scale_bar(axes[0], speeds[baseline])
    return figure


@styled()
def plot_velocity(
    velocity: xr.Dataset, max_speed: float | None = None, image: Image | None = None
) -> Figure:
    """Plot speed and flow direction, the error, and the number of pairs or the quality.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``v``, ``vx``, ``vy``, ``v_error`` (m/yr) and ``count`` or ``quality``, each ``(y, x)``.
    max_speed : float, optional
        Upper colour limit in m/yr; by default the 98th percentile of the speed. Pixels slower than
        10 % of it have no arrow.
    image : ndarray, shape (H, W), optional
        Image below the maps.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels.

    Examples
    --------
    >>> values = np.linspace(0, 50, 10_000).reshape(100, 100)
    >>> names = ("v", "vx", "vy", "v_error", "quality")
    >>> velocity = xr.Dataset(
    ...     {name: (("y", "x"), values) for name in names},
    ...     coords={"y": np.arange(1000.0, 0, -10), "x": np.arange(0.0, 1000, 10)},
    ... )
    >>> [axis.get_title("left") for axis in plot_velocity(velocity).axes[:3]]
    ['speed (m/yr)', '1-sigma error (m/yr)', 'quality (0 to 1)']
    """
    figure, axes = make_panels(3, velocity, bars=3)
    speed = velocity.v.values
    limit = float(np.nanpercentile(speed, SPEED_PERCENTILE)) if max_speed is None else max_speed
    norm = speed_norm([speed], limit)
    picture = draw_image(axes[0], speed, velocity, "speed (m/yr)", SPEED, norm, image)
    draw_colour_bar(figure, picture, axes[0], extend="max")
    _draw_arrows(axes[0], velocity, MOVING_FRACTION * limit)

    sigma = velocity.v_error.values
    sigma_limit = SIGMA_HEADROOM * float(np.nanpercentile(sigma, SIGMA_PERCENTILE))
    title = "1-sigma error (m/yr)"
    picture = draw_image(axes[1], sigma, velocity, title, QUANTITY, (0, sigma_limit), image)
    draw_colour_bar(figure, picture, axes[1], extend="max")

    if "count" in velocity:
        count = velocity["count"].where(velocity.v.notnull()).values
        _draw_counts(figure, axes[2], count, velocity, image)
    else:
        quality, title = velocity.quality.values, "quality (0 to 1)"
        picture = draw_image(axes[2], quality, velocity, title, QUANTITY, (0, 1), image)
        draw_colour_bar(figure, picture, axes[2])
    draw_scale_bar(axes[0], velocity)
    return figure


def _draw_counts(
    figure: Figure, axis: Axes, count: Image, data: Gridded, image: Image | None
) -> None:
    """Draw the number of pairs, with one colour per number."""
    max_count = int(np.nanmax(count, initial=1))
    edges = np.arange(0.5, max_count + 1)
    colours = plt.get_cmap(QUANTITY).N
    norm: Normalize = Normalize(edges[0], edges[-1])
    if max_count <= colours:
        norm = BoundaryNorm(edges, colours)
    picture = draw_image(axis, count, data, "number of pairs", QUANTITY, norm, image)
    bar = draw_colour_bar(figure, picture, axis)
    bar.set_ticks(list(range(1, max_count + 1, max(max_count // MAX_COUNT_TICKS, 1))))
    bar.ax.minorticks_off()


def _draw_arrows(axis: Axes, product: xr.Dataset, min_speed: float) -> None:
    """Draw arrows of one length along the flow, where the ice is faster than `min_speed`."""
    step = max(product.sizes["x"] // ARROWS_PER_ROW, 1)
    every = slice(step // 2, None, step)
    thinned = product[["vx", "vy"]].isel(x=every, y=every)
    x, y = np.meshgrid(thinned.x / METRES_PER_KM, thinned.y / METRES_PER_KM)
    vx = thinned.vx.transpose("y", "x").values
    vy = thinned.vy.transpose("y", "x").values
    length = np.hypot(vx, vy)
    moving = length > min_speed
    axis.quiver(
        x[moving],
        y[moving],
        vx[moving] / length[moving],
        vy[moving] / length[moving],
        color="white",
        scale=ARROWS_PER_WIDTH,
        width=ARROW_WIDTH,
    )
