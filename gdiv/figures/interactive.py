"""Interactive map in one HTML file: one tab per layer, values on hover, a time series on click."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from gdiv.figures.interactive_layout import MAP_WIDTH, fit_to_window, opacity_slider
from gdiv.figures.interactive_series import connect_series, draw_series
from gdiv.figures.panels import BACKGROUND_OPACITY, STRETCH
from gdiv.figures.style import MOVING_FRACTION, QUANTITY, SIGNED, SPEED, VERMILION
from gdiv.flow.matchers.registry import matcher_label
from gdiv.images.arrays import Image

if TYPE_CHECKING:
    from bokeh.models import Column
    from holoviews import Image as ImageLayer, VectorField

__all__ = ["interactive_map"]

MAP_OPTIONS: dict[str, Any] = {"xaxis": None, "yaxis": None}
MIN_CONTRAST = 1e-6  # of an image of one brightness
ERROR_PERCENTILE = 99  # percentile of the errors used as colour limit
MAX_CELLS = 40_000  # maximum per layer, so that the saved page stays below 5 MB
DIFFERENCE_PERCENTILE = 98  # percentile of the absolute differences used as colour limit
ARROW_STEP = 12  # spacing of arrows in cells, chosen by eye


def interactive_map(
    product: xr.Dataset,
    others: dict[str, xr.DataArray],
    stake_table: pd.DataFrame,
    stakes: gpd.GeoDataFrame,
    crs: int | str,
    max_speed: float,
    series: Mapping[str, xr.Dataset],
    image: Image | None = None,
) -> "Column":
    """Draw an interactive map with one tab per layer and a time series of the clicked pixel.

    The layers are the speed of the product, its error, its number of pairs, the speed of every
    other matcher, and the difference of the first other matcher from the product. The time series
    is that of the matcher whose tab is shown. Once drawn, the map needs neither a network nor a
    running kernel.

    Parameters
    ----------
    product : xarray.Dataset
        ``v``, ``vx``, ``vy``, ``v_error`` (m/yr) and ``count``, each ``(y, x)``. The attribute
        ``matcher`` is the name of its matcher, ``title`` the title of the map, and ``description``
        is printed below the title.
    others : dict of str to xarray.DataArray
        Speed ``(y, x)`` in m/yr by name of the matcher; may be empty.
    stake_table : pandas.DataFrame
        ``name``, ``measured`` and ``estimated`` speed (m/yr) of the stakes; may be empty.
    stakes : geopandas.GeoDataFrame
        Positions of the stakes, with ``name``, in any projection.
    crs : int or str
        Code of the projection of the map.
    max_speed : float
        Upper colour limit of all speeds in m/yr.
    series : mapping of str to xarray.Dataset
        Time series by name of the matcher, for the product and all others: ``vx``, ``vy`` and
        ``error`` (m/yr) ``(interval, y, x)`` with coordinates ``start`` and ``end``, from
        `gdiv.velocity.inversion.invert_network`. Pixels that are NaN in all intervals have no time
        series.
    image : ndarray, shape (H, W), optional
        Image below the layers, on the grid of the product.

    Returns
    -------
    bokeh.models.Column
        Title, map and time series, one below the other.
    """
    import holoviews as hv
    import holoviews.plotting.bokeh
    from bokeh.layouts import column
    from bokeh.models.widgets import Div

    # This replaces `hv.extension`, which would also load five megabytes of scripts.
    hv.Store.set_current_backend("bokeh")
    cells = product.sizes["x"] * product.sizes["y"]
    step = int(np.ceil(np.sqrt(cells / MAX_CELLS)))
    every = {"x": slice(None, None, step), "y": slice(None, None, step)}
    product = product.isel(every)
    below = [] if image is None else [_draw_background(image[::step, ::step], product)]
    thinned = {name: speed.isel(every) for name, speed in others.items()}
    layers = _draw_layers(product, thinned, max_speed)
    above = [_draw_arrows(product, max_speed)]
    if len(stake_table):
        above.append(_draw_stakes(stake_table, stakes, crs))
    tabs = [hv.Overlay([*below, layer, *above]).relabel(label) for label, layer in layers.items()]
    rendered = hv.render(hv.Layout(tabs).opts(tabs=True), backend="bokeh")
    fit_to_window(rendered, product)
    name = product.attrs["matcher"]
    plot, lines = draw_series(series[name], max_speed)
    # Tabs: speed, error and pairs of the product, speeds of the others, difference of the first.
    connect_series(rendered, (plot, lines), series, [name] * 3 + list(others) + list(others)[:1])
    parts = [rendered, plot]
    if image is not None:
        parts.insert(1, opacity_slider(rendered))
    text = ""
    if title := product.attrs.get("title"):
        text += f'<h1 style="font-size: 1.2em; margin: 0">{escape(title)}</h1>'
    if description := product.attrs.get("description"):  # for example, a note on synthetic scenes
        text += escape(description)
    return column(Div(text=text), *parts, sizing_mode="scale_width", max_width=MAP_WIDTH)


def _draw_background(image: Image, grid: xr.Dataset) -> "ImageLayer":
    """Draw an image in pale grey; it has no values on hover."""
    import holoviews as hv

    black, white = np.nanpercentile(image, STRETCH)
    grey = np.clip(
        (np.nan_to_num(image, nan=black) - black) / max(white - black, MIN_CONTRAST), 0, 1
    )
    levels = (255 * grey).astype(np.uint8)  # one byte per pixel keeps the saved page small
    picture = hv.Image((grid.x.values, grid.y.values, levels), ["x", "y"], "brightness")
    return picture.opts(cmap="gray", alpha=BACKGROUND_OPACITY, clim=(0, 255), **MAP_OPTIONS)


def _draw_layers(
    product: xr.Dataset, others: dict[str, xr.DataArray], max_speed: float
) -> dict[str, "ImageLayer"]:
    """Draw the layer of every tab, keyed by the title of the tab."""
    speed_options = {
        "cmap": SPEED,
        "clim": (0, max_speed),
        "clabel": "speed (m/yr)",
    }
    name = matcher_label(product.attrs["matcher"])
    values = {
        "speed": product.v,
        "error": product.v_error,
        "east": product.vx,
        "north": product.vy,
    }
    error = {"error": product.v_error, "speed": product.v}
    pairs = {"pairs": product["count"].where(product.v.notnull())}
    largest = float(np.nanpercentile(product.v_error, ERROR_PERCENTILE))
    max_count = max(int(product["count"].max()), 1)
    error_options = {"clim": (0, largest), "clabel": "1-sigma error (m/yr)"}
    pairs_options = {
        "clim": (0.5, max_count + 0.5),
        "color_levels": max_count,
        "clabel": "number of pairs",
    }
    layers = {
        name: _draw_layer(values, **speed_options),
        "error": _draw_layer(error, cmap=QUANTITY, **error_options),
        "pairs": _draw_layer(pairs, cmap=QUANTITY, **pairs_options),
    }
    for other, speed in others.items():
        both = {"speed": speed, name: product.v}
        layers[matcher_label(other)] = _draw_layer(both, **speed_options)
    for other, speed in list(others.items())[:1]:
        difference = speed - product.v
        limit = float(np.nanpercentile(np.abs(difference), DIFFERENCE_PERCENTILE))
        label = f"{matcher_label(other)} − {name}"
        layers[label] = _draw_layer(
            {"difference": difference},
            cmap=SIGNED,
            clim=(-limit, limit),
            clabel=f"{label} (m/yr)",
        )
    return layers


def _draw_layer(values: dict[str, xr.DataArray], **options: Any) -> "ImageLayer":
    """Draw the first of `values` as an image; all of them appear on hover."""
    import holoviews as hv

    first = next(iter(values.values()))
    rounded = [np.round(value.values, 1).astype(np.float32) for value in values.values()]
    image = hv.Image((first.x.values, first.y.values, *rounded), ["x", "y"], list(values))
    tooltips = [("position", "$x{0} E, $y{0} N")]
    for name in values:
        unit = "" if name == "pairs" else " (m/yr)"
        tooltips.append((f"{name}{unit}", f"@{name}{{custom}}"))
    return image.opts(
        colorbar=True,
        tools=["hover"],
        hover_tooltips=tooltips,
        scalebar=True,
        scalebar_unit=("m", "m"),
        scalebar_tool=False,
        **MAP_OPTIONS,
        **options,
    )


def _draw_arrows(product: xr.Dataset, max_speed: float) -> "VectorField":
    """Draw arrows along the flow, where it is faster than a tenth of `max_speed`."""
    import holoviews as hv

    every = slice(None, None, ARROW_STEP)
    coarse = product.isel(x=every, y=every)
    x, y = np.meshgrid(coarse.x, coarse.y)
    moving = (coarse.v > MOVING_FRACTION * max_speed).values
    angle = np.arctan2(coarse.vy, coarse.vx).values
    speed = coarse.v.values
    arrows = hv.VectorField((x[moving], y[moving], angle[moving], speed[moving]))
    length = hv.dim("Magnitude") / max_speed
    return arrows.opts(color="white", magnitude=length, line_width=1.2)


def _draw_stakes(table: pd.DataFrame, stakes: gpd.GeoDataFrame, crs: int | str) -> Any:
    """Draw the stakes as points with their measured and estimated speed on hover."""
    import hvplot

    speeds = ["measured", "estimated"]
    points = stakes.drop_duplicates("name").to_crs(crs)
    positions = pd.DataFrame({"name": points.name, "x": points.geometry.x, "y": points.geometry.y})
    rows = positions.merge(table[["name", *speeds]], on="name").round(1)
    dots = hvplot.hvPlot(rows).points(
        "x", "y", hover_cols=["name", *speeds], color=VERMILION, size=110
    )
    return dots.opts(line_color="white", **MAP_OPTIONS)
