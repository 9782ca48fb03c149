"""Layout of the interactive map: size, scale, north, colour bar, hover and opacity."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

if TYPE_CHECKING:
    from bokeh.models import Tabs
    from bokeh.models.widgets import Slider

__all__ = ["MAP_WIDTH", "fit_to_window", "opacity_slider"]

MAP_WIDTH = 900  # screen pixels; a narrower window scales the map down
#: Maximum height in screen pixels; the map of a tall glacier is narrower to fit the screen.
MAP_HEIGHT = 720
#: Style of the tabs, which wrap in a narrow window.
TABS_STYLE = ".bk-headers-wrapper { flex-wrap: wrap !important; }"
#: Format of values on hover: one decimal, none for numbers of pairs.
ON_HOVER = """
if (isNaN(value)) return "no match"
return Number.isInteger(value) ? value.toString() : value.toFixed(1)
"""


def opacity_slider(tabs: "Tabs") -> "Slider":
    """Make a slider for the opacity of all layers above the image.

    Parameters
    ----------
    tabs : bokeh.models.Tabs
        Maps, each with a layer above an image.

    Returns
    -------
    bokeh.models.Slider
        The slider, which works in the browser alone.
    """
    from bokeh.models.widgets import Slider

    slider = Slider(start=0, end=1, value=1, step=0.05, title="opacity of the layer")
    panels: list[Any] = tabs.tabs
    for panel in panels:
        _, layer = [
            each.glyph for each in panel.child.renderers if "image" in each.data_source.data
        ]
        slider.js_link("value", layer, "global_alpha")
    return slider


def fit_to_window(tabs: "Tabs", grid: xr.Dataset) -> None:
    """Make the maps scale with the window.

    Colour bar, scale and tools are inside the frame, so that the aspect ratio of the ground is
    preserved.

    Parameters
    ----------
    tabs : bokeh.models.Tabs
        Maps as HoloViews renders them; changed in place.
    grid : xarray.Dataset
        Grid of the maps, with coordinates ``x`` and ``y`` in metres.
    """
    from bokeh.models import InlineStyleSheet

    proportion = grid.sizes["y"] / grid.sizes["x"]
    width = round(min(MAP_WIDTH, MAP_HEIGHT / proportion))
    panels: list[Any] = tabs.tabs
    for panel in panels:
        plot = panel.child
        plot.update(
            frame_width=None,
            frame_height=None,
            width=width,
            height=round(width * proportion),
            max_width=width,
            sizing_mode="scale_width",
            min_border=0,
            title=None,
            match_aspect=False,
            toolbar_location="right",
            toolbar_inner=True,
        )
        plot.toolbar.update(autohide=True, logo=None)
        _show_whole(plot.x_range, grid.x.values)
        _show_whole(plot.y_range, grid.y.values)
        _finish_map(plot)
    tabs.stylesheets = [InlineStyleSheet(css=TABS_STYLE)]
    tabs.sizing_mode = "scale_width"


def _show_whole(bokeh_range: Any, centres: npt.NDArray[np.floating]) -> None:
    """Set a range of an axis to the outer edges of the pixels."""
    half = abs(centres[1] - centres[0]) / 2
    start, end = centres.min() - half, centres.max() + half
    bokeh_range.update(start=start, end=end, reset_start=start, reset_end=end)


def _finish_map(plot: Any) -> None:
    """Move the colour bar into the frame, add a north arrow, and hide NaN on hover."""
    from bokeh.models.annotations import ColorBar, Label, ScaleBar
    from bokeh.models.tools import CustomJSHover, HoverTool

    for bar in plot.select(ColorBar):
        plot.right.remove(bar)
        bar.update(
            orientation="horizontal",
            location="top_left",
            width=150,
            height=9,
            padding=6,
            title_standoff=3,
            background_fill_alpha=0.8,
        )
        plot.add_layout(bar, "center")
    for scale in plot.select(ScaleBar):
        scale.dimensional.include = ["m", "km"]
        scale.update(location="bottom_left", background_fill_alpha=0.8)
    plot.add_layout(
        Label(
            x=10,
            y=56,
            x_units="screen",
            y_units="screen",
            text="N ↑",
            text_font_style="bold",
            background_fill_color="white",
            background_fill_alpha=0.8,
        )
    )
    no_nan = CustomJSHover(code=ON_HOVER)
    for tool in plot.select(HoverTool):
        fields = re.findall(r"(@\w+|@{\w+}){custom}", str(tool.tooltips))
        tool.formatters = dict.fromkeys(fields, no_nan)
