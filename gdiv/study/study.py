"""A run of the study: its facts, and the named results in its folder."""

import time
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

from gdiv.imagery.grid import grid_of_items
from gdiv.images.arrays import Image
from gdiv.study import claims, publishing
from gdiv.study.declared_claims import find_claim, row_claims, row_label
from gdiv.study.facts import Facts
from gdiv.study.journal import log_access
from gdiv.study.results import check_content, find_result, result_path
from gdiv.study.store import move_links, read_result, stored_size, write_result
from gdiv.study.workspace import StudyError
from gdiv.version import __version__

__all__ = ["Study"]


class Study(Facts):
    """A run of the study; `gdiv.open_study` opens one."""

    def __repr__(self) -> str:
        parts = [self.subject, f"profile {self.profile_key}", self.source.label]
        if self.path("items").exists():
            size = f"{self.grid.width} x {self.grid.height} px"
            parts[-1] += (
                f", {size} of {abs(self.grid.resolution.x):g} m in EPSG:{self.glacier.epsg}"
            )
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
            Grid that gives the CRS; that of the study if left out.

        Returns
        -------
        geopandas.GeoDataFrame
            Outlines within the grid.
        """
        return self.outline_on(grid or self.grid)

    def background(self) -> Image:
        """Reflectance of the clearest scene, to draw maps on."""
        reflectance = self.open("cube").reflectance
        clearest = reflectance.notnull().sum(("y", "x")).argmax("scene")
        return reflectance.isel(scene=int(clearest)).values

    def path(self, name: str) -> Path:
        """Path of a result, whether or not it exists yet.

        Parameters
        ----------
        name : str
            Name of a result.

        Returns
        -------
        Path
            File or store.
        """
        return result_path(self.folder, name)

    def checkpoint(self, name: str) -> Path:
        """Path of the state of a training run, from which it resumes.

        Parameters
        ----------
        name : str
            Name of the training run.

        Returns
        -------
        Path
            File.
        """
        return self.folder / "checkpoints" / f"{name}.safetensors"

    def open(self, name: str) -> Any:
        """Open a result.

        Parameters
        ----------
        name : str
            Name of a result.

        Returns
        -------
        xarray.Dataset, pandas.DataFrame, list of dict or Raft
            A lazy dataset, a table, STAC items, or a network.

        Raises
        ------
        StudyError
            If there is no such result, or no notebook has made it yet.
        """
        result = find_result(name)
        path = self.path(name)
        if not path.exists():
            command = f"gdiv run {self.key} --profile {self.profile_key} --only {result.maker}"
            raise StudyError(
                f"this study has no {name!r} yet; run notebook {result.maker} first: {command}"
            )
        log_access("read", f"data/{path.name}")
        value = read_result(path, result.kind)
        if result.kind != "items":
            return value
        log_access("read", "scenes")  # the files that the items link to
        return move_links(value, path.parent, absolute=True)

    def save(self, name: str, value: Any) -> None:
        """Write a result and print its path, size and duration.

        Parameters
        ----------
        name : str
            Name of a result.
        value : xarray.Dataset, pandas.DataFrame, list of dict or Raft
            Value of the kind that is declared for the name. Writing of a lazy dataset resumes after
            an interruption.
        """
        start = time.perf_counter()
        check_content(name, value)
        path = self.path(name)
        kind = find_result(name).kind
        content = move_links(value, path.parent, absolute=False) if kind == "items" else value
        write_result(content, path, kind, self.glacier.epsg, self.provenance())
        log_access("wrote", f"data/{path.name}")
        seconds = time.perf_counter() - start
        size = stored_size(path) / 1e6
        print(f"saved {path.relative_to(self.folder)}, {size:.1f} MB, {seconds:.1f} s")

    def record(self, key: str, value: float, **words: str) -> None:
        """Record a declared claim in ``claims.json``.

        Parameters
        ----------
        key : str
            Key of the claim.
        value : float
            Value in the declared unit. One that is not finite removes the claim.
        **words : str
            Words that complete the declared meaning.
        """
        claim = find_claim(key)
        meaning = claim.meaning.format(**words)
        claims.record_claim(self.folder, key, value, claim.unit, meaning)

    def record_rows(self, prefix: str, table: pd.DataFrame) -> None:
        """Record the declared claims of each row of a table.

        Parameters
        ----------
        prefix : str
            First part of the keys.
        table : pandas.DataFrame
            Values by row and column. Fractions are recorded as percentages where the unit is %.
        """
        for name, row in table.iterrows():
            label = row_label(str(name))
            for column, claim in row_claims(prefix).items():
                if column in table:
                    factor = 100 if claim.unit == "%" else 1
                    self.record(f"{prefix}.{label}.{column}", factor * row[column], row=str(name))

    def claims_frame(self, start: str) -> pd.DataFrame:
        """Tabulate claims.

        Parameters
        ----------
        start : str
            Beginning of the keys to list.

        Returns
        -------
        pandas.DataFrame
            One row per claim.
        """
        log_access("read", f"claims/{start}")
        return claims.claims_frame(self.folder, start)

    def figure(self, name: str, figure: Any) -> None:
        """Save a Matplotlib figure under ``figures/``; see `gdiv.study.publishing.save_figure`.

        Parameters
        ----------
        name : str
            Name of the files.
        figure : matplotlib.figure.Figure
            Figure to save.
        """
        publishing.save_figure(self, name, figure)

    def publish(
        self,
        product: xr.Dataset,
        pairs: xr.Dataset,
        stakes: pd.DataFrame,
        profile: gpd.GeoDataFrame | None,
        packed: bool = False,
    ) -> None:
        """Write products; see `gdiv.study.publishing.publish_products`.

        Parameters
        ----------
        product : xarray.Dataset
            Velocity map, from `gdiv.velocity_product`.
        pairs : xarray.Dataset
            Velocity of each pair.
        stakes : pandas.DataFrame
            Measured and estimated speed at the stakes.
        profile : geopandas.GeoDataFrame or None
            Speed along the centreline.
        packed : bool, optional
            Store velocities as 16-bit integers with a scale, which takes half the space.
        """
        publishing.publish_products(self, product, pairs, stakes, profile, packed)

    def read_published(self) -> tuple[xr.Dataset, xr.DataArray]:
        """Open the published products; see `gdiv.study.publishing.read_products`."""
        return publishing.read_products(self.folder)

    def publish_map(self, view: Any) -> None:
        """Save an interactive map; see `gdiv.study.publishing.publish_map`.

        Parameters
        ----------
        view : bokeh.model.Model
            Map, from `gdiv.interactive_map`.
        """
        publishing.publish_map(self, view)
