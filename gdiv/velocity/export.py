"""Write products as Zarr, cloud-optimised GeoTIFF, STAC item and GeoPackage."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import rioxarray  # noqa: F401  (registers .rio)
import shapely
import xarray as xr
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension

from gdiv.files import replacing, write_json
from gdiv.imagery.items import SYNTHETIC
from gdiv.version import __version__

__all__ = [
    "int16_encoding",
    "require_crs",
    "with_crs",
    "write_geotiffs",
    "write_points",
    "write_stac_item",
    "write_zarr",
]

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
#: Attributes repeated in every file.
REPEATED_ATTRIBUTES = ("title", "description", "synthetic", "source", "licence")
#: TIFF tags of attributes; other attributes become tags of the same name.
TIFF_TAGS = {
    "title": "TIFFTAG_DOCUMENTNAME",
    "description": "TIFFTAG_IMAGEDESCRIPTION",
    "source": "TIFFTAG_SOFTWARE",
}
#: Layers written as GeoTIFFs by default.
DEFAULT_LAYERS = ("v", "vx", "vy", "v_east", "v_north", "v_error", "flags")
#: Multihash prefix of a SHA-256 checksum: function 0x12, length 0x20.
SHA256_PREFIX = "1220"
#: Fill value of velocities in int16, as in ITS_LIVE.
FILL = -32767
#: Maximum packed value.
MAX_PACKED = 32000
#: Packing steps of velocities, m/yr. The last one is used for any faster ice.
FINE_STEPS = (0.01, 0.1, 1.0)
COARSE_STEP = 10.0


def with_crs(dataset: xr.Dataset, crs: int | str) -> xr.Dataset:
    """Add a CRS as the CF grid mapping ``mapping``.

    Call this last, because arithmetic drops grid mappings.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset with dimensions ``y`` and ``x``.
    crs : int or str
        EPSG code or WKT.

    Returns
    -------
    xarray.Dataset
        The dataset with its grid mapping.
    """
    georeferenced = dataset.rio.write_crs(crs, grid_mapping_name="mapping")
    return georeferenced.rio.write_grid_mapping("mapping")


def require_crs(product: xr.Dataset) -> xr.Dataset:
    """Check that a dataset has a CRS, also if its store was opened as plain variables.

    Parameters
    ----------
    product : xarray.Dataset
        With a CRS, or with the variable ``mapping`` of `with_crs`.

    Returns
    -------
    xarray.Dataset
        The dataset with its CRS as a coordinate.

    Raises
    ------
    ValueError
        If the dataset has no CRS.
    """
    if "mapping" in product.data_vars:  # a store opened without decode_coords="all"
        product = product.set_coords("mapping")
    if product.rio.crs is None:
        raise ValueError(
            "the product has no CRS; open its store with decode_coords='all', or assign one: "
            "product.rio.write_crs(32632)"
        )
    return product


def int16_encoding(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Make Zarr encodings that store velocities and their uncertainty as int16, like ITS_LIVE.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset; variables in "meter/year" are packed, others are skipped.

    Returns
    -------
    dict
        Encoding of each packed variable. The step is the smallest of 0.01, 0.1, 1 and 10 m/yr that
        can represent the fastest ice; the rounding error is at most half a step. The fill value is
        -32767.
    """
    fastest = {
        str(name): np.abs(variable).max()
        for name, variable in dataset.data_vars.items()
        if variable.attrs.get("units") == "meter/year"
    }
    encodings = {}
    for name, speed in xr.Dataset(fastest).compute().items():
        # "not greater" instead of "at most", so that an empty variable with maximum NaN fits.
        fitting = [step for step in FINE_STEPS if not speed > MAX_PACKED * step]
        step = fitting[0] if fitting else COARSE_STEP
        encodings[str(name)] = {
            "dtype": "int16",
            "scale_factor": step,
            "_FillValue": np.int16(FILL),
        }
    return encodings


def write_zarr(dataset: xr.Dataset, path: str | Path, packed: bool = False) -> Path:
    """Write a Zarr store of format 2, completely or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Product, from `gdiv.velocity.products`.
    path : path
        Store; an existing one is replaced.
    packed : bool, optional
        Store velocities as int16 with `int16_encoding`, which rounds them and takes less than half
        the space.

    Returns
    -------
    Path
        `path`.
    """
    path = Path(path)
    dataset = dataset.copy()
    if packed:
        for name, encoding in int16_encoding(dataset).items():
            # Update the encoding of the variable, which contains its grid mapping; an encoding
            # passed to `to_zarr` would discard the grid mapping.
            dataset[name].encoding |= encoding
    with replacing(path) as partial:
        dataset.to_zarr(partial, mode="w", consolidated=False, zarr_format=2)
    return path


def write_geotiffs(
    product: xr.Dataset,
    folder: str | Path,
    names: Sequence[str] | None = None,
) -> list[Path]:
    """Write one cloud-optimised GeoTIFF with overviews per variable.

    Overviews are subsampled, not averaged: a mean of speeds is not the speed of the mean.

    Parameters
    ----------
    product : xarray.Dataset
        Product with dimensions ``(y, x)``, from `gdiv.velocity.products.velocity_product`.
    folder : path
        Folder to write to; created if needed.
    names : sequence of str, optional
        Variables to write; by default speed, its components and its error, and components along
        true east and north and flags if the product has them.

    Returns
    -------
    list of Path
        Files ``{name}.tif``, with NaN as no data; integers have none.

    Raises
    ------
    ValueError
        If the product has no CRS.

    Examples
    --------
    >>> import tempfile
    >>> coordinates = {"y": [5086010.0, 5086000.0], "x": [340000.0, 340010.0]}
    >>> product = xr.Dataset({"v": (("y", "x"), np.full((2, 2), 3.0))}, coordinates)
    >>> folder = Path(tempfile.mkdtemp())
    >>> files = write_geotiffs(with_crs(product, 32632), folder, names=["v"])
    >>> [file.name for file in files]
    ['v.tif']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    product = require_crs(product)
    tags = {
        TIFF_TAGS.get(key, key.upper()): product.attrs[key]
        for key in REPEATED_ATTRIBUTES
        if key in product.attrs
    }
    paths = []
    if names is None:
        names = [name for name in DEFAULT_LAYERS if name in product]
    for name in names:
        path = folder / f"{name}.tif"
        layer = product[name].copy()
        for key in ("_FillValue", "dtype", "scale_factor", "add_offset"):
            layer.encoding.pop(key, None)  # encoding of the store from which it was read
        if np.issubdtype(layer.dtype, np.floating):
            layer = layer.rio.write_nodata(np.nan)
        with replacing(path) as partial:
            layer.rio.to_raster(
                partial,
                driver="COG",
                tags=tags,
                compress="deflate",
                overview_resampling="nearest",
            )
        paths.append(path)
    return paths


def write_stac_item(
    product: xr.Dataset, layers: Sequence[Path], identifier: str, folder: Path
) -> Path:
    """Write a STAC item with projection, checksums and provenance.

    Links are relative, so the folder can be moved and added to a catalog.

    Parameters
    ----------
    product : xarray.Dataset
        Product, from `gdiv.velocity.products.velocity_product`.
    layers : sequence of Path
        Files in `folder`, from `write_geotiffs`.
    identifier : str
        Identifier of the item.
    folder : Path
        Folder to write to.

    Returns
    -------
    Path
        The file ``item.json``.
    """
    box = product.rio.transform_bounds(4326)
    lineage = f"{product.attrs.get('matcher', '')} of scenes {product.attrs.get('scenes', '')}"
    item = pystac.Item(
        id=identifier,
        geometry=shapely.geometry.mapping(shapely.box(*box)),
        bbox=list(box),
        datetime=None,
        start_datetime=datetime.fromisoformat(product.attrs["date_start"]).replace(tzinfo=UTC),
        end_datetime=datetime.fromisoformat(product.attrs["date_end"]).replace(tzinfo=UTC),
        properties={
            "title": product.attrs["title"],
            **_description(product.attrs),
            "processing:software": {"gdiv": __version__},
            "processing:lineage": lineage,
        },
        stac_extensions=[PROCESSING],
    )
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    projection.apply(
        epsg=product.rio.crs.to_epsg(),
        shape=list(product.v.shape),
        transform=list(product.rio.transform())[:6],
    )
    for path in layers:
        _add_layer(item, path, folder, product[path.stem].attrs)
    target = folder / "item.json"
    write_json(target, item.to_dict(include_self_link=False))
    return target


def _description(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Description of the item, and the property that marks synthetic scenes."""
    properties: dict[str, Any] = {}
    if "description" in attributes:
        properties["description"] = attributes["description"]
    if attributes.get("synthetic") == "true":
        properties[SYNTHETIC] = True
    return properties


def _add_layer(item: pystac.Item, path: Path, folder: Path, attributes: Mapping[str, Any]) -> None:
    """Add one GeoTIFF with its size and checksum to the assets of an item."""
    name = path.stem
    title = attributes.get("long_name", attributes.get("standard_name", name))
    asset = pystac.Asset(
        href=f"./{path.relative_to(folder).as_posix()}",
        title=title,
        media_type=pystac.MediaType.COG,
        roles=["data"],
        extra_fields={"unit": attributes.get("units", "")},
    )
    item.add_asset(name, asset)
    content = path.read_bytes()
    checksum = SHA256_PREFIX + hashlib.sha256(content).hexdigest()
    file = FileExtension.ext(item.assets[name], add_if_missing=True)
    file.apply(checksum=checksum, size=len(content))


def write_points(
    table: pd.DataFrame,
    stakes: gpd.GeoDataFrame,
    profile: gpd.GeoDataFrame | None,
    path: Path,
    attributes: Mapping[str, str] | None = None,
) -> Path | None:
    """Write stakes and a profile as layers of a GeoPackage in WGS 84.

    Parameters
    ----------
    table : pandas.DataFrame
        Measured and estimated speed (m/yr), from `gdiv.velocity.stakes.compare_with_stakes`.
    stakes : geopandas.GeoDataFrame
        Stakes with their position, from `gdiv.velocity.stakes.read_stakes`.
    profile : geopandas.GeoDataFrame or None
        Samples along the centreline, from `gdiv.velocity.profiles.to_points`.
    path : Path
        File to write; an existing one is replaced.
    attributes : mapping, optional
        Attributes to repeat as columns, such as ``{"synthetic": "true"}``.

    Returns
    -------
    Path or None
        `path`; None if there are neither stakes nor a profile.
    """
    layers = {}
    if len(table):
        points = stakes.drop_duplicates("name")[["name", "geometry"]].to_crs(4326)
        layers["stakes"] = points.merge(table, on="name")
    if profile is not None:
        layers["profile"] = profile.to_crs(4326)
    if not layers:
        path.unlink(missing_ok=True)
        return None
    with replacing(path) as partial:
        for layer, content in layers.items():
            content.assign(**(attributes or {})).to_file(partial, layer=layer, driver="GPKG")
    return path
