"""The map one moves about in: a tab a layer, values on hover, stakes with what was measured."""

import numpy as np
import pandas as pd
import xarray as xr

from gdiv.maps.style import SIGNED, SPEED

LOOK = {
    "data_aspect": 1,
    "frame_width": 560,
    "xlabel": "easting (m)",
    "ylabel": "northing (m)",
    "xformatter": "%d",
    "yformatter": "%d",
}
CELLS = 40_000  # of a layer, so that a saved page stays small


def interactive(
    product: xr.Dataset,
    others: dict[str, xr.DataArray],
    stake_table: pd.DataFrame,
    stakes,
    epsg: int,
    most: float,
):
    """A HoloViews map with tabs: the product's speed, its error and pairs, and each other matcher's speed.

    Parameters
    ----------
    product
        `v`, `vx`, `vy`, `v_error` (m/yr) and `count`; the attribute `matcher` names the first tab.
    others
        Speeds of other matchers, m/yr, with the same limits; the first of them also as a difference.
    stake_table, stakes
        `name`, `measured`, `estimated`, and where the stakes stand.
    most
        Upper limit of the speeds, m/yr.

    Call `hv.extension("bokeh", inline=True)` first.
    """
    import holoviews as hv

    step = int(np.ceil(np.sqrt(product.sizes["x"] * product.sizes["y"] / CELLS)))
    thin = {"x": slice(None, None, step), "y": slice(None, None, step)}
    product, name = product.isel(thin), product.attrs.get("matcher", "speed")
    others = {other: speed.isel(thin) for other, speed in others.items()}
    over = _arrows(product, most)
    if len(stake_table):
        over = over * _stakes(stake_table, stakes, epsg)
    limits = {"cmap": SPEED, "clim": (0, most), "clabel": "speed (m/yr)"}
    told = {"error": product.v_error, "east": product.vx, "north": product.vy}
    tabs = {
        name: _layer({"speed": product.v, **told}, **limits),
        "error": _layer({"error": product.v_error, "speed": product.v}, cmap="cividis", clabel="1 sigma (m/yr)"),
        "pairs": _layer({"pairs": product["count"].where(product.v.notnull())}, cmap="cividis", clabel="pairs"),
    }
    for other, speed in others.items():
        tabs[other] = _layer({"speed": speed, name: product.v}, **limits)
    for other, speed in list(others.items())[:1]:
        apart = speed - product.v
        far = float(np.nanpercentile(np.abs(apart), 98))
        label = f"{other} - {name}"
        tabs[label] = _layer({"difference": apart}, cmap=SIGNED, clim=(-far, far), clabel=f"{label} (m/yr)")
    return hv.Layout([(layer * over).relabel(label) for label, layer in tabs.items()]).opts(tabs=True)


def _layer(values, **look):
    """An image of the first of `values`, all of them told on hover."""
    import holoviews as hv

    first = next(iter(values.values()))
    units = [hv.Dimension(name, unit="" if name == "pairs" else "m/yr") for name in values]
    layers = [np.round(value.values, 1).astype(np.float32) for value in values.values()]
    image = hv.Image((first.x.values, first.y.values, *layers), ["x", "y"], units)
    return image.opts(colorbar=True, tools=["hover"], **look, **LOOK)


def _arrows(product, most):
    """Where the ice goes, every 12th pixel that moves by a tenth of `most`."""
    import holoviews as hv

    coarse = product.isel(x=slice(None, None, 12), y=slice(None, None, 12))
    x, y = np.meshgrid(coarse.x, coarse.y)
    moving = (coarse.v > 0.1 * most).values
    angle = np.arctan2(coarse.vy, coarse.vx).values
    arrows = hv.VectorField((x[moving], y[moving], angle[moving], coarse.v.values[moving]))
    return arrows.opts(color="white", magnitude=hv.dim("Magnitude") / most, line_width=1.2)


def _stakes(table, stakes, epsg):
    """The stakes as dots that tell what was measured and what the map says."""
    import hvplot.pandas  # noqa: F401  (registers .hvplot)

    points = stakes.drop_duplicates("name").to_crs(epsg)
    where = pd.DataFrame({"name": points.name, "x": points.geometry.x, "y": points.geometry.y})
    rows = where.merge(table[["name", "measured", "estimated"]], on="name").round(1)
    dots = rows.hvplot.points("x", "y", hover_cols=["name", "measured", "estimated"], color="#D55E00", size=110)
    return dots.opts(line_color="white", **LOOK)
