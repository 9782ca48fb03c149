"""A year of motion: speeds of the matchers, their mosaic, its errors, and the stakes."""

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

from gdiv.figures.style import INK, SERIES, SIGNED, SPEED, extent, panels, scale_bar, show, styled


def plot_speeds(
    speeds: dict[str, np.ndarray],
    data,
    most: float,
    image: np.ndarray | None = None,
    notes: dict[str, str] | None = None,
):
    """Speed maps side by side, over the scene if there is one, one colour bar; `notes` go under the titles."""
    figure, axes = panels(len(speeds), data, columns=min(len(speeds), 4), width=2.6)
    for axis, (name, values) in zip(axes, speeds.items(), strict=True):
        note = (notes or {}).get(name, "")
        picture = show(
            axis, values, data, f"{name}\n{note}" if note else name, SPEED, (0, most), image
        )
    figure.colorbar(picture, ax=axes.tolist(), shrink=0.75, label="speed (m/yr)", extend="max")
    scale_bar(axes[0], data)
    return figure


def plot_mosaics(
    speeds: dict[str, xr.DataArray],
    stakes,
    outline,
    image: np.ndarray,
    most: float,
    notes: dict[str, str] | None = None,
):
    """Figure 3: the scene with the stakes, then each matcher's annual speed; `notes` go under the titles."""
    first = next(iter(speeds.values()))
    figure, axes = panels(len(speeds) + 1, first, columns=min(len(speeds) + 1, 4), width=3)
    show(axes[0], image, first, "scene and stakes")
    points = stakes.drop_duplicates("name").to_crs(outline.crs) if len(stakes) else stakes
    for axis, (name, values) in zip(axes[1:], speeds.items(), strict=True):
        title = f"{name}\n{notes[name]}" if notes and name in notes else name
        picture = show(axis, values.values, first, title, SPEED, (0, most), image)
    for axis in axes:
        outline.boundary.affine_transform([1e-3, 0, 0, 1e-3, 0, 0]).plot(ax=axis, color=INK, lw=0.7)
        if len(points):
            axis.scatter(
                points.geometry.x / 1000,
                points.geometry.y / 1000,
                s=26,
                facecolor="none",
                edgecolor="#D55E00",
                lw=1.5,
            )
        left, right, bottom, top = extent(first)
        axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel="", ylabel="")
    figure.colorbar(picture, ax=axes.tolist(), shrink=0.75, label="speed (m/yr)", extend="max")
    scale_bar(axes[0], first)
    return figure


def plot_differences(speeds: dict[str, xr.DataArray], than: str, image: np.ndarray):
    """By how much each matcher is faster (red) or slower (blue) than the matcher `than`, on the same limits."""
    others = {name: values - speeds[than] for name, values in speeds.items() if name != than}
    most = float(max(np.nanpercentile(np.abs(values), 95) for values in others.values()))
    figure, axes = panels(len(others), speeds[than], columns=min(len(others), 3), width=2.8)
    for axis, (name, values) in zip(axes, others.items(), strict=True):
        title = f"{name} - {than}"
        picture = show(axis, values.values, values, title, SIGNED, (-most, most), image)
    figure.colorbar(
        picture, ax=axes.tolist(), shrink=0.75, label="difference of speed (m/yr)", extend="both"
    )
    scale_bar(axes[0], speeds[than])
    return figure


def plot_stakes(table: pd.DataFrame):
    """Estimated against measured speed at the stakes, a colour a matcher; on the line is right."""
    with styled():
        figure, axis = plt.subplots(figsize=(4, 3.6))
    most = 1.15 * np.nanmax([table.measured.max(), table.estimated.max()])
    axis.plot([0, most], [0, most], color=INK, lw=0.8)
    for matcher, rows in table.groupby("matcher"):
        axis.scatter(
            rows.measured,
            rows.estimated,
            label=matcher,
            color=SERIES.get(matcher, INK),
            s=30,
            alpha=0.85,
        )
    for name, rows in table.groupby("name"):
        axis.annotate(
            name,
            (rows.measured.iloc[0], 0.02 * most),
            rotation=90,
            fontsize=7,
            color=INK,
            ha="right",
        )
    axis.set(xlabel="measured (m/yr)", ylabel="estimated (m/yr)", xlim=(0, most), ylim=(0, most))
    axis.legend(frameon=False, fontsize=7)
    return figure


def plot_profile(tables: dict[str, pd.DataFrame], stakes: pd.DataFrame, sure: str):
    """Speed down the centre line by every matcher, one sigma of the matcher `sure` as a band, stakes as points."""
    with styled():
        figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for name, table in tables.items():
        thick, colour = 2 if name == sure else 0.9, SERIES.get(name, INK)
        axis.plot(
            table.distance,
            table.speed,
            color=colour,
            lw=thick,
            label=name,
            zorder=2 + (name == sure),
        )
    best = tables[sure]
    low, high = best.speed - best.error, best.speed + best.error
    axis.fill_between(
        best.distance, low, high, color=SERIES.get(sure, INK), alpha=0.2, lw=0, label="1 sigma"
    )
    axis.scatter(
        stakes.distance,
        stakes.speed,
        color=INK,
        zorder=5,
        s=26,
        label="stakes" if len(stakes) else None,
    )
    for row in stakes.itertuples():
        axis.annotate(
            row.name,
            (row.distance, row.speed),
            (5, 6),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    axis.set(xlabel="down the centre line (km)", ylabel="speed (m/yr)", ylim=(0, None))
    axis.legend(frameon=False, fontsize=7, ncols=2)
    return figure


def plot_series(table: pd.DataFrame, measured: pd.DataFrame, season):
    """Speed between scenes at each stake; dashed, what was measured from the end of one `season` to the next."""
    with styled():
        figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
    for colour, (name, rows) in zip(
        SERIES.values(), table.groupby("name", sort=False), strict=False
    ):
        edges = [*rows.start, rows.end.iloc[-1]]
        axis.stairs(
            rows.speed, mdates.date2num(edges), color=colour, lw=1.5, baseline=None, label=name
        )
        for row in measured[measured.name == name].itertuples():
            year = mdates.date2num([season.dates(row.year - 1)[1], season.dates(row.year)[1]])
            axis.plot(year, [row.speed] * 2, color=colour, ls="--", lw=1)
    axis.xaxis_date()
    axis.set(
        ylabel="speed (m/yr)",
        ylim=(0, None),
        xlim=mdates.date2num([table.start.min(), table.end.max()]),
    )
    axis.legend(frameon=False, fontsize=7, ncols=3)
    return figure


def plot_reliability(table: pd.DataFrame):
    """Observed against nominal coverage of the errors, by class of speed; well calibrated on the line."""
    with styled():
        figure, axis = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
    axis.plot([0, 1], [0, 1], color=INK, lw=0.8)
    for colour, (name, rows) in zip(
        SERIES.values(), table.groupby("speed", sort=False), strict=False
    ):
        thick = 2 if name == "all" else 1
        axis.plot(
            rows.stated,
            rows.found,
            color=colour,
            marker=".",
            lw=thick,
            label=f"{name}, {rows.pixels.iloc[0]} px",
        )
    axis.set(xlabel="nominal coverage", ylabel="observed coverage", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False, fontsize=7, title="true speed, m/yr", title_fontsize=7)
    return figure


def plot_speed_and_error(product: xr.Dataset, most: float, image: np.ndarray):
    """Speed with arrows along the flow, its one-sigma error, and how many pairs saw each pixel."""
    figure, axes = panels(3, product, width=3)
    v, sigma = product.v.values, product.v_error.values
    figure.colorbar(
        show(axes[0], v, product, "speed (m/yr)", SPEED, (0, most), image),
        ax=axes[0],
        shrink=0.7,
        extend="max",
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
        show(
            axes[1],
            sigma,
            product,
            "1 sigma (m/yr)",
            "cividis",
            (0, 1.1 * np.nanpercentile(sigma, 99)),
            image,
        ),
        ax=axes[1],
        shrink=0.7,
        extend="max",
    )
    counts = show(
        axes[2],
        product["count"].where(product.v.notnull()).values,
        product,
        "pairs",
        "cividis",
        (0, float(product["count"].max())),
        image,
    )
    figure.colorbar(counts, ax=axes[2], shrink=0.7)
    scale_bar(axes[0], product)
    return figure


def plot_subsampling(table: pd.DataFrame, against: str):
    """Error of a map over the number of its pairs, a line a kind of mosaic."""
    with styled():
        figure, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for colour, (kind, rows) in zip(
        SERIES.values(), table.groupby("mosaic", sort=False), strict=False
    ):
        axis.plot(rows.pairs, rows.rmse, color=colour, marker=".", label=kind)
    axis.set(xlabel="pairs", ylabel=f"RMS distance to {against} (m/yr)", ylim=(0, None))
    axis.set_xticks(table.pairs.unique())
    axis.legend(frameon=False, fontsize=7)
    return figure


def plot_glaciers(table: pd.DataFrame):
    """Error over speed on ice, a row a glacier and a point a matcher; `table` has glaciers in rows, in percent."""
    with styled():
        figure, axis = plt.subplots(figsize=(6.4, 0.42 * len(table) + 1), layout="constrained")
    for name in table:
        axis.scatter(
            table[name], range(len(table)), color=SERIES.get(name, INK), s=34, label=name, alpha=0.9
        )
    axis.set_yticks(range(len(table)), table.index)
    axis.invert_yaxis()
    axis.grid(axis="y", lw=0.4, alpha=0.5)
    axis.set(xlabel="RMS error over median speed (%)", xlim=(0, None))
    figure.legend(frameon=False, fontsize=7, loc="outside upper center", ncols=len(table.columns))
    return figure
