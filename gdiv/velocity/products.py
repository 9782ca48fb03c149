"""Maps that other tools open: CF and ITS_LIVE names, Zarr and cloud-optimised GeoTIFF."""

from pathlib import Path

import numpy as np
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr

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
