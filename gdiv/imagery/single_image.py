"""One image from a file, a DataArray or an array, on a grid of square pixels in metres."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import odc.geo.xr
import rasterio
import rioxarray
import xarray as xr
from odc.geo.geobox import GeoBox

from gdiv.imagery.bands import find_band, list_bands
from gdiv.imagery.pixel_checks import GridError, check_pixels

__all__ = ["NEAR_INFRARED", "PairError", "Picture", "open_image"]

#: Attribute of an image from a file of several bands: whether a description chose the band.
NEAR_INFRARED = "near_infrared"
#: Types of images that a user may pass.
Picture: TypeAlias = str | Path | xr.DataArray | npt.NDArray[Any]


class PairError(ValueError):
    """Two images cannot be compared; the message names the difference and the cure."""


def open_image(
    image: Picture, band: int | str | None, nodata: float | None, geobox: GeoBox | None
) -> xr.DataArray:
    """Open an image as float32 ``(y, x)`` with its CRS, NaN where there is no data.

    Parameters
    ----------
    image : path, xarray.DataArray or ndarray
        Image, north up or south up.
    band : int, str or None
        Number of the band of a file, from 1, or its description; None for near infrared if a
        description says so, otherwise the first.
    nodata : float or None
        Value of pixels without data; None for that of the file.
    geobox : odc.geo.geobox.GeoBox or None
        Grid of a NumPy array.

    Returns
    -------
    xarray.DataArray
        Image with y descending. The attribute ``near_infrared`` is False if a file has several
        bands and no description chose one, None if there was no choice.

    Raises
    ------
    PairError
        If the image cannot be read, or its grid cannot be used.
    """
    if isinstance(image, np.ndarray):
        name = "the array"
        opened = _from_array(image, geobox)
    elif isinstance(image, xr.DataArray):
        name = "the DataArray"
        opened = image.squeeze(drop=True)
    else:
        name = Path(image).name
        opened = _from_file(Path(image), band, masked=nodata is None)
    if opened.ndim != 2:
        raise PairError(f"{name} has the dimensions {opened.dims}; select one band, (y, x)")
    opened = _north_up(opened, name)
    try:
        check_pixels(opened.odc.geobox, name)
    except GridError as error:
        raise PairError(str(error)) from None
    values = opened.values.astype(np.float32)
    fill = opened.rio.nodata if nodata is None else nodata
    if fill is not None and np.isfinite(fill):
        values = np.where(opened.values == fill, np.float32(np.nan), values)
    data = xr.DataArray(values, dims=("y", "x"), coords={"y": opened.y, "x": opened.x})
    data.attrs = {NEAR_INFRARED: opened.attrs.get(NEAR_INFRARED)}
    return data.rio.write_crs(opened.rio.crs)


def _from_array(image: npt.NDArray[Any], geobox: GeoBox | None) -> xr.DataArray:
    """NumPy array on a GeoBox."""
    if geobox is None:
        raise PairError("arrays need a grid: open_pair(..., geobox=odc.geo.geobox.GeoBox(...))")
    if image.shape != tuple(geobox.shape):
        raise PairError(f"shape {image.shape} of the array must be {tuple(geobox.shape)} (GeoBox)")
    return odc.geo.xr.wrap_xr(image, geobox)


def _from_file(path: Path, band: int | str | None, masked: bool) -> xr.DataArray:
    """One band of a raster file, in memory; `masked` applies its no-data value and its mask."""
    try:
        opened = rioxarray.open_rasterio(path, masked=masked)
        if not isinstance(opened, xr.DataArray):
            raise PairError(f"{path} contains several rasters; name one of its subdatasets")
        with opened:
            described = opened.attrs.get("long_name", "")  # one text if all are equal
            count = opened.sizes["band"]
            descriptions = [described] * count if isinstance(described, str) else described
            number = find_band(descriptions, str(band or ""))
            if number is None and band:
                raise PairError(
                    f"{path.name} has no band {band} among {list_bands(descriptions)}; choose one "
                    f"by its number or name"
                )
            chosen = opened.sel(band=number or 1, drop=True).load()
            if not band and count > 1:
                chosen.attrs[NEAR_INFRARED] = number is not None
            return chosen
    except rasterio.errors.RasterioIOError as error:
        raise PairError(f"{path} cannot be read: {error}") from None


def _north_up(opened: xr.DataArray, name: str) -> xr.DataArray:
    """Image with the dimensions ``(y, x)``, y descending."""
    geobox = opened.odc.geobox
    if geobox is None or opened.rio.crs is None:
        raise PairError(
            f"{name} has no CRS; assign one: gdal_edit.py -a_srs EPSG:326NN file.tif, "
            f"or image.rio.write_crs(32632) to a DataArray"
        )
    if not isinstance(geobox, GeoBox):
        raise PairError(f"{name} has only ground control points; warp it: gdalwarp in.tif out.tif")
    opened = opened.transpose(*opened.odc.spatial_dims)
    opened = opened.rename(dict(zip(opened.dims, ("y", "x"), strict=True)))
    return opened.isel(y=slice(None, None, -1)) if geobox.affine.e > 0 else opened
