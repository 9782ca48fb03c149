"""Speed down a glacier's centre line, the picture that is looked at first."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

STEP = 20.0  # m between the points that are read
NEAR = 300.0  # m: a stake farther from the line is not of it


def centreline(glacier) -> gpd.GeoSeries | None:
    """The centre line of the catalog's first branch, in metres of the glacier's UTM zone; None where it has none."""
    if glacier.twin is None:
        return None
    down = [point[:2] for point in glacier.twin.branches[0].points]
    return gpd.GeoSeries([shapely.LineString(down)], crs=4326).to_crs(glacier.epsg)


def sample_along(velocity: xr.Dataset, centre: gpd.GeoSeries) -> pd.DataFrame:
    """Speed and its error every 20 m down the line, read bilinearly; points beyond the map are left out.

    Returns
    -------
    pandas.DataFrame
        `distance` (km), `speed`, `error` (1 sigma), m/yr; NaN where the map has none.
    """
    at = np.arange(0, centre.iloc[0].length, STEP)
    points = centre.iloc[0].interpolate(at)
    x, y = (xr.DataArray([getattr(point, axis) for point in points], dims="point") for axis in "xy")
    read = velocity[["vx", "vy", "v_error"]].interp(x=x, y=y)
    inside = (
        (x >= velocity.x.min())
        & (x <= velocity.x.max())
        & (y >= velocity.y.min())
        & (y <= velocity.y.max())
    )
    values = {
        "distance": at / 1000,
        "speed": np.hypot(read.vx, read.vy).values,
        "error": read.v_error.values,
    }
    return pd.DataFrame(values)[inside.values].reset_index(drop=True)


def to_points(table: pd.DataFrame, centre: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """The table of `along` with the point of each row."""
    return gpd.GeoDataFrame(
        table, geometry=centre.iloc[0].interpolate(1000 * table["distance"]), crs=centre.crs
    )


def stakes_along(stakes: gpd.GeoDataFrame, centre: gpd.GeoSeries, year: int) -> pd.DataFrame:
    """Where the stakes of `year` stand on the line: `name`, `distance` (km), `speed` (m/yr); others are left out."""
    points = stakes[stakes.year == year].to_crs(centre.crs)
    near = points[points.distance(centre.iloc[0]) <= NEAR]
    return pd.DataFrame(
        {
            "name": near.name,
            "distance": [centre.iloc[0].project(point) / 1000 for point in near.geometry],
            "speed": near.speed,
        }
    ).reset_index(drop=True)
