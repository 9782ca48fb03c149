"""The glacier, its scenes and what became of them."""

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects

from gdiv.figures.style import GREY, INK, SERIES, extent, panels, scale_bar, show, styled


def plot_site(picture: np.ndarray, data, outline, stakes, title: str):
    """Figure 1: a scene, `(y, x)` or `(y, x, 3)` reflectance, with outline and stakes."""
    figure, (axis,) = panels(1, data, width=5.2)
    top = np.nanpercentile(picture, 97)
    shown = np.clip(np.nan_to_num(picture) / top, 0, 1) ** 0.75
    axis.imshow(shown, extent=extent(data), cmap=GREY)
    outline.boundary.affine_transform([1e-3, 0, 0, 1e-3, 0, 0]).plot(
        ax=axis, color="#E69F00", lw=1.2
    )
    if len(stakes):
        points = stakes.drop_duplicates("name").to_crs(outline.crs)
        axis.scatter(
            points.geometry.x / 1000,
            points.geometry.y / 1000,
            s=34,
            color="#D55E00",
            edgecolor="white",
            zorder=3,
        )
        for name, point in zip(points.name, points.geometry, strict=True):
            axis.annotate(
                name,
                (point.x / 1000, point.y / 1000),
                (6, 4),
                textcoords="offset points",
                color="white",
                fontsize=8,
                weight="bold",
                path_effects=[patheffects.withStroke(linewidth=2.5, foreground=INK)],
            )
    left, right, bottom, top = extent(data)
    axis.set_xlim(left, right)
    axis.set_ylim(bottom, top)
    axis.set_title(title, loc="left", color=INK)
    axis.set_xlabel("easting (km)")
    axis.set_ylabel("northing (km)")
    scale_bar(axis, data)
    _globe(axis, *outline.to_crs(4326).total_bounds)
    return figure


def _globe(axis, west, south, east, north):
    """Where on Earth, to the right of `axis`: relief that comes with cartopy, no web tiles."""
    import cartopy.crs as ccrs

    place = (west + east) / 2, (south + north) / 2
    inset = axis.inset_axes(
        [1.03, 0.73, 0.27, 0.27], projection=ccrs.Orthographic(place[0], 0.7 * place[1])
    )
    inset.stock_img()
    inset.plot(
        *place,
        marker="o",
        color="#D55E00",
        markeredgecolor="white",
        ms=6,
        transform=ccrs.PlateCarree(),
    )
    inset.spines["geo"].set(edgecolor=INK, linewidth=0.7)


def plot_timeline(scenes: pd.DataFrame):
    """Every scene by date: those used, and those dropped with their reason in a word."""
    years = sorted(scenes.season_year.dropna().unique())
    with styled():
        figure, axes = plt.subplots(
            len(years), 1, figsize=(7, 1.3 * len(years) + 0.3), squeeze=False
        )
    words = {"clear": "cloud", "asset": "no image", "could": "unreadable", "no data": "no data"}
    for axis, year in zip(axes.ravel(), years, strict=True):
        season = scenes[scenes.season_year == year].sort_values("date")
        for used, colour, level in ((True, "#0072B2", 0), (False, "#D55E00", 1)):
            chosen = season[(season.verdict == "use") == used]
            axis.scatter(
                chosen.date,
                [level] * len(chosen),
                color=colour,
                marker="o" if used else "x",
                s=34,
                clip_on=False,
            )
        for number, row in enumerate(season[season.verdict != "use"].itertuples()):
            found = next(
                (
                    w
                    for w in (
                        "snow",
                        "clear",
                        "cloud",
                        "duplicate",
                        "asset",
                        "orbit",
                        "could",
                        "no data",
                    )
                    if w in row.reason
                ),
                "other",
            )
            lift = 6 + 9 * (number % 2)  # neighbours days apart would overwrite each other
            axis.annotate(
                words.get(found, found),
                (row.date, 1),
                (0, lift),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        axis.set_yticks([0, 1], ["used", "dropped"])
        axis.set_ylim(-0.5, 2.3)
        axis.set_title(f"season {year:.0f}", loc="left", color=INK, fontsize=9)
        axis.spines["left"].set_visible(False)
        axis.xaxis.set_major_locator(mdates.MonthLocator())
        axis.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
        axis.margins(x=0.06)
    return figure


def plot_images(data, **named: np.ndarray):
    """Grey images side by side, titled by their names."""
    figure, axes = panels(len(named), data, columns=min(len(named), 4), width=2.6)
    for axis, (name, image) in zip(axes, named.items(), strict=True):
        show(axis, image, data, name.replace("_", " "))
    scale_bar(axes[0], data)
    return figure


def plot_pair_network(scenes: pd.DataFrame, pairs: pd.DataFrame):
    """Scenes as points, a row a relative orbit, and pairs as arcs between them; dropped pairs are dotted."""
    used = scenes[scenes.verdict == "use"].assign(orbit=lambda table: table.orbit.fillna(0))
    rows = {orbit: -number for number, orbit in enumerate(sorted(used.orbit.unique()))}
    with styled():
        figure, axis = plt.subplots(figsize=(7, 1.6 + 0.9 * len(rows)))
    at = dict(
        zip(
            used.id, zip(mdates.date2num(used.date), used.orbit.map(rows), strict=True), strict=True
        )
    )
    for colour, (name, table) in zip(
        SERIES.values(), pairs.groupby("set", sort=False), strict=False
    ):
        for pair in table.itertuples():
            (start, level), (end, _) = at[pair.reference], at[pair.secondary]
            steps = np.linspace(0, 1, 30)
            height = 0.7 * (end - start) / np.ptp([day for day, _ in at.values()])
            style = {"lw": 0.8, "alpha": 0.7, "ls": "-" if pair.verdict == "use" else ":"}
            axis.plot(
                start + steps * (end - start),
                level + 4 * height * steps * (1 - steps),
                color=colour,
                **style,
            )
        axis.plot([], [], color=colour, label=f"{name}, {(table.verdict == 'use').sum()} pairs")
    axis.scatter(*zip(*at.values(), strict=True), color=INK, s=16, zorder=3)
    axis.set_yticks(
        list(rows.values()), [f"orbit {orbit:.0f}" if orbit else "scenes" for orbit in rows]
    )
    axis.set_ylim(-len(rows) + 0.75, 0.62)
    axis.spines["left"].set_visible(False)
    axis.xaxis.set_major_locator(mdates.AutoDateLocator())
    axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axis.xaxis.get_major_locator()))
    axis.legend(frameon=False, fontsize=7, loc="upper left", ncols=2, bbox_to_anchor=(0, 1.05))
    return figure
