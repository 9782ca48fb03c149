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

#: Side of a chunk, pixels.
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
    """Load one asset of several items lazily.

    Parameters
    ----------
    items : list of dict
        STAC items, one per scene, as from `scene_items`, which adds further tiles and marks items
        whose pixels do not lie on the grid. Other items are read with nearest-neighbour sampling.
    source : gdiv.catalog.Source
        Source with the name of the asset, its value for no data and the signing of its links.
    role : str
        "image", "mask", or a colour of the source: "red", "green", "blue".
    grid : odc.geo.geobox.GeoBox
        Grid that the pixels are cropped to.

    Returns
    -------
    xarray.DataArray
        Digital numbers ``(time, y, x)``, one time step per item: uint16 for a mask, otherwise
        float32 with NaN where the file, its mask or the source's fill value mark missing data.
        Where tiles overlap, the first one with data is used.

    Raises
    ------
    ValueError
        If the loaded asset does not match the grid.
    """
    tiles = [tile for item in items for tile in parts_of(item)]
    layers = _load_tiles(tiles, source, role, grid)
    if len(tiles) == len(items):
        return layers
    role_nodata = _nodata_of_role(source, role)
    scenes = []
    start = 0
    for item in items:
        count = len(parts_of(item))
        scene = layers[start : start + count]
        joined = stackstac.mosaic(scene, dim="time", reverse=True, nodata=role_nodata)
        scenes.append(joined.expand_dims("time"))
        start += count
    return xr.concat(scenes, "time", coords="minimal", compat="override")


def _load_tiles(
    tiles: list[dict[str, Any]], source: Source, role: str, grid: GeoBox
) -> xr.DataArray:
    """One asset of several tiles, one time step per tile."""
    groups = [
        [index for index, tile in enumerate(tiles) if is_resampled(tile) == resampled]
        for resampled in (False, True)
    ]
    loaded = [
        _load_alike([tiles[index] for index in group], source, role, grid, resampled)
        for group, resampled in zip(groups, (False, True), strict=True)
        if group
    ]
    # Some readers add times, or round coordinates differently.
    axes = {name: grid.coordinates[name].values for name in ("y", "x")}
    loaded = [each.drop_vars("time", errors="ignore").assign_coords(axes) for each in loaded]
    if len(loaded) == 1:
        return loaded[0]
    order = np.argsort(np.concatenate(groups))
    return xr.concat(loaded, "time", coords="minimal", compat="override")[order]


def _load_alike(
    tiles: list[dict[str, Any]], source: Source, role: str, grid: GeoBox, resampled: bool
) -> xr.DataArray:
    """One asset of tiles, all of which or none of which are resampled."""
    box = grid.boundingbox
    epsg = grid_crs(grid).epsg
    asset = _asset_of_role(source, role) or ""
    dtype: np.dtype = np.dtype(np.uint16 if role == "mask" else np.float32)
    role_nodata = _nodata_of_role(source, role)
    # Classes cannot be interpolated.
    resampling = Resampling.cubic if resampled and role != "mask" else Resampling.nearest
    if epsg is None or any(_is_unusual(tile, asset) for tile in tiles):
        files = [tile["assets"][asset]["href"] for tile in tiles]
        bands = [_band_of(tile, asset) for tile in tiles]
        warp = resampling if resampled else None
        numbers = load_aligned(files, bands, grid, dtype, role_nodata, warp)
        return numbers if role == "mask" else _without_nodata(numbers, source.nodata)
    # stackstac drops tiles outside the grid; numbers as identifiers show which ones remain.
    projected = [_in_projection(tile, asset, epsg) for tile in tiles]
    stack = stackstac.stack(
        [tile | {"id": str(number)} for number, tile in enumerate(projected)],
        assets=[asset],
        epsg=epsg,
        resolution=abs(grid.resolution.x),
        bounds=(box.left, box.bottom, box.right, box.top),
        snap_bounds=False,  # the grid is pinned already; snapping assumes an origin of zero
        dtype=dtype,
        fill_value=dtype.type(role_nodata),
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
            f"asset {asset} was loaded with shape {stack.shape[-2:]} instead of {tuple(grid.shape)}"
        )
    layers = {int(number): stack[index, 0] for index, number in enumerate(stack.id.values)}
    if len(layers) < len(tiles):
        empty = da.full(tuple(grid.shape), role_nodata, dtype=dtype, chunks=CHUNK)
        coords = {name: grid.coordinates[name].values for name in ("y", "x")}
        beside = xr.DataArray(empty, coords=coords, dims=("y", "x"))
        found = [layers.get(n, beside).reset_coords(drop=True) for n in range(len(tiles))]
        numbers = xr.concat(found, "time", coords="minimal", compat="override").drop_attrs()
    else:
        numbers = stack[:, 0].reset_coords(drop=True).drop_attrs()
    return numbers if role == "mask" else _without_nodata(numbers, source.nodata)


def _is_unusual(item: dict[str, Any], asset: str) -> bool:
    """Check whether stackstac cannot read an asset.

    stackstac only supports projections with an EPSG code and the first band of a file, and it
    applies string formatting to links.
    """
    return (
        read_epsg(item) is None
        or _band_of(item, asset) != 1
        or "{" in item["assets"][asset]["href"]
    )


def _band_of(item: dict[str, Any], asset: str) -> int:
    """Number of the band of an asset, from 1."""
    return int(item["assets"][asset].get("gdiv:band", 1))


def _without_nodata(numbers: xr.DataArray, nodata: float) -> xr.DataArray:
    """Replace the value for no data with NaN, in one task per block."""
    return numbers.copy(
        data=numbers.data.map_blocks(
            lambda block: np.where(block == nodata, np.float32(np.nan), block), dtype=np.float32
        )
    )


def _asset_of_role(source: Source, role: str) -> str | None:
    """Name of the asset that has a role in a source."""
    assets: dict[str, str | None] = {"image": source.image, "mask": source.mask}
    for colour, asset in source.colour.items():
        assets[colour] = asset
    return assets[role]


def _nodata_of_role(source: Source, role: str) -> float:
    """Value for no data in the output of `load_asset` for a role."""
    return float(MASK_VOID[source.mask_kind]) if role == "mask" else float("nan")


def _with_properties(
    item: dict[str, Any], defaults: dict[str, Any], overrides: dict[str, Any]
) -> dict[str, Any]:
    """Copy of an item with some properties filled in and others replaced."""
    return item | {"properties": defaults | item["properties"] | overrides}


def _in_projection(item: dict[str, Any], asset: str, epsg: int) -> dict[str, Any]:
    """Copy an item with its projection as ``proj:epsg``, replaced by that of the study if equal.

    stackstac only reads proj:epsg; it would silently resample items with the newer proj:code.
    """
    own = read_epsg(item)
    northing = false_northing(own, epsg)
    transform = read_transform(item, asset)
    if northing and transform:
        transform[5] += northing
        # stackstac would prefer proj:bbox, which is in the projection of the item.
        image = item["assets"][asset] | {"proj:transform": transform, "proj:bbox": None}
        item = _with_properties(item, {}, {"proj:bbox": None})
        item = item | {"assets": item["assets"] | {asset: image}}
    projection = epsg if same_zone(own, epsg) else own
    return _with_properties(item, {"datetime": None}, {"proj:epsg": projection})
