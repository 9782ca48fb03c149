"""Draw a glacier outline on an image in JupyterLab."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import rioxarray
import shapely
import xarray as xr

from gdiv.figures.panels import STRETCH
from gdiv.figures.style import GREY, ORANGE

if TYPE_CHECKING:
    from holoviews import Overlay
    from holoviews.streams import PolyDraw

__all__ = ["OutlineDrawing", "draw_outline"]

WIDTH = 700  # screen pixels
MAX_CELLS = 500_000  # maximum pixels of the image; larger images are subsampled
HOW_TO_DRAW = "hold the button to begin, click for each corner, hold again to end"


class OutlineDrawing:
    """Image with the polygons drawn on it, made by `draw_outline`.

    Parameters
    ----------
    view : holoviews.Overlay
        The image and the polygons.
    stream : holoviews.streams.PolyDraw
        Stream that receives the polygons from the browser.
    crs : str
        CRS of the image, as WKT.
    """

    def __init__(self, view: "Overlay", stream: "PolyDraw", crs: str) -> None:
        self._view = view
        self._stream = stream
        self._crs = crs

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Show the image, for Jupyter."""
        return self._view._repr_mimebundle_(include, exclude)

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return the polygons drawn so far.

        Returns
        -------
        geopandas.GeoDataFrame
            One row per polygon, in the CRS of the image.

        Raises
        ------
        ValueError
            If nothing has been drawn.
        """
        stream_data = self._stream.data or {}
        rings = [
            np.column_stack([x, y])
            for x, y in zip(stream_data.get("xs", []), stream_data.get("ys", []), strict=True)
            if len(x) > 2
        ]
        if not rings:
            raise ValueError(f"no polygon has been drawn yet: {HOW_TO_DRAW}")
        polygons = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings]
        return gpd.GeoDataFrame(geometry=polygons, crs=self._crs)

    def save(self, path: str | Path) -> Path:
        """Write the polygons as GeoJSON.

        Parameters
        ----------
        path : str or Path
            File to write, such as ``outline.geojson``.

        Returns
        -------
        Path
            The file, for ``gdiv run --outline`` or `gdiv.open_pair`.
        """
        self.to_frame().to_crs(4326).to_file(path, driver="GeoJSON")
        return Path(path)


def draw_outline(image: str | Path | xr.DataArray) -> OutlineDrawing:
    """Show an image in JupyterLab for drawing the outline of a glacier.

    Hold the mouse button for half a second to begin a polygon, click for each corner, and hold it
    again to end the polygon. This works offline.

    Parameters
    ----------
    image : str, Path or xarray.DataArray
        GeoTIFF, whose first band is shown, or an image ``(y, x)`` with a CRS.

    Returns
    -------
    OutlineDrawing
        Displayed if it is the last value of a cell; `~OutlineDrawing.save` writes the polygons.

    Raises
    ------
    ValueError
        If the image has no CRS.

    Examples
    --------
    In two cells of a notebook::

        outline = gdiv.draw_outline("scene_20200803.tif")
        outline

        outline.save("outline.geojson")
        !gdiv run --scenes my-scenes --outline outline.geojson
    """
    import holoviews as hv
    from holoviews.streams import PolyDraw

    scene: Any = image
    if not isinstance(image, xr.DataArray):
        scene = rioxarray.open_rasterio(image, masked=True)
    if "band" in scene.dims:
        scene = scene.isel(band=0)
    if scene.rio.crs is None:
        raise ValueError("the image has no CRS; write it with image.rio.write_crs(...)")
    hv.extension("bokeh", logo=False, inline=True)  # inline: scripts are not loaded from the web
    step = int(np.ceil(np.sqrt(scene.size / MAX_CELLS)))
    shown = scene.isel(x=slice(None, None, step), y=slice(None, None, step))
    black, white = np.nanpercentile(shown, STRETCH)
    height = round(WIDTH * shown.sizes["y"] / shown.sizes["x"])
    picture = hv.Image((shown.x.values, shown.y.values, shown.values), ["x", "y"]).opts(
        cmap=GREY,
        clim=(float(black), float(white)),
        frame_width=WIDTH,
        frame_height=height,
        xaxis=None,
        yaxis=None,
        title=HOW_TO_DRAW,
    )
    polygons = hv.Path([]).opts(color=ORANGE, line_width=2)
    stream = PolyDraw(source=polygons, show_vertices=True, vertex_style={"color": ORANGE})
    polygons = polygons.opts(active_tools=["poly_draw"])
    return OutlineDrawing(picture * polygons, stream, scene.rio.crs.to_wkt())
