"""Open rasters of the formats that scenes come in, and of no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.io import DatasetReader

__all__ = ["open_raster"]

#: Formats that are read. Others, such as VRT, are texts that make GDAL read whatever they name.
DRIVERS = ["GTiff", "JP2OpenJPEG"]


@contextmanager
def open_raster(path: str | Path) -> Iterator[DatasetReader]:
    """Open a GeoTIFF or JPEG 2000.

    Parameters
    ----------
    path : str or Path
        File or URL.

    Yields
    ------
    rasterio.io.DatasetReader
        The open file.

    Raises
    ------
    rasterio.errors.RasterioIOError
        If it cannot be opened, or is of another format.
    """
    text = str(path)
    for scheme in ("https://", "http://"):
        if text.startswith(scheme):
            text = f"/vsicurl/{text}"
    with rasterio.Env(), DatasetReader(text, driver=DRIVERS, sharing=False) as opened:
        yield opened
