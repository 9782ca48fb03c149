"""Read glacier outlines and make masks of ice and stable ground."""

import io
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio import features

from gdiv.catalog import Glacier
from gdiv.files import read_text, redacted
from gdiv.imagery.grid import grid_crs
from gdiv.imagery.items import box_polygon
from gdiv.images.arrays import Mask

__all__ = [
    "MARGIN",
    "VectorError",
    "make_masks",
    "polygon_parts",
    "read_outline",
    "read_polygons",
    "read_vector",
]

#: Distance from the ice at which stable ground begins, in metres (ten pixels of Sentinel-2). Ice
#: beyond an old outline, shaded rims and mixed pixels are not stable.
MARGIN = 100.0
#: Vector files that are looked for in a zip archive.
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
        Vector file or URL; zip archives are read, too.
    glacier : gdiv.catalog.Glacier
        Gives the box and the identifier in the Randolph Glacier Inventory. If the file has that
        identifier, only the glacier's own polygon is kept, and all ice otherwise.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons in the projection of the grid.

    Raises
    ------
    ValueError
        If the file cannot be read, or no outline meets the grid.
    """
    zipped = str(path).startswith("http") and str(path).endswith(".zip")
    location = f"/vsizip//vsicurl/{path}" if zipped else path
    # In degrees, whatever the projection of the file: geopandas converts it.
    box = gpd.GeoSeries([box_polygon(glacier.bbox)], crs=4326)
    try:
        outlines = read_polygons(location, "outline", grid, bbox=box)
    except VectorError:
        raise
    except Exception as error:
        raise VectorError(
            f"outline {redacted(str(path))} could not be read ({redacted(str(error))}); "
            f"put an outline.geojson beside the scenes' items.json"
        ) from error
    for name in outlines.columns:
        if name.lower() in RGI_COLUMNS and glacier.rgi in set(outlines[name]):
            outlines = outlines[outlines[name] == glacier.rgi]
    outlines = outlines[outlines.intersects(shapely.box(*grid.boundingbox))]
    if outlines.empty:
        raise VectorError(
            f"outline {path} has nothing within the study's box {list(glacier.bbox)}; "
            f"check its CRS and place"
        )
    return outlines[["geometry"]]


def read_polygons(path: str | Path, kind: str, grid: GeoBox, **options: Any) -> gpd.GeoDataFrame:
    """Read polygons in the projection of a grid.

    Parameters
    ----------
    path : str or Path
        Vector file or URL.
    kind : str
        What it holds, for messages.
    grid : odc.geo.geobox.GeoBox
        Grid.
    **options
        Passed to `geopandas.read_file`.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons, mended where they are invalid; may be empty if nothing was read.

    Raises
    ------
    VectorError
        If the file has no CRS, or shapes but no polygon.
    """
    shapes = read_vector(path, **options)
    if shapes.crs is None:
        raise VectorError(
            f"{kind} {path} has no CRS; write it beside the file, or: "
            f"ogr2ogr -a_srs EPSG:4326 out.gpkg {path}"
        )
    shapes = shapes[shapes.geometry.notna() & ~shapes.geometry.is_empty]
    shapes = shapes.set_geometry(shapely.make_valid(shapes.geometry.to_numpy()), crs=shapes.crs)
    polygons = polygon_parts(shapes, grid)
    if len(shapes) and polygons.empty:
        kinds = ", ".join(sorted(set(shapes.geom_type)))
        raise VectorError(f"{kind} {path} holds {kinds}, not polygons; close its lines to polygons")
    return polygons


def polygon_parts(shapes: gpd.GeoDataFrame, grid: GeoBox) -> gpd.GeoDataFrame:
    """Take the polygons out of shapes, in the projection of a grid.

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
        Content of the file; of a zip archive, of the first vector file in it.

    Raises
    ------
    VectorError
        If a GeoJSON cannot be read.
    """
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise VectorError(f"{path} is not a regular file")  # reading a pipe would wait for ever
    if Path(path).suffix.lower() == ".zip" and Path(path).is_file():
        return gpd.read_file(_within_zip(Path(path)), **options)
    if Path(path).suffix.lower() in (".json", ".geojson") and Path(path).is_file():
        try:
            return gpd.read_file(io.BytesIO(read_text(path).encode("utf-8")), **options)
        except Exception as error:  # its message would name a file in memory
            fault = str(error).split(";")[0]
            raise VectorError(f"{path} is not a GeoJSON that can be read ({fault})") from None
    return gpd.read_file(path, **options)


def _within_zip(path: Path) -> str:
    """Address of the first vector file in a zip archive, also in its folders."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
    for suffix in VECTOR_SUFFIXES:
        for name in names:
            if name.lower().endswith(suffix) and not name.startswith("__MACOSX"):
                return f"/vsizip/{{{path.resolve()}}}/{name}"
    raise VectorError(f"{path} holds no vector file ({', '.join(VECTOR_SUFFIXES)})")


def make_masks(
    outlines: gpd.GeoDataFrame,
    grid: GeoBox,
    margin: float = MARGIN,
    ground: gpd.GeoDataFrame | None = None,
) -> xr.Dataset:
    """Make masks of the glacier and of stable ground.

    Parameters
    ----------
    outlines : geopandas.GeoDataFrame
        Polygons of ice in the projection of the grid.
    grid : odc.geo.geobox.GeoBox
        Grid of the study.
    margin : float, optional
        Least distance of stable ground from the ice, in metres. A larger value leaves less stable
        ground and less ice mistaken for it.
    ground : geopandas.GeoDataFrame, optional
        Polygons of ground that is known to be stable, in the projection of the grid. All that is
        far enough from the ice counts as stable if left out, water and other glaciers included.

    Returns
    -------
    xarray.Dataset
        ``glacier``, pixels whose centre lies within an outline, and ``stable``, pixels farther than
        `margin` from any; bool ``(y, x)``.

    Examples
    --------
    >>> from gdiv.imagery.grid import study_grid
    >>> grid = study_grid((6.93, 45.88, 6.94, 45.89), 32632)
    >>> west, south, east, north = grid.boundingbox
    >>> ice = gpd.GeoDataFrame(geometry=[shapely.box(west, south, west + 200, north)], crs=32632)
    >>> masks = make_masks(ice, grid)
    >>> grid.width, int(masks.glacier[0].sum()), int(masks.stable[0].sum())
    (84, 20, 54)
    """
    ice = shapely.union_all(shapely.make_valid(outlines.geometry.to_numpy()))
    stable = ~_rasterize(ice.buffer(margin), grid)
    if ground is not None:
        stable &= _rasterize(
            shapely.union_all(shapely.make_valid(ground.geometry.to_numpy())), grid
        )
    masks = {"glacier": _rasterize(ice, grid), "stable": stable}
    long_names = {
        "glacier": "ice, by the outline",
        "stable": f"ground at least {margin:.0f} m from the ice",
    }
    variables = {
        name: (
            ("y", "x"),
            np.ascontiguousarray(mask),
            {"long_name": long_names[name], "units": "1"},
        )
        for name, mask in masks.items()
    }
    coordinates = {axis: grid.coordinates[axis].values for axis in ("y", "x")}
    return xr.Dataset(variables, coords=coordinates)


def _rasterize(geometry: shapely.Geometry, grid: GeoBox) -> Mask:
    """Pixels whose centre lies within a geometry."""
    if geometry.is_empty:
        return np.zeros(grid.shape, bool)
    burnt = features.rasterize([geometry], grid.shape, transform=grid.affine)
    return burnt.astype(bool)
