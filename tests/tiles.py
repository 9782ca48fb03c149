"""Tiles of an analytical texture, and scenes for tests that only use the item."""

import numpy as np
import pyproj
import rasterio
from affine import Affine

from gdiv.catalog import load_catalog
from gdiv.imagery import assets, screening
from gdiv.imagery.items import PARTS, parse_item

#: Change of the texture by cubic resampling in digital numbers, for an amplitude of 800.
TEXTURE_ERROR = 6
#: Zone in which the texture is defined.
ZONE = 32632
#: Wavelengths of the texture in metres and their directions in radians.
WAVES = ((150.0, 0.3), (190.0, 1.4), (230.0, 2.2), (310.0, 0.9))


def brightness(x, y):
    """Brightness of the texture at positions in its zone."""
    waves = [
        np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length)
        for length, angle in WAVES
    ]
    return 2000 + 200 * np.sum(waves, axis=0)


def texture(grid):
    """Texture at the centres of a grid's pixels, in the zone of the texture or another."""
    x, y = (grid.coordinates[name].values for name in ("x", "y"))
    x, y = np.meshgrid(x, y)
    if grid.crs.epsg != ZONE:
        x, y = pyproj.Transformer.from_crs(grid.crs.epsg, ZONE, always_xy=True).transform(x, y)
    return brightness(x, y)


def write_tile(path, grid, epsg, step=10.0, beside=0.0, band=1, **changes):
    """Write a tile that covers a grid, and return its item."""
    to_tile = pyproj.Transformer.from_crs(grid.crs.epsg, epsg, always_xy=True)
    left, bottom, right, top = to_tile.transform_bounds(*grid.boundingbox)
    left = np.floor(left / step) * step - 2 * step + beside
    top = np.ceil(top / step) * step + 2 * step + beside
    columns = int(np.ceil((right - left) / step)) + 2
    rows = int(np.ceil((top - bottom) / step)) + 2
    transform = Affine(step, 0, left, 0, -step, top)
    x, y = transform * np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    if epsg != ZONE:
        x, y = pyproj.Transformer.from_crs(epsg, ZONE, always_xy=True).transform(x, y)
    numbers = np.round(brightness(x, y)).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=band, dtype="uint16",
        crs=f"EPSG:{epsg}", transform=transform, nodata=0, tiled=True,
    ) as file:  # fmt: skip
        for number in range(1, band + 1):
            file.write(numbers if number == band else numbers[::-1], number)
    return make_item(path, epsg, step, (left, top), (rows, columns), band, **changes)


def make_item(path, epsg, step, corner, shape, band=1, **changes):
    """Make the item of a tile."""
    rows, columns = np.broadcast_to(shape, 2).tolist()
    left, top = corner
    to_degrees = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)
    box = to_degrees.transform_bounds(left, top - rows * step, left + columns * step, top)
    properties = {
        "datetime": "2020-08-03T10:26:00Z",
        "proj:epsg": epsg,
        "sat:relative_orbit": 108,
        "s2:processing_baseline": "05.00",
    }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": path.stem,
        "geometry": None,
        "bbox": list(box),
        "properties": properties | changes,
        "links": [],
        "assets": {
            "nir": {
                "href": str(path),
                "proj:transform": [step, 0, left, 0, -step, top],
                "proj:shape": [rows, columns],
                "gdiv:band": band,
            }
        },
    }


def read_joined(tiles, grid):
    """Read the image of tiles joined into one scene."""
    item = tiles[0] | {PARTS: tiles[1:]}
    source = load_catalog().sources["twin"]
    return assets.load_asset([item], source, "image", grid)[0].values


def make_candidate(identifier, year=2020, **properties):
    """Make a candidate with a time, an orbit, a tile and a baseline."""
    defaults = {
        "datetime": f"{year}-08-03T10:26:00Z",
        "proj:epsg": 32632,
        "grid:code": "MGRS-32TLR",
        "sat:relative_orbit": 108,
        "s2:processing_baseline": "05.00",
    }
    item = {
        "id": identifier,
        "bbox": [6.9, 45.8, 7.1, 46.0],
        "properties": defaults | properties,
        "assets": {"nir": {"href": "nir.tif"}, "scl": {"href": "scl.tif"}},
    }
    return screening.Candidate(item, parse_item(item, "nir"), year)
