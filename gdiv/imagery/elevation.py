"""Read the elevation of the ground from a file or from a collection of a STAC service."""

from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from gdiv.catalog import Glacier, Source
from gdiv.files import redacted
from gdiv.imagery.aligned import load_aligned
from gdiv.imagery.assets import load_asset
from gdiv.imagery.items import PARTS, RESAMPLED
from gdiv.images.arrays import Image

__all__ = ["TERRAIN_FILE", "ElevationError", "read_elevation"]

#: Optional file beside the scenes with the elevation of the ground, m.
TERRAIN_FILE = "dem.tif"
#: Part of the URL of a collection of a STAC service.
COLLECTIONS = "/collections/"
#: Value for no data in terrain models whose file does not define one.
NO_ELEVATION = -32768
#: Maximum number of tiles of a terrain model over one glacier.
MAX_TILES = 16


class ElevationError(ValueError):
    """A terrain model cannot be read; the message names it."""


def read_elevation(location: str | Path, glacier: Glacier, grid: GeoBox) -> Image:
    """Read a terrain model on a grid.

    Parameters
    ----------
    location : str or Path
        GeoTIFF, or the URL of a STAC collection, such as
        ``https://earth-search.aws.element84.com/v1/collections/cop-dem-glo-30``.
    glacier : gdiv.catalog.Glacier
        Glacier whose box is searched.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.

    Returns
    -------
    ndarray, shape (H, W)
        Elevation in metres, NaN where there is none.

    Raises
    ------
    ElevationError
        If there is no terrain model over the grid, or it cannot be read.
    """
    name = redacted(str(location))
    try:
        if COLLECTIONS in str(location) and str(location).startswith("http"):
            elevation = _read_collection(str(location), glacier, grid)
        else:
            files = [str(location)]
            layers = load_aligned(files, [1], grid, np.float32, np.nan, Resampling.bilinear)
            elevation = layers[0].compute().values
    except ElevationError:
        raise
    except Exception as error:  # the service, its client or any file may fail
        raise ElevationError(
            f"terrain model {name} could not be read ({redacted(str(error))})"
        ) from None
    if np.isnan(elevation).all():
        raise ElevationError(f"terrain model {name} has no data over {glacier.label}")
    return elevation


def _read_collection(location: str, glacier: Glacier, grid: GeoBox) -> Image:
    """Elevation from the tiles of a STAC collection."""
    from pystac_client import Client  # imported here because it takes two seconds

    service, _, collection = location.partition(COLLECTIONS)
    search = Client.open(service).search(
        collections=[collection.strip("/")], bbox=glacier.bbox, max_items=MAX_TILES
    )
    tiles = list(search.items_as_dicts())
    if not tiles:
        raise ElevationError(f"{redacted(location)} has no terrain model over {glacier.label}")
    asset = next(iter(tiles[0]["assets"]))
    signed = "planetarycomputer" in service
    source = Source(
        label="terrain model",
        kind="stac",
        url=service,
        collection=collection.strip("/"),
        image="data" if "data" in tiles[0]["assets"] else asset,
        nodata=NO_ELEVATION,
        signing="planetary-computer" if signed else "none",
        licence="",
    )
    first, *others = [tile | {RESAMPLED: True} for tile in tiles]
    joined = load_asset([first | {PARTS: others}], source, "image", grid)
    elevation: Image = joined[0].compute().values
    return elevation
