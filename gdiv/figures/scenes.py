"""Figures of the study site and its scenes."""

from typing import Any

import geopandas as gpd
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdiv.figures.panels import (
    METRES_PER_KM,
    Gridded,
    compute_extent,
    draw_image,
    draw_scale_bar,
    make_panels,
)
from gdiv.figures.style import (
    BLUE,
    FIGURE_WIDTH,
    GREY,
    INK,
    ORANGE,
    VERMILION,
    dark_outline,
    styled,
)
from gdiv.images.arrays import Image

__all__ = ["plot_images", "plot_site", "plot_timeline"]

WHITE_PERCENTILE = 97  # percentile of the reflectance shown as white
GAMMA = 0.75  # below 1 brightens dark rock, chosen by eye on the twin
GLOBE_BOX = (1.03, 0.73, 0.27, 0.27)  # of the panel: left, bottom, width and height
GLOBE_TILT = 0.7  # of the latitude, so that the globe shows more than the pole at high latitudes
MARGIN = pd.Timedelta(days=5)  # before the first and after the last scene of all seasons
LABEL_LIFT = 6  # points from a dropped scene to its label
LABEL_STEP = 9  # points, between the labels of neighbouring scenes
# Labels of dropped scenes: the first entry whose key occurs in the reason.
REASON_LABELS = {
    "snow": "snow",
    "clear": "cloud",
    "cloud": "cloud",
    "duplicate": "duplicate",
    "asset": "no image",
    "orbit": "orbit",
    "could": "unreadable",
    "no data": "no data",
    "has data": "no data",
}


@styled()
def plot_site(
    picture: npt.NDArray[np.floating],
    data: Gridded,
    outline: gpd.GeoDataFrame,
    stakes: gpd.GeoDataFrame,
    title: str,
) -> Figure:
    """Plot the study site, its position on Earth, the glacier outline and the stakes (Figure 1).

    Parameters
    ----------
    picture : ndarray, shape (H, W) or (H, W, 3)
        Reflectance; three bands are red, green and blue.
    data : xarray.DataArray or xarray.Dataset
        Grid of `picture`.
    outline : geopandas.GeoDataFrame
        Glacier outline in the projection of the grid.
    stakes : geopandas.GeoDataFrame
        Stakes with ``name``, in any projection; may be empty.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure, (axis,) = make_panels(1, data, bars=3)
    white = np.nanpercentile(picture, WHITE_PERCENTILE)
    stretched = np.clip(np.nan_to_num(picture) / white, 0, 1) ** GAMMA
    extent = compute_extent(data)
    axis.imshow(stretched, extent=extent, cmap=GREY)
    outline_km = outline.boundary.affine_transform([1e-3, 0, 0, 1e-3, 0, 0])
    outline_km.plot(ax=axis, color=ORANGE, lw=1.2)
    if len(stakes):
        _draw_named_stakes(axis, stakes.drop_duplicates("name").to_crs(outline.crs))
    left, right, bottom, top = extent
    axis.set(xlim=(left, right), ylim=(bottom, top))
    axis.set(xlabel="easting (km)", ylabel="northing (km)")
    axis.set_title(title, loc="left", color=INK)
    draw_scale_bar(axis, data)
    _draw_globe(axis, *outline.to_crs(4326).total_bounds)
    return figure


def _draw_named_stakes(axis: Axes, points: gpd.GeoDataFrame) -> None:
    """Draw stakes with their names, from a table in the projection of the panel."""
    x = points.geometry.x / METRES_PER_KM
    y = points.geometry.y / METRES_PER_KM
    axis.scatter(x, y, s=34, color=VERMILION, edgecolor="white", zorder=3)
    for name, easting, northing in zip(points.name, x, y, strict=True):
        axis.annotate(
            name,
            (easting, northing),
            (6, 4),
            textcoords="offset points",
            color="white",
            fontsize=8,
            weight="bold",
            path_effects=dark_outline(),
        )


def _draw_globe(axis: Axes, west: float, south: float, east: float, north: float) -> None:
    """Mark a position in degrees on a globe, to the right of the panel.

    The relief is included in cartopy; no web tiles are loaded.
    """
    import cartopy.crs as ccrs

    longitude = (west + east) / 2
    latitude = (south + north) / 2
    projection = ccrs.Orthographic(longitude, GLOBE_TILT * latitude)
    # Any: the projection makes it a cartopy.mpl.geoaxes.GeoAxes, which matplotlib does not type.
    inset: Any = axis.inset_axes(GLOBE_BOX, projection=projection)
    inset.stock_img()
    inset.plot(
        longitude,
        latitude,
        marker="o",
        color=VERMILION,
        markeredgecolor="white",
        ms=6,
        transform=ccrs.PlateCarree(),
    )
    inset.spines["geo"].set(edgecolor=INK, linewidth=0.7)


@styled()
def plot_timeline(scenes: pd.DataFrame) -> Figure:
    """Plot all scenes by date: those used, and those dropped with a short reason.

    Parameters
    ----------
    scenes : pandas.DataFrame
        One row per scene, with ``date``, ``season_year``, ``verdict`` ("use" or "drop") and
        ``reason``, from `gdiv.imagery.scenes.judge_scenes`.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per season.
    """
    years = sorted(scenes.season_year.dropna().unique())
    size = (FIGURE_WIDTH, 1.3 * len(years) + 0.3)
    # Align the days of the year of all panels.
    starts = {year: pd.Timestamp(year=int(year), month=1, day=1) for year in years}
    days = scenes.date - scenes.season_year.map(starts)
    first, last = days.min() - MARGIN, days.max() + MARGIN
    figure, axes = plt.subplots(len(years), 1, figsize=size, squeeze=False)
    for axis, year in zip(axes.ravel(), years, strict=True):
        season = scenes[scenes.season_year == year].sort_values("date")
        used = season[season.verdict == "use"]
        dropped = season[season.verdict != "use"]
        axis.scatter(used.date, [0] * len(used), color=BLUE, s=34, clip_on=False)
        axis.scatter(
            dropped.date, [1] * len(dropped), color=VERMILION, marker="x", s=34, clip_on=False
        )
        for number, row in enumerate(dropped.itertuples()):
            # Stagger labels, which would overlap for scenes a few days apart.
            lift = LABEL_LIFT + LABEL_STEP * (number % 2)
            axis.annotate(
                _reason_label(row.reason),
                (row.date, 1),
                (0, lift),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        axis.set_yticks([0, 1], ["used", "dropped"])
        axis.set_ylim(-0.5, 2.3)
        axis.set_title(f"season {year:.0f}", loc="left", color=INK)
        axis.spines["left"].set_visible(False)
        axis.xaxis.set_major_locator(mdates.MonthLocator())
        axis.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
        axis.set_xlim(starts[year] + first, starts[year] + last)
    return figure


def _reason_label(reason: str) -> str:
    """Shorten the reason for dropping a scene to one or two words."""
    for key, label in REASON_LABELS.items():
        if key in reason:
            return label
    return "other"


@styled()
def plot_images(data: Gridded, **images: Image) -> Figure:
    """Plot grey images side by side.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Grid of the images.
    **images : ndarray, shape (H, W)
        Images. Their names, with spaces for underscores, become the titles.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per image.
    """
    figure, axes = make_panels(len(images), data, bars=0)
    for axis, (name, image) in zip(axes, images.items(), strict=True):
        draw_image(axis, image, data, name.replace("_", " "))
    draw_scale_bar(axes[0], data)
    return figure
