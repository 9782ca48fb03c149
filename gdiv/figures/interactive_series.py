"""Time series below the interactive map, for the clicked pixel and the matcher shown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from gdiv.figures.style import VERMILION
from gdiv.flow.matchers.registry import matcher_label

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource, CustomJS, Tabs
    from bokeh.plotting import figure as BokehFigure

__all__ = ["connect_series", "draw_series"]

HEIGHT = 240  # screen pixels
DATE_TICKS = 5
MAX_VALUES = 400_000  # total of all time series, so that the saved page stays below 5 MB
REACH = 2  # maximum distance from a click to its time series, in steps between the series

# JavaScript that runs on a click and when the tab changes. It shows the time series nearest to the
# last click, if there is one within reach.
ON_CHANGE = r"""
if (cb_obj.event_name == "tap") plot.tags = [cb_obj.x, cb_obj.y]
const m = of_tab[tabs.active], [px, py] = plot.tags
let nearest = -1, least = reach[m] * reach[m]
for (let i = 0; i < x[m].length; i++) {
  const distance = (x[m][i] - px) ** 2 + (y[m][i] - py) ** 2
  if (distance < least) { least = distance; nearest = i }
}
if (nearest >= 0) {
  const n = start[m].length
  const speed = Array.from(speeds[m].slice(nearest * n, (nearest + 1) * n))
  const error = Array.from(errors[m].slice(nearest * n, (nearest + 1) * n))
  lines.data = {
    start: Array.from(start[m]), end: Array.from(end[m]), speed: speed,
    low: speed.map((v, i) => v - error[i]), high: speed.map((v, i) => v + error[i]),
  }
  const [east, north] = [x[m][nearest].toFixed(0), y[m][nearest].toFixed(0)]
  plot.title.text = `${labels[m]}: speed between scenes\nat ${east} E, ${north} N`
} else {
  lines.data = {start: [], end: [], speed: [], low: [], high: []}
  plot.title.text = `${labels[m]}: no time series here`
}
"""


class _Thinned(NamedTuple):
    """Time series of every n-th pixel of one matcher."""

    speed: npt.NDArray[np.float32]  # (N, interval), m/yr
    error: npt.NDArray[np.float32]
    x: npt.NDArray[np.floating]  # (N,), m
    y: npt.NDArray[np.floating]
    start: npt.NDArray[np.float64]  # (interval,), milliseconds
    end: npt.NDArray[np.float64]
    reach: float  # m


def draw_series(series: xr.Dataset, max_speed: float) -> tuple["BokehFigure", "ColumnDataSource"]:
    """Draw the time series of the fastest pixel with a band of one standard error.

    Parameters
    ----------
    series : xarray.Dataset
        ``vx``, ``vy`` and ``error`` (m/yr) ``(interval, y, x)`` with coordinates ``start`` and
        ``end``.
    max_speed : float
        Upper end of the speed axis in m/yr, unless a speed is larger.

    Returns
    -------
    plot : bokeh.plotting.figure
        The time series. Its tags are the position of the pixel.
    lines : bokeh.models.ColumnDataSource
        Data of the plot.
    """
    from bokeh.models import ColumnDataSource, Range1d
    from bokeh.plotting import figure

    thinned = _thin_series(series, MAX_VALUES)
    series_plot, error = np.full((2, len(thinned.start)), np.nan)
    position = (0.0, 0.0)
    if len(thinned.speed):
        fastest = int(np.nanargmax(np.nanmean(thinned.speed, axis=-1)))
        series_plot, error = thinned.speed[fastest], thinned.error[fastest]
        position = (float(thinned.x[fastest]), float(thinned.y[fastest]))
    lines = ColumnDataSource(
        {
            "start": thinned.start,
            "end": thinned.end,
            "speed": series_plot,
            "low": series_plot - error,
            "high": series_plot + error,
        }
    )
    top = max(max_speed, float(np.nanmax(thinned.speed, initial=0)))
    plot = figure(
        height=HEIGHT,
        x_axis_type="datetime",
        y_range=Range1d(start=0, end=top),
        y_axis_label="speed (m/yr)",
        title="Speed between scenes at the fastest pixel\n(click the map for another pixel)",
        tools="pan,box_zoom,reset,save",
        toolbar_location="above",
        tags=list(position),
        sizing_mode="stretch_width",
    )
    ticker: Any = plot.xaxis.ticker
    ticker.desired_num_ticks = DATE_TICKS
    plot.quad(
        left="start", right="end", bottom="low", top="high", source=lines,
        fill_color=VERMILION, fill_alpha=0.2, line_color=None,
    )  # fmt: skip
    plot.segment("start", "speed", "end", "speed", source=lines, line_width=3, line_color=VERMILION)
    return plot, lines


def connect_series(
    tabs: "Tabs",
    series_plot: tuple["BokehFigure", "ColumnDataSource"],
    series: Mapping[str, xr.Dataset],
    of_tab: list[str],
) -> "CustomJS":
    """Update the time series on a click on the map or a change of the tab.

    Parameters
    ----------
    tabs : bokeh.models.Tabs
        The map.
    series_plot : tuple
        Plot and data source from `draw_series`.
    series : mapping of str to xarray.Dataset
        Time series by name of the matcher, as in `draw_series`.
    of_tab : list of str
        Name of the matcher of each tab.

    Returns
    -------
    bokeh.models.CustomJS
        Callback that runs in the browser.
    """
    from bokeh.models import CustomJS

    plot, lines = series_plot
    names = list(series)
    thinned = [_thin_series(each, MAX_VALUES // len(names)) for each in series.values()]
    on_change = CustomJS(
        args={
            "tabs": tabs,
            "plot": plot,
            "lines": lines,
            "of_tab": [names.index(name) for name in of_tab],
            "labels": [matcher_label(name) for name in names],
            "speeds": [each.speed.ravel() for each in thinned],
            "errors": [each.error.ravel() for each in thinned],
            "x": [each.x for each in thinned],
            "y": [each.y for each in thinned],
            "start": [each.start for each in thinned],
            "end": [each.end for each in thinned],
            "reach": [each.reach for each in thinned],
        },
        code=ON_CHANGE,
    )
    panels: list[Any] = tabs.tabs
    for panel in panels:
        panel.child.js_on_event("tap", on_change)
    tabs.js_on_change("active", on_change)
    return on_change


def _thin_series(series: xr.Dataset, max_values: int) -> _Thinned:
    """Subsample the time series, so that there are at most `max_values` values."""
    known = np.isfinite(series.vx).any("interval").values
    values = 2 * np.count_nonzero(known) * series.sizes["interval"]
    step = int(np.ceil(np.sqrt(values / max_values))) or 1
    every = slice(None, None, step)
    # Of a lazy series of a large scene, only the sampled pixels stay in memory.
    sampled = series[["vx", "vy", "error"]].isel(y=every, x=every)
    sampled = sampled.transpose("y", "x", "interval").load()
    speed = np.hypot(sampled.vx.values, sampled.vy.values)
    with_speed = np.nonzero(np.isfinite(speed).any(-1))
    start, end = (
        series[bound].values.astype("datetime64[ms]").astype(float) for bound in ("start", "end")
    )
    return _Thinned(
        np.round(speed[with_speed], 1).astype(np.float32),
        np.round(sampled.error.values[with_speed], 1).astype(np.float32),
        sampled.x.values[with_speed[1]],
        sampled.y.values[with_speed[0]],
        start,
        end,
        REACH * step * float(abs(series.x[1] - series.x[0])),
    )
