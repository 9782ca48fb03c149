"""Two images on one grid, from files or arrays, without a catalog."""

from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import odc.geo.xr
import pandas as pd
import rasterio
import rioxarray
import xarray as xr
from odc.geo.geobox import GeoBox

from gdiv.imagery.folder import date_in_name
from gdiv.imagery.grid import grid_crs
from gdiv.imagery.outlines import make_masks, read_vector

__all__ = ["PairError", "open_pair"]

#: Widest difference between the grids of two images, in pixels, that counts as rounding.
GRID_TOLERANCE = 0.01
#: Names of the unit metre in definitions of a CRS.
METRES = {"metre", "meter", "Metre", "Meter", "m"}
Picture: TypeAlias = str | Path | xr.DataArray | npt.NDArray[Any]


class PairError(ValueError):
    """Two images cannot be compared; the message names the difference and the cure."""


def open_pair(
    reference: Picture,
    secondary: Picture,
    *,
    outline: str | Path | gpd.GeoDataFrame | None = None,
    dates: tuple[Any, Any] | None = None,
    band: int = 1,
    nodata: float | None = None,
    geobox: GeoBox | None = None,
) -> xr.Dataset:
    """Open two images of one place as a pair that can be matched.

    Parameters
    ----------
    reference, secondary : path, xarray.DataArray or ndarray of shape (H, W)
        The earlier and the later image. Files may be of any format that GDAL reads. Both must be on
        one grid of square pixels in a projected CRS; images that cover different areas of this grid
        are cropped to the area they share.
    outline : path or geopandas.GeoDataFrame, optional
        Outlines of the ice. Ground more than 100 m from them counts as stable and serves to
        register the images and to estimate errors. Without outlines neither is done.
    dates : tuple of two dates, optional
        Anything `pandas.Timestamp` takes. If left out, dates are read from the names of the files
        (YYYYMMDD or YYYY-MM-DD).
    band : int, optional
        Band of the files, from 1. Near infrared is best on ice.
    nodata : float, optional
        Value of pixels without data; the file's own if left out.
    geobox : odc.geo.geobox.GeoBox, optional
        Grid of images given as plain arrays.

    Returns
    -------
    xarray.Dataset
        ``reference`` and ``secondary``, float32 ``(y, x)``, NaN where there is no data; with
        `outline`, the masks ``glacier`` and ``stable``. Attributes: ``reference_date``,
        ``secondary_date``, ``spacing`` (m).

    Raises
    ------
    PairError
        If a file cannot be read, dates are missing or in the wrong order, or the grids differ.

    See Also
    --------
    gdiv.velocity_from_pair : Compute the velocity between the two images.

    Examples
    --------
    >>> from affine import Affine
    >>> grid = GeoBox((64, 64), Affine(10, 0, 340000, 0, -10, 5090000), "EPSG:32632")
    >>> images = np.random.default_rng(0).normal(size=(2, 64, 64))
    >>> pair = open_pair(*images, geobox=grid, dates=("2020-08-01", "2021-08-01"))
    >>> pair.sizes["x"], pair.attrs["spacing"]
    (64, 10.0)
    """
    images = [_open_image(image, band, nodata, geobox) for image in (reference, secondary)]
    first, second = _on_common_grid(*images)
    start, end = _pair_dates((reference, secondary), dates)
    grid = first.odc.geobox
    pair = xr.Dataset({"reference": first, "secondary": second.drop_vars("spatial_ref")})
    if outline is not None:
        outlines = _read_outlines(outline, grid)
        masks = make_masks(outlines, grid)
        for name in ("glacier", "stable"):
            pair[name] = (("y", "x"), masks[name].values, masks[name].attrs)
    return pair.assign_attrs(
        reference_date=start.isoformat(),
        secondary_date=end.isoformat(),
        spacing=float(abs(grid.resolution.x)),
    )


def _open_image(
    image: Picture, band: int, nodata: float | None, geobox: GeoBox | None
) -> xr.DataArray:
    """One image as float32 ``(y, x)`` with its CRS, NaN where there is no data."""
    if isinstance(image, np.ndarray):
        opened = _from_array(image, geobox)
        name = "the array"
    elif isinstance(image, xr.DataArray):
        opened = image.squeeze(drop=True)
        name = "the DataArray"
    else:
        opened = _from_file(Path(image), band)
        name = Path(image).name
    if opened.ndim != 2:
        raise PairError(f"{name} has the dimensions {opened.dims}; one band, (y, x), is needed")
    if opened.odc.geobox is None or opened.rio.crs is None:
        raise PairError(f"{name} has no CRS; assign one: image.rio.write_crs(32632)")
    _check_grid(opened.odc.geobox, name)
    fill = opened.rio.nodata if nodata is None else nodata
    opened = opened.rename(dict(zip(opened.dims, ("y", "x"), strict=True)))
    values = opened.values.astype(np.float32)
    if fill is not None and np.isfinite(fill):
        values = np.where(opened.values == fill, np.float32(np.nan), values)
    data = xr.DataArray(values, dims=("y", "x"), coords={"y": opened.y, "x": opened.x})
    return data.rio.write_crs(opened.rio.crs)


def _from_array(image: npt.NDArray[Any], geobox: GeoBox | None) -> xr.DataArray:
    """A plain array on a GeoBox."""
    if geobox is None:
        raise PairError("arrays need a grid: open_pair(..., geobox=odc.geo.geobox.GeoBox(...))")
    if image.shape != tuple(geobox.shape):
        raise PairError(f"the array has the shape {image.shape}, the GeoBox {tuple(geobox.shape)}")
    return odc.geo.xr.wrap_xr(image, geobox)


def _from_file(path: Path, band: int) -> xr.DataArray:
    """One band of a raster file."""
    try:
        opened = rioxarray.open_rasterio(path)
    except rasterio.errors.RasterioIOError as error:
        raise PairError(f"{path} cannot be read: {error}") from None
    if not isinstance(opened, xr.DataArray):
        raise PairError(f"{path} holds several rasters; name one of its subdatasets")
    if band not in opened.band.values:
        raise PairError(f"{path.name} has {opened.sizes['band']} band(s); there is no band {band}")
    return opened.sel(band=band, drop=True)


def _check_grid(grid: GeoBox, name: str) -> None:
    """Raise unless a grid has square pixels, north up, in metres."""
    crs = _crs_name(grid)
    if not grid_crs(grid).projected:
        raise PairError(
            f"{name} is in {crs}, which is not projected; reproject both images alike: "
            f"gdalwarp -t_srs EPSG:326NN in.tif out.tif"
        )
    units = {str(unit) for unit in grid_crs(grid).units if unit}
    if not units <= METRES:
        raise PairError(
            f"{name} is in {crs}, whose unit is {', '.join(units)}; reproject both images alike to "
            f"a CRS that uses metres: gdalwarp -t_srs EPSG:326NN in.tif out.tif"
        )
    transform = grid.affine
    square = abs(transform.a + transform.e) < 1e-6 * abs(transform.a)
    if transform.b or transform.d or not square or transform.a <= 0:
        raise PairError(
            f"{name} has no square, north-up pixels: its transform is {tuple(transform)[:6]}; "
            f"resample both images alike: gdalwarp -tr 10 10 in.tif out.tif"
        )


def _crs_name(grid: GeoBox) -> str:
    """Short name of a CRS: its EPSG code, or the name in its definition."""
    crs = grid_crs(grid)
    return f"EPSG:{crs.epsg}" if crs.epsg else crs.proj.name


def _on_common_grid(first: xr.DataArray, second: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Both images cropped to the area they share."""
    one = first.odc.geobox
    two = second.odc.geobox
    if one.crs != two.crs:
        raise PairError(
            f"the images are in {_crs_name(one)} and {_crs_name(two)}; reproject both alike: "
            f"gdalwarp -t_srs {_crs_name(one)} in.tif out.tif"
        )
    spacing = abs(one.resolution.x)
    if abs(spacing - abs(two.resolution.x)) > GRID_TOLERANCE * spacing / max(one.shape):
        raise PairError(
            f"the images have pixels of {spacing:g} and {abs(two.resolution.x):g} m; resample both "
            f"alike: gdalwarp -tr {spacing:g} {spacing:g} in.tif out.tif"
        )
    shift_x = (two.affine.c - one.affine.c) / spacing
    shift_y = (one.affine.f - two.affine.f) / spacing
    column = round(shift_x)
    row = round(shift_y)
    if max(abs(shift_x - column), abs(shift_y - row)) > GRID_TOLERANCE:
        raise PairError(
            f"the grids of the images differ by a fraction of a pixel ({shift_x % 1:.2f}, "
            f"{shift_y % 1:.2f}); resample both alike: gdalwarp -tap -tr {spacing:g} {spacing:g}"
        )
    height = min(one.height, row + two.height)
    width = min(one.width, column + two.width)
    top = max(row, 0)
    left = max(column, 0)
    if height - top < 2 or width - left < 2:
        raise PairError("the images do not overlap")
    cropped = first.isel(y=slice(top, height), x=slice(left, width))
    other = second.isel(y=slice(top - row, height - row), x=slice(left - column, width - column))
    return cropped, other.assign_coords(y=cropped.y, x=cropped.x)


def _pair_dates(
    images: tuple[Picture, Picture], dates: tuple[Any, Any] | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Dates of both images, in the order reference, secondary."""
    if dates is None:
        parsed = [_date_of(image) for image in images]
    else:
        parsed = [pd.Timestamp(date).tz_localize(None) for date in dates]
    start, end = parsed
    if start >= end:
        raise PairError(
            f"the reference ({start:%Y-%m-%d}) must be earlier than the secondary "
            f"({end:%Y-%m-%d}); swap the images or give dates=(reference, secondary)"
        )
    return start, end


def _date_of(image: Picture) -> pd.Timestamp:
    """Date in the name of a file."""
    hint = 'give dates=("2020-08-03", "2021-08-08")'
    if not isinstance(image, str | Path):
        raise PairError(f"arrays have no dates; {hint}")
    date: datetime | None = date_in_name(Path(image).stem)
    if date is None:
        raise PairError(f"{Path(image).name} has no date in its name; {hint}")
    return pd.Timestamp(date)


def _read_outlines(outline: str | Path | gpd.GeoDataFrame, grid: GeoBox) -> gpd.GeoDataFrame:
    """Outlines in the CRS of a grid."""
    if isinstance(outline, gpd.GeoDataFrame):
        outlines = outline
    else:
        try:
            outlines = read_vector(outline)
        except Exception as error:  # each driver raises its own
            raise PairError(f"the outline {outline} could not be read: {error}") from None
    if outlines.crs is None:
        raise PairError("the outline has no CRS; assign one: outline.set_crs(4326)")
    return outlines.to_crs(grid_crs(grid).to_wkt())
