"""Open rasters, restricted to the formats in which scenes are delivered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import rasterio
from rasterio.enums import Resampling
from rasterio.env import hasenv
from rasterio.io import DatasetReader
from stackstac.raster_spec import RasterSpec
from stackstac.rio_reader import AutoParallelRioReader

from gdiv.extras import requires
from gdiv.files import redacted

__all__ = ["REMOTE_OPTIONS", "GuardedReader", "SigningReader", "exact_warp", "open_raster"]

#: Supported formats. Others, such as VRT, are text files that make GDAL read any file they name.
DRIVERS = ["GTiff", "JP2OpenJPEG"]
#: Maximum position error of resampled pixels, in pixels; GDAL does not accept zero.
TOLERANCE = 0.001
#: GDAL settings for remote files: repeat failed requests, abandon slow ones, and do not list
#: folders.
REMOTE_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",  # seconds, doubled each time
    "GDAL_HTTP_RETRY_CODES": "ALL",
    "GDAL_HTTP_TIMEOUT": "60",  # seconds
    "GDAL_HTTP_CONNECTTIMEOUT": "20",  # seconds
}


def exact_warp(nodata: float | None) -> dict[str, Any]:
    """Make the options of a warp with exact positions and no-data handling.

    Parameters
    ----------
    nodata : float or None
        Value for no data of the file; zero if it states none.

    Returns
    -------
    dict
        Keyword arguments of `rasterio.vrt.WarpedVRT`. By default, GDAL interpolates positions, with
        errors of up to an eighth of a pixel.
    """
    return {
        "tolerance": TOLERANCE,
        "dtype": "float32",
        "src_nodata": 0 if nodata is None else nodata,
        "nodata": float("nan"),
    }


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
        If the file cannot be opened, or has another format.
    """
    text = str(path)
    remote = text.startswith(("https://", "http://"))
    if remote:
        text = f"/vsicurl/{text}"
    options = REMOTE_OPTIONS if remote and not hasenv() else {}  # keep the caller's settings
    with (
        rasterio.Env(**options),
        DatasetReader(text, driver=DRIVERS, sharing=False) as opened,
    ):
        yield opened


class GuardedReader(AutoParallelRioReader):
    """Reader restricted to GeoTIFF and JPEG 2000, whose errors contain no secrets.

    Other formats, such as VRT, are text files that make GDAL read any file they name. The positions
    of resampled pixels are computed exactly.
    """

    url: str
    spec: RasterSpec

    def _open(self) -> Any:
        """Open the file after checking its format."""
        try:
            with self.gdal_env.open, open_raster(self.url) as opened:
                nodata = opened.nodata
            if self.resampling != Resampling.nearest:
                spec: RasterSpec = replace(self.spec)
                spec.vrt_params = spec.vrt_params | exact_warp(nodata)
                self.spec = spec
            return super()._open()
        except Exception as error:
            raise RuntimeError(f"Error opening its file: {redacted(str(error))}") from None


class SigningReader(GuardedReader):
    """Reader that signs a link when its file is opened.

    Graphs and stores therefore never contain signatures, and signatures do not expire before use.
    """

    def _open(self) -> Any:
        """Open the file with a signed link and restore the unsigned one."""
        with requires("study", "this source"):
            import planetary_computer

        unsigned = self.url
        self.url = planetary_computer.sign(unsigned)
        try:
            return super()._open()
        finally:
            self.url = unsigned
