"""Every picture: static figures by matplotlib, and interactive maps with the same limits.

Colours are perceptually uniform and safe for colour-blind readers; speeds share the glacier's limits
from the catalog, so that pictures can be compared.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
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


def extent(data) -> tuple[float, float, float, float]:
    """Outer edges of a grid of pixel centres in km, for `imshow`."""
    x, y = np.asarray(data.x) / 1000, np.asarray(data.y) / 1000
    half = abs(x[1] - x[0]) / 2
    return x[0] - half, x[-1] + half, y[-1] - half, y[0] + half


def _panels(count, data, columns=None, width=3.3):
    columns = columns or count
    rows = -(-count // columns)
    height = width * data.sizes["y"] / data.sizes["x"] + 0.35
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    for axis in axes.ravel()[count:]:
        axis.set_axis_off()
    return figure, axes.ravel()[:count]


def _show(axis, values, data, title, colours=GREY, limits=None, image=None):
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
    picture = axis.imshow(values, cmap=colours, extent=extent(data), vmin=low, vmax=high, interpolation="nearest")
    axis.set_title(title, loc="left", color=INK)
    axis.set_xticks([])
    axis.set_yticks([])
    return picture


def _scale_bar(axis, data):
    """A bar of a round length at the lower left, an arrow to the north at the upper right; readable on any ground."""
    outlined = [patheffects.withStroke(linewidth=2.5, foreground=INK)]
    left, right, bottom, top = extent(data)
    length = max(step for step in (0.5, 1, 2, 5, 10) if step <= 0.35 * (right - left))
    x, y = left + 0.05 * (right - left), bottom + 0.05 * (top - bottom)
    axis.plot([x, x + length], [y, y], color="white", lw=3, solid_capstyle="butt", path_effects=outlined)
    label = {"color": "white", "fontsize": 8, "weight": "bold", "path_effects": outlined, "ha": "center"}
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


def site_map(picture: np.ndarray, data, outline, stakes, title: str):
    """Figure 1: a scene, `(y, x)` or `(y, x, 3)` reflectance, with outline and stakes."""
    figure, (axis,) = _panels(1, data, width=5.2)
    top = np.nanpercentile(picture, 97)
    shown = np.clip(np.nan_to_num(picture) / top, 0, 1) ** 0.75
    axis.imshow(shown, extent=extent(data), cmap=GREY)
    outline.boundary.affine_transform([1e-3, 0, 0, 1e-3, 0, 0]).plot(ax=axis, color="#E69F00", lw=1.2)
    if len(stakes):
        points = stakes.drop_duplicates("name").to_crs(outline.crs)
        axis.scatter(
            points.geometry.x / 1000, points.geometry.y / 1000, s=34, color="#D55E00", edgecolor="white", zorder=3
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
            )
    left, right, bottom, top = extent(data)
    axis.set_xlim(left, right)
    axis.set_ylim(bottom, top)
    axis.set_title(title, loc="left", color=INK)
    axis.set_xlabel("easting (km)")
    axis.set_ylabel("northing (km)")
    _scale_bar(axis, data)
    return figure


def timeline(scenes: pd.DataFrame):
    """Every scene by date: those used, and those dropped with their reason in a word."""
    years = sorted(scenes.season_year.dropna().unique())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(years), 1, figsize=(7, 1.3 * len(years) + 0.3), squeeze=False)
    words = {"clear": "cloud", "asset": "no image", "could": "unreadable", "no data": "no data"}
    for axis, year in zip(axes.ravel(), years, strict=True):
        season = scenes[scenes.season_year == year].sort_values("date")
        for used, colour, level in ((True, "#0072B2", 0), (False, "#D55E00", 1)):
            chosen = season[(season.verdict == "use") == used]
            axis.scatter(
                chosen.date, [level] * len(chosen), color=colour, marker="o" if used else "x", s=34, clip_on=False
            )
        for number, row in enumerate(season[season.verdict != "use"].itertuples()):
            found = next(
                (
                    w
                    for w in ("snow", "clear", "cloud", "duplicate", "asset", "orbit", "could", "no data")
                    if w in row.reason
                ),
                "other",
            )
            lift = 6 + 9 * (number % 2)  # neighbours days apart would overwrite each other
            axis.annotate(
                words.get(found, found), (row.date, 1), (0, lift), textcoords="offset points", ha="center", fontsize=7
            )
        axis.set_yticks([0, 1], ["used", "dropped"])
        axis.set_ylim(-0.5, 2.3)
        axis.set_title(f"season {year:.0f}", loc="left", color=INK)
        axis.spines["left"].set_visible(False)
        axis.xaxis.set_major_locator(plt.matplotlib.dates.MonthLocator())
        axis.xaxis.set_major_formatter(plt.matplotlib.dates.DateFormatter("%d %b"))
        axis.margins(x=0.06)
    return figure


def images(data, **named: np.ndarray):
    """Grey images side by side, titled by their names."""
    figure, axes = _panels(len(named), data, columns=min(len(named), 4), width=2.6)
    for axis, (name, image) in zip(axes, named.items(), strict=True):
        _show(axis, image, data, name.replace("_", " "))
    _scale_bar(axes[0], data)
    return figure


def displacement(pair: xr.Dataset, image: np.ndarray, most: float):
    """One pair: the scene, both components and the quality of the match."""
    figure, axes = _panels(4, pair, width=2.6)
    _show(axes[0], image, pair, "reference, reflectance")
    for axis, name, title in ((axes[1], "u", "u, columns (px)"), (axes[2], "v", "v, rows (px)")):
        figure.colorbar(_show(axis, pair[name].values, pair, title, SIGNED, (-most, most)), ax=axis, shrink=0.7)
    figure.colorbar(
        _show(axes[3], pair.quality.values, pair, "quality (0..1)", "cividis", (0, 1)), ax=axes[3], shrink=0.7
    )
    _scale_bar(axes[0], pair)
    return figure


def pyramid(levels, shape: tuple[int, int], most: float):
    """Coarse to fine: what each level sees of the reference, and the displacement's length found up to there.

    `levels` as of `gdiv.flow.horn_schunck.coarse_to_fine` for an image of `shape`; lengths and their limit `most` in
    pixels of the image.
    """
    levels = list(levels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, len(levels), figsize=(1.9 * len(levels), 4.2), squeeze=False)
    for index, (image, u, v) in enumerate(levels):
        pixels = 2 ** (len(levels) - 1 - index)
        image, u, v = (part[: -(-shape[0] // pixels), : -(-shape[1] // pixels)] for part in (image, u, v))
        axes[0, index].imshow(image, cmap=GREY, vmin=-2, vmax=2, interpolation="nearest")
        picture = axes[1, index].imshow(pixels * np.hypot(u, v), cmap=SPEED, vmin=0, vmax=most, interpolation="nearest")
        axes[0, index].set_title(f"a pixel is {pixels}" if pixels > 1 else "full size")
        for axis in axes[:, index]:
            axis.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("local contrast")
    axes[1, 0].set_ylabel("displacement")
    figure.colorbar(picture, ax=axes[1].tolist(), shrink=0.9, label="px", extend="max")
    return figure


def reach(pair: xr.Dataset) -> float:
    """Colour limit for a pair's components: its 99th percentile of motion, in pixels."""
    return float(np.nanpercentile(np.hypot(pair.u, pair.v), 99)) or 1.0


def drawn_pairs(samples):
    """Pairs that were drawn to be learned from: both images and the length of the motion between them."""
    most = max(float(np.nanmax(np.hypot(*flow))) for _, flow in samples)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(3, len(samples), figsize=(1.7 * len(samples), 5), layout="constrained")
    for column, (pair, flow) in zip(axes.T, samples, strict=True):
        for axis, image in zip(column, pair, strict=False):
            axis.imshow(image, cmap=GREY)
        picture = column[2].imshow(np.hypot(*flow), cmap=SPEED, vmin=0, vmax=most)
    for axis, title in zip(axes[:, 0], ("reference", "secondary", "displacement"), strict=True):
        axis.set_ylabel(title)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.colorbar(picture, ax=axes[2].tolist(), label="px")
    return figure


def tile_comparison(network, samples, labels: xr.Dataset, most: float):
    """Figure 2: for each test sample the difference image, its label and the network's answer, speeds in m/yr.

    Returns the figure and the root mean square difference of each sample, m/yr.
    """
    from gdiv.flow.raft import answer

    factor = float(labels.attrs["spacing"] / labels.years.mean())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(len(samples), 3, figsize=(6.6, 2.2 * len(samples)), squeeze=False)
    differences = []
    for row, (pair, flow) in zip(axes, samples, strict=True):
        found = np.where(np.isfinite(flow), answer(network, *pair), np.nan)
        differences.append(float(np.sqrt(np.nanmean(np.sum((found - flow) ** 2, axis=0)))) * factor)
        row[0].imshow(pair[1] - pair[0], cmap=GREY)
        for axis, field in ((row[1], flow), (row[2], found)):
            picture = axis.imshow(np.hypot(*field) * factor, cmap=SPEED, vmin=0, vmax=most)
        for axis, title in zip(
            row, ("differenced images", "Horn-Schunck", f"RAFT, RMS {differences[-1]:.2f} m/yr"), strict=True
        ):
            axis.set(title=title, xticks=[], yticks=[])
    figure.colorbar(picture, ax=axes.ravel().tolist(), shrink=0.6, label="speed (m/yr)", extend="max")
    return figure, differences


def comparison(
    speeds: dict[str, np.ndarray], data, most: float, image: np.ndarray, notes: dict[str, str] | None = None
):
    """Speed maps side by side over the scene, one colour bar; `notes` go under the titles (Figures 2 and 3)."""
    figure, axes = _panels(len(speeds), data, columns=min(len(speeds), 4), width=2.6)
    for axis, (name, values) in zip(axes, speeds.items(), strict=True):
        note = (notes or {}).get(name, "")
        picture = _show(axis, values, data, f"{name}\n{note}" if note else name, SPEED, (0, most), image)
    figure.colorbar(picture, ax=axes.tolist(), shrink=0.75, label="speed (m/yr)", extend="max")
    _scale_bar(axes[0], data)
    return figure


def mosaic(speeds: dict[str, xr.DataArray], stakes, outline, image: np.ndarray, most: float):
    """Figure 3: the scene with the stakes, then each matcher's annual speed on the glacier."""
    first = next(iter(speeds.values()))
    figure, axes = _panels(len(speeds) + 1, first, columns=min(len(speeds) + 1, 4), width=3)
    _show(axes[0], image, first, "scene and stakes")
    points = stakes.drop_duplicates("name").to_crs(outline.crs) if len(stakes) else stakes
    for axis, (name, values) in zip(axes[1:], speeds.items(), strict=True):
        picture = _show(axis, values.values, first, name, SPEED, (0, most), image)
    for axis in axes:
        outline.boundary.affine_transform([1e-3, 0, 0, 1e-3, 0, 0]).plot(ax=axis, color=INK, lw=0.7)
        if len(points):
            axis.scatter(
                points.geometry.x / 1000, points.geometry.y / 1000, s=26, facecolor="none", edgecolor="#D55E00", lw=1.5
            )
        left, right, bottom, top = extent(first)
        axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel="", ylabel="")
    figure.colorbar(picture, ax=axes.tolist(), shrink=0.75, label="speed (m/yr)", extend="max")
    _scale_bar(axes[0], first)
    return figure


def stakes(table: pd.DataFrame):
    """Estimated against measured speed at the stakes, a colour a matcher; on the line is right."""
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(4, 3.6))
    most = 1.15 * np.nanmax([table.measured.max(), table.estimated.max()])
    axis.plot([0, most], [0, most], color=INK, lw=0.8)
    for matcher, rows in table.groupby("matcher"):
        axis.scatter(rows.measured, rows.estimated, label=matcher, color=SERIES.get(matcher, INK), s=30, alpha=0.85)
    for name, rows in table.groupby("name"):
        axis.annotate(name, (rows.measured.iloc[0], 0.02 * most), rotation=90, fontsize=7, color=INK, ha="right")
    axis.set(xlabel="measured (m/yr)", ylabel="estimated (m/yr)", xlim=(0, most), ylim=(0, most))
    axis.legend(frameon=False, fontsize=7)
    return figure


def learning(history: pd.DataFrame, lines: dict[str, float]):
    """Loss and validation error over the steps of each `network`, with reference errors as horizontal lines."""
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.9), layout="constrained")
    for colour, (name, rows) in zip(SERIES.values(), history.groupby("network", sort=False), strict=False):
        left.plot(rows.step, rows.loss, color=colour, marker=".")
        right.plot(rows.step, rows.validation, color=colour, marker=".", label=name)
    left.set(xlabel="step", ylabel="training loss (px)", yscale="log")
    for (name, value), style in zip(lines.items(), ("--", ":", "-."), strict=False):
        right.axhline(value, color=INK, ls=style, lw=1, label=name)
    right.set(xlabel="step", ylabel="distance to labels of\nheld-out tiles (px)", yscale="log")
    figure.legend(*right.get_legend_handles_labels(), frameon=False, fontsize=7, loc="outside right upper")
    return figure


def speed_and_error(product: xr.Dataset, most: float, image: np.ndarray):
    """Speed with arrows along the flow, its one-sigma error, and how many pairs saw each pixel."""
    figure, axes = _panels(3, product, width=3)
    v, sigma = product.v.values, product.v_error.values
    figure.colorbar(
        _show(axes[0], v, product, "speed (m/yr)", SPEED, (0, most), image), ax=axes[0], shrink=0.7, extend="max"
    )
    step = max(product.sizes["x"] // 26, 1)
    thin = (slice(step // 2, None, step),) * 2
    x, y = np.meshgrid(product.x / 1000, product.y / 1000)
    vx, vy = product.vx.values[thin], product.vy.values[thin]
    length = np.hypot(vx, vy)
    moving = length > 0.1 * most
    axes[0].quiver(
        x[thin][moving],
        y[thin][moving],
        (vx / length)[moving],
        (vy / length)[moving],
        color="white",
        scale=28,
        width=0.004,
    )
    figure.colorbar(
        _show(axes[1], sigma, product, "1 sigma (m/yr)", "cividis", (0, np.nanpercentile(sigma, 95)), image),
        ax=axes[1],
        shrink=0.7,
        extend="max",
    )
    counts = _show(
        axes[2],
        product["count"].where(product.v.notnull()).values,
        product,
        "pairs",
        "cividis",
        (0, float(product["count"].max())),
        image,
    )
    figure.colorbar(counts, ax=axes[2], shrink=0.7)
    _scale_bar(axes[0], product)
    return figure


def interactive(product: xr.Dataset, stake_table: pd.DataFrame, stakes, epsg: int, most: float, step: int = 2):
    """A HoloViews map: speed and its error on hover, direction, and stakes with measured and estimated speed.

    `step` thins the map, so that a saved page stays small. Call `hv.extension("bokeh", inline=True)` first.
    """
    import holoviews as hv
    import hvplot.pandas  # noqa: F401  (registers .hvplot)

    thin = product[["v", "vx", "vy", "v_error"]].isel(x=slice(None, None, step), y=slice(None, None, step))
    names = {"v": "speed", "v_error": "error", "vx": "east", "vy": "north"}
    layers = [np.round(thin[name].values, 1) for name in names]
    look = {"data_aspect": 1, "frame_width": 560, "xlabel": "easting (m)", "ylabel": "northing (m)"}
    look |= {"xformatter": "%d", "yformatter": "%d"}
    values = [hv.Dimension(name, unit="m/yr") for name in names.values()]
    speed = hv.Image((thin.x.values, thin.y.values, *layers), ["x", "y"], values).opts(
        cmap=SPEED, clim=(0, most), colorbar=True, clabel="speed (m/yr)", tools=["hover"], **look
    )
    coarse = thin.isel(x=slice(None, None, 12), y=slice(None, None, 12))
    x, y = np.meshgrid(coarse.x, coarse.y)
    moving = (coarse.v > 0.1 * most).values
    angle = np.arctan2(coarse.vy, coarse.vx).values
    arrows = hv.VectorField((x[moving], y[moving], angle[moving], coarse.v.values[moving])).opts(
        color="white", magnitude=hv.dim("Magnitude") / most, line_width=1.2
    )
    if not len(stake_table):
        return speed * arrows
    points = stakes.drop_duplicates("name").to_crs(epsg)
    where = pd.DataFrame({"name": points.name, "x": points.geometry.x, "y": points.geometry.y})
    rows = where.merge(stake_table[["name", "measured", "estimated"]], on="name").round(1)
    dots = rows.hvplot.points(
        "x",
        "y",
        hover_cols=["name", "measured", "estimated"],
        color="#D55E00",
        size=110,
        data_aspect=1,
        frame_width=560,
    )
    return speed * arrows * dots.opts(line_color="white")
