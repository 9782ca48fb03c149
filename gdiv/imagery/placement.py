"""Read the position of a STAC item: its box, its projection and the transform of its pixels."""

import math
import re
from typing import Any, TypeAlias

import pyproj
import shapely

__all__ = [
    "Box",
    "box_polygon",
    "dictionary",
    "numbers_of",
    "read_box",
    "read_epsg",
    "read_transform",
]

#: West, south, east, north in degrees; west exceeds east if the box crosses 180 degrees.
Box: TypeAlias = tuple[float, float, float, float]
#: EPSG code as a number or with its authority. pystac always prepends the authority to
#: ``proj:epsg``, so it may occur twice.
EPSG_CODE = re.compile(r"(?:EPSG:)*(\d+)(?:\.0+)?", re.IGNORECASE)


def read_epsg(item: dict[str, Any]) -> int | None:
    """Read the EPSG code of an item.

    It is in ``proj:epsg`` or ``proj:code``, of the item or of any asset, or follows from the
    definition in ``proj:wkt2``.

    Parameters
    ----------
    item : dict
        STAC item.

    Returns
    -------
    int or None
        The code; None if there is none.
    """
    assets = dictionary(item.get("assets"))
    for fields in (item.get("properties"), *assets.values()):
        for name in ("proj:epsg", "proj:code"):
            code = EPSG_CODE.fullmatch(str(dictionary(fields).get(name)))
            if code:
                return int(code[1])
    text = dictionary(item.get("properties")).get("proj:wkt2")
    try:
        return pyproj.CRS.from_wkt(text).to_epsg() if isinstance(text, str) and text else None
    except pyproj.exceptions.CRSError:
        return None


def read_box(item: dict[str, Any]) -> Box | None:
    """Read the bounding box of an item, without heights.

    Parameters
    ----------
    item : dict
        STAC item.

    Returns
    -------
    tuple of float or None
        West, south, east, north in degrees; None if there is no valid box.
    """
    numbers = numbers_of(item.get("bbox"))
    if numbers is None or len(numbers) not in (4, 6):
        return None
    half = len(numbers) // 2
    west, south = numbers[:2]
    east, north = numbers[half : half + 2]
    return west, south, east, north


def box_polygon(box: Box) -> shapely.Geometry:
    """Make the polygon of a box in degrees.

    Parameters
    ----------
    box : tuple of float
        West, south, east, north; west exceeds east if the box crosses 180 degrees.

    Returns
    -------
    shapely.Geometry
        One rectangle, or two on both sides of 180 degrees.

    Examples
    --------
    >>> box_polygon((179, -78, -179, -77)).area
    2.0
    """
    west, south, east, north = box
    if west <= east:
        return shapely.box(*box)
    parts = [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    return shapely.MultiPolygon(parts)


def read_transform(item: dict[str, Any], asset: str) -> list[float] | None:
    """Read the affine transform of an asset, from the asset or from the item.

    Parameters
    ----------
    item : dict
        STAC item.
    asset : str
        Name of the asset.

    Returns
    -------
    list of float or None
        Its six coefficients; None if there are none.
    """
    assets = dictionary(item.get("assets"))
    if asset not in assets:
        return None
    for fields in (assets[asset], item.get("properties")):
        numbers = numbers_of(dictionary(fields).get("proj:transform"))
        if numbers is not None and len(numbers) >= 6:
            return numbers[:6]
    return None


def dictionary(content: Any) -> dict[str, Any]:
    """Return a JSON object unchanged, and an empty one for any other value.

    Parameters
    ----------
    content : Any
        Value from an archive.

    Returns
    -------
    dict
        Fields.
    """
    return content if isinstance(content, dict) else {}


def numbers_of(values: Any) -> list[float] | None:
    """Read a list of finite numbers.

    Parameters
    ----------
    values : Any
        Value from an archive.

    Returns
    -------
    list of float or None
        The numbers; None if `values` is anything else.
    """
    if not isinstance(values, list | tuple):
        return None
    try:
        numbers = [float(value) for value in values if not isinstance(value, bool)]
    except (TypeError, ValueError, OverflowError):
        return None
    finite = len(numbers) == len(values) and all(map(math.isfinite, numbers))
    return numbers if finite else None
