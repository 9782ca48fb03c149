"""Small data for figures, and helpers that read the text of figures."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr

EPSG = 32632


def make_map(value=30.0, size=40):
    """Make a map `(y, x)` with pixels of 10 m; values increase to the east."""
    coords = {"y": 5_090_000 - 10.0 * np.arange(size), "x": 340_000 + 10.0 * np.arange(size)}
    values = np.tile(np.linspace(0, value, size, dtype=np.float32), (size, 1))
    return xr.DataArray(values, coords, ("y", "x"))


def make_velocity():
    """Make a published velocity product: components, speed, error and number of pairs."""
    vx = make_map()
    velocity = xr.Dataset({"vx": vx, "vy": vx / 2})
    velocity["v"] = np.hypot(velocity.vx, velocity.vy)
    velocity["v_error"] = xr.full_like(vx, 2.0)
    for variable in velocity.values():
        variable.attrs["units"] = "meter/year"
    velocity["count"] = xr.full_like(vx, 5, dtype=int)
    return velocity


def make_outline():
    """Make an outline within the map."""
    return gpd.GeoDataFrame(
        geometry=[shapely.box(340_100, 5_089_700, 340_300, 5_089_900)], crs=EPSG
    )


def make_stakes():
    """Make two stakes within the map."""
    points = gpd.points_from_xy([340_150, 340_250], [5_089_800, 5_089_800])
    stakes = gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=points, crs=EPSG)
    return stakes.to_crs(4326)


def make_stake_table():
    """Make measured and estimated speeds of the stakes, for two matchers."""
    return pd.DataFrame(
        {
            "matcher": ["dis", "dis", "raft", "raft"],
            "name": ["A", "B"] * 2,
            "measured": [10.0, 20.0] * 2,
            "estimated": [9.0, 21.0, 10.0, 20.0],
        }
    )


def titles_of(axes):
    """Titles of panels, whether centred or at the left."""
    return [axis.get_title("left") or axis.get_title() for axis in axes]


def legend_of(owner):
    """Labels of the legend of a figure or panel."""
    legend = owner.legends[0] if hasattr(owner, "legends") else owner.get_legend()
    return [text.get_text() for text in legend.get_texts()]
