"""A run of the study: facts, saved results and publishing in one object."""

from functools import cached_property

import geopandas as gpd
from odc.geo.geobox import GeoBox

from gdiv.imagery.grid import grid_of_items
from gdiv.imagery.pixel_checks import crs_name
from gdiv.images.arrays import Image
from gdiv.study.publishing import Publishing
from gdiv.version import __version__

__all__ = ["Study"]


class Study(Publishing):
    """A run of the study, opened by `gdiv.open_study`.

    It combines the facts of `Facts`, the results and claims of `SavedResults`, and the figures and
    products of `Publishing`.
    """

    def __repr__(self) -> str:
        parts = [self.subject, f"profile {self.profile_key}", self.source.label]
        if self.path("items").exists():
            size = f"{self.grid.width} x {self.grid.height} px"
            parts[-1] += f", {size} of {abs(self.grid.resolution.x):g} m in {crs_name(self.grid)}"
        return f"{', '.join(parts)}; gdiv {__version__}, seed {self.profile.seed}"

    @cached_property
    def grid(self) -> GeoBox:
        """Grid of the study, from the items."""
        return grid_of_items(self.open("items"), self.source.image, self.glacier)

    def outline(self, grid: GeoBox | None = None) -> gpd.GeoDataFrame:
        """Read the outline of the glacier.

        Parameters
        ----------
        grid : odc.geo.geobox.GeoBox, optional
            Grid whose CRS is used; by default that of the study.

        Returns
        -------
        geopandas.GeoDataFrame
            Outlines within the grid.
        """
        return self.outline_on(grid or self.grid)

    def background(self) -> Image:
        """Reflectance of the clearest scene, as a background for maps."""
        reflectance = self.open("cube").reflectance
        clearest = reflectance.notnull().sum(("y", "x")).argmax("scene")
        return reflectance.isel(scene=int(clearest)).values
