"""Maps that other tools open: CF and ITS_LIVE names, Zarr, cloud-optimised GeoTIFF, a STAC item, a GeoPackage."""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import rioxarray  # noqa: F401  (registers .rio)
import shapely
import xarray as xr
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension

import gdiv
from gdiv.imagery.coregistration import nmad
from gdiv.imagery.items import SYNTHETIC

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"

DESCRIBING = (
    "title",
    "description",
    "synthetic",
    "source",
    "licence",
)  # attributes that every file repeats
_TIFF = {
    "title": "TIFFTAG_DOCUMENTNAME",
    "description": "TIFFTAG_IMAGEDESCRIPTION",
    "source": "TIFFTAG_SOFTWARE",
}

STANDARD_NAMES = {
    "vx": "land_ice_surface_x_velocity",
    "vy": "land_ice_surface_y_velocity",
    "v": "land_ice_surface_velocity",
}


def velocity_product(
    mosaic: xr.Dataset, epsg: int, title: str, provenance: dict[str, str], dates: tuple
) -> xr.Dataset:
    """A mosaic with errors as a CF-1.8 data set with ITS_LIVE's names.

    Parameters
    ----------
    mosaic
        With `vx, vy, vx_error, vy_error, v_error, count`, as of `gdiv.velocity.uncertainty.add_error`.
    provenance
        Global attributes: scenes, method, versions.
    dates
        First reference and last secondary date.

    Returns
    -------
    xarray.Dataset
        `v, vx, vy, v_error, vx_error, vy_error` (float32, `meter/year`) and `count` on `y, x`, with the CRS in
        the grid mapping `mapping`.
    """
    product = mosaic[["vx", "vy", "vx_error", "vy_error", "v_error", "count"]].assign(
        v=np.hypot(mosaic.vx, mosaic.vy).astype(np.float32)
    )
    product = product[["v", "vx", "vy", "v_error", "vx_error", "vy_error", "count"]].drop_vars(
        "spatial_ref", errors="ignore"
    )
    for key, variable in product.data_vars.items():
        name = str(key)
        variable.attrs = (
            {"units": "1", "long_name": "pairs"} if name == "count" else {"units": "meter/year"}
        )
        if name in STANDARD_NAMES:
            variable.attrs["standard_name"] = STANDARD_NAMES[name]
        elif name.endswith("_error"):
            variable.attrs["long_name"] = f"1 sigma of {name.removesuffix('_error')}"
    product["x"].attrs = {"standard_name": "projection_x_coordinate", "units": "m"}
    product["y"].attrs = {"standard_name": "projection_y_coordinate", "units": "m"}
    first, last = (np.datetime_as_string(np.datetime64(day), unit="D") for day in dates)
    product.attrs = {
        "Conventions": "CF-1.8",
        "title": title,
        "date_start": first,
        "date_end": last,
        **provenance,
    }
    return with_crs(product.drop_encoding(), epsg)


def pair_cube(
    velocity: xr.Dataset, mosaic: xr.Dataset, ice: np.ndarray, epsg: int, provenance: dict
) -> xr.Dataset:
    """Every pair's velocity in the layout of an ITS_LIVE cube, which TICOI reads, too.

    Parameters
    ----------
    velocity
        `vx`, `vy` (m/yr), `(pair, y, x)`, lazy or not, as of `gdiv.velocity.annual.to_velocity`.
    mosaic
        The map of these pairs with its errors: what a pair differs from it by on `ice`, joined with the map's own
        error, is the pair's.

    Returns
    -------
    xarray.Dataset
        `vx`, `vy`, `v` `(mid_date, y, x)` in m/yr; by `mid_date`, `vx_error`, `vy_error`, `date_dt` (days), the dates
        and ids of both images, and the names TICOI knows them by: `date1`, `date2`, `errorx`, `errory`.
    """
    known = velocity.reference_date.values, velocity.secondary_date.values
    middle = known[0] + (known[1] - known[0]) / 2
    order = np.argsort(middle, kind="stable")
    cube = velocity[["vx", "vy"]].isel(pair=order)
    cube = cube.assign(v=np.hypot(cube.vx, cube.vy)).drop_vars([*cube.coords.keys() - {"x", "y"}])
    # Scenes come every five days, so that middles coincide: by a microsecond each apart they stay an index.
    apart = pd.Series(middle[order]).groupby(middle[order]).cumcount().to_numpy()
    cube = cube.rename(pair="mid_date").assign_coords(
        mid_date=middle[order] + apart * np.timedelta64(1, "us")
    )
    for name in ("v", "vx", "vy"):
        cube[name].attrs = {"units": "meter/year", "standard_name": STANDARD_NAMES[name]}
    own = [
        np.ma.median(np.ma.masked_invalid(mosaic[f"v{axis}_error"].values[ice])) for axis in "xy"
    ]
    errors = []
    for index in order:
        misses = (velocity[["vx", "vy"]].isel(pair=index) - mosaic[["vx", "vy"]]).load()
        errors.append(
            np.hypot([nmad(miss.values[ice], 0) for miss in misses.data_vars.values()], own)
        )
    for axis, error in zip("xy", np.array(errors, np.float32).T, strict=True):
        about = {"units": "meter/year", "long_name": f"1 sigma of v{axis} on ice"}
        for name in (f"v{axis}_error", f"error{axis}"):
            cube[name] = ("mid_date", error, about)
    for number, (dates, ids) in enumerate(
        zip(known, ("reference_ids", "secondary_ids"), strict=True), start=1
    ):
        for name in (f"acquisition_date_img{number}", f"date{number}"):
            cube[name] = ("mid_date", dates[order])
        cube[f"id_img{number}"] = ("mid_date", np.array(velocity.attrs[ids])[order])
    days = ((known[1] - known[0]) / np.timedelta64(1, "D"))[order]
    cube["date_dt"] = ("mid_date", days, {"units": "1", "long_name": "days between the images"})
    title = f"Velocity of each image pair, {provenance.get('glacier', 'one glacier')}"
    cube.attrs = {"Conventions": "CF-1.8", "title": title, "proj4": f"EPSG:{epsg}", **provenance}
    # As a variable, as in ITS_LIVE's: TICOI takes the first coordinate that is not x or y for the time.
    return with_crs(cube.drop_encoding(), epsg).reset_coords("mapping")


def scene_provenance(
    scenes: pd.DataFrame, pairs: pd.DataFrame, displacement: xr.Dataset
) -> dict[str, str]:
    """What a product says of its scenes and method, as global attributes.

    `scenes` is the scene table, `pairs` those of the pair table that the product is made of; baselines and orbits are
    in the order of the scenes.
    """
    used = scenes[scenes.id.isin({*pairs.reference, *pairs.secondary})].sort_values("date")
    orbits = used.orbit.map("{:.0f}".format).where(used.orbit.notna(), "unknown")
    return {
        "scenes": " ".join(used.id),
        "processing_baselines": " ".join(used.baseline.fillna("unknown")),
        "relative_orbits": " ".join(orbits),
        "matcher": displacement.attrs["matcher"],
        "matcher_options": displacement.attrs["options"],
        "network": displacement.attrs["network"],
    }


def int16_encoding(dataset: xr.Dataset) -> dict[str, dict]:
    """Zarr encodings that store velocities and their errors as int16, as ITS_LIVE does: fill -32767.

    The step is the finest of 0.01, 0.1, 1 and 10 m/yr that the fastest ice fits in; rounding is off by half a step.
    """
    speeds = {
        str(name): v
        for name, v in dataset.data_vars.items()
        if v.attrs.get("units") == "meter/year"
    }
    most = xr.Dataset({name: np.abs(speed).max() for name, speed in speeds.items()}).compute()
    steps = {
        name: next((s for s in (0.01, 0.1, 1.0) if not most[name] > 32000 * s), 10.0)
        for name in speeds
    }
    return {
        name: {"dtype": "int16", "scale_factor": step, "_FillValue": np.int16(-32767)}
        for name, step in steps.items()
    }


def write_zarr(dataset: xr.Dataset, path: Path, packed: bool = False) -> Path:
    """Write the Zarr store (format 2) `path`, replaced only when the new one is whole; `packed` as of `packing`."""
    partial = path.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    dataset = dataset.copy()
    for name, encoding in (int16_encoding(dataset) if packed else {}).items():
        dataset[
            name
        ].encoding |= (
            encoding  # beside the grid mapping, which `to_zarr(encoding=)` would throw away
        )
    dataset.to_zarr(partial, mode="w", consolidated=False, zarr_format=2)
    shutil.rmtree(path, ignore_errors=True)
    return partial.rename(path)


def with_crs(dataset: xr.Dataset, epsg: int) -> xr.Dataset:
    """The data set with `epsg` in a CF grid mapping called `mapping`; arithmetic drops it, so it is written last."""
    return dataset.rio.write_crs(epsg, grid_mapping_name="mapping").rio.write_grid_mapping(
        "mapping"
    )


def write_cogs(product: xr.Dataset, folder: Path, names=("v", "vx", "vy", "v_error")) -> list[Path]:
    """One cloud-optimised GeoTIFF with overviews a variable; NaN is no data. Returns the paths.

    Overviews are thinned, not averaged: a mean of speeds is not the speed of the mean.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        path = folder / f"{name}.tif"
        layer = product[name].rio.write_nodata(np.nan)
        about = {key: product.attrs[key] for key in DESCRIBING if key in product.attrs}
        tags = {_TIFF.get(key, key.upper()): value for key, value in about.items()}
        options = {"compress": "deflate", "overview_resampling": "nearest"}
        layer.rio.to_raster(path, driver="COG", tags=tags, **options)
        written.append(path)
    return written


def write_item(product: xr.Dataset, layers: list[Path], identifier: str, folder: Path) -> Path:
    """Write a STAC item of `layers` (as of `write_cogs`, in `folder`) with projection, checksums and provenance.

    Links are relative, so the folder can be moved, and put into a catalog as it is. Returns the path of `item.json`.
    """
    box = product.rio.transform_bounds(4326)
    item = pystac.Item(
        id=identifier,
        geometry=shapely.geometry.mapping(shapely.box(*box)),
        bbox=list(box),
        datetime=None,
        start_datetime=datetime.fromisoformat(product.attrs["date_start"]).replace(tzinfo=UTC),
        end_datetime=datetime.fromisoformat(product.attrs["date_end"]).replace(tzinfo=UTC),
        properties={
            "title": product.attrs["title"],
            **_described(product.attrs),
            "processing:software": {"gdiv": gdiv.__version__},
            "processing:lineage": f"{product.attrs.get('matcher', '')} of scenes {product.attrs.get('scenes', '')}",
        },
        stac_extensions=[PROCESSING],
    )
    grid = ProjectionExtension.ext(item, add_if_missing=True)
    grid.apply(
        epsg=product.rio.crs.to_epsg(),
        shape=list(product.v.shape),
        transform=list(product.rio.transform())[:6],
    )
    for path in layers:
        name = path.stem
        about = product[name].attrs
        item.add_asset(
            name,
            pystac.Asset(
                href=f"./{path.relative_to(folder).as_posix()}",
                title=about.get("long_name", about.get("standard_name", name)),
                media_type=pystac.MediaType.COG,
                roles=["data"],
                extra_fields={"unit": about.get("units", "")},
            ),
        )
        content = path.read_bytes()
        # A multihash: 0x12 is SHA-256, 0x20 its length.
        file = FileExtension.ext(item.assets[name], add_if_missing=True)
        file.apply(checksum="1220" + hashlib.sha256(content).hexdigest(), size=len(content))
    target = folder / "item.json"
    target.write_text(json.dumps(item.to_dict(include_self_link=False), indent=1), encoding="utf-8")
    return target


def _described(attributes):
    """The item's description, and the mark of synthetic scenes as archives' readers find it."""
    described = {"description": attributes["description"]} if "description" in attributes else {}
    return described | ({SYNTHETIC: True} if attributes.get("synthetic") == "true" else {})


def write_points(
    table: pd.DataFrame,
    stakes: gpd.GeoDataFrame,
    profile: gpd.GeoDataFrame | None,
    path: Path,
    about: dict[str, str] | None = None,
) -> Path | None:
    """Write a GeoPackage in WGS 84: `stakes` with measured and estimated speeds (m/yr), and a `profile`.

    `table` is that of `gdiv.velocity.stakes.at_stakes`, `profile` that of `gdiv.velocity.profiles.placed`. Returns
    `path`, or None where there is neither. `about`, such as `{"synthetic": "true"}`, is repeated as columns.
    """
    path.unlink(missing_ok=True)
    points = stakes.drop_duplicates("name")[["name", "geometry"]].to_crs(4326)
    layers = {"stakes": points.merge(table, on="name") if len(table) else None}
    layers["profile"] = None if profile is None else profile.to_crs(4326)
    for layer, content in layers.items():
        if content is not None:
            content.assign(**(about or {})).to_file(path, layer=layer, driver="GPKG")
    return path if path.exists() else None
