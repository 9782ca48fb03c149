"""Open rasters of the formats that scenes come in, and of no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio.io import DatasetReader
from stackstac.rio_reader import AutoParallelRioReader

from gdiv.extras import requires
from gdiv.files import redacted

__all__ = ["GuardedReader", "SigningReader", "open_raster"]

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


class GuardedReader(AutoParallelRioReader):
    """Reader of GeoTIFF and JPEG 2000 alone, whose errors hold no secrets.

    Other formats, such as VRT, are texts that make GDAL read whatever they name.
    """

    url: str

    def _open(self) -> Any:
        """Open the file after checking its format."""
        try:
            with self.gdal_env.open, open_raster(self.url):
                pass
            return super()._open()
        except Exception as error:
            raise RuntimeError(f"Error opening its file: {redacted(str(error))}") from None


class SigningReader(GuardedReader):
    """Reader that signs a link when its file is opened.

    No graph or store ever holds a signature, and none has expired when it is used.
    """

    def _open(self) -> Any:
        """Open the file by a signed link and restore the unsigned one."""
        with requires("study", "this source"):
            import planetary_computer

        unsigned = self.url
        self.url = planetary_computer.sign(unsigned)
        try:
            return super()._open()
        finally:
            self.url = unsigned
