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
    column, row = ~transform * (grid.affine.c, grid.affine.f)
    left, top = round(column), round(row)
    aligned = np.allclose([column, row], [left, top], atol=TOLERANCE)
    if not aligned or not np.isclose(transform.a, grid.affine.a):
        raise ValueError(f"the pixels of {file} do not lie on the grid of the study")
    chunks = {"x": CHUNK, "y": CHUNK}
    pixels = xr.open_dataarray(file, engine="rasterio", chunks=chunks, mask_and_scale=False).data[0]
    rows = slice(max(top, 0), min(top + grid.height, shape[0]))
    columns = slice(max(left, 0), min(left + grid.width, shape[1]))
    before = (rows.start - top, columns.start - left)
    after = (top + grid.height - rows.stop, left + grid.width - columns.stop)
    padded = da.pad(
        pixels[rows, columns].astype(np.uint16),
        list(zip(before, after, strict=True)),
        constant_values=fill,
    )
    return padded.rechunk(CHUNK)
