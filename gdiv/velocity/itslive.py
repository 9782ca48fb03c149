"""Compare velocities with ITS_LIVE, on its 120 m grid and in the CRS of the study.

ITS_LIVE (https://its-live.jpl.nasa.gov) publishes cubes of image pairs of many satellites, with
``vx`` and ``vy`` in m/yr along the axes of its own projection.
"""

import re

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import requests
import xarray as xr

from gdiv.catalog import Glacier
from gdiv.images.arrays import Component, Image, Mask
from gdiv.images.statistics import nmad, pool_components

__all__ = ["compare_velocities", "find_cube", "load_velocity", "read_map", "regrid_to"]

#: STAC service of ITS_LIVE, its collection of cubes, and the older catalog of the same cubes.
STAC = "https://stac.itslive.cloud"
CUBES = "itslive-cubes"
CATALOG = "https://its-live-data.s3.amazonaws.com/datacubes/catalog_v02.json"
#: Seconds to wait for the catalog.
TIMEOUT = 30
#: Maximum number of cubes at one position, since they overlap slightly.
MAX_CUBES = 4
#: Pattern of links to cubes of image pairs, excluding annual composites.
CUBE_NAME = re.compile(r"^https?://(?!.*composite).*\.zarr/?$")
#: Minimum fraction of a cell covered by pixels of the study.
MIN_FILLED = 0.5
#: Half step in metres for finite differences between the axes of both CRS.
HALF_STEP = 50


def load_velocity(
    glacier: Glacier, pairs: pd.DataFrame, catalog: str = CATALOG, stac: str = STAC
) -> xr.Dataset | None:
    """Load ITS_LIVE's median velocity over a glacier, from pairs of the same period.

    Parameters
    ----------
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.
    pairs : pandas.DataFrame
        Pairs of the study: ``reference_date``, ``secondary_date`` and ``days``. ITS_LIVE pairs are
        used if their time separation is between half of the shortest and twice the longest.
    catalog, stac : str, optional
        As for `find_cube`.

    Returns
    -------
    xarray.Dataset or None
        Velocity from `read_map`. None if ITS_LIVE has no such pair or cannot be read; the reason is
        printed.
    """
    url = find_cube(*glacier.centre, catalog, stac)
    if url is None:
        return None
    dates = (pairs.reference_date.min(), pairs.secondary_date.max())
    days = (pairs.days.min() / 2, pairs.days.max() * 2)
    try:
        return read_map(url, glacier.bbox, dates, days)
    # Zarr, fsspec and aiohttp raise different errors; the study continues without ITS_LIVE.
    except Exception as error:
        print(f"skipping ITS_LIVE: {error}")
        return None


def find_cube(lon: float, lat: float, catalog: str = CATALOG, stac: str = STAC) -> str | None:
    """Look up the URL of the cube that contains a position.

    Parameters
    ----------
    lon, lat : float
        Position in degrees.
    catalog : str, optional
        URL of ITS_LIVE's older catalog of cubes, a GeoJSON of several megabytes. It is used if the
        STAC service does not respond or has no cube there.
    stac : str, optional
        Landing page of ITS_LIVE's STAC service; empty for none.

    Returns
    -------
    str or None
        URL; None if there is no cube or neither source can be read; the reason is printed.
    """
    cube = _find_by_stac(lon, lat, stac) if stac else None
    if cube is not None:
        return cube
    try:
        response = requests.get(catalog, timeout=TIMEOUT)
        response.raise_for_status()
        cubes = gpd.GeoDataFrame.from_features(response.json()["features"], crs=4326)
        cubes = cubes[["geometry", "zarr_url"]]
    except (requests.RequestException, ValueError, KeyError) as error:
        print(
            f"ITS_LIVE's catalog could not be read ({type(error).__name__}); "
            "the study continues without it"
        )
        return None
    matching = cubes[cubes.contains(gpd.points_from_xy([lon], [lat])[0])]
    if not len(matching):
        print("ITS_LIVE has no cube over this glacier")
        return None
    return matching.zarr_url.iloc[0]


def _find_by_stac(lon: float, lat: float, stac: str) -> str | None:
    """URL of the cube at a position from STAC; None without a cube or response."""
    # Imported here because it takes two seconds.
    from pystac_client import Client
    from pystac_client.stac_api_io import StacApiIO

    point = {"type": "Point", "coordinates": [lon, lat]}
    try:
        client = Client.open(stac, stac_io=StacApiIO(timeout=TIMEOUT))
        items = client.search(collections=[CUBES], intersects=point, max_items=MAX_CUBES)
        links = [
            str(asset["href"])
            for item in items.items_as_dicts()
            for asset in item["assets"].values()
        ]
    except Exception as error:  # raised by requests, the client or an invalid response
        print(f"ITS_LIVE's STAC service could not be read ({type(error).__name__})")
        return None
    return next((link for link in links if CUBE_NAME.search(link)), None)


def read_map(
    url: str,
    box: tuple[float, float, float, float],
    dates: tuple[pd.Timestamp, pd.Timestamp],
    days: tuple[float, float],
) -> xr.Dataset:
    """Read the median velocity of a cube, each component separately.

    Parameters
    ----------
    url : str
        URL of the cube.
    box : tuple of float
        West, south, east, north in degrees; only this part is read.
    dates : tuple of pandas.Timestamp
        First and last date. A pair is used if its mid-date lies between them.
    days : tuple of float
        Minimum and maximum time separation. Shorter pairs have larger errors in m/yr, longer pairs
        include other seasons.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` (m/yr) along the axes of the cube's CRS, and ``count`` (number of pairs),
        with dimensions ``(y, x)``. The attribute ``crs`` is the CRS as WKT.

    Raises
    ------
    ValueError
        If no pair of the cube qualifies.
    """
    cube = xr.open_zarr(url, decode_timedelta=False)
    crs = pyproj.CRS.from_wkt(cube.mapping.attrs["crs_wkt"])
    to_cube = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    west, south, east, north = to_cube.transform_bounds(*box)
    cube = cube.sel(x=slice(west, east), y=slice(north, south))
    first, last = (np.datetime64(pd.Timestamp(day)) for day in dates)
    chosen = _choose_pairs(cube, first, last, days)
    if not chosen.size or cube.x.size < 2 or cube.y.size < 2:
        span = f"{days[0]:.0f} to {days[1]:.0f} days"
        raise ValueError(f"{url} has no pair of {span} between {first} and {last} in the box")
    pairs = cube[["vx", "vy"]].isel(mid_date=chosen).load()
    count = pairs.vx.notnull().sum("mid_date")
    return pairs.median("mid_date").assign(count=count).assign_attrs(crs=crs.to_wkt())


def _choose_pairs(
    cube: xr.Dataset, first: np.datetime64, last: np.datetime64, days: tuple[float, float]
) -> npt.NDArray[np.integer]:
    """Indices of the pairs whose middle and time separation lie within the bounds."""
    separation = cube.acquisition_date_img2 - cube.acquisition_date_img1
    separation_days = separation.values / np.timedelta64(1, "D")
    in_time = (cube.mid_date.values >= first) & (cube.mid_date.values <= last)
    of_length = (separation_days >= days[0]) & (separation_days <= days[1])
    return np.flatnonzero(in_time & of_length)


def regrid_to(ours: xr.Dataset, theirs: xr.Dataset, our_crs: int | str, ice: Mask) -> xr.Dataset:
    """Regrid a velocity to the cells of ITS_LIVE, and rotate ITS_LIVE to its axes.

    Parameters
    ----------
    ours : xarray.Dataset
        ``vx``, ``vy`` (m/yr) with dimensions ``(y, x)``.
    theirs : xarray.Dataset
        Velocity of ITS_LIVE, from `read_map`.
    our_crs : int or str
        EPSG code or WKT of the CRS of `ours`.
    ice : ndarray of bool, shape (H, W)
        Pixels of `ours` to average.

    Returns
    -------
    xarray.Dataset
        On the cells of `theirs`: the mean of `ours`, ``vx`` and ``vy``, and the rotated
        ``vx_theirs`` and ``vy_theirs``, in m/yr along the axes of `ours`. NaN in cells less than
        half covered by `ours`.
    """
    crs = pyproj.CRS.from_wkt(theirs.attrs["crs"])
    to_theirs = pyproj.Transformer.from_crs(our_crs, crs, always_xy=True)
    to_ours = pyproj.Transformer.from_crs(crs, our_crs, always_xy=True)
    vx, vy, filled = _cell_means(ours, theirs, to_theirs, ice)
    x, y = np.meshgrid(theirs.x.values, theirs.y.values)
    along_x = _axis_in_ours(to_ours, x, y, HALF_STEP, 0)
    along_y = _axis_in_ours(to_ours, x, y, 0, HALF_STEP)
    east = theirs.vx.values * along_x[0] + theirs.vy.values * along_y[0]
    north = theirs.vx.values * along_x[1] + theirs.vy.values * along_y[1]
    layers = {"vx": vx, "vy": vy, "vx_theirs": east, "vy_theirs": north}
    return xr.Dataset(
        {name: (("y", "x"), np.where(filled, layer, np.nan)) for name, layer in layers.items()},
        coords={"y": theirs.y, "x": theirs.x},
    )


def _cell_means(
    ours: xr.Dataset, theirs: xr.Dataset, to_theirs: pyproj.Transformer, ice: Mask
) -> tuple[Component, Component, Mask]:
    """Mean of `ours` in each cell, and mask of sufficiently covered cells."""
    shape = (theirs.sizes["y"], theirs.sizes["x"])
    spacing = float(theirs.x[1] - theirs.x[0])
    pixel_x, pixel_y = to_theirs.transform(*np.meshgrid(ours.x, ours.y))
    column = np.rint((pixel_x - float(theirs.x[0])) / spacing).astype(int)
    row = np.rint((float(theirs.y[0]) - pixel_y) / spacing).astype(int)
    valid = ice & ours.vx.notnull().values & ours.vy.notnull().values
    valid &= (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
    cell = row[valid] * shape[1] + column[valid]
    count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    means = []
    for name in ("vx", "vy"):
        total = np.bincount(cell, ours[name].values[valid], shape[0] * shape[1]).reshape(shape)
        means.append(total / np.maximum(count, 1))
    pixels_per_cell = (spacing / abs(float(ours.x[1] - ours.x[0]))) ** 2
    return means[0], means[1], count >= MIN_FILLED * pixels_per_cell


def _axis_in_ours(
    to_ours: pyproj.Transformer, x: Image, y: Image, east: float, north: float
) -> npt.NDArray[np.floating]:
    """Vector ``(2, H, W)`` in the CRS of `ours` for one metre along an axis of `theirs`.

    A vector of one metre along an axis of one CRS has a different direction and length in another.
    """
    ahead = to_ours.transform(x + east, y + north)
    behind = to_ours.transform(x - east, y - north)
    return np.subtract(ahead, behind) / (2 * HALF_STEP)


def compare_velocities(cells: xr.Dataset) -> dict[str, float]:
    """Compare a velocity with that of ITS_LIVE.

    Parameters
    ----------
    cells : xarray.Dataset
        Both velocities on one grid, from `regrid_to`.

    Returns
    -------
    dict
        Statistics of the difference ours - theirs (m/yr): ``itslive``, its median length;
        ``itslive_bias``, the length of its median vector; ``itslive_nmad``, its NMAD with both
        components pooled. NaN if no cell can be compared.
    """
    x, y = ((cells[name] - cells[f"{name}_theirs"]).values for name in ("vx", "vy"))
    valid = np.isfinite(x) & np.isfinite(y)
    if not valid.any():
        return dict.fromkeys(("itslive", "itslive_bias", "itslive_nmad"), float("nan"))
    return {
        "itslive": float(np.median(np.hypot(x, y)[valid])),
        "itslive_bias": float(np.hypot(np.median(x[valid]), np.median(y[valid]))),
        "itslive_nmad": float(pool_components(nmad(x), nmad(y))),
    }
