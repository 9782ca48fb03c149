"""Facts of a study, from its catalog entries and its source."""

import html
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from gdiv.catalog import Glacier, Profile, Source
from gdiv.files import read_text
from gdiv.imagery import outlines
from gdiv.imagery.elevation import TERRAIN_FILE, ElevationError, read_elevation
from gdiv.imagery.grid import study_grid
from gdiv.imagery.items import NOTICE, is_synthetic
from gdiv.images.arrays import Image
from gdiv.study.journal import log_access
from gdiv.study.provenance import code_hash, versions
from gdiv.study.results import result_path
from gdiv.study.store import read_result
from gdiv.study.workspace import StudyError
from gdiv.twin.scenes import render_twin
from gdiv.velocity.stakes import read_stakes
from gdiv.version import __version__

__all__ = ["STABLE_FILES", "UNSTABLE_FILE", "Facts"]

#: Start of a Markdown link with a scheme other than HTTP, such as ``javascript:``.
LINK = re.compile(r"\]\(\s*<?(?!https?:|mailto:)[\w+.-]*\s*:", re.IGNORECASE)
#: Optional files beside the scenes with polygons of stable ground.
STABLE_FILES = ("stable.geojson", "rock.geojson")
#: Optional file beside the scenes with polygons of other moving terrain: landslides, water.
UNSTABLE_FILE = "unstable.geojson"


@dataclass(frozen=True, repr=False)
class Facts:
    """Catalog entries of a study and facts derived from them.

    Attributes
    ----------
    key : str
        Name of the glacier in the catalog.
    profile_key : str
        Name of the profile in the catalog.
    source_name : str
        Source as given by the user; empty for that of the profile.
    folder : Path
        Folder of the run.
    glacier : Glacier
    profile : Profile
    source : Source
        The catalog entries.
    """

    key: str
    profile_key: str
    source_name: str
    folder: Path
    glacier: Glacier
    profile: Profile
    source: Source

    @property
    def synthetic(self) -> bool:
        """True if the scenes were rendered by a twin instead of acquired by a satellite."""
        if self.source.kind == "twin":
            return True
        items = result_path(self.folder, "items")
        return items.exists() and is_synthetic(read_result(items, "items"))

    @property
    def subject(self) -> str:
        """Name of the glacier for titles, marked if the scenes are synthetic."""
        return f"synthetic {self.glacier.label}" if self.synthetic else self.glacier.label

    @property
    def marks(self) -> dict[str, str]:
        """Attributes that mark products of synthetic scenes; none for real scenes."""
        return {"synthetic": "true", "description": NOTICE} if self.synthetic else {}

    @property
    def seasons(self) -> list[int]:
        """Season years that the study needs."""
        return self.glacier.years.seasons

    @property
    def caution(self) -> str:
        """Limitation due to shared seasons; empty if validation has its own seasons."""
        years = self.glacier.years
        if years.train != years.validation:
            return ""
        named = ", ".join(map(str, sorted(set(years.train))))
        return (
            f"{self.glacier.label} is trained and validated on the same season years ({named}): "
            "fine-tuning and validation share their pairs, so agreement with the labels is no "
            "evidence, and the errors cannot be checked with another season pair"
        )

    @cached_property
    def companions(self) -> Path:
        """Folder of the outline, stakes, note and truth provided by the source."""
        if self.source.kind == "twin":
            return self.folder / "twin"
        return Path(self.source.path).parent if self.source.path else self.folder

    @cached_property
    def note(self) -> str:
        """Read the limitations in a NOTE.md beside the scenes; empty if there is none.

        HTML is escaped, so that it appears as text.

        Returns
        -------
        str
            Markdown.
        """
        log_access("read", "NOTE.md")
        file = self.companions / "NOTE.md"
        text = html.escape(read_text(file), quote=False) if file.exists() else ""
        return LINK.sub(r"](#", text.replace("&gt;", ">"))

    def scene_source(self) -> Source:
        """Prepare the source for a search: render the twin if its scenes do not exist yet."""
        log_access("read", "scenes")
        if self.source.kind != "twin":
            return self.source
        grid = study_grid(self.glacier.bbox, self.glacier.crs)
        usable = self.profile.usable_scenes
        with tqdm(desc="rendering the twin", unit="scene", file=sys.stdout) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            seed = self.profile.seed
            path = render_twin(self.glacier, grid, usable, self.companions, seed, progress)
        return self.source.model_copy(update={"kind": "file", "path": str(path)})

    def outline_on(self, grid: GeoBox) -> gpd.GeoDataFrame:
        """Read the outline of the glacier in the CRS of a grid.

        Parameters
        ----------
        grid : odc.geo.geobox.GeoBox
            Grid of the study.

        Returns
        -------
        geopandas.GeoDataFrame
            Outlines within the grid, from the source or otherwise from the catalog.
        """
        return outlines.read_outline(self._outline_file(), self.glacier, grid)

    def _outline_file(self) -> str | Path:
        """Outlines beside the scenes, else those of the catalog."""
        log_access("read", "outline.geojson")
        own = self.companions / "outline.geojson"
        path = own if own.exists() else self.glacier.outline
        if path is None:
            raise StudyError(
                f"{self.glacier.label} has no outline in the catalog; "
                f"put an outline.geojson beside the scenes' items.json"
            )
        return path

    def moving_ground_on(self, grid: GeoBox) -> gpd.GeoDataFrame:
        """Read the outlines of other moving terrain, in the CRS of a grid.

        Parameters
        ----------
        grid : odc.geo.geobox.GeoBox
            Grid of the study.

        Returns
        -------
        geopandas.GeoDataFrame
            Polygons of other glaciers, if the outlines distinguish them, and of an
            `unstable.geojson` beside the scenes; may be empty.
        """
        other = outlines.read_other_ice(self._outline_file(), self.glacier, grid)
        log_access("read", UNSTABLE_FILE)
        file = self.companions / UNSTABLE_FILE
        if not file.exists():
            return other
        unstable = outlines.read_polygons(file, "unstable ground", grid)
        return pd.concat([other, unstable[["geometry"]]], ignore_index=True)

    def stable_ground_on(self, grid: GeoBox) -> gpd.GeoDataFrame | None:
        """Read the polygons of stable ground of the source, in the CRS of a grid.

        Parameters
        ----------
        grid : odc.geo.geobox.GeoBox
            Grid of the study.

        Returns
        -------
        geopandas.GeoDataFrame or None
            Polygons of a `stable.geojson` or `rock.geojson` beside the scenes; None without one.
        """
        for name in STABLE_FILES:
            log_access("read", name)
            file = self.companions / name
            if file.exists():
                ground = outlines.read_polygons(file, "stable ground", grid)
                if not ground.intersects(shapely.box(*grid.boundingbox)).any():
                    raise StudyError(
                        f"{name} beside the scenes has no polygon within the study's box; check "
                        f"its CRS and position"
                    )
                return ground
        return None

    def elevation_on(self, grid: GeoBox) -> Image | None:
        """Read the terrain model on a grid.

        Parameters
        ----------
        grid : odc.geo.geobox.GeoBox
            Grid of the study.

        Returns
        -------
        ndarray or None
            Elevation in metres, ``(H, W)``, from a `dem.tif` beside the scenes or from the
            catalog's `dem`; None if there is neither.
        """
        log_access("read", TERRAIN_FILE)
        own = self.companions / TERRAIN_FILE
        location = own if own.exists() else self.glacier.dem
        # The terrain of a twin differs from that of the glacier.
        if location is None or (self.synthetic and location is not own):
            return None
        try:
            return read_elevation(location, self.glacier, grid)
        except ElevationError as error:  # only one flag of the products needs the elevation
            print(f"motion against the slope is not flagged: {error}")
            return None

    def stakes(self) -> gpd.GeoDataFrame:
        """Read the stakes of the source, or otherwise those of the catalog.

        Returns
        -------
        geopandas.GeoDataFrame
            ``name``, ``year`` and ``speed`` (m/yr) of each stake.
        """
        log_access("read", "stakes.geojson")
        return read_stakes(self.companions, self.glacier)

    def provenance(self) -> dict[str, str]:
        """Describe the provenance of results.

        Returns
        -------
        dict of str to str
            Attributes for files: source, glacier, profile, seed, licence, code and versions.
        """
        return {
            **self.marks,
            "source": f"gdiv {__version__}, {self.source.label}",
            "glacier": self.subject,
            "profile": self.profile_key,
            "seed": str(self.profile.seed),
            "licence": self.source.licence,
            "code": code_hash(),
            "versions": versions(),
        }
