"""Compare mosaics and time series with stakes surveyed on the ice."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from gdiv.catalog import Glacier
from gdiv.imagery.outlines import read_vector
from gdiv.images.sampling import sample_at

__all__ = ["compare_with_stakes", "read_stakes", "sample_series"]

#: Columns of a file of stakes.
COLUMNS = ("name", "year", "speed")


def read_stakes(folder: Path, glacier: Glacier) -> gpd.GeoDataFrame:
    """Read the stakes of a source, or those of the catalog if the source has none.

    Parameters
    ----------
    folder : Path
        Folder of the source; its `stakes.geojson` is read if present.
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.

    Returns
    -------
    geopandas.GeoDataFrame
        One row per stake and year: ``name``, ``year`` of the second survey, ``speed`` (m/yr) and
        the position of the first survey.

    Raises
    ------
    ValueError
        If the file of the source lacks a column or a position, or a value is not a number.
    """
    path = Path(folder) / "stakes.geojson"
    if path.exists():
        return _validated(read_vector(path), path.name)
    rows = [
        (stake.name, year, value, stake.lon, stake.lat)
        for stake in glacier.stakes
        for year, value in stake.speed.items()
    ]
    table = pd.DataFrame(rows, columns=["name", "year", "speed", "lon", "lat"])
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table.lon, table.lat), crs=4326)


def _validated(stakes: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    """Stakes with numbers for year and speed, or an error that names the fault."""
    missing = [column for column in COLUMNS if column not in stakes]
    if missing:
        raise ValueError(
            f"{name} lacks the column {', '.join(missing)}; each stake needs {', '.join(COLUMNS)}"
        )
    if stakes.crs is None:
        raise ValueError(
            f"{name} has no CRS; assign one: ogr2ogr -a_srs EPSG:4326 out.geojson {name}"
        )
    if not (stakes.geometry.notna() & (stakes.geom_type == "Point")).all():
        raise ValueError(f"{name} has shapes other than points; each stake must be one point")
    checked = stakes.copy()
    for column in ("year", "speed"):
        values = stakes[column]
        if pd.api.types.is_datetime64_any_dtype(values):
            values = values.dt.year
        checked[column] = pd.to_numeric(values, errors="coerce")
        wrong = checked[column].isna() & stakes[column].notna()
        if wrong.any():
            raise ValueError(
                f"{name} has the {column} {stakes[column][wrong].iloc[0]!r}, which is not a number"
            )
    if (checked.speed < 0).any():
        raise ValueError(f"{name} has a negative speed; speeds must be at least 0")
    return checked


def compare_with_stakes(
    velocity: xr.Dataset, stakes: gpd.GeoDataFrame, year: int, crs: int | str
) -> pd.DataFrame:
    """Compare the speed of a mosaic with that of the stakes of one year.

    The displacement of a pixel, like that of a stake, is stored at its initial position. The mosaic
    is therefore interpolated bilinearly at the first position of each stake.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` (m/yr) with dimensions ``(y, x)`` and coordinates in metres.
    stakes : geopandas.GeoDataFrame
        ``name``, ``year``, ``speed`` (m/yr) and position, from `read_stakes`.
    year : int
        Year of the second survey.
    crs : int or str
        CRS of the mosaic.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``measured``, ``estimated`` and ``difference`` (estimated - measured), m/yr.
        Stakes outside the mosaic are omitted; stakes on pixels without data have NaN.

    Examples
    --------
    >>> coordinates = {"y": [5086000.0, 5085990.0], "x": [340000.0, 340010.0]}
    >>> east = ("y", "x"), [[10.0, 20.0], [10.0, 20.0]]
    >>> north = ("y", "x"), [[0.0, 0.0], [0.0, 0.0]]
    >>> velocity = xr.Dataset({"vx": east, "vy": north}, coordinates)
    >>> stakes = gpd.GeoDataFrame(
    ...     {"name": ["A"], "year": [2021], "speed": [14.0]},
    ...     geometry=gpd.points_from_xy([340005.0], [5085995.0]),
    ...     crs=32632,
    ... )
    >>> compare_with_stakes(velocity, stakes, 2021, 32632)
      name  measured  estimated  difference
    0    A      14.0       15.0         1.0
    """
    chosen = stakes[stakes.year == year]
    points = chosen.to_crs(crs).geometry
    spacing = float(velocity.x[1] - velocity.x[0])
    column = (points.x.to_numpy() - float(velocity.x[0])) / spacing
    row = (float(velocity.y[0]) - points.y.to_numpy()) / spacing
    inside = (
        (column >= 0)
        & (row >= 0)
        & (column <= velocity.sizes["x"] - 1)
        & (row <= velocity.sizes["y"] - 1)
    )
    positions = np.stack([column[inside], row[inside]])
    vx, vy = (sample_at(velocity[name].values, positions) for name in ("vx", "vy"))
    table = pd.DataFrame(
        {
            "name": chosen.name.to_numpy()[inside],
            "measured": chosen.speed.to_numpy()[inside],
            "estimated": np.hypot(vx, vy),
        }
    )
    return table.assign(difference=table.estimated - table.measured)


def sample_series(series: xr.Dataset, stakes: gpd.GeoDataFrame, crs: int | str) -> pd.DataFrame:
    """Sample the time series of speed at the pixel nearest to each stake.

    Parameters
    ----------
    series : xarray.Dataset
        ``vx``, ``vy``, ``error`` (m/yr) with dimensions ``(interval, y, x)`` and the coordinates
        ``start`` and ``end``, from `gdiv.velocity.inversion.invert_network`.
    stakes : geopandas.GeoDataFrame
        ``name`` and position, from `read_stakes`. Stakes outside the series are omitted.
    crs : int or str
        CRS of the series.

    Returns
    -------
    pandas.DataFrame
        One row per stake and interval: ``name``, ``start``, ``end``, ``speed`` and ``error``
        (m/yr).
    """
    points = stakes.drop_duplicates("name").to_crs(crs)
    half = abs(float(series.x[1] - series.x[0])) / 2
    rows = []
    for name, point in zip(points.name, points.geometry, strict=True):
        nearest = series.sel(x=point.x, y=point.y, method="nearest")
        if abs(nearest.x - point.x) > half or abs(nearest.y - point.y) > half:
            continue
        speeds = np.hypot(nearest.vx, nearest.vy).values
        rows.append(
            pd.DataFrame(
                {
                    "name": name,
                    "start": series.start.values,
                    "end": series.end.values,
                    "speed": speeds.astype(float),
                    "error": nearest.error.values.astype(float),
                }
            )
        )
    if not rows:
        return pd.DataFrame(columns=["name", "start", "end", "speed", "error"])
    return pd.concat(rows, ignore_index=True)
