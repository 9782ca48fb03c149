"""Outline of the twin's ice, and simulated annual surveys of its stakes."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from gdiv.twin.inputs import require_description, require_epsg
from gdiv.twin.motion import advect
from gdiv.twin.world import World

__all__ = ["write_outline", "write_stakes"]

SURVEY_DAY = (9, 15)  # of the yearly survey of the stakes, month and day
SHRINKAGE = 2.0  # m/yr by which a margin retreats, about that of Alpine tongues since 2003
SPEED_DECIMALS = 2  # of a stake's speed in m/yr


def write_outline(folder: Path, world: World) -> None:
    """Write the outline of the ice to `outline.geojson`, enlarged according to its age.

    Parameters
    ----------
    folder : Path
        Folder of the twin.
    world : World
        The world that was rendered.
    """
    grown = world.ice.outline.buffer(SHRINKAGE * world.conditions.outline_age)
    outline = gpd.GeoDataFrame(
        {"name": [world.glacier.label], "synthetic": [True]},
        geometry=[grown],
        crs=require_epsg(world.geobox),
    )
    outline.to_crs(4326).to_file(folder / "outline.geojson")


def write_stakes(folder: Path, world: World) -> None:
    """Write the yearly motion of the glacier's stakes to `stakes.geojson`, if it has stakes.

    Parameters
    ----------
    folder : Path
        Folder of the twin.
    world : World
        The world that was rendered.
    """
    stakes = world.glacier.stakes
    epsg = require_epsg(world.geobox)
    points = gpd.points_from_xy([stake.lon for stake in stakes], [stake.lat for stake in stakes])
    rows = []
    for stake, point in zip(stakes, gpd.GeoSeries(points, crs=4326).to_crs(epsg), strict=True):
        for year in require_description(world.glacier).years[1:]:
            speed = round(_yearly_speed(world, point, year), SPEED_DECIMALS)
            row = {"name": stake.name, "year": year, "speed": speed, "synthetic": True}
            rows.append(row | {"geometry": point})
    if rows:
        survey = gpd.GeoDataFrame(rows, crs=epsg)
        survey.to_crs(4326).to_file(folder / "stakes.geojson")


def _yearly_speed(world: World, point: shapely.Point, year: int) -> float:
    """Speed of the ice that starts at a point, between the surveys of two years, m/yr."""
    surveys = [date(season, *SURVEY_DAY).toordinal() for season in (year - 1, year)]
    ice_years = world.clock.ice_years(*surveys)
    vx, vy = world.scene_velocity()
    column, row = ~world.geobox.affine * (point.x, point.y)
    # Affine coordinates refer to the corner of the first pixel, positions to its centre.
    start_column = np.array([column - 0.5])
    start_row = np.array([row - 0.5])
    end_column, end_row = advect(vx, vy, world.spacing, start_column, start_row, ice_years)
    moved = float(np.hypot(end_column - start_column, end_row - start_row)[0])
    return moved * world.spacing
