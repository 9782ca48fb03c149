"""Maps that other tools open: CF and ITS_LIVE names, Zarr, cloud-optimised GeoTIFF, a STAC item, a GeoPackage."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import rioxarray  # noqa: F401  (registers .rio)
import shapely
import xarray as xr
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension

import gdiv

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"

STANDARD_NAMES = {
    "vx": "land_ice_surface_x_velocity",
    "vy": "land_ice_surface_y_velocity",
    "v": "land_ice_surface_velocity",
}


def velocity_product(mosaic: xr.Dataset, epsg: int, title: str, provenance: dict[str, str], dates: tuple) -> xr.Dataset:
    """A mosaic with errors as a CF-1.8 data set with ITS_LIVE's names.

    Parameters
    ----------
    mosaic
        With `vx, vy, vx_error, vy_error, v_error, count`, as of `gdiv.velocity.uncertainty.add_error`.
    provenance
        Global attributes: scenes, method, versions.
    dates
        First reference and last secondary date.

    Returns
    -------
    xarray.Dataset
        `v, vx, vy, v_error, vx_error, vy_error` (float32, `meter/year`) and `count` on `y, x`, with the CRS in
        the grid mapping `mapping`.
    """
    product = mosaic[["vx", "vy", "vx_error", "vy_error", "v_error", "count"]].assign(
        v=np.hypot(mosaic.vx, mosaic.vy).astype(np.float32)
    )
    product = product[["v", "vx", "vy", "v_error", "vx_error", "vy_error", "count"]].drop_vars(
        "spatial_ref", errors="ignore"
    )
    for name, variable in product.data_vars.items():
        variable.attrs = {"units": "1", "long_name": "pairs"} if name == "count" else {"units": "meter/year"}
        if name in STANDARD_NAMES:
            variable.attrs["standard_name"] = STANDARD_NAMES[name]
        elif name.endswith("_error"):
            variable.attrs["long_name"] = f"1 sigma of {name.removesuffix('_error')}"
    product["x"].attrs = {"standard_name": "projection_x_coordinate", "units": "m"}
    product["y"].attrs = {"standard_name": "projection_y_coordinate", "units": "m"}
    first, last = (np.datetime_as_string(np.datetime64(day), unit="D") for day in dates)
    product.attrs = {"Conventions": "CF-1.8", "title": title, "date_start": first, "date_end": last, **provenance}
    return with_crs(product.drop_encoding(), epsg)


def with_crs(dataset: xr.Dataset, epsg: int) -> xr.Dataset:
    """The data set with `epsg` in a CF grid mapping called `mapping`; arithmetic drops it, so it is written last."""
    return dataset.rio.write_crs(epsg, grid_mapping_name="mapping").rio.write_grid_mapping("mapping")


def write_cogs(product: xr.Dataset, folder: Path, names=("v", "vx", "vy", "v_error")) -> list[Path]:
    """One cloud-optimised GeoTIFF with overviews a variable; NaN is no data. Returns the paths.

    Overviews are thinned, not averaged: a mean of speeds is not the speed of the mean.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        path = folder / f"{name}.tif"
        layer = product[name].rio.write_nodata(np.nan)
        layer.rio.to_raster(path, driver="COG", compress="deflate", overview_resampling="nearest")
        written.append(path)
    return written


def write_item(product: xr.Dataset, layers: list[Path], identifier: str, folder: Path) -> Path:
    """Write a STAC item of `layers` (as of `write_cogs`, in `folder`) with projection, checksums and provenance.

    Links are relative, so the folder can be moved, and put into a catalog as it is. Returns the path of `item.json`.
    """
    box = product.rio.transform_bounds(4326)
    item = pystac.Item(
        id=identifier,
        geometry=shapely.geometry.mapping(shapely.box(*box)),
        bbox=list(box),
        datetime=None,
        start_datetime=datetime.fromisoformat(product.attrs["date_start"]).replace(tzinfo=UTC),
        end_datetime=datetime.fromisoformat(product.attrs["date_end"]).replace(tzinfo=UTC),
        properties={
            "title": product.attrs["title"],
            "processing:software": {"gdiv": gdiv.__version__},
            "processing:lineage": f"{product.attrs.get('matcher', '')} of scenes {product.attrs.get('scenes', '')}",
        },
        stac_extensions=[PROCESSING],
    )
    grid = ProjectionExtension.ext(item, add_if_missing=True)
    grid.apply(epsg=product.rio.crs.to_epsg(), shape=list(product.v.shape), transform=list(product.rio.transform())[:6])
    for path in layers:
        name = path.stem
        about = product[name].attrs
        item.add_asset(
            name,
            pystac.Asset(
                href=f"./{path.relative_to(folder).as_posix()}",
                title=about.get("long_name", about.get("standard_name", name)),
                media_type=pystac.MediaType.COG,
                roles=["data"],
                extra_fields={"unit": about.get("units", "")},
            ),
        )
        content = path.read_bytes()
        # A multihash: 0x12 is SHA-256, 0x20 its length.
        file = FileExtension.ext(item.assets[name], add_if_missing=True)
        file.apply(checksum="1220" + hashlib.sha256(content).hexdigest(), size=len(content))
    target = folder / "item.json"
    target.write_text(json.dumps(item.to_dict(include_self_link=False), indent=1), encoding="utf-8")
    return target


def write_stakes(table: pd.DataFrame, stakes: gpd.GeoDataFrame, path: Path) -> Path | None:
    """Write the stakes with measured and estimated speeds (m/yr), a row a matcher, as a GeoPackage in WGS 84.

    Returns `path`, or None where there are no stakes.
    """
    if not len(table):
        return None
    points = stakes.drop_duplicates("name")[["name", "geometry"]].to_crs(4326)
    path.unlink(missing_ok=True)
    points.merge(table, on="name").to_file(path, layer="stakes", driver="GPKG")
    return path
