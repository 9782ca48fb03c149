"""Load any band of files whose pixels lie on the grid, whatever their projection is called."""

import dask.array as da
import numpy as np
import numpy.typing as npt
import rioxarray
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from gdiv.imagery.grid import false_northing, grid_crs
from gdiv.imagery.rasters import open_raster

__all__ = ["load_aligned"]

#: Pixels on a side of a chunk.
CHUNK = 512
#: Largest distance of pixels from the grid, pixels.
TOLERANCE = 0.01


def load_aligned(
    files: list[str], bands: list[int], grid: GeoBox, dtype: npt.DTypeLike
) -> xr.DataArray:
    """Load one band of each file lazily, cropped to a grid that their pixels lie on.

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

    Returns
    -------
    xarray.DataArray
        Numbers ``(time, y, x)``. No data, beyond the files too, is NaN in floating point and 0 in
        other types.

    Raises
    ------
    ValueError
        If the pixels of a file do not lie on the grid.
    """
    pairs = zip(files, bands, strict=True)
    layers = [_crop(file, band, grid, np.dtype(dtype)) for file, band in pairs]
    coords = {name: grid.coordinates[name].values for name in ("y", "x")}
    return xr.DataArray(da.stack(layers), coords=coords, dims=("time", "y", "x"))


def _crop(file: str, band: int, grid: GeoBox, dtype: np.dtype) -> da.Array:
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
    # Of a coarser grid each pixel takes the value at its centre.
    rows = top + step // 2 + step * np.arange(grid.height)
    columns = left + step // 2 + step * np.arange(grid.width)
    real = dtype.kind == "f"
    stored = rioxarray.open_rasterio(file, chunks={"x": CHUNK, "y": CHUNK}, masked=real)
    if not isinstance(stored, xr.DataArray):
        raise ValueError(f"{file} holds several rasters")
    inside_rows = (rows >= 0) & (rows < shape[0])
    inside_columns = (columns >= 0) & (columns < shape[1])
    if not inside_rows.any() or not inside_columns.any():
        raise ValueError(f"{file} has no pixel on the grid of the study")
    pixels = stored.sel(band=band).data[rows[inside_rows]][:, columns[inside_columns]]
    gaps = [
        (int(inside.argmax()), int(inside[::-1].argmax()))
        for inside in (inside_rows, inside_columns)
    ]
    padded = da.pad(pixels.astype(dtype), gaps, constant_values=np.nan if real else 0)
    return padded.rechunk(CHUNK)
