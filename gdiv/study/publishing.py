"""Publish figures and products of a study in the formats of other tools."""

import re
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import pandas as pd
import rioxarray
import xarray as xr

from gdiv.extras import requires
from gdiv.imagery.items import NOTICE
from gdiv.study.journal import log_access
from gdiv.study.saved_results import SavedResults
from gdiv.velocity.export import write_geotiffs, write_points, write_stac_item, write_zarr

__all__ = ["Publishing"]

#: Resolution of PNG figures, dots per inch.
DPI = 150
#: Size of the title that names a twin, points.
TITLE_SIZE = 9
#: Tag that makes phones display a page at device width.
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'


class Publishing(SavedResults):
    """Figures and products of a study."""

    def figure(self, name: str, figure: Any) -> None:
        """Save a Matplotlib figure as PNG and SVG, with a notice if the scenes are synthetic.

        Parameters
        ----------
        name : str
            Name of the files.
        figure : matplotlib.figure.Figure
            Figure to save.
        """
        with requires("maps", "saving a figure"):
            import matplotlib.pyplot as plt

        folder = self.folder / "figures"
        folder.mkdir(exist_ok=True)
        metadata: dict[str, Any] = {"Title": f"{self.subject}: {name}"}
        if self.synthetic:
            metadata["Description"] = NOTICE
            if not figure.get_suptitle():  # figures of other subjects have their own title
                name_of_twin = f"Synthetic {self.glacier.label}"
                title = f"{name_of_twin} (rendered by gdiv's twin, not satellite imagery)"
                figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_SIZE)
        options: dict[str, dict[str, Any]] = {
            "png": {"dpi": DPI, "metadata": metadata},
            "svg": {"metadata": metadata | {"Date": None}},
        }
        with plt.rc_context({"svg.hashsalt": "gdiv"}):  # the same figure gives the same file
            for suffix, settings in options.items():
                path = folder / f"{name}.{suffix}"
                figure.savefig(path, bbox_inches="tight", **settings)
                log_access("wrote", f"figures/{path.name}")

    def publish(
        self,
        product: xr.Dataset,
        pairs: xr.Dataset,
        stakes: pd.DataFrame,
        profile: gpd.GeoDataFrame | None,
        packed: bool = False,
    ) -> None:
        """Write a velocity product: Zarr, one GeoTIFF per variable, a STAC item, and a GeoPackage.

        Parameters
        ----------
        product : xarray.Dataset
            Velocity product, from `gdiv.velocity_product`.
        pairs : xarray.Dataset
            Velocity of each pair, from `gdiv.velocity.products.pair_cube`.
        stakes : pandas.DataFrame
            Measured and estimated speed at the stakes.
        profile : geopandas.GeoDataFrame or None
            Speed along the centreline.
        packed : bool, optional
            Store velocities as 16-bit integers with a scale, which takes half the space.
        """
        folder = self.folder / "products"
        folder.mkdir(exist_ok=True)
        layers = write_geotiffs(product, folder)
        identifier = f"{self.key}-{product.attrs['matcher']}"
        points = folder / "stakes-and-profile.gpkg"
        written: list[Path | None] = [
            write_zarr(product, folder / "velocity.zarr", packed),
            write_zarr(pairs, folder / "pairs.zarr", packed),
            *layers,
            write_stac_item(product, layers, identifier, folder),
            write_points(stakes, self.stakes(), profile, points, self.marks),
        ]
        names = [f"products/{path.name}" for path in written if path is not None]
        for name in names:
            log_access("wrote", name)
        print("published " + ", ".join(names))

    def read_published(self) -> tuple[xr.Dataset, xr.DataArray]:
        """Open the published Zarr store and the GeoTIFF of the speed with readers of other tools.

        Returns
        -------
        product : xarray.Dataset
            The Zarr store, lazy.
        speed : xarray.DataArray
            The GeoTIFF of the speed, m/yr.
        """
        store = self.folder / "products" / "velocity.zarr"
        product = xr.open_zarr(store, consolidated=False, decode_coords="all")
        speed = cast(xr.DataArray, rioxarray.open_rasterio(self.folder / "products" / "v.tif"))
        return product, speed.squeeze("band", drop=True)

    def publish_map(self, view: Any) -> None:
        """Save an interactive map as one offline HTML file, ``products/map.html``.

        Parameters
        ----------
        view : bokeh.model.Model
            Map, from `gdiv.interactive_map`.
        """
        with requires("maps", "the interactive map"):
            from bokeh.embed import file_html
            from bokeh.resources import INLINE

        path = self.folder / "products" / "map.html"
        html = file_html(view, INLINE, f"gdiv: {self.subject}")
        # Panel, imported by hvplot, adds an external script that the map does not need.
        html = re.sub(r'<script src="static/.*?</script>', "", html, flags=re.DOTALL)
        path.write_text(html.replace("<head>", f"<head>\n    {VIEWPORT}", 1), encoding="utf-8")
        if view.document:
            view.document.clear()  # detach from the page, so that a notebook can display it
        log_access("wrote", "products/map.html")
        print(f"published products/map.html, {path.stat().st_size / 1e6:.1f} MB")
