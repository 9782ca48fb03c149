"""ITS_LIVE's velocities beside ours: the cube its catalog names, turned into our CRS, compared on its own 120 m cells.

The cube: https://its-live.jpl.nasa.gov; pairs of all satellites, `vx`, `vy` in m/yr along the axes of its projection.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import requests
import xarray as xr

from gdiv.imagery.coregistration import nmad

CATALOG = "https://its-live-data.s3.amazonaws.com/datacubes/catalog_v02.json"
TIMEOUT = 30  # s
FILLED = 0.5  # least share of a cell that ours must fill


def load_velocity(glacier, pairs: pd.DataFrame, catalog: str = CATALOG) -> xr.Dataset | None:
    """ITS_LIVE's map over a glacier of the catalog, from its pairs of the time of ours (`read_map`).

    Pairs of half the time of our shortest to twice that of our longest. None, and a printed reason, if it has none or
    cannot be asked.
    """
    west, south, east, north = glacier.bbox
    address = find_cube((west + east) / 2, (south + north) / 2, catalog)
    if address is None:
        return None
    dates = pairs.reference_date.min(), pairs.secondary_date.max()
    try:
        return read_map(address, glacier.bbox, dates, (pairs.days.min() / 2, pairs.days.max() * 2))
    except (
        Exception
    ) as error:  # Zarr, fsspec and aiohttp each raise their own; the study goes on without it
        print(f"ITS_LIVE's cube is left out: {error}")
        return None


def find_cube(lon: float, lat: float, catalog: str = CATALOG) -> str | None:
    """Address of the cube over a place, as the catalog has it now; None, and a printed reason, if there is none."""
    try:
        answer = requests.get(catalog, timeout=TIMEOUT)
        answer.raise_for_status()
        cubes = gpd.GeoDataFrame.from_features(answer.json()["features"], crs=4326)[
            ["geometry", "zarr_url"]
        ]
    except (requests.RequestException, ValueError, KeyError) as error:
        print(
            f"ITS_LIVE's catalog could not be read ({type(error).__name__}), so the study goes on without it"
        )
        return None
    here = cubes[cubes.contains(gpd.points_from_xy([lon], [lat])[0])]
    if not len(here):
        print("ITS_LIVE has no cube over this glacier")
        return None
    return here.zarr_url.iloc[0]


def read_map(
    address: str, box: tuple[float, float, float, float], dates: tuple, lasting: tuple
) -> xr.Dataset:
    """The median over the pairs of a cube within a time, component by component.

    Parameters
    ----------
    box
        West, south, east, north in degrees; only that part is read.
    dates
        First and last; a pair belongs if its middle lies between.
    lasting
        Least and most days of a pair: a shorter one's error in m/yr is too large, a longer one tells of other seasons.

    Returns
    -------
    xarray.Dataset
        `vx`, `vy` in m/yr along the axes of the cube's CRS (attribute `crs`), and `count`, `(y, x)`.

    Raises
    ------
    ValueError
        If no pair of the cube lies within.
    """
    cube = xr.open_zarr(address, decode_timedelta=False)
    crs = pyproj.CRS.from_wkt(cube.mapping.attrs["crs_wkt"])
    west, south, east, north = pyproj.Transformer.from_crs(
        4326, crs, always_xy=True
    ).transform_bounds(*box)
    cube = cube.sel(x=slice(west, east), y=slice(north, south))
    days = (cube.acquisition_date_img2 - cube.acquisition_date_img1).values / np.timedelta64(1, "D")
    first, last = (np.datetime64(pd.Timestamp(day)) for day in dates)
    within = (cube.mid_date.values >= first) & (cube.mid_date.values <= last)
    chosen = np.flatnonzero(within & (days >= lasting[0]) & (days <= lasting[1]))
    if not chosen.size or cube.x.size < 2 or cube.y.size < 2:
        span = f"{lasting[0]:.0f} to {lasting[1]:.0f} days"
        raise ValueError(f"{address} has no pair of {span} between {first} and {last} there")
    pairs = cube[["vx", "vy"]].isel(mid_date=chosen).load()
    found = pairs.median("mid_date").assign(count=pairs.vx.notnull().sum("mid_date"))
    return found.assign_attrs(crs=crs.to_wkt())


def regrid_to(ours: xr.Dataset, theirs: xr.Dataset, epsg: int, ice: np.ndarray) -> xr.Dataset:
    """Both on the cells of `theirs` and in our CRS: means of our pixels on `ice`, and their vectors turned and scaled.

    Returns
    -------
    xarray.Dataset
        `vx`, `vy` (ours), `vx_theirs`, `vy_theirs` in m/yr, east and north along our axes; NaN in cells of which our
        pixels fill less than half.
    """
    crs = pyproj.CRS.from_wkt(theirs.attrs["crs"])
    there = pyproj.Transformer.from_crs(epsg, crs, always_xy=True)
    back = pyproj.Transformer.from_crs(crs, epsg, always_xy=True)
    x, y = theirs.x.values, theirs.y.values
    spacing = x[1] - x[0]
    px, py = there.transform(*np.meshgrid(ours.x, ours.y))
    column, row = (
        np.rint((px - x[0]) / spacing).astype(int),
        np.rint((y[0] - py) / spacing).astype(int),
    )
    known = ice & ours.vx.notnull().values & ours.vy.notnull().values
    known &= (column >= 0) & (column < x.size) & (row >= 0) & (row < y.size)
    cell = row[known] * x.size + column[known]
    count = np.bincount(cell, minlength=x.size * y.size).reshape(y.size, x.size)
    filled = count >= FILLED * (spacing / abs(float(ours.x[1] - ours.x[0]))) ** 2
    result = xr.Dataset(coords={"y": theirs.y, "x": theirs.x})
    for name in ("vx", "vy"):
        total = np.bincount(cell, ours[name].values[known], x.size * y.size).reshape(count.shape)
        result[name] = (("y", "x"), np.where(filled, total / np.maximum(count, 1), np.nan))
    # A metre along each of their axes is so long, and points that way, in ours.
    gx, gy = np.meshgrid(x, y)
    along_x = np.subtract(back.transform(gx + 50, gy), back.transform(gx - 50, gy)) / 100
    along_y = np.subtract(back.transform(gx, gy + 50), back.transform(gx, gy - 50)) / 100
    for name, one, two in zip(("vx_theirs", "vy_theirs"), along_x, along_y, strict=True):
        result[name] = (
            ("y", "x"),
            np.where(filled, theirs.vx.values * one + theirs.vy.values * two, np.nan),
        )
    return result


def compare_velocities(cells: xr.Dataset) -> dict[str, float]:
    """Ours less theirs, m/yr: `itslive` (median length of the difference), `itslive_bias`, `itslive_nmad`."""
    x, y = ((cells[name] - cells[f"{name}_theirs"]).values for name in ("vx", "vy"))
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return dict.fromkeys(("itslive", "itslive_bias", "itslive_nmad"), float("nan"))
    return {
        "itslive": float(np.median(np.hypot(x, y)[known])),
        "itslive_bias": float(np.hypot(np.median(x[known]), np.median(y[known]))),
        "itslive_nmad": float(np.sqrt((nmad(x) ** 2 + nmad(y) ** 2) / 2)),
    }
