"""Combine the results of a region: a table, a map and a STAC collection."""

import json
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import pandas as pd
import pystac
import shapely
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from gdiv.figures.style import QUANTITY, SPEED, styled
from gdiv.files import write_json

__all__ = ["write_summary"]

#: Minimum speed on the colour scale, m/yr.
SLOW = 1.0


def write_summary(table: pd.DataFrame, folder: Path) -> None:
    """Write the table, the map and the collection of a region.

    Parameters
    ----------
    table : pandas.DataFrame
        From `gdiv.region.running.run_region`.
    folder : Path
        Folder of the region, with one folder per glacier.
    """
    table.to_csv(folder / "summary.csv", index=False)
    items = {
        key: json.loads((folder / key / "products" / "item.json").read_text(encoding="utf-8"))
        for key in table.glacier[table.status == "done"]
    }
    if not items:
        return
    write_json(folder / "collection.json", _collection(items, folder))
    shapes = [shapely.box(*item["bbox"]) for item in items.values()]
    places = gpd.GeoDataFrame({"glacier": list(items)}, geometry=shapes, crs=4326)
    mapped = places.merge(table, on="glacier")
    mapped.to_file(folder / "map.gpkg", layer="glaciers", driver="GPKG")
    figure = _plot(mapped)
    figure.savefig(folder / "map.png", dpi=150, bbox_inches="tight")
    plt.close(figure)


def _collection(items: dict[str, dict[str, object]], folder: Path) -> dict[str, object]:
    """STAC collection of the products, with relative links."""
    boxes = [shapely.box(*item["bbox"]) for item in items.values()]  # type: ignore[misc]
    extent = pystac.Extent(
        pystac.SpatialExtent([list(shapely.union_all(boxes).bounds)]),
        pystac.TemporalExtent([_span(items)]),
    )
    collection = pystac.Collection(
        id=folder.resolve().name, description="Glacier velocity by gdiv", extent=extent
    )
    content = collection.to_dict(include_self_link=False)
    content["links"] = [
        {"rel": "item", "href": f"./{key}/products/item.json", "type": "application/geo+json"}
        for key in items
    ]
    return content


def _span(items: dict[str, dict[str, object]]) -> list[datetime | None]:
    """First and last date of all items."""
    properties = [item["properties"] for item in items.values()]
    dates = [
        datetime.fromisoformat(str(each[name])).astimezone(UTC)  # type: ignore[index]
        for each in properties
        for name in ("start_datetime", "end_datetime")
    ]
    return [min(dates), max(dates)]


@styled()
def _plot(mapped: gpd.GeoDataFrame) -> Figure:
    """Map of the median speeds and of their errors."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True)
    points = mapped.geometry.representative_point()
    synthetic = "synthetic glaciers: " if mapped.synthetic.any() else ""
    speeds = mapped.speed.clip(lower=SLOW)
    norms = {
        "speed": (speeds, LogNorm(speeds.min(), speeds.max() * 1.01), SPEED),
        "error": (mapped.error, Normalize(0, mapped.error.max()), QUANTITY),
    }
    for axis, (name, (values, norm, colours)) in zip(axes, norms.items(), strict=True):
        picture = axis.scatter(points.x, points.y, c=values, s=40, cmap=colours, norm=norm)
        axis.set_title(f"{synthetic}median {name} (m/yr)")
        axis.set_xlabel("longitude (°E)")
        bar = figure.colorbar(picture, ax=axis, shrink=0.8)
        if name == "speed":
            bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            bar.ax.yaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("latitude (°N)")
    return figure
