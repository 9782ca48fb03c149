"""Check that the pixels of an image can be matched: square, north up, in metres of true scale."""

from odc.geo.geobox import GeoBox
from pyproj import Proj
from pyproj.exceptions import ProjError

from gdiv.imagery.grid import SQUARE_TOLERANCE, grid_crs

__all__ = ["GridError", "check_pixels", "crs_name", "utm_code"]

#: Names of the metre as a unit of a CRS.
METRES = {"metre", "meter", "Metre", "Meter", "m"}
#: Maximum scale error of a projection. UTM and polar stereographic CRS stay below it in their area
#: of use; Web Mercator is 44 % too large in the Alps.
MAX_SCALE_ERROR = 0.05


class GridError(ValueError):
    """The pixels of an image cannot be matched; the message names it and the cure."""


def check_pixels(grid: GeoBox, name: str) -> None:
    """Raise an error unless pixels are square and north up in metres of true scale.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Grid with a CRS.
    name : str
        Name of the image, for the message.

    Raises
    ------
    GridError
        If the pixels are unsuitable; the message contains the command that fixes the image.

    Examples
    --------
    >>> from affine import Affine
    >>> degrees = GeoBox((10, 10), Affine(1e-4, 0, 7.0, 0, -1e-4, 46.0), "EPSG:4326")
    >>> check_pixels(degrees, "a.tif")
    Traceback (most recent call last):
    gdiv.imagery.pixel_checks.GridError: a.tif is in EPSG:4326, which is not projected; ...
    """
    crs = grid_crs(grid)
    try:
        longitude, latitude = grid.geographic_extent.centroid.coords[0]
    except ProjError:
        raise GridError(
            f"{name} is in {crs_name(grid)}, which has no position on the Earth; "
            f"georeference it first"
        ) from None
    cure = f"reproject all images: gdalwarp -r cubic -t_srs EPSG:{utm_code(longitude, latitude)}"
    if not crs.projected:
        raise GridError(
            f"{name} is in {crs_name(grid)}, which is not projected; {cure} {name} out.tif"
        )
    units = {str(unit) for unit in crs.units if unit}
    if not units <= METRES:
        raise GridError(
            f"{name} is in {crs_name(grid)}, whose unit is {', '.join(units)}; a CRS that uses "
            f"metres is needed; {cure} {name} out.tif"
        )
    transform = grid.affine
    side = abs(transform.a)
    square = abs(side - abs(transform.e)) <= SQUARE_TOLERANCE * side
    if transform.b or transform.d or transform.a < 0 or transform.e > 0 or not square:
        raise GridError(
            f"the pixels of {name} are not square and north up: its transform is "
            f"{tuple(transform)[:6]}; resample all images: "
            f"gdalwarp -r cubic -tr {side:g} {side:g} {name} out.tif"
        )
    factors = Proj(crs.proj).get_factors(longitude, latitude)
    scale = max((factors.meridional_scale, factors.parallel_scale), key=lambda part: abs(part - 1))
    if abs(scale - 1) > MAX_SCALE_ERROR:
        raise GridError(
            f"{name} is in {crs_name(grid)}, where a metre on the ground is {scale:.2f} m on the "
            f"map; velocities would be wrong by that factor; {cure} {name} out.tif"
        )


def utm_code(longitude: float, latitude: float) -> int:
    """Return the EPSG code of the UTM zone at a position.

    Parameters
    ----------
    longitude, latitude : float
        Degrees.

    Returns
    -------
    int
        326 or 327 for north or south, followed by the zone.

    Examples
    --------
    >>> utm_code(6.9, 45.9), utm_code(-73.2, -50.5)
    (32632, 32718)
    """
    return (32600 if latitude >= 0 else 32700) + int((longitude + 180) % 360 // 6) + 1


def crs_name(grid: GeoBox) -> str:
    """Return a short name of the CRS of a grid: its EPSG code, or the name in its definition.

    Parameters
    ----------
    grid : odc.geo.geobox.GeoBox
        Grid.

    Returns
    -------
    str
        Name, such as ``"EPSG:32632"``.
    """
    crs = grid_crs(grid)
    return f"EPSG:{crs.epsg}" if crs.epsg else str(crs.proj.name)
