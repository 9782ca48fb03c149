"""One pair: what a matcher sees and finds, what a network learns from and how it learns."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

from gdiv.figures.style import GREY, INK, SERIES, SIGNED, SPEED, panels, scale_bar, show, styled

FIGURE_2 = (2.18, 2.45, 2.71)  # m/yr, printed above the paper's three tiles


def plot_pair(pair: xr.Dataset, image: np.ndarray, most: float):
    """One pair: the scene, both components and the quality of the match."""
    figure, axes = panels(4, pair, width=2.6)
    show(axes[0], image, pair, "reference, reflectance")
    for axis, name, title in ((axes[1], "u", "u, columns (px)"), (axes[2], "v", "v, rows (px)")):
        figure.colorbar(
            show(axis, pair[name].values, pair, title, SIGNED, (-most, most)), ax=axis, shrink=0.7
        )
    figure.colorbar(
        show(axes[3], pair.quality.values, pair, "quality (0..1)", "cividis", (0, 1)),
        ax=axes[3],
        shrink=0.7,
    )
    scale_bar(axes[0], pair)
    return figure


def plot_pyramid(levels, shape: tuple[int, int], most: float):
    """Coarse to fine: what each level sees of the reference, and the displacement's length found up to there.

    `levels` as of `gdiv.flow.horn_schunck.solver.coarse_to_fine` for an image of `shape`; lengths and their limit `most` in
    pixels of the image.
    """
    levels = list(levels)
    with styled():
        figure, axes = plt.subplots(2, len(levels), figsize=(1.9 * len(levels), 4.2), squeeze=False)
    for index, (image, u, v) in enumerate(levels):
        pixels = 2 ** (len(levels) - 1 - index)
        image, u, v = (
            part[: -(-shape[0] // pixels), : -(-shape[1] // pixels)] for part in (image, u, v)
        )
        axes[0, index].imshow(image, cmap=GREY, vmin=-2, vmax=2, interpolation="nearest")
        picture = axes[1, index].imshow(
            pixels * np.hypot(u, v), cmap=SPEED, vmin=0, vmax=most, interpolation="nearest"
        )
        axes[0, index].set_title(f"a pixel is {pixels}" if pixels > 1 else "full size")
        for axis in axes[:, index]:
            axis.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("local contrast")
    axes[1, 0].set_ylabel("displacement")
    figure.colorbar(picture, ax=axes[1].tolist(), shrink=0.9, label="px", extend="max")
    return figure


def colour_limit(pair: xr.Dataset) -> float:
    """Colour limit for a pair's components: its 99th percentile of motion, in pixels."""
    return float(np.nanpercentile(np.hypot(pair.u, pair.v), 99)) or 1.0


def plot_drawn_pairs(samples):
    """Pairs that were drawn to be learned from: both images and the length of the motion between them."""
    most = max(float(np.nanmax(np.hypot(*flow))) for _, flow in samples)
    with styled():
        figure, axes = plt.subplots(
            3, len(samples), figsize=(1.7 * len(samples), 5), layout="constrained"
        )
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


def plot_tiles(network, samples, labels: xr.Dataset, most: float):
    """Figure 2: for three test samples the difference image, the label and the network's answer, speeds in m/yr.

    Above the answer is its root mean square difference from the label, and what the paper has there.

    Returns the figure and the root mean square difference of each sample, m/yr.
    """
    from gdiv.flow.raft.network import predict_flow

    factor = float(labels.attrs["spacing"] / labels.years.mean())
    with styled():
        figure, axes = plt.subplots(
            len(samples), 3, figsize=(6.6, 2.2 * len(samples)), squeeze=False
        )
    differences = []
    for row, (pair, flow), printed in zip(axes, samples, FIGURE_2, strict=False):
        found = np.where(np.isfinite(flow), predict_flow(network, *pair), np.nan)
        differences.append(float(np.sqrt(np.nanmean(np.sum((found - flow) ** 2, axis=0)))) * factor)
        row[0].imshow(pair[1] - pair[0], cmap=GREY)
        for axis, field in ((row[1], flow), (row[2], found)):
            picture = axis.imshow(np.hypot(*field) * factor, cmap=SPEED, vmin=0, vmax=most)
        answered = f"RAFT, {differences[-1]:.2f} m/yr\nfrom it (paper {printed})"
        for axis, title in zip(row, ("differenced images", "Horn-Schunck", answered), strict=True):
            axis.set(title=title, xticks=[], yticks=[])
    figure.colorbar(
        picture, ax=axes.ravel().tolist(), shrink=0.6, label="speed (m/yr)", extend="max"
    )
    return figure, differences


def plot_learning(history: pd.DataFrame, lines: dict[str, float]):
    """Loss and validation error over the steps of each `network`, with reference errors as horizontal lines."""
    with styled():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.9), layout="constrained")
    for colour, (name, rows) in zip(
        SERIES.values(), history.groupby("network", sort=False), strict=False
    ):
        left.plot(rows.step, rows.loss, color=colour, marker=".")
        right.plot(rows.step, rows.validation, color=colour, marker=".", label=name)
    left.set(xlabel="step", ylabel="training loss (px)", yscale="log")
    for (name, value), style in zip(lines.items(), ("--", ":", "-."), strict=False):
        right.axhline(value, color=INK, ls=style, lw=1, label=name)
    right.set(xlabel="step", ylabel="distance to labels of\nheld-out tiles (px)", yscale="log")
    figure.legend(
        *right.get_legend_handles_labels(), frameon=False, fontsize=7, loc="outside right upper"
    )
    return figure


def plot_error_by_displacement(tables: dict[str, pd.DataFrame]):
    """Mean error of single pairs over how far the ice truly moved, a line a matcher; pixels."""
    with styled():
        figure, axis = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    for name, table in tables.items():
        axis.plot(
            table.displacement, table.error, color=SERIES.get(name, INK), marker=".", label=name
        )
    axis.set(
        xlabel="true displacement (px)", ylabel="mean error (px)", xlim=(0, None), ylim=(0, None)
    )
    axis.legend(frameon=False, fontsize=7, ncols=2)
    return figure
