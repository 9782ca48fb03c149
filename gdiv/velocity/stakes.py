"""Stakes: what was surveyed on the ice, and what a map or a series says at the same place."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

from gdiv.imagery.outlines import read_vector

# The paper's, from September 2020 to September 2021, m/yr, as printed; it does not say where they stand.
PAPER_STAKES = pd.DataFrame(
    {
        "measured": [40.43, 31.46, 31.28],
        "horn-schunck": [35.93, 31.94, 31.14],
        "raft": [29.97, 25.09, 25.05],
    },
    index=["stake 1", "stake 3", "stake 4"],
)


def read_stakes(folder: Path, glacier) -> gpd.GeoDataFrame:
    """Stakes (`name`, `year`, `speed` in m/yr): those the source brings, else those of the catalog."""
    place = Path(folder) / "stakes.geojson"
    if place.exists():
        return read_vector(place)
    rows = [
        (stake.name, year, value, stake.lon, stake.lat)
        for stake in glacier.stakes
        for year, value in stake.speed.items()
    ]
    table = pd.DataFrame(rows, columns=["name", "year", "speed", "lon", "lat"])
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table.lon, table.lat), crs=4326)


def compare_with_stakes(
    velocity: xr.Dataset, stakes: gpd.GeoDataFrame, year: int, epsg: int
) -> pd.DataFrame:
    """Measured and estimated speed at each stake for the year that ends in `year`.

    A displacement is stored where it starts, as a stake's is, so the map is read at the stake's first
    position, bilinearly. Stakes outside the map are left out; a stake without data has NaN.

    Returns
    -------
    pandas.DataFrame
        `name`, `measured`, `estimated`, `difference` (estimated - measured), m/yr.
    """
    chosen = stakes[stakes.year == year]
    points = chosen.to_crs(epsg).geometry
    spacing = float(velocity.x[1] - velocity.x[0])
    column = (points.x.to_numpy() - float(velocity.x[0])) / spacing
    row = (float(velocity.y[0]) - points.y.to_numpy()) / spacing
    inside = (
        (column >= 0)
        & (row >= 0)
        & (column <= velocity.sizes["x"] - 1)
        & (row <= velocity.sizes["y"] - 1)
    )
    vx, vy = (
        ndimage.map_coordinates(velocity[name].values, [row[inside], column[inside]], order=1)
        for name in ("vx", "vy")
    )
    table = pd.DataFrame(
        {
            "name": chosen.name.to_numpy()[inside],
            "measured": chosen.speed.to_numpy()[inside],
            "estimated": np.hypot(vx, vy),
        }
    )
    return table.assign(difference=table.estimated - table.measured)


def sample_series(series: xr.Dataset, stakes: gpd.GeoDataFrame, epsg: int) -> pd.DataFrame:
    """Speed through time at each stake: `name`, `start`, `end`, `speed` (m/yr), read at the nearest pixel.

    `series` as of `gdiv.velocity.inversion.invert_network`; stakes outside the map are left out.
    """
    points = stakes.drop_duplicates("name").to_crs(epsg)
    half, rows = abs(float(series.x[1] - series.x[0])) / 2, []
    for name, point in zip(points.name, points.geometry, strict=True):
        at = series.sel(x=point.x, y=point.y, method="nearest")
        if abs(at.x - point.x) <= half and abs(at.y - point.y) <= half:
            speed = np.hypot(at.vx, at.vy).values
            rows += [
                {"name": name, "start": start, "end": end, "speed": float(value)}
                for start, end, value in zip(
                    series.start.values, series.end.values, speed, strict=True
                )
            ]
    return pd.DataFrame(rows, columns=["name", "start", "end", "speed"])
