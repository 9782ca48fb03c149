"""The map one moves about in: speed, direction, error and stakes on hover."""

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.maps.style import SPEED


def interactive(product: xr.Dataset, stake_table: pd.DataFrame, stakes, epsg: int, most: float, step: int = 2):
    """A HoloViews map: speed and its error on hover, direction, and stakes with measured and estimated speed.

    `step` thins the map, so that a saved page stays small. Call `hv.extension("bokeh", inline=True)` first.
    """
    import holoviews as hv
    import hvplot.pandas  # noqa: F401  (registers .hvplot)

    thin = product[["v", "vx", "vy", "v_error"]].isel(x=slice(None, None, step), y=slice(None, None, step))
    names = {"v": "speed", "v_error": "error", "vx": "east", "vy": "north"}
    layers = [np.round(thin[name].values, 1) for name in names]
    look = {"data_aspect": 1, "frame_width": 560, "xlabel": "easting (m)", "ylabel": "northing (m)"}
    look |= {"xformatter": "%d", "yformatter": "%d"}
    values = [hv.Dimension(name, unit="m/yr") for name in names.values()]
    speed = hv.Image((thin.x.values, thin.y.values, *layers), ["x", "y"], values).opts(
        cmap=SPEED, clim=(0, most), colorbar=True, clabel="speed (m/yr)", tools=["hover"], **look
    )
    coarse = thin.isel(x=slice(None, None, 12), y=slice(None, None, 12))
    x, y = np.meshgrid(coarse.x, coarse.y)
    moving = (coarse.v > 0.1 * most).values
    angle = np.arctan2(coarse.vy, coarse.vx).values
    arrows = hv.VectorField((x[moving], y[moving], angle[moving], coarse.v.values[moving])).opts(
        color="white", magnitude=hv.dim("Magnitude") / most, line_width=1.2
    )
    if not len(stake_table):
        return speed * arrows
    points = stakes.drop_duplicates("name").to_crs(epsg)
    where = pd.DataFrame({"name": points.name, "x": points.geometry.x, "y": points.geometry.y})
    rows = where.merge(stake_table[["name", "measured", "estimated"]], on="name").round(1)
    dots = rows.hvplot.points(
        "x",
        "y",
        hover_cols=["name", "measured", "estimated"],
        color="#D55E00",
        size=110,
        data_aspect=1,
        frame_width=560,
    )
    return speed * arrows * dots.opts(line_color="white")
