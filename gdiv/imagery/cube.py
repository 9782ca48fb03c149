"""Load scenes as one lazy cube: reflectance, snow and water on the grid of the study.

Pixels on the grid are cropped and never resampled; others are resampled once.
"""

from typing import Any, Literal

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import stackstac
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from gdiv.catalog import Source
from gdiv.imagery.aligned import load_aligned
from gdiv.imagery.grid import false_northing, grid_crs, same_zone
from gdiv.imagery.items import (
    PARTS,
    is_synthetic,
    parts_of,
    read_epsg,
    read_id,
    read_transform,
)
from gdiv.imagery.projection_scale import map_scale
from gdiv.imagery.rasters import REMOTE_OPTIONS, GuardedReader, SigningReader
from gdiv.imagery.resampling import RESAMPLED, is_resampled

__all__ = [
    "SEPARATOR",
    "classify",
    "load_asset",
    "load_cube",
    "load_picture",
    "picture_roles",
    "scene_items",
]

#: Classes of Sentinel-2's scene classification (SCL) that show the ground: shadowed terrain (2),
#: vegetation, bare ground, water and unclassified (4 to 7), snow and ice (11). No data, saturated,
#: cloud shadow, cloud and cirrus do not.
SCL_CLEAR = (2, 4, 5, 6, 7, 11)
SCL_SNOW = 11
SCL_SHADE = 2
SCL_WATER = 6
#: Bits of Landsat's qa_pixel that hide the ground: fill, dilated cloud, cirrus, cloud and cloud
#: shadow; and the bits of snow and of water.
QA_HIDDEN = 0b11111
QA_SNOW = 1 << 5
QA_WATER = 1 << 7
#: Bits of the Fmask of HLS that hide the ground: cloud, what is beside it, and its shadow; and the
#: bits of snow and of water. The user guide of HLS 2.0 lists them.
FMASK_HIDDEN = 0b1110
FMASK_SNOW = 1 << 4
FMASK_WATER = 1 << 5
#: Numbers that stand for no data in masks, by kind.
MASK_VOID = {"scl": 0, "qa_pixel": 1, "fmask": 255}
#: Parts the identifiers of the tiles of a scene in a table.
SEPARATOR = "|"
Colour = Literal["red", "green", "blue"]
#: Pixels on a side of a chunk.
CHUNK = 512
#: Settings of GDAL while a file is read.
GDAL_ENVIRONMENT = stackstac.DEFAULT_GDAL_ENV.updated(
    always=dict(
        REMOTE_OPTIONS,
        AWS_REQUEST_PAYER="requester",  # Landsat on AWS: whoever has credentials pays
    )
)


def classify(mask: npt.NDArray[Any], kind: str) -> tuple[npt.NDArray[np.bool_], ...]:
    """Classify the pixels of a mask band.

    Parameters
    ----------
    mask : ndarray
        Values of the mask band.
    kind : {"scl", "qa_pixel", "fmask"}
        Sentinel-2's scene classification, or the quality bits of Landsat or of HLS.

    Returns
    -------
    clear, snow, water : ndarray of bool
        Whether a pixel shows the ground, whether it is snow or ice, and whether it is water; of the
        shape of `mask`.
    """
    if kind == "scl":
        return np.isin(mask, SCL_CLEAR), mask == SCL_SNOW, mask == SCL_WATER
    hidden, snow, water = (
        (FMASK_HIDDEN, FMASK_SNOW, FMASK_WATER)
        if kind == "fmask"
        else (QA_HIDDEN, QA_SNOW, QA_WATER)
    )
    return (mask & hidden) == 0, (mask & snow) != 0, (mask & water) != 0


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
    void = MASK_VOID[source.mask_kind] if role == "mask" else np.nan
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
    void = float(MASK_VOID[source.mask_kind]) if role == "mask" else float("nan")
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


def picture_roles(item: dict[str, Any], source: Source) -> list[str]:
    """List the roles of a true-colour picture of a scene.

    Parameters
    ----------
    item : dict
        STAC item of the scene.
    source : gdiv.catalog.Source
        Gives the assets of the colours.

    Returns
    -------
    list of str
        "red", "green" and "blue"; "image" alone where a colour is missing.
    """
    colours: tuple[Colour, ...] = ("red", "green", "blue")
    present: list[str] = [role for role in colours if source.colour.get(role) in item["assets"]]
    return present if len(present) == len(colours) else ["image"]


def load_picture(
    item: dict[str, Any], source: Source, grid: GeoBox, roles: list[str]
) -> xr.DataArray:
    """Load one scene as a picture, at once.

    Parameters
    ----------
    item : dict
        STAC item of the scene.
    source : gdiv.catalog.Source
        Archive of the scene.
    grid : odc.geo.geobox.GeoBox
        Grid of the picture.
    roles : list of str
        Assets, as in `load_asset`.

    Returns
    -------
    xarray.DataArray
        Reflectance, NaN where there is no data: ``(y, x)`` of one role, ``(y, x, band)`` of
        several. The offset of the scene is not added.
    """
    bands = [
        load_asset([item], source, role, grid)[0].drop_vars("time", errors="ignore")
        for role in roles
    ]
    stacked = xr.concat(bands, "band", coords="minimal", compat="override")
    reflectance = stacked.transpose("y", "x", "band").compute() * np.float32(source.scale)
    return reflectance.squeeze("band") if len(roles) == 1 else reflectance


def load_cube(
    items: list[dict[str, Any]], scenes: pd.DataFrame, source: Source, grid: GeoBox
) -> xr.Dataset:
    """Load the usable scenes as a lazy cube.

    Nothing is read before the cube is computed or saved.

    Parameters
    ----------
    items : list of dict
        STAC items, as from `gdiv.imagery.archive.find_items`.
    scenes : pandas.DataFrame
        Scene table from `gdiv.imagery.scenes.judge_scenes`. Scenes with the verdict "use" are
        loaded; their identifiers are unique.
    source : gdiv.catalog.Source
        Archive of the scenes.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (float32), ``snow`` and ``water`` (bool) with dimensions ``(scene, y, x)``.
        Reflectance is NaN where there is no data or cloud; ``snow`` is snow or bare ice by the
        mask; both are False where the source has no mask. The coordinate ``scene`` holds the
        identifiers, so that ``cube.sel(scene=id)`` selects an image; ``time``, ``season_year``,
        ``orbit`` and ``offset`` (reflectance) belong to scenes; ``x`` and ``y`` are pixel centres;
        ``map_scale`` is that of the projection, of real scenes.
    """
    used = scenes[scenes.verdict == "use"]
    by_id = scene_items(items, scenes)
    chosen = [by_id[name] for name in used.id]
    numbers = load_asset(chosen, source, "image", grid)
    offset = xr.DataArray(used.offset.to_numpy(np.float32), dims="time")
    reflectance = numbers * np.float32(source.scale) + offset
    visible = numbers.notnull()
    snow = water = xr.zeros_like(visible)
    if source.mask and all(source.mask in item["assets"] for item in chosen):
        mask = load_asset(chosen, source, "mask", grid)
        # Image and mask are on one grid: values alone are combined, without aligning coordinates.
        visible = visible & _classify_lazily(mask, source.mask_kind, 0).data
        snow = snow.copy(data=_classify_lazily(mask, source.mask_kind, 1).data)
        # What hides the ground may look like water, or have its bits set.
        water = water.copy(data=_classify_lazily(mask, source.mask_kind, 2).data) & visible
    cube = xr.Dataset(
        {
            "reflectance": reflectance.where(visible).assign_attrs(
                units="1", long_name=f"surface reflectance, {source.image}"
            ),
            "snow": snow.astype(bool).assign_attrs(
                units="1", long_name="snow or bare ice in the scene's mask"
            ),
            "water": water.astype(bool).assign_attrs(
                units="1", long_name="water in the scene's mask"
            ),
        }
    )
    cube = cube.drop_vars("time", errors="ignore").rename(time="scene")
    # The source is stored so that an interrupted load is resumed only by one that reads the same.
    # The plane of a twin's map is its ground.
    scale = {} if is_synthetic(chosen) else {"map_scale": map_scale(grid).variable}
    return cube.assign_coords(_scene_coordinates(used) | scale).assign_attrs(
        spacing=abs(grid.resolution.x),
        source=source.model_dump_json(exclude={"path", "label", "url"}),
    )


def scene_items(items: list[dict[str, Any]], scenes: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Look up the items of the usable scenes, with their further tiles.

    Parameters
    ----------
    items : list of dict
        STAC items.
    scenes : pandas.DataFrame
        Scene table from `gdiv.imagery.scenes.judge_scenes`.

    Returns
    -------
    dict
        Item by identifier, as `load_asset` takes it; the first of those that share an identifier.
    """
    flagged = set(scenes.id[scenes.resampled.fillna("") != ""])
    marked: dict[str, dict[str, Any]] = {}
    for item in items:
        name = read_id(item)
        marked.setdefault(name, item | {RESAMPLED: name in flagged})
    used = scenes[scenes.verdict == "use"]
    joined = {}
    for name, parts in zip(used.id, used.parts.fillna(""), strict=True):
        tiles = [marked[part] for part in parts.split(SEPARATOR) if part]
        joined[name] = marked[name] | {PARTS: tiles}
    return joined


def _classify_lazily(mask: xr.DataArray, kind: str, index: int) -> xr.DataArray:
    """One result of `classify` for a lazy mask."""
    return xr.apply_ufunc(
        lambda values: classify(values, kind)[index],
        mask,
        dask="parallelized",
        output_dtypes=[bool],
    )


def _scene_coordinates(used: pd.DataFrame) -> dict[str, Any]:
    """Coordinates of a cube along its scenes."""
    return {
        "scene": np.array(list(used.id), dtype=np.dtypes.StringDType()),
        "time": ("scene", used.date.to_numpy("datetime64[ns]")),
        "season_year": ("scene", used.season_year.to_numpy(np.int32)),
        "orbit": ("scene", used.orbit.fillna(0).to_numpy(np.int32)),
        "offset": ("scene", used.offset.to_numpy(float)),
    }
