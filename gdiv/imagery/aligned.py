"""Load files whose pixels lie on the grid of the study, whatever their projection is called."""

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox

__all__ = ["load_aligned"]

#: Pixels on a side of a chunk.
CHUNK = 512
#: Largest distance of pixels from the grid, pixels.
TOLERANCE = 0.01


def load_aligned(files: list[str], grid: GeoBox, fill: int) -> xr.DataArray:
    """Load one band of files lazily, cropped to a grid that their pixels lie on.

    Parameters
    ----------
    files : list of str
        GeoTIFFs, one per scene.
    grid : odc.geo.geobox.GeoBox
        Grid that the pixels are cropped to.
    fill : int
        Value beyond the files.

    Returns
    -------
    xarray.DataArray
        uint16 numbers ``(time, y, x)``.

    Raises
    ------
    ValueError
        If the pixels of a file do not lie on the grid.
    """
    layers = [_crop(file, grid, fill) for file in files]
    coords = {name: grid.coordinates[name].values for name in ("y", "x")}
    return xr.DataArray(da.stack(layers), coords=coords, dims=("time", "y", "x"))


def _crop(file: str, grid: GeoBox, fill: int) -> da.Array:
    """Pixels of one file on the grid."""
    with rasterio.open(file) as opened:
        transform = opened.transform
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
    chunks = {"x": CHUNK, "y": CHUNK}
    stored = xr.open_dataarray(file, engine="rasterio", chunks=chunks, mask_and_scale=False)
    inside_rows = (rows >= 0) & (rows < shape[0])
    inside_columns = (columns >= 0) & (columns < shape[1])
    pixels = stored.data[0][rows[inside_rows]][:, columns[inside_columns]]
    gaps = [
        (int(inside.argmax()), int(inside[::-1].argmax()))
        for inside in (inside_rows, inside_columns)
    ]
    padded = da.pad(pixels.astype(np.uint16), gaps, constant_values=fill)
    return padded.rechunk(CHUNK)
