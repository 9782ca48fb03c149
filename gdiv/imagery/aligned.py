"""Load any band of files in any projection, with or without an EPSG code."""

from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import rioxarray
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from gdiv.imagery.grid import false_northing, grid_crs
from gdiv.imagery.rasters import exact_warp, open_raster

__all__ = ["load_aligned"]

#: Side of a chunk, pixels.
CHUNK = 512
#: Maximum offset of pixels from the grid, pixels.
TOLERANCE = 0.01


def load_aligned(
    files: list[str],
    bands: list[int],
    grid: GeoBox,
    dtype: npt.DTypeLike,
    nodata: float | None = None,
    resampling: Resampling | None = None,
) -> xr.DataArray:
    """Load one band of each file lazily, cropped to a grid or resampled to it.

    Parameters
    ----------
    files : list of str
        GeoTIFFs, one per scene.
    bands : list of int
        Number of the band of each file, from 1.
    grid : odc.geo.geobox.GeoBox
        Grid that the pixels are cropped to.
    dtype : dtype
        Type of the result.
    nodata : float, optional
        Value for no data, also outside the files. By default NaN for floating-point types and 0 for
        other types.
    resampling : Resampling, optional
        Kernel used to resample pixels that do not lie on the grid. By default, all pixels must lie
        on it.

    Returns
    -------
    xarray.DataArray
        Numbers ``(time, y, x)``.

    Raises
    ------
    ValueError
        If the pixels of a file do not lie on the grid and may not be resampled.
    """
    if nodata is None:
        nodata = np.nan if np.dtype(dtype).kind == "f" else 0.0
    layers = [
        _crop(file, band, grid, np.dtype(dtype), nodata)
        if resampling is None
        else _warp(file, band, grid, np.dtype(dtype), nodata, resampling)
        for file, band in zip(files, bands, strict=True)
    ]
    coords = {name: grid.coordinates[name].values for name in ("y", "x")}
    return xr.DataArray(da.stack(layers), coords=coords, dims=("time", "y", "x"))


def _warp(
    file: str, band: int, grid: GeoBox, dtype: np.dtype, nodata: float, resampling: Resampling
) -> da.Array:
    """Pixels of one band of a file, resampled to the grid."""
    with open_raster(file) as opened:
        target = grid_crs(grid).to_wkt()
        northing = false_northing(CRS(opened.crs).epsg, grid_crs(grid).epsg)
        options = exact_warp(opened.nodatavals[band - 1]) | {"src_transform": opened.transform}
        if northing:  # northings of the two halves of a UTM zone differ by ten thousand km
            options["src_crs"] = target
            options["src_transform"] = Affine.translation(0, northing) @ opened.transform
        with WarpedVRT(
            opened,
            crs=target,
            transform=grid.affine,
            height=grid.height,
            width=grid.width,
            resampling=resampling,
            **options,
        ) as warped:
            stored = rioxarray.open_rasterio(warped, chunks={"x": CHUNK, "y": CHUNK}, masked=True)
    pixels = _one_raster(stored, file).sel(band=band).data
    return pixels.map_blocks(
        lambda block: np.where(np.isnan(block), nodata, block).astype(dtype), dtype=dtype
    )


def _one_raster(stored: Any, file: str) -> xr.DataArray:
    """Content of a file that holds one raster."""
    if not isinstance(stored, xr.DataArray):
        raise ValueError(f"{file} contains several rasters; extract one with gdal_translate")
    return stored


def _crop(file: str, band: int, grid: GeoBox, dtype: np.dtype, nodata: float) -> da.Array:
    """Pixels of one band of a file on the grid."""
    with open_raster(file) as opened:
        northing = false_northing(CRS(opened.crs).epsg, grid_crs(grid).epsg)
        transform = Affine.translation(0, northing) @ opened.transform
        shape = (opened.height, opened.width)
    step = round(grid.affine.a / transform.a)
    column, row = ~transform * (grid.affine.c, grid.affine.f)
    left, top = round(column), round(row)
    aligned = np.allclose([column, row], [left, top], atol=TOLERANCE)
    if not aligned or not np.isclose(step * transform.a, grid.affine.a):
        raise ValueError(f"the pixels of {file} do not lie on the grid of the study")
    # On a coarser grid, each pixel takes the value at its centre.
    rows = top + step // 2 + step * np.arange(grid.height)
    columns = left + step // 2 + step * np.arange(grid.width)
    real = dtype.kind == "f"
    stored = rioxarray.open_rasterio(file, chunks={"x": CHUNK, "y": CHUNK}, masked=real)
    stored = _one_raster(stored, file)
    inside_rows = (rows >= 0) & (rows < shape[0])
    inside_columns = (columns >= 0) & (columns < shape[1])
    if not inside_rows.any() or not inside_columns.any():
        raise ValueError(f"{file} does not overlap the grid of the study")
    pixels = stored.sel(band=band).data[rows[inside_rows]][:, columns[inside_columns]]
    gaps = [
        (int(inside.argmax()), int(inside[::-1].argmax()))
        for inside in (inside_rows, inside_columns)
    ]
    padded = da.pad(pixels.astype(dtype), gaps, constant_values=nodata)
    return padded.rechunk(CHUNK)
