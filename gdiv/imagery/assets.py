"""Load one asset of scenes lazily, on the grid of the study.

Pixels on the grid are cropped and never resampled; others are resampled once.
"""

from typing import Any

import dask.array as da
import numpy as np
import stackstac
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from gdiv.catalog import Source
from gdiv.imagery.aligned import load_aligned
from gdiv.imagery.classes import MASK_VOID
from gdiv.imagery.grid import false_northing, grid_crs, same_zone
from gdiv.imagery.items import parts_of
from gdiv.imagery.placement import read_epsg, read_transform
from gdiv.imagery.rasters import REMOTE_OPTIONS, GuardedReader, SigningReader
from gdiv.imagery.resampling import is_resampled

__all__ = ["GDAL_ENVIRONMENT", "load_asset"]

#: Pixels on a side of a chunk.
CHUNK = 512
#: Settings of GDAL while a file is read.
GDAL_ENVIRONMENT = stackstac.DEFAULT_GDAL_ENV.updated(
    always=dict(
        REMOTE_OPTIONS,
        AWS_REQUEST_PAYER="requester",  # Landsat on AWS: whoever has credentials pays
    )
)


def load_asset(
    items: list[dict[str, Any]], source: Source, role: str, grid: GeoBox
) -> xr.DataArray:
    """Load one asset of some items lazily.

    Parameters
    ----------
    items : list of dict
        STAC items, one per scene, as from `scene_items`: with further tiles, and marked where their
        pixels do not lie on the grid. Plain items are read as they are, to the nearest pixel.
    source : gdiv.catalog.Source
        Gives the name of the asset, its value for no data and how links are signed.
    role : str
        "image", "mask", or a colour of the source: "red", "green", "blue".
    grid : odc.geo.geobox.GeoBox
        Grid that the pixels are cropped to.

    Returns
    -------
    xarray.DataArray
        Digital numbers ``(time, y, x)``, one step of time per item: uint16 of a mask; else float32,
        NaN where the file, its mask or the source's value say that there is no data. Where tiles
        overlap, the first with data counts.

    Raises
    ------
    ValueError
        If the asset does not come on the grid.
    """
    tiles = [tile for item in items for tile in parts_of(item)]
    layers = _load_tiles(tiles, source, role, grid)
    if len(tiles) == len(items):
        return layers
    void = _void_of_role(source, role)
    scenes = []
    start = 0
    for item in items:
        count = len(parts_of(item))
        scene = layers[start : start + count]
        joined = stackstac.mosaic(scene, dim="time", reverse=True, nodata=void)
        scenes.append(joined.expand_dims("time"))
        start += count
    return xr.concat(scenes, "time", coords="minimal", compat="override")


def _load_tiles(
    tiles: list[dict[str, Any]], source: Source, role: str, grid: GeoBox
) -> xr.DataArray:
    """One asset of some tiles, one step of time per tile."""
    groups = [
        [index for index, tile in enumerate(tiles) if is_resampled(tile) == resampled]
        for resampled in (False, True)
    ]
    loaded = [
        _load_alike([tiles[index] for index in group], source, role, grid, resampled)
        for group, resampled in zip(groups, (False, True), strict=True)
        if group
    ]
    # Some readers give times, and coordinates with other rounding.
    axes = {name: grid.coordinates[name].values for name in ("y", "x")}
    loaded = [each.drop_vars("time", errors="ignore").assign_coords(axes) for each in loaded]
    if len(loaded) == 1:
        return loaded[0]
    order = np.argsort(np.concatenate(groups))
    return xr.concat(loaded, "time", coords="minimal", compat="override")[order]


def _load_alike(
    tiles: list[dict[str, Any]], source: Source, role: str, grid: GeoBox, resampled: bool
) -> xr.DataArray:
    """One asset of tiles that are either all resampled or all not."""
    box = grid.boundingbox
    epsg = grid_crs(grid).epsg
    asset = _asset_of_role(source, role) or ""
    dtype: np.dtype = np.dtype(np.uint16 if role == "mask" else np.float32)
    void = _void_of_role(source, role)
    # Classes have no mean.
    resampling = Resampling.cubic if resampled and role != "mask" else Resampling.nearest
    if epsg is None or any(_is_unusual(tile, asset) for tile in tiles):
        files = [tile["assets"][asset]["href"] for tile in tiles]
        bands = [_band_of(tile, asset) for tile in tiles]
        warp = resampling if resampled else None
        numbers = load_aligned(files, bands, grid, dtype, void, warp)
        return numbers if role == "mask" else _without_void(numbers, source.nodata)
    # stackstac leaves out what lies beside the grid: numbers as identifiers tell which are left.
    projected = [_in_projection(tile, asset, epsg) for tile in tiles]
    stack = stackstac.stack(
        [tile | {"id": str(number)} for number, tile in enumerate(projected)],
        assets=[asset],
        epsg=epsg,
        resolution=abs(grid.resolution.x),
        bounds=(box.left, box.bottom, box.right, box.top),
        snap_bounds=False,  # the grid is pinned already; snapping assumes an origin of zero
        dtype=dtype,
        fill_value=dtype.type(void),
        rescale=False,
        resampling=resampling,
        xy_coords="center",
        chunksize=CHUNK,
        sortby_date=False,
        gdal_env=GDAL_ENVIRONMENT,
        reader=SigningReader if source.signing == "planetary-computer" else GuardedReader,
    )
    if stack.shape[-2:] != grid.shape:
        raise ValueError(
            f"asset {asset} came on a grid of {stack.shape[-2:]} instead of {tuple(grid.shape)}"
        )
    layers = {int(number): stack[index, 0] for index, number in enumerate(stack.id.values)}
    if len(layers) < len(tiles):
        empty = da.full(tuple(grid.shape), void, dtype=dtype, chunks=CHUNK)
        coords = {name: grid.coordinates[name].values for name in ("y", "x")}
        beside = xr.DataArray(empty, coords=coords, dims=("y", "x"))
        found = [layers.get(n, beside).reset_coords(drop=True) for n in range(len(tiles))]
        numbers = xr.concat(found, "time", coords="minimal", compat="override").drop_attrs()
    else:
        numbers = stack[:, 0].reset_coords(drop=True).drop_attrs()
    return numbers if role == "mask" else _without_void(numbers, source.nodata)


def _is_unusual(item: dict[str, Any], asset: str) -> bool:
    """Whether stackstac cannot read an asset.

    It knows projections by their code, reads the first band of a file, and formats links.
    """
    return (
        read_epsg(item) is None
        or _band_of(item, asset) != 1
        or "{" in item["assets"][asset]["href"]
    )


def _band_of(item: dict[str, Any], asset: str) -> int:
    """Number of the band of an asset, from 1."""
    return int(item["assets"][asset].get("gdiv:band", 1))


def _without_void(numbers: xr.DataArray, nodata: float) -> xr.DataArray:
    """Numbers with NaN in place of the value for no data, in one task a block."""
    return numbers.copy(
        data=numbers.data.map_blocks(
            lambda block: np.where(block == nodata, np.float32(np.nan), block), dtype=np.float32
        )
    )


def _asset_of_role(source: Source, role: str) -> str | None:
    """Name of the asset that plays a role in a source."""
    assets: dict[str, str | None] = {"image": source.image, "mask": source.mask}
    for colour, asset in source.colour.items():
        assets[colour] = asset
    return assets[role]


def _void_of_role(source: Source, role: str) -> float:
    """Number for no data in what `load_asset` returns for a role."""
    return float(MASK_VOID[source.mask_kind]) if role == "mask" else float("nan")


def _with_properties(
    item: dict[str, Any], defaults: dict[str, Any], overrides: dict[str, Any]
) -> dict[str, Any]:
    """Copy of an item with some properties filled in and others replaced."""
    return item | {"properties": defaults | item["properties"] | overrides}


def _in_projection(item: dict[str, Any], asset: str, epsg: int) -> dict[str, Any]:
    """Copy of an item as stackstac reads it: with its projection, as that of the study if equal.

    stackstac reads proj:epsg alone: items with the newer proj:code would be resampled silently.
    """
    own = read_epsg(item)
    northing = false_northing(own, epsg)
    transform = read_transform(item, asset)
    if northing and transform:
        transform[5] += northing
        # stackstac would prefer the box, which is in the projection of the item.
        image = item["assets"][asset] | {"proj:transform": transform, "proj:bbox": None}
        item = _with_properties(item, {}, {"proj:bbox": None})
        item = item | {"assets": item["assets"] | {asset: image}}
    projection = epsg if same_zone(own, epsg) else own
    return _with_properties(item, {"datetime": None}, {"proj:epsg": projection})
