"""Assemble products with names and attributes that follow CF and ITS_LIVE."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import xarray as xr

from gdiv.images.arrays import Mask
from gdiv.velocity.export import with_crs

__all__ = ["pair_cube", "scene_provenance", "velocity_product"]

#: CF standard names.
STANDARD_NAMES = {
    "vx": "land_ice_surface_x_velocity",
    "vy": "land_ice_surface_y_velocity",
    "v": "land_ice_surface_velocity",
}
LAYERS = ("v", "vx", "vy", "v_error", "vx_error", "vy_error", "count")
#: Optional layer, copied from the mosaic if present.
FLAGS_LAYER = "flags"


def velocity_product(
    mosaic: xr.Dataset,
    crs: int | str,
    title: str,
    provenance: dict[str, str],
    dates: tuple[pd.Timestamp, pd.Timestamp],
) -> xr.Dataset:
    """Convert a mosaic with uncertainty to a CF-1.8 dataset with the names of ITS_LIVE.

    Parameters
    ----------
    mosaic : xarray.Dataset
        ``vx``, ``vy``, ``vx_error``, ``vy_error``, ``v_error`` (m/yr) and ``count`` with
        dimensions ``(y, x)``, from `gdiv.velocity.uncertainty.add_errors`.
    crs : int or str
        CRS of the grid.
    title : str
        Title of the product.
    provenance : dict
        Global attributes, such as those of `scene_provenance`.
    dates : tuple of pandas.Timestamp
        First reference and last secondary date.

    Returns
    -------
    xarray.Dataset
        ``v``, ``vx``, ``vy``, ``v_error``, ``vx_error``, ``vy_error`` (float32, meter/year),
        ``count`` and, if the mosaic has them, ``flags`` (`gdiv.velocity.flags.flag_pixels`), with
        dimensions ``(y, x)``, and the CRS in the grid mapping ``mapping``.

    Examples
    --------
    >>> names = ("vx", "vy", "vx_error", "vy_error", "v_error", "count")
    >>> mosaic = xr.Dataset(
    ...     {name: (("y", "x"), np.full((2, 2), 3.0, np.float32)) for name in names},
    ...     coords={"y": [5086010.0, 5086000.0], "x": [340000.0, 340010.0]},
    ... )
    >>> dates = (pd.Timestamp("2020-08-18"), pd.Timestamp("2021-09-07"))
    >>> product = velocity_product(mosaic, 32632, "Two by two", {"matcher": "dis"}, dates)
    >>> product.vx.attrs["standard_name"], product.attrs["date_end"]
    ('land_ice_surface_x_velocity', '2021-09-07')
    """
    speed = np.hypot(mosaic.vx, mosaic.vy).astype(np.float32)
    flags = [FLAGS_LAYER] if FLAGS_LAYER in mosaic else []
    product = mosaic.drop_vars("v", errors="ignore").assign(v=speed)[[*LAYERS, *flags]]
    product = product.drop_vars("spatial_ref", errors="ignore")
    for name in LAYERS:
        product[name].attrs = _layer_attributes(name)
    for axis in ("x", "y"):
        product[axis].attrs = {"standard_name": f"projection_{axis}_coordinate", "units": "m"}
    first, last = (str(np.datetime_as_string(np.datetime64(day), unit="D")) for day in dates)
    product.attrs = {
        "Conventions": "CF-1.8",
        "title": title,
        "date_start": first,
        "date_end": last,
        **provenance,
    }
    return with_crs(product.drop_encoding(), crs)


def _layer_attributes(name: str) -> dict[str, str]:
    """Unit and name of one layer of a product."""
    if name == "count":
        return {"units": "1", "long_name": "number of pairs"}
    if name in STANDARD_NAMES:
        return {"units": "meter/year", "standard_name": STANDARD_NAMES[name]}
    component = name.removesuffix("_error")
    return {"units": "meter/year", "long_name": f"uncertainty (1 sigma) of {component}"}


def pair_cube(
    velocity: xr.Dataset,
    ice: Mask,
    crs: int | str,
    provenance: dict[str, str],
) -> xr.Dataset:
    """Arrange the velocity of every pair as an ITS_LIVE cube, which TICOI can also read.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` and their standard errors ``sigma_x``, ``sigma_y`` (m/yr) with dimensions
        ``(pair, y, x)`` and the coordinates ``reference``, ``secondary``, ``reference_date`` and
        ``secondary_date`` per pair, from `gdiv.velocity.annual.to_velocity`. May be lazy.
    ice : ndarray of bool, shape (H, W)
        Ice.
    crs : int or str
        CRS of the grid.
    provenance : dict
        Global attributes, such as those of `scene_provenance`.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy``, ``v`` (m/yr) with dimensions ``(mid_date, y, x)``. Per pair: ``vx_error``,
        ``vy_error`` (m/yr, medians on ice), ``date_dt`` (days), the dates and ids of both images,
        and the names that TICOI uses: ``date1``, ``date2``, ``errorx``, ``errory``.
    """
    reference_date = velocity.reference_date.values
    secondary_date = velocity.secondary_date.values
    middle = reference_date + (secondary_date - reference_date) / 2
    order = np.argsort(middle, kind="stable")
    cube = velocity[["vx", "vy"]].isel(pair=order)
    cube = cube.assign(v=np.hypot(cube.vx, cube.vy))
    cube = cube.drop_vars([name for name in cube.coords if name not in ("x", "y")])
    cube = cube.rename(pair="mid_date").assign_coords(mid_date=_distinct_times(middle[order]))
    for name in ("v", "vx", "vy"):
        cube[name].attrs = _layer_attributes(name)
    errors = _pair_errors(velocity, ice)[order]
    for axis, error in zip("xy", errors.T, strict=True):
        long_name = f"uncertainty (1 sigma) of v{axis}, median on ice"
        attributes = {"units": "meter/year", "long_name": long_name}
        for name in (f"v{axis}_error", f"error{axis}"):
            cube[name] = ("mid_date", error, attributes)
    cube = cube.assign(_image_variables(velocity.isel(pair=order)))
    title = f"Velocity of each image pair, {provenance.get('glacier', 'one glacier')}"
    cube.attrs = {
        "Conventions": "CF-1.8",
        "title": title,
        "proj4": pyproj.CRS.from_user_input(crs).to_string(),
        **provenance,
    }
    # The grid mapping is a variable, as in ITS_LIVE cubes, because TICOI uses the first coordinate
    # other than x and y as time.
    return with_crs(cube.drop_encoding(), crs).reset_coords("mapping")


def _distinct_times(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Separate equal times by microseconds, so that they can serve as an index.

    Scenes are five days apart, so the mid-dates of pairs coincide.
    """
    repetition = pd.Series(times).groupby(times).cumcount().to_numpy()
    return times + repetition * np.timedelta64(1, "us")


def _pair_errors(velocity: xr.Dataset, ice: Mask) -> npt.NDArray[np.float32]:
    """Median standard error of both components of each pair on ice, ``(pair, 2)``, m/yr."""
    errors = [
        [
            np.ma.median(np.ma.masked_invalid(velocity[name].isel(pair=index).values[ice]))
            for name in ("sigma_x", "sigma_y")
        ]
        for index in range(velocity.sizes["pair"])
    ]
    return np.ma.filled(np.ma.asarray(errors, np.float32), np.nan)


def _image_variables(velocity: xr.Dataset) -> dict[str, Any]:
    """Dates and ids of both images of each pair, and the days between them."""
    variables: dict[str, Any] = {}
    for number, image in enumerate(("reference", "secondary"), start=1):
        dates = velocity[f"{image}_date"].values
        variables[f"acquisition_date_img{number}"] = ("mid_date", dates)
        variables[f"date{number}"] = ("mid_date", dates)
        # Convert ids to fixed-length strings, which Zarr format 2 can store.
        ids = np.array(velocity[image].values.tolist(), dtype=str)
        variables[f"id_img{number}"] = ("mid_date", ids)
    separation = velocity.secondary_date.values - velocity.reference_date.values
    attributes = {"units": "1", "long_name": "days between the images"}
    variables["date_dt"] = ("mid_date", separation / np.timedelta64(1, "D"), attributes)
    return variables


def scene_provenance(
    scenes: pd.DataFrame, pairs: pd.DataFrame, displacement: xr.Dataset
) -> dict[str, str]:
    """Describe the scenes and the method of a product as global attributes.

    Parameters
    ----------
    scenes : pandas.DataFrame
        Scene table with ``id``, ``date``, ``baseline`` and ``orbit``.
    pairs : pandas.DataFrame
        Pairs of the product, with ``reference`` and ``secondary``.
    displacement : xarray.Dataset
        Displacement of these pairs, whose attributes describe the matcher.

    Returns
    -------
    dict
        ``scenes`` in order of date, their ``processing_baselines`` and ``relative_orbits`` in the
        same order, ``matcher``, ``matcher_options`` and ``network``.
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
