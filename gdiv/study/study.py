"""One run of the study: which glacier, profile and source, and the named results in its workspace.

The only module that knows paths. Notebooks say `study.open("pairs")` and `study.save("labels", labels)`;
what is saved is written beside its final name first, so that a kill never leaves half a result.
"""

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import rioxarray
import xarray as xr
from tqdm import tqdm

import gdiv
from gdiv.catalog import CatalogError, Glacier, Pairing, Profile, Source, load_catalog
from gdiv.extras import requires
from gdiv.files import read_text
from gdiv.imagery import outlines
from gdiv.imagery.grid import grid_of_items, study_grid
from gdiv.imagery.items import NOTICE, is_synthetic
from gdiv.study import claims
from gdiv.study.journal import log_access
from gdiv.study.store import find_result, read_result, write_result
from gdiv.study.workspace import StudyError, default_workspace, prepare, relative, split_source
from gdiv.twin import scenes as twin
from gdiv.velocity.products import write_cogs, write_item, write_points, write_zarr
from gdiv.velocity.stakes import read_stakes

MATCHING = (
    "numpy",
    "numba",
    "scipy",
    "rasterio",
    "xarray",
    "torch",
    "scikit-image",
)  # what results may hang on


def resolve_source(name: str, profile: Profile) -> Source:
    """The source `name`: a key of the catalog, an ItemCollection file, or "" for the profile's.

    A STAC API's URL is one, too. Files and services name their assets as Earth Search does; as KEY@FILE or KEY@URL
    they are read as the source KEY of the catalog is.
    """
    catalog = load_catalog()
    if not name or name in catalog.sources:
        return catalog.sources[name or profile.source]
    key, place = split_source(name)
    if place.startswith(("http://", "https://")):
        if not place.split("/")[2]:
            raise CatalogError(f"source {place} names no host; give the landing page of a STAC API")
        change = {"label": place.split("/")[2], "kind": "stac", "url": place.rstrip("/")}
        return catalog.sources[key or "earth-search"].model_copy(update=change)
    path = Path(place)
    if path.suffix in (".json", ".geojson"):
        if not path.exists():
            raise CatalogError(
                f"source file {place} does not exist; give the path of an ItemCollection, a URL, "
                f"or one of: {', '.join(catalog.sources)}"
            )
        change = {
            "label": path.parent.name,
            "kind": "file",
            "path": str(path),
            "licence": "see the source",
        }
        return catalog.sources[key or "twin"].model_copy(update=change)
    return catalog.pick("sources", name)


def open_study(
    glacier: str, profile: str = "demo", source: str = "", workspace: str = ""
) -> "Study":
    """Open a study; an unknown glacier, profile or source is a CatalogError that lists what exists."""
    catalog = load_catalog()
    entry, chosen = catalog.pick("glaciers", glacier), catalog.pick("profiles", profile)
    if chosen.pairing == "paper":
        if entry.pairing.rule == "interval":
            raise CatalogError(
                f"profile {profile} pairs two seasons as the paper does, but {glacier} is matched over days "
                f"within one season; use another profile"
            )
        entry = entry.model_copy(update={"pairing": Pairing(rule="paper")})
    folder = Path(workspace) if workspace else default_workspace(glacier, profile, source)
    # Relative sources are read from where the notebook runs, as a shell would.
    study = Study(glacier, profile, source, folder, entry, chosen, resolve_source(source, chosen))
    if study.source.kind == "twin" and entry.twin is None:
        able = [name for name, other in catalog.glaciers.items() if other.twin]
        raise CatalogError(
            f"{glacier} has no twin description; glaciers with one: {', '.join(able)}; or name a source of real scenes"
        )
    prepare(folder)
    return study


@dataclass(frozen=True, repr=False)
class Study:
    """A run. `glacier`, `profile` and `source` are catalog entries; `key` and `profile_key` their names."""

    key: str
    profile_key: str
    source_name: str
    folder: Path
    glacier: Glacier
    profile: Profile
    source: Source

    def __repr__(self):
        grid = (
            f", {self.grid.width} x {self.grid.height} px of {abs(self.grid.resolution.x):g} m "
            f"in EPSG:{self.glacier.epsg}"
            if self._has("items")
            else ""
        )
        made = f"gdiv {gdiv.__version__}, seed {self.profile.seed}"
        return f"{self.subject}, profile {self.profile_key}, {self.source.label}{grid}; {made}"

    @property
    def synthetic(self) -> bool:
        """Whether the scenes were rendered, by this study's twin or by another's, and not acquired."""
        if self.source.kind == "twin":
            return True
        return self._has("items") and is_synthetic(read_result(self.path("items"))["features"])

    @property
    def subject(self) -> str:
        """The glacier's name for titles, marked where the scenes are synthetic."""
        return f"synthetic {self.glacier.label}" if self.synthetic else self.glacier.label

    # ---- scenes -------------------------------------------------------------------------------

    @cached_property
    def companions(self) -> Path:
        """Folder of what the source brings beside its scenes: `outline.geojson`, `stakes.geojson`, the twin's truth."""
        if self.source.kind == "twin":
            return self.folder / "twin"
        return Path(self.source.path).parent if self.source.path else self.folder

    @cached_property
    def note(self) -> str:
        """What the source says of its own limits: the text of a NOTE.md beside its scenes, or nothing."""
        log_access("read", "NOTE.md")
        file = self.companions / "NOTE.md"
        return read_text(file) if file.exists() else ""

    def scene_source(self) -> Source:
        """The source, ready to be searched: the twin is rendered first where it is not there yet."""
        log_access("read", "scenes")
        if self.source.kind != "twin":
            return self.source
        grid = study_grid(self.glacier.bbox, self.glacier.epsg)
        with tqdm(desc="rendering the twin", unit="scene", file=sys.stdout) as bar:

            def progress(done, total):
                bar.total = total
                bar.update(done - bar.n)

            path = twin.render_twin(
                self.glacier,
                grid,
                self.profile.usable_scenes,
                self.companions,
                self.profile.seed,
                progress,
            )
        return self.source.model_copy(update={"kind": "file", "path": str(path)})

    @property
    def seasons(self) -> list[int]:
        """The season years the study needs."""
        return sorted({*self.glacier.years.train, *self.glacier.years.validation})

    @cached_property
    def grid(self):
        """The study's GeoBox, from the items found."""
        return grid_of_items(self.open("items"), self.source.image, self.glacier)

    def outline(self, grid=None) -> gpd.GeoDataFrame:
        """The glacier's outline: the source's own if it brings one, else the catalog's."""
        log_access("read", "outline.geojson")
        own = self.companions / "outline.geojson"
        place = own if own.exists() else self.glacier.outline
        if place is None:
            raise StudyError(
                f"{self.glacier.label} has no outline in the catalog; "
                f"put an outline.geojson beside the scenes' items.json"
            )
        return outlines.read_outline(place, self.glacier, grid or self.grid)

    def background(self) -> np.ndarray:
        """Reflectance of the clearest scene, to draw maps on."""
        cube = self.open("cube").reflectance
        return cube.isel(scene=int(cube.notnull().sum(("y", "x")).argmax("scene"))).values

    def stakes(self) -> gpd.GeoDataFrame:
        """Stakes with `name`, `year` and `speed`: the source's own, else the catalog's."""
        log_access("read", "stakes.geojson")
        return read_stakes(self.companions, self.glacier)

    # ---- results ------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """Where the result `name` lies, or would: `data/NAME`, with a suffix by its kind."""
        return find_result(self.folder / "data" / name)

    def checkpoint(self, name: str) -> Path:
        """Where a training run keeps its state, to resume from."""
        return self.folder / "checkpoints" / f"{name}.safetensors"

    def _has(self, name: str) -> bool:
        return self.path(name).exists()

    def open(self, name: str) -> Any:
        """A saved result: a lazy Dataset, a table, a GeoDataFrame, or the value of a JSON file."""
        path = self.path(name)
        if not path.exists():
            maker = gdiv.MAKERS.get(name.split("-")[0])
            hint = (
                f"run notebook {maker} first: gdiv run {self.key} --profile {self.profile_key} --only {maker}"
                if maker
                else "check the name"
            )
            raise StudyError(f"this study has no {name!r} yet; {hint}")
        log_access("read", f"data/{path.name}")
        if name == "items":  # and with them the files that they link to
            log_access("read", "scenes")
        value = read_result(path)
        return (
            [_moved(item, self._absolute) for item in value["features"]]
            if name == "items"
            else value
        )

    def save(self, name: str, value: Any) -> None:
        """Write a result under `name` and print where, how large and how long. Pairs resume where a run was killed."""
        start = time.perf_counter()
        if name == "items":
            value = {
                "type": "FeatureCollection",
                "features": [_moved(item, self._relative) for item in value],
            }
        final = write_result(
            value, self.folder / "data" / name, self.glacier.epsg, self.provenance()
        )
        size = sum(
            f.stat().st_size
            for f in ([final] if final.is_file() else final.rglob("*"))
            if f.is_file()
        )
        log_access("wrote", f"data/{final.name}")
        print(
            f"saved {final.relative_to(self.folder)}, {size / 1e6:.1f} MB, {time.perf_counter() - start:.1f} s"
        )

    def record(self, key: str, value: float, unit: str, meaning: str) -> None:
        """Add a claim to `claims.json`: a number worth quoting, its unit and what it means; none if not finite."""
        claims.record_claim(self.folder, key, value, unit, meaning)

    def claims_frame(self, start: str) -> pd.DataFrame:
        """The claims whose key begins with `start`, as a table to show."""
        log_access("read", f"claims/{start}")
        chosen = {
            key: claim
            for key, claim in claims.read_claims(self.folder).items()
            if key.startswith(start)
        }
        return pd.DataFrame.from_dict(chosen, orient="index", columns=["value", "unit", "meaning"])

    def figure(self, name: str, figure) -> None:
        """Save a matplotlib figure as PNG and SVG under `figures/`, with a line that says if it is synthetic."""
        (self.folder / "figures").mkdir(exist_ok=True)
        about = {"Title": f"{self.subject}: {name}"}
        if self.synthetic:
            about["Description"] = NOTICE
            figure.text(1, 0, NOTICE, ha="right", va="top", fontsize=7.5, color="#333333")
        for suffix, options in (("png", {"dpi": 150}), ("svg", {})):
            metadata = about if suffix == "png" else about | {"Date": None}
            place = self.folder / "figures" / f"{name}.{suffix}"
            figure.savefig(place, bbox_inches="tight", metadata=metadata, **options)
            log_access("wrote", f"figures/{place.name}")

    def publish(
        self,
        product: xr.Dataset,
        pairs: xr.Dataset,
        stakes: pd.DataFrame,
        profile: gpd.GeoDataFrame | None,
        packed: bool = False,
    ) -> None:
        """Write a product: its map and pairs as Zarr, a GeoTIFF a variable, a STAC item, points as a GeoPackage."""
        folder = self.folder / "products"
        folder.mkdir(exist_ok=True)
        written: list[Path | None] = [
            write_zarr(product, folder / "velocity.zarr", packed),
            write_zarr(pairs, folder / "pairs.zarr", packed),
        ]
        layers = write_cogs(product, folder)
        written += [
            *layers,
            write_item(product, layers, f"{self.key}-{product.attrs['matcher']}", folder),
        ]
        points = folder / "stakes-and-profile.gpkg"
        written.append(write_points(stakes, self.stakes(), profile, points, self._mark()))
        for path in written:
            if path is not None:
                log_access("wrote", f"products/{path.name}")
        print(
            "published "
            + ", ".join(f"products/{path.name}" for path in written if path is not None)
        )

    def read_published(self) -> tuple[xr.Dataset, xr.DataArray]:
        """The published Zarr and the speed's GeoTIFF, as a stranger would open them."""
        product = xr.open_zarr(
            self.folder / "products" / "velocity.zarr", consolidated=False, decode_coords="all"
        )
        speed = cast(xr.DataArray, rioxarray.open_rasterio(self.folder / "products" / "v.tif"))
        return product, speed.squeeze("band", drop=True)

    def publish_map(self, view) -> None:
        """Save an interactive map as `products/map.html`, which needs no network."""
        with requires("maps", "the interactive map"):
            from bokeh.embed import file_html
            from bokeh.resources import INLINE

        path = self.folder / "products" / "map.html"
        path.write_text(file_html(view, INLINE, f"gdiv: {self.subject}"), encoding="utf-8")
        if view.document:
            view.document.clear()  # which the page was, so that a notebook can show it, too
        log_access("wrote", "products/map.html")
        print(f"published products/map.html, {path.stat().st_size / 1e6:.1f} MB")

    def provenance(self) -> dict[str, str]:
        """What a product says of its making."""
        import cv2  # which conda lists under another name than pip

        return {
            **self._mark(),
            "source": f"gdiv {gdiv.__version__}, {self.source.label}",
            "glacier": self.subject,
            "profile": self.profile_key,
            "seed": str(self.profile.seed),
            "licence": self.source.licence,
            "code": gdiv.code_hash(),
            "versions": ", ".join([f"opencv {cv2.__version__}", *_versions(MATCHING)]),
        }

    def _mark(self) -> dict[str, str]:
        """Attributes that mark a product as synthetic; none for real scenes."""
        return {"synthetic": "true", "description": NOTICE} if self.synthetic else {}

    def _relative(self, href: str) -> str:
        return href if "://" in href else relative(href, self.folder / "data")

    def _absolute(self, href: str) -> str:
        return href if "://" in href else str((self.folder / "data" / href).resolve())


def _moved(item: dict, move) -> dict:
    """The item with each asset's link moved; signatures are cut off, they are made anew when a link is used."""
    assets = {
        name: asset | {"href": move(asset["href"].split("?")[0])}
        for name, asset in item["assets"].items()
    }
    return item | {"assets": assets, "links": []}


def _versions(packages):
    """Name and version of those that are installed."""
    for name in packages:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"
