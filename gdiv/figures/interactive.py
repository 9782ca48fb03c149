"""Interactive map in one HTML file: one tab per layer, values on hover, a time series on click."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from gdiv.figures.interactive_series import connect_series, draw_series
from gdiv.figures.style import MOVING_FRACTION, QUANTITY, SIGNED, SPEED, VERMILION
from gdiv.flow.matchers.registry import matcher_label

if TYPE_CHECKING:
    from bokeh.models import Column
    from holoviews import Image as ImageLayer, VectorField

__all__ = ["interactive_map"]

MAP_WIDTH = 560  # screen pixels
MAP_OPTIONS: dict[str, Any] = {
    "data_aspect": 1,
    "frame_width": MAP_WIDTH,
    "xlabel": "easting (m)",
    "ylabel": "northing (m)",
    "xformatter": "%d",
    "yformatter": "%d",
}
MAX_CELLS = 40_000  # of a layer, so that the saved page stays below 5 MB
DIFFERENCE_PERCENTILE = 98  # of the absolute differences, becomes the colour limit
ARROW_STEP = 12  # cells from one arrow to the next, chosen by eye


def interactive_map(
    product: xr.Dataset,
    others: dict[str, xr.DataArray],
    stake_table: pd.DataFrame,
    stakes: gpd.GeoDataFrame,
    crs: int | str,
    max_speed: float,
    series: Mapping[str, xr.Dataset],
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
        ``matcher`` is the name of its matcher, ``title`` that of the map, and ``description`` is
        printed below.
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
        Time series by name of the matcher, that of the product and of all others: ``vx``, ``vy``
        and ``error`` (m/yr) ``(interval, y, x)`` with coordinates ``start`` and ``end``, from
        `gdiv.velocity.inversion.invert_network`. Pixels that are all NaN have no time series.

    Returns
    -------
    bokeh.models.Column
        The map above the time series.
    """
    import holoviews as hv
    import holoviews.plotting.bokeh
    from bokeh.layouts import column
    from bokeh.models.annotations import Title

    # All that `hv.extension` does beyond loading five megabytes of scripts.
    hv.Store.set_current_backend("bokeh")
    cells = product.sizes["x"] * product.sizes["y"]
    step = int(np.ceil(np.sqrt(cells / MAX_CELLS)))
    every = {"x": slice(None, None, step), "y": slice(None, None, step)}
    product = product.isel(every)
    thinned = {name: speed.isel(every) for name, speed in others.items()}
    layers = _draw_layers(product, thinned, max_speed)
    overlay = _draw_arrows(product, max_speed)
    if len(stake_table):
        overlay = overlay * _draw_stakes(stake_table, stakes, crs, _map_options(product))
    name = product.attrs["matcher"]
    plot, lines = draw_series(series[name], max_speed)
    title = product.attrs.get("title", "")
    tabs = []
    for label, layer in layers.items():
        _set_title(layer, f"{title} ({label})")
        tabs.append((layer * overlay).relabel(label))
    layout = hv.Layout(tabs).opts(tabs=True)
    if description := product.attrs.get("description"):  # such as that the scenes are synthetic
        text = Title(text=description, text_font_size="9pt", text_font_style="normal")
        plot.add_layout(text, "below")
    drawn = hv.render(layout, backend="bokeh")
    # Speed, error and pairs are those of the product; the difference is of the first other.
    connect_series(drawn, (plot, lines), series, [name] * 3 + list(others) + list(others)[:1])
    return column(drawn, plot)


def _map_options(product: xr.Dataset) -> dict[str, Any]:
    """Options of all layers, with the height for the proportions of the grid."""
    height = round(MAP_WIDTH * product.sizes["y"] / product.sizes["x"])
    return MAP_OPTIONS | {"frame_height": height}


def _set_title(layer: "ImageLayer", title: str) -> None:
    """Set the title of a layer."""

    def finish(drawn: Any, _: Any) -> None:
        # A title among the options of the layer would also become the text of the tab.
        drawn.state.title.text = title

    layer.opts(hooks=[finish])


def _draw_layers(
    product: xr.Dataset, others: dict[str, xr.DataArray], max_speed: float
) -> dict[str, "ImageLayer"]:
    """Draw the image of every tab, by the text of the tab."""
    options = _map_options(product)
    speed_options = options | {
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
    layers = {
        name: _draw_layer(values, **speed_options),
        "error": _draw_layer(error, cmap=QUANTITY, clabel="1-sigma error (m/yr)", **options),
        "pairs": _draw_layer(pairs, cmap=QUANTITY, clabel="number of pairs", **options),
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
            **options,
        )
    return layers


def _draw_layer(values: dict[str, xr.DataArray], **options: Any) -> "ImageLayer":
    """Draw the first of `values` as an image; all of them appear on hover."""
    import holoviews as hv

    first = next(iter(values.values()))
    units = [hv.Dimension(name, unit="" if name == "pairs" else "m/yr") for name in values]
    rounded = [np.round(value.values, 1).astype(np.float32) for value in values.values()]
    image = hv.Image((first.x.values, first.y.values, *rounded), ["x", "y"], units)
    return image.opts(colorbar=True, tools=["hover"], **options)


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


def _draw_stakes(
    table: pd.DataFrame, stakes: gpd.GeoDataFrame, crs: int | str, options: dict[str, Any]
) -> Any:
    """Draw the stakes as points with their measured and estimated speed on hover."""
    import hvplot

    speeds = ["measured", "estimated"]
    points = stakes.drop_duplicates("name").to_crs(crs)
    positions = pd.DataFrame({"name": points.name, "x": points.geometry.x, "y": points.geometry.y})
    rows = positions.merge(table[["name", *speeds]], on="name").round(1)
    dots = hvplot.hvPlot(rows).points(
        "x", "y", hover_cols=["name", *speeds], color=VERMILION, size=110
    )
    return dots.opts(line_color="white", **options)
