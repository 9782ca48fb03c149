"""Make catalog entries for all glaciers of an inventory."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyproj
import shapely
import yaml
from pydantic import ValidationError

from gdiv.catalog import Glacier
from gdiv.imagery.outlines import RGI_COLUMNS, read_vector
from gdiv.imagery.pixel_checks import utm_code
from gdiv.imagery.placement import box_polygon
from gdiv.study.own_glacier import key_of
from gdiv.study.workspace import StudyError

__all__ = ["describe_glaciers", "write_region_catalog"]

#: Width of the ground around a glacier that is included as stable ground, m.
SURROUNDINGS = 2000.0
#: Columns with the name of a glacier, in lower case.
NAME_COLUMNS = ("name", "glac_name")
#: Projections of the polar regions, and the latitudes beyond which they are used.
ARCTIC, ANTARCTIC = 3413, 3031
NORTHERN, SOUTHERN = 80.0, -78.0
#: Snow-free season in the northern and southern hemisphere.
SEASONS = {True: ("07-15", "09-30"), False: ("01-15", "03-31")}
#: Expected range of speed, m/yr, which sets the colours of maps.
SPEED = [0, 200]
#: Square metres of a square kilometre.
KM2 = 1e6
#: Equal-area projection used to measure outlines.
EQUAL_AREA = 6933


def describe_glaciers(
    outlines: Path,
    years: Sequence[int],
    folder: Path,
    min_area: float = 1.0,
    season: tuple[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Make catalog entries for all glaciers in a file.

    Parameters
    ----------
    outlines : Path
        Polygons of glaciers, such as a region of the Randolph Glacier Inventory.
    years : sequence of int
        The two season years to compare.
    folder : Path
        Output folder for the outlines of each glacier and its neighbours.
    min_area : float, optional
        Minimum area, km².
    season : tuple of str, optional
        First and last day of the season (MM-DD); by default summer of the hemisphere.

    Returns
    -------
    dict
        Entries by key, largest glacier first, each with its ``area`` in km².

    Raises
    ------
    StudyError
        If the file cannot be read, or has no glacier of that size.
    """
    try:
        ice = read_vector(outlines)
    except Exception as error:  # each driver raises its own errors
        raise StudyError(f"the outlines {outlines} could not be read: {error}") from None
    if ice.crs is None:
        raise StudyError(f"the outlines {outlines} have no CRS; assign one: ogr2ogr -a_srs EPSG:…")
    ice = ice[ice.geometry.notna() & ice.geom_type.isin(("Polygon", "MultiPolygon"))]
    ice = ice.set_geometry(shapely.make_valid(ice.geometry.to_numpy()), crs=ice.crs).to_crs(4326)
    ice = ice.assign(km2=ice.to_crs(EQUAL_AREA).area / KM2).reset_index(drop=True)
    ice["identifier"] = _identifiers(ice)
    chosen = ice[ice.km2 >= min_area].sort_values("km2", ascending=False)
    if chosen.empty:
        raise StudyError(f"{outlines} has {len(ice)} glaciers, none of at least {min_area:g} km²")
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, dict[str, Any]] = {}
    for row in chosen.itertuples():
        key = key_of(str(row.identifier))
        entry = _entry(row, years, season)
        _check(key, entry)
        around = ice[ice.intersects(box_polygon(entry["bbox"]))]
        file = folder / f"{key}.gpkg"
        columns = {"RGIId": around.identifier, "geometry": around.geometry}
        gpd.GeoDataFrame(columns, crs=4326).to_file(file)
        entries[key] = entry | {"outline": str(file.resolve())}
    return entries


def write_region_catalog(entries: dict[str, dict[str, Any]], path: Path, header: str = "") -> None:
    """Write the entries of a region as a catalog.

    Parameters
    ----------
    entries : dict
        From `describe_glaciers`.
    path : Path
        YAML file.
    header : str, optional
        Comment at the top of the file.
    """
    glaciers = {
        key: {name: value for name, value in entry.items() if name != "area"}
        for key, entry in entries.items()
    }
    text = yaml.safe_dump({"glaciers": glaciers}, sort_keys=False, allow_unicode=True)
    path.write_text(header + text, encoding="utf-8")


def _identifiers(ice: gpd.GeoDataFrame) -> list[str]:
    """Identifier of each glacier: that of the inventory, or a number."""
    for name in ice.columns:
        if name.lower() in RGI_COLUMNS and ice[name].is_unique:
            return [str(value) for value in ice[name]]
    return [f"glacier-{number + 1}" for number in range(len(ice))]


def _entry(row: Any, years: Sequence[int], season: tuple[str, str] | None) -> dict[str, Any]:
    """Entry of one glacier."""
    point = row.geometry.representative_point()
    epsg = _projection(point.x, point.y)
    to_metres = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    # Use the shape, not its box, which would span the world across 180 degrees.
    shape = shapely.transform(row.geometry, to_metres.transform, interleaved=False)
    west, south, east, north = shape.bounds
    around = (
        west - SURROUNDINGS,
        south - SURROUNDINGS,
        east + SURROUNDINGS,
        north + SURROUNDINGS,
    )
    box = to_metres.transform_bounds(*around, direction="INVERSE")
    names = [getattr(row, column, None) for column in row._fields if _is_name(column)]
    named = next((str(name) for name in names if name and str(name) != "nan"), row.identifier)
    start, end = season or SEASONS[point.y >= 0]
    label = re.sub(r"\s+", " ", named)
    return {
        "label": label,
        "country": "",
        "rgi": str(row.identifier),
        "bbox": [round(side, 5) for side in box],
        "epsg": epsg,
        "season": {"start": start, "end": end},
        "pairing": {"rule": "annual"},
        "years": {"train": list(years), "validation": list(years)},
        "speed": SPEED,
        "area": round(row.km2, 3),
    }


def _check(key: str, entry: dict[str, Any]) -> None:
    """Raise a StudyError if an entry is not valid in a catalog."""
    try:
        Glacier(**{name: value for name, value in entry.items() if name != "area"})
    except ValidationError as error:
        reasons = "; ".join(each["msg"] for each in error.errors())
        raise StudyError(f"glacier {key} is not a valid catalog entry: {reasons}") from None


def _is_name(column: str) -> bool:
    """Check whether a column contains the names of glaciers."""
    return column.lower() in NAME_COLUMNS


def _projection(longitude: float, latitude: float) -> int:
    """EPSG code of the projection at a position: its UTM zone, or polar stereographic."""
    if latitude >= NORTHERN:
        return ARCTIC
    if latitude <= SOUTHERN:
        return ANTARCTIC
    return utm_code(longitude, latitude)
