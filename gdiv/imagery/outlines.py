"""Read glacier outlines and other polygons."""

import io
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
from odc.geo.geobox import GeoBox

from gdiv.catalog import Glacier
from gdiv.files import read_text, redacted
from gdiv.imagery.grid import grid_crs
from gdiv.imagery.placement import box_polygon

__all__ = [
    "VectorError",
    "polygon_parts",
    "read_other_ice",
    "read_outline",
    "read_polygons",
    "read_vector",
]

#: Suffixes of vector files in a zip archive.
VECTOR_SUFFIXES = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml")
#: Columns of the identifier in the Randolph Glacier Inventory, versions 5 to 7, in lower case.
RGI_COLUMNS = ("rgiid", "rgi_id")


class VectorError(ValueError):
    """A vector file cannot be used; the message names it and the cure."""


def read_outline(path: str | Path, glacier: Glacier, grid: GeoBox) -> gpd.GeoDataFrame:
    """Read the outlines within a grid.

    Parameters
    ----------
    path : str or Path
        Vector file or URL; zip archives are supported.
    glacier : gdiv.catalog.Glacier
        Glacier with the box and the identifier in the Randolph Glacier Inventory. If the file
        contains that identifier, only the glacier's own polygon is kept, otherwise all ice.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons in the projection of the grid.

    Raises
    ------
    ValueError
        If the file cannot be read, or no outline overlaps the grid.
    """
    own, _ = _read_ice(path, glacier, grid)
    if own.empty:
        raise VectorError(
            f"outline {path} has nothing within the study's box {list(glacier.bbox)}; "
            f"check its CRS and position"
        )
    return own[["geometry"]]


def read_other_ice(path: str | Path, glacier: Glacier, grid: GeoBox) -> gpd.GeoDataFrame:
    """Read the outlines of other glaciers within a grid, which are not stable ground either.

    Parameters
    ----------
    path : str or Path
        Vector file or URL, as for `read_outline`.
    glacier : gdiv.catalog.Glacier
        Entry of the catalog.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons in the projection of the grid; empty if the file does not distinguish glaciers.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    _, other = _read_ice(path, glacier, grid)
    return other[["geometry"]]


def _read_ice(
    path: str | Path, glacier: Glacier, grid: GeoBox
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Outlines of the glacier and of others within a grid."""
    zipped = str(path).startswith("http") and str(path).endswith(".zip")
    location = f"/vsizip//vsicurl/{path}" if zipped else path
    # The box is in degrees; geopandas converts it to the projection of the file.
    box = gpd.GeoSeries([box_polygon(glacier.bbox)], crs=4326)
    try:
        ice = read_polygons(location, "outline", grid, bbox=box)
    except VectorError:
        raise
    except Exception as error:
        raise VectorError(
            f"outline {redacted(str(path))} could not be read ({redacted(str(error))}); "
            f"put an outline.geojson beside the scenes' items.json"
        ) from error
    ice = ice[ice.intersects(shapely.box(*grid.boundingbox))]
    for name in ice.columns:
        if name.lower() in RGI_COLUMNS and glacier.rgi in set(ice[name]):
            own = ice[name] == glacier.rgi
            return ice[own], ice[~own]
    return ice, ice[:0]


def read_polygons(path: str | Path, kind: str, grid: GeoBox, **options: Any) -> gpd.GeoDataFrame:
    """Read polygons in the projection of a grid.

    Parameters
    ----------
    path : str or Path
        Vector file or URL.
    kind : str
        Description of its content, for messages.
    grid : odc.geo.geobox.GeoBox
        Grid.
    **options
        Passed to `geopandas.read_file`.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons, repaired where they are invalid; may be empty if nothing was read.

    Raises
    ------
    VectorError
        If the file has no CRS, or contains shapes but no polygon.
    """
    without_crs = (
        f"{kind} {path} has no CRS; add its .prj file, or assign one: "
        f"ogr2ogr -a_srs EPSG:4326 out.gpkg {path}"
    )
    try:
        shapes = read_vector(path, **options)
    except ValueError as error:
        if "Must pass either crs or epsg" in str(error):  # geopandas, for a box with a CRS
            raise VectorError(without_crs) from None
        raise
    if shapes.crs is None:
        raise VectorError(without_crs)
    shapes = shapes[shapes.geometry.notna() & ~shapes.geometry.is_empty]
    shapes = shapes.set_geometry(shapely.make_valid(shapes.geometry.to_numpy()), crs=shapes.crs)
    polygons = polygon_parts(shapes, grid)
    if len(shapes) and polygons.empty:
        kinds = ", ".join(sorted(set(shapes.geom_type)))
        raise VectorError(f"{kind} {path} has {kinds} but no polygons; convert lines to polygons")
    return polygons


def polygon_parts(shapes: gpd.GeoDataFrame, grid: GeoBox) -> gpd.GeoDataFrame:
    """Extract the polygons from shapes, in the projection of a grid.

    Parameters
    ----------
    shapes : geopandas.GeoDataFrame
        Shapes of any kind with a CRS.
    grid : odc.geo.geobox.GeoBox
        Grid.

    Returns
    -------
    geopandas.GeoDataFrame
        One row per polygon.
    """
    parts = shapes.explode(index_parts=False)
    polygons = parts[parts.geom_type.isin(("Polygon", "MultiPolygon"))]
    return polygons.to_crs(grid_crs(grid).to_wkt())


def read_vector(path: str | Path, **options: Any) -> gpd.GeoDataFrame:
    """Read a vector file.

    Parameters
    ----------
    path : str or Path
        File or URL. A local GeoJSON may have any encoding that `gdiv.files.read_text` reads.
    **options
        Passed to `geopandas.read_file`.

    Returns
    -------
    geopandas.GeoDataFrame
        Content of the file, or of the first vector file in a zip archive.

    Raises
    ------
    VectorError
        If a GeoJSON cannot be read.
    """
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise VectorError(f"{path} is not a regular file")  # reading a pipe would block forever
    if Path(path).suffix.lower() == ".zip" and Path(path).is_file():
        return gpd.read_file(_within_zip(Path(path)), **options)
    if Path(path).suffix.lower() in (".json", ".geojson") and Path(path).is_file():
        try:
            return gpd.read_file(io.BytesIO(read_text(path).encode("utf-8")), **options)
        except Exception as error:  # its message would name a file in memory
            fault = str(error).split(";")[0]
            raise VectorError(f"{path} is not a valid GeoJSON ({fault})") from None
    return gpd.read_file(path, **options)


def _within_zip(path: Path) -> str:
    """Path of the first vector file in a zip archive, including its folders."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
    for suffix in VECTOR_SUFFIXES:
        for name in names:
            if name.lower().endswith(suffix) and not name.startswith("__MACOSX"):
                return f"/vsizip/{{{path.resolve()}}}/{name}"
    raise VectorError(f"{path} contains no vector file ({', '.join(VECTOR_SUFFIXES)})")
