"""The map one moves about in: a tab a layer, values on hover, stakes with what was measured."""

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.figures.style import SIGNED, SPEED

WIDTH = 560  # screen pixels
LOOK = {
    "data_aspect": 1,
    "frame_width": WIDTH,
    "xlabel": "easting (m)",
    "ylabel": "northing (m)",
    "xformatter": "%d",
    "yformatter": "%d",
}
CELLS = 40_000  # of a layer, and
SERIES_VALUES = 150_000  # of the series, so that a saved page stays small
# The nearest place with a series, within reach of the click.
CLICKED = """
let best = -1, least = reach * reach
for (let i = 0; i < x.length; i++) {
  const far = (x[i] - cb_obj.x) ** 2 + (y[i] - cb_obj.y) ** 2
  if (far < least) { least = far; best = i }
}
if (best >= 0) {
  const n = lines.data.start.length
  lines.data = {...lines.data, speed: Array.from(speed.slice(best * n, (best + 1) * n))}
  plot.title.text = `Between one scene and the next at ${x[best].toFixed(0)} E, ${y[best].toFixed(0)} N`
}
"""


def interactive_map(
    product: xr.Dataset,
    others: dict[str, xr.DataArray],
    stake_table: pd.DataFrame,
    stakes,
    epsg: int,
    most: float,
    series: xr.Dataset,
):
    """A map with tabs: the product's speed, its error and pairs, the other matchers' speeds; a click shows a series.

    It needs neither a network nor a running kernel once it is drawn.

    Parameters
    ----------
    product
        `v`, `vx`, `vy`, `v_error` (m/yr) and `count`; the attribute `matcher` names the first tab.
    others
        Speeds of other matchers, m/yr, with the same limits; the first of them also as a difference.
    stake_table, stakes
        `name`, `measured`, `estimated`, and where the stakes stand.
    most
        Upper limit of the speeds, m/yr.
    series
        `vx`, `vy` `(interval, y, x)`, with `start` and `end`, as of `gdiv.velocity.inversion.invert_network`; NaN
        where none is to be shown.

    Returns
    -------
    bokeh.models.Column
    """
    import holoviews as hv
    import holoviews.plotting.bokeh
    from bokeh.layouts import column
    from bokeh.models import Title

    hv.Store.set_current_backend(
        "bokeh"
    )  # all that `hv.extension` does beyond loading five megabytes of scripts
    step = int(np.ceil(np.sqrt(product.sizes["x"] * product.sizes["y"] / CELLS)))
    thin = {"x": slice(None, None, step), "y": slice(None, None, step)}
    product, name = product.isel(thin), product.attrs.get("matcher", "speed")
    others = {other: speed.isel(thin) for other, speed in others.items()}
    look = LOOK | {"frame_height": round(WIDTH * product.sizes["y"] / product.sizes["x"])}
    over = _arrows(product, most)
    if len(stake_table):
        over = over * _stakes(stake_table, stakes, epsg, look)
    limits = {"cmap": SPEED, "clim": (0, most), "clabel": "speed (m/yr)"} | look
    told = {"error": product.v_error, "east": product.vx, "north": product.vy}
    tabs = {
        name: _layer({"speed": product.v, **told}, **limits),
        "error": _layer(
            {"error": product.v_error, "speed": product.v},
            cmap="cividis",
            clabel="1 sigma (m/yr)",
            **look,
        ),
        "pairs": _layer(
            {"pairs": product["count"].where(product.v.notnull())},
            cmap="cividis",
            clabel="pairs",
            **look,
        ),
    }
    for other, speed in others.items():
        tabs[other] = _layer({"speed": speed, name: product.v}, **limits)
    for other, speed in list(others.items())[:1]:
        apart = speed - product.v
        far = float(np.nanpercentile(np.abs(apart), 98))
        label = f"{other} - {name}"
        tabs[label] = _layer(
            {"difference": apart}, cmap=SIGNED, clim=(-far, far), clabel=f"{label} (m/yr)", **look
        )
    plot, clicked = _through_time(series, most)
    title = product.attrs.get("title", "")
    for label, layer in tabs.items():

        def finish(drawn, _, label=label):
            drawn.state.js_on_event("tap", clicked)
            drawn.state.title.text = (
                f"{title} ({label})"  # not by `opts`: that would be on the tab, too
            )

        layer.opts(hooks=[finish])
    layout = hv.Layout([(layer * over).relabel(label) for label, layer in tabs.items()]).opts(
        tabs=True
    )
    if about := product.attrs.get("description"):  # such as that the scenes are synthetic
        plot.add_layout(Title(text=about, text_font_size="9pt", text_font_style="normal"), "below")
    return column(hv.render(layout, backend="bokeh"), plot)


def _through_time(series, most):
    """A plot of the speed between scenes where the map was last clicked, and what the browser does on a click."""
    from bokeh.models import ColumnDataSource, CustomJS
    from bokeh.plotting import figure

    speed = np.hypot(series.vx, series.vy).transpose("y", "x", "interval").values
    rows, columns = np.nonzero(np.isfinite(speed).any(-1))
    step = int(np.ceil(np.sqrt(rows.size * speed.shape[-1] / SERIES_VALUES))) or 1
    kept = (rows % step == 0) & (columns % step == 0)
    rows, columns = rows[kept], columns[kept]
    shown = speed[rows, columns].astype(np.float32)
    times = [
        series[name].values.astype("datetime64[ms]").astype(float) for name in ("start", "end")
    ]
    first = int(np.nanargmax(np.nanmean(shown, axis=-1))) if len(shown) else None
    now = np.round(shown[first], 1) if len(shown) else np.full(len(times[0]), np.nan)
    lines = ColumnDataSource({"start": times[0], "end": times[1], "speed": now})
    plot = figure(
        width=680,
        height=220,
        x_axis_type="datetime",
        y_range=(0, float(max(most, np.nanmax(shown, initial=0)))),
        y_axis_label="speed (m/yr)",
        title="Between one scene and the next, where it is fastest; click the map for another place",
        tools="pan,box_zoom,reset,save",
        toolbar_location="right",
    )
    plot.segment("start", "speed", "end", "speed", source=lines, line_width=3, line_color="#D55E00")
    places = {
        "x": series.x.values[columns],
        "y": series.y.values[rows],
        "speed": np.round(shown, 1).ravel(),
        "lines": lines,
        "plot": plot,
        "reach": 2 * step * float(abs(series.x[1] - series.x[0])),
    }
    return plot, CustomJS(args=places, code=CLICKED)


def _layer(values, **look):
    """An image of the first of `values`, all of them told on hover."""
    import holoviews as hv

    first = next(iter(values.values()))
    units = [hv.Dimension(name, unit="" if name == "pairs" else "m/yr") for name in values]
    layers = [np.round(value.values, 1).astype(np.float32) for value in values.values()]
    image = hv.Image((first.x.values, first.y.values, *layers), ["x", "y"], units)
    return image.opts(colorbar=True, tools=["hover"], **look)


def _arrows(product, most):
    """Where the ice goes, every 12th pixel that moves by a tenth of `most`."""
    import holoviews as hv

    coarse = product.isel(x=slice(None, None, 12), y=slice(None, None, 12))
    x, y = np.meshgrid(coarse.x, coarse.y)
    moving = (coarse.v > 0.1 * most).values
    angle = np.arctan2(coarse.vy, coarse.vx).values
    arrows = hv.VectorField((x[moving], y[moving], angle[moving], coarse.v.values[moving]))
    return arrows.opts(color="white", magnitude=hv.dim("Magnitude") / most, line_width=1.2)


def _stakes(table, stakes, epsg, look):
    """The stakes as dots that tell what was measured and what the map says."""
    import hvplot

    points = stakes.drop_duplicates("name").to_crs(epsg)
    where = pd.DataFrame({"name": points.name, "x": points.geometry.x, "y": points.geometry.y})
    rows = where.merge(table[["name", "measured", "estimated"]], on="name").round(1)
    dots = hvplot.hvPlot(rows).points(
        "x", "y", hover_cols=["name", "measured", "estimated"], color="#D55E00", size=110
    )
    return dots.opts(line_color="white", **look)
