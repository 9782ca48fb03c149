"""Time series below the interactive map, of the pixel that was clicked."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from gdiv.figures.style import VERMILION

if TYPE_CHECKING:
    from bokeh.models import CustomJS
    from bokeh.plotting import figure as BokehFigure

__all__ = ["draw_series"]

SIZE = (680, 220)  # screen pixels, width and height
MAX_VALUES = 150_000  # of all time series together, so that the saved page stays below 5 MB
REACH = 2  # largest distance from a click to its time series, in steps between the series

# Runs in the browser: show the time series nearest to the click, if there is one within reach.
ON_CLICK = """
let nearest = -1, least = reach * reach
for (let i = 0; i < x.length; i++) {
  const distance = (x[i] - cb_obj.x) ** 2 + (y[i] - cb_obj.y) ** 2
  if (distance < least) { least = distance; nearest = i }
}
if (nearest >= 0) {
  const n = lines.data.start.length
  const chosen = Array.from(speed.slice(nearest * n, (nearest + 1) * n))
  lines.data = {...lines.data, speed: chosen}
  const [east, north] = [x[nearest].toFixed(0), y[nearest].toFixed(0)]
  plot.title.text = `Speed between consecutive scenes at ${east} E, ${north} N`
}
"""


def draw_series(series: xr.Dataset, max_speed: float) -> tuple["BokehFigure", "CustomJS"]:
    """Draw the time series of the fastest pixel, for a map that changes the pixel on a click.

    Parameters
    ----------
    series : xarray.Dataset
        ``vx`` and ``vy`` (m/yr) ``(interval, y, x)`` with coordinates ``start`` and ``end``.
    max_speed : float
        Upper end of the speed axis in m/yr, unless a speed is larger.

    Returns
    -------
    plot : bokeh.plotting.figure
        The time series.
    on_click : bokeh.models.CustomJS
        Callback for a tap event on the map.
    """
    from bokeh.models import ColumnDataSource, CustomJS, Range1d
    from bokeh.plotting import figure

    speed, rows, columns, step = _thin_series(series)
    start = series.start.values.astype("datetime64[ms]").astype(float)
    end = series.end.values.astype("datetime64[ms]").astype(float)
    if len(speed):
        fastest = int(np.nanargmax(np.nanmean(speed, axis=-1)))
        drawn = np.round(speed[fastest], 1)
    else:
        drawn = np.full(len(start), np.nan)
    lines = ColumnDataSource({"start": start, "end": end, "speed": drawn})
    width, height = SIZE
    plot = figure(
        width=width,
        height=height,
        x_axis_type="datetime",
        y_range=Range1d(start=0, end=max(max_speed, float(np.nanmax(speed, initial=0)))),
        y_axis_label="speed (m/yr)",
        title="Speed between consecutive scenes at the fastest pixel; "
        "click the map for another pixel",
        tools="pan,box_zoom,reset,save",
        toolbar_location="right",
    )
    plot.segment("start", "speed", "end", "speed", source=lines, line_width=3, line_color=VERMILION)
    values = {
        "x": series.x.values[columns],
        "y": series.y.values[rows],
        "speed": np.round(speed, 1).ravel(),
        "lines": lines,
        "plot": plot,
        "reach": REACH * step * float(abs(series.x[1] - series.x[0])),
    }
    return plot, CustomJS(args=values, code=ON_CLICK)


def _thin_series(
    series: xr.Dataset,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.intp], int]:
    """Speeds ``(N, interval)`` of every n-th pixel that has any, their rows and columns, and n."""
    speed = np.hypot(series.vx, series.vy).transpose("y", "x", "interval").values
    rows, columns = np.nonzero(np.isfinite(speed).any(-1))
    values = rows.size * speed.shape[-1]
    step = int(np.ceil(np.sqrt(values / MAX_VALUES))) or 1
    kept = (rows % step == 0) & (columns % step == 0)
    rows = rows[kept]
    columns = columns[kept]
    return speed[rows, columns].astype(np.float32), rows, columns, step
