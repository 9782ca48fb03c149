"""Speed along the centreline of a glacier."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

from gdiv.catalog import Glacier

__all__ = ["centreline", "sample_along", "stakes_along", "to_points"]

#: Spacing of samples in metres: two Sentinel-2 pixels.
STEP = 20.0
#: Longest distance of a stake from the centreline, in metres. Chosen by eye on the Mer de Glace.
MAX_STAKE_DISTANCE = 300.0
METRES_PER_KM = 1000


def centreline(glacier: Glacier) -> gpd.GeoSeries | None:
    """Read the centreline of the first branch in the catalog.

    Parameters
    ----------
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.

    Returns
    -------
    geopandas.GeoSeries or None
        One line in the projection of the glacier; None if it has no branch in the catalog.
    """
    if glacier.twin is None:
        return None
    points = [point[:2] for point in glacier.twin.branches[0].points]
    return gpd.GeoSeries([shapely.LineString(points)], crs=4326).to_crs(glacier.crs)


def sample_along(velocity: xr.Dataset, centre: gpd.GeoSeries) -> pd.DataFrame:
    """Sample speed and its uncertainty every 20 m along a line with bilinear interpolation.

    Parameters
    ----------
    velocity : xarray.Dataset
        ``vx``, ``vy`` and ``v_error`` (m/yr) with dimensions ``(y, x)`` and coordinates in metres.
    centre : geopandas.GeoSeries
        One line in the CRS of `velocity`, such as that of `centreline`.

    Returns
    -------
    pandas.DataFrame
        ``distance`` (km from the start of the line), ``speed`` and ``error`` (1 sigma), m/yr; NaN
        where the mosaic has no data. Points outside the mosaic are omitted.

    Examples
    --------
    >>> coordinates = {"y": [30.0, 0.0], "x": [0.0, 30.0]}
    >>> values = {"vx": [[0.0, 30.0]] * 2, "vy": [[0.0, 0.0]] * 2, "v_error": [[1.0, 1.0]] * 2}
    >>> layers = {name: (("y", "x"), value) for name, value in values.items()}
    >>> centre = gpd.GeoSeries([shapely.LineString([(0, 15), (100, 15)])], crs=32632)
    >>> sample_along(xr.Dataset(layers, coordinates), centre)
       distance  speed  error
    0      0.00    0.0    1.0
    1      0.02   20.0    1.0
    """
    line = centre.iloc[0]
    distance = np.arange(0, line.length, STEP)
    points = line.interpolate(distance)
    x = xr.DataArray(shapely.get_x(points), dims="point")
    y = xr.DataArray(shapely.get_y(points), dims="point")
    samples = velocity[["vx", "vy", "v_error"]].interp(x=x, y=y)
    inside = (
        (x >= velocity.x.min())
        & (x <= velocity.x.max())
        & (y >= velocity.y.min())
        & (y <= velocity.y.max())
    )
    table = pd.DataFrame(
        {
            "distance": distance / METRES_PER_KM,
            "speed": np.hypot(samples.vx, samples.vy).values,
            "error": samples.v_error.values,
        }
    )
    return table[inside.values].reset_index(drop=True)


def to_points(table: pd.DataFrame, centre: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Add the point on the line to each row of a profile.

    Parameters
    ----------
    table : pandas.DataFrame
        Profile, from `sample_along`.
    centre : geopandas.GeoSeries
        The line of the profile.

    Returns
    -------
    geopandas.GeoDataFrame
        The profile with one point per row.
    """
    points = centre.iloc[0].interpolate(METRES_PER_KM * table["distance"])
    return gpd.GeoDataFrame(table, geometry=points, crs=centre.crs)


def stakes_along(stakes: gpd.GeoDataFrame, centre: gpd.GeoSeries, year: int) -> pd.DataFrame:
    """Project the stakes of one year onto a line.

    Parameters
    ----------
    stakes : geopandas.GeoDataFrame
        ``name``, ``year``, ``speed`` (m/yr) and position, from
        `gdiv.velocity.stakes.read_stakes`.
    centre : geopandas.GeoSeries
        One line in a CRS in metres.
    year : int
        Year of the second survey.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``distance`` (km from the start of the line) and ``speed`` (m/yr) of the stakes
        within 300 m of the line.
    """
    line = centre.iloc[0]
    points = stakes[stakes.year == year].to_crs(centre.crs)
    near = points[points.distance(line) <= MAX_STAKE_DISTANCE]
    distance = [line.project(point) / METRES_PER_KM for point in near.geometry]
    table = pd.DataFrame({"name": near.name, "distance": distance, "speed": near.speed})
    return table.reset_index(drop=True)
