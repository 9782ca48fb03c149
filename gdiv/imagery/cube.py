"""Load scenes as one lazy cube: reflectance, snow and water on the grid of the study.

Pixels on the grid are cropped and never resampled; others are resampled once.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

from gdiv.catalog import Source
from gdiv.imagery.assets import load_asset
from gdiv.imagery.classes import classify
from gdiv.imagery.items import PARTS, RESAMPLED, is_synthetic, read_id
from gdiv.imagery.projection import map_scale

__all__ = [
    "SEPARATOR",
    "load_cube",
    "load_picture",
    "picture_roles",
    "scene_items",
]

#: Separator of the identifiers of the tiles of a scene in a table.
SEPARATOR = "|"
Colour = Literal["red", "green", "blue"]


def picture_roles(item: dict[str, Any], source: Source) -> list[str]:
    """List the roles of a true-colour picture of a scene.

    Parameters
    ----------
    item : dict
        STAC item of the scene.
    source : gdiv.catalog.Source
        Source with the assets of the colours.

    Returns
    -------
    list of str
        "red", "green" and "blue"; only "image" if a colour is missing.
    """
    colours: tuple[Colour, ...] = ("red", "green", "blue")
    present: list[str] = [role for role in colours if source.colour.get(role) in item["assets"]]
    return present if len(present) == len(colours) else ["image"]


def load_picture(
    item: dict[str, Any], source: Source, grid: GeoBox, roles: list[str]
) -> xr.DataArray:
    """Load one scene as a picture, eagerly.

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
        Reflectance, NaN where there is no data: ``(y, x)`` for one role, ``(y, x, band)`` for
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

    No pixel is read until the cube is computed or saved.

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
        Reflectance is NaN where data are missing or cloudy; ``snow`` marks snow or bare ice in
        the mask; ``snow`` and ``water`` are False if the source has no mask. The coordinate
        ``scene`` contains the identifiers, so that ``cube.sel(scene=id)`` selects an image. Each
        scene has ``time``, ``season_year``, ``orbit`` and ``offset`` (reflectance); ``x`` and ``y``
        are pixel centres; ``map_scale``, for real scenes, is the scale of the projection.
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
        # Image and mask are on one grid, so values are combined without aligning coordinates.
        visible = visible & _classify_lazily(mask, source.mask_kind, 0).data
        snow = snow.copy(data=_classify_lazily(mask, source.mask_kind, 1).data)
        # Clouds and shadows may look like water, or have its bits set.
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
    # Store the source, so that an interrupted load resumes only with the same inputs. A twin has
    # no map scale, because its map plane is its ground.
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
        Item by identifier, as expected by `load_asset`; the first one if several share it.
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
