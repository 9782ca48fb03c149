"""Parse STAC items from any archive into typed records.

Items remain dictionaries in files and between functions. Archives name fields differently, omit
them, set them to null or write numbers as text. `parse_item` converts an item to a `SceneItem`
once, so that later code need not check it again.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from gdiv.imagery.offsets import OffsetMetadata
from gdiv.imagery.placement import dictionary, read_epsg

__all__ = [
    "ALIGNED",
    "NOTICE",
    "PARTS",
    "RESAMPLED",
    "SYNTHETIC",
    "ItemError",
    "SceneItem",
    "is_synthetic",
    "parse_item",
    "parts_of",
    "read_id",
    "read_moment",
    "read_scaling",
]

#: Property that marks rendered items; it does not occur in archives.
SYNTHETIC = "gdiv:synthetic"
#: Property that marks items of co-registered scenes.
ALIGNED = "gdiv:aligned"
#: Fields added to items in memory: further tiles, and a mark for resampled pixels.
PARTS = "gdiv:parts"
RESAMPLED = "gdiv:resampled"
NOTICE = "Synthetic data: rendered by gdiv's twin, not satellite imagery."
#: Relative orbit in the name of a Sentinel-2 product, such as ``_R108_``.
ORBIT_IN_NAME = re.compile(r"_R(\d{3})(?:_|$)")
#: Names of Harmonized Landsat Sentinel-2, such as ``HLS.S30.T32TLR.2020216T102559.v2.0``, with
#: sensor and tile but no orbit; and the number of days after which a ground track repeats.
HLS_NAME = re.compile(r"HLS\.(S30|L30)\.T(\d{2}[A-Z]{3})\.")
HLS_REPEAT = {"S30": 5, "L30": 8}
#: Duration of one orbit in minutes. Near the poles, a site is passed several times a day.
ORBIT_MINUTES = 98
#: Upper limit of relative orbit and path numbers, exclusive.
MAX_ORBIT = 10_000
#: Processing baseline of Sentinel-2, as in "05.09" or in the names of products, "N0509".
BASELINE = re.compile(r"N?(\d{1,2})\.?(\d\d)")


class ItemError(ValueError):
    """An item cannot be parsed; the message is a short reason."""


@dataclass(frozen=True)
class SceneItem:
    """Fields of a STAC item that gdiv uses, checked and in one form.

    Attributes
    ----------
    id : str
        Identifier of the scene.
    moment : datetime
        Time of acquisition, or the start of an interval, in UTC.
    orbit : int or None
        Relative orbit of Sentinel-2 or path of Landsat. For HLS, which states neither, a number of
        the ground track, from 0; None for other sensors.
    epsg : int or None
        EPSG code of the pixels.
    wkt : str
        Projection of the pixels as WKT, if the item gives it; may be empty.
    tile : str
        MGRS tile, such as "32TLR"; empty for sensors without tiles, such as Landsat.
    platform : str
        Satellite, as the archive writes it; may be empty.
    sun_azimuth : float or None
        Azimuth of the sun in degrees, clockwise from north.
    sun_elevation : float or None
        Elevation of the sun in degrees.
    cloud_cover : float or None
        Percentage of the whole scene.
    offset : OffsetMetadata
        Metadata of the item about an offset of the digital numbers.
    assets : dict of str to str
        Link of each asset by name.
    located : bool
        True if the item has a bbox or a geometry.
    """

    id: str
    moment: datetime
    orbit: int | None
    epsg: int | None
    wkt: str
    tile: str
    platform: str
    sun_azimuth: float | None
    sun_elevation: float | None
    cloud_cover: float | None
    offset: OffsetMetadata
    assets: dict[str, str]
    located: bool

    @property
    def day(self) -> date:
        """Date of acquisition in UTC."""
        return self.moment.date()


def parse_item(item: dict[str, Any], image_asset: str) -> SceneItem:
    """Parse an item into a typed record.

    Parameters
    ----------
    item : dict
        Item in the form of an archive.
    image_asset : str
        Name of the asset that is matched; its ``raster:bands`` may state an offset.

    Returns
    -------
    SceneItem
        Fields that are missing or null are None or empty. Numbers written as text are converted.

    Raises
    ------
    ItemError
        If the item has no identifier, date, properties or assets, or a field of the wrong type.

    Examples
    --------
    >>> properties = {"datetime": "2020-08-03T10:26:00Z", "grid:code": "MGRS-32TLR"}
    >>> assets = {"nir": {"href": "nir.tif"}}
    >>> scene = parse_item({"id": "a", "properties": properties, "assets": assets}, "nir")
    >>> str(scene.day), scene.tile, scene.orbit, scene.assets
    ('2020-08-03', '32TLR', None, {'nir': 'nir.tif'})
    >>> parse_item({"id": "a", "properties": {}, "assets": assets}, "nir")
    Traceback (most recent call last):
    gdiv.imagery.items.ItemError: it has no date
    """
    name = read_id(item)
    if not name:
        raise ItemError("it has no id")
    properties = _mapping(item, "properties")
    assets = _mapping(item, "assets")
    links = {
        key: asset["href"]
        for key, asset in assets.items()
        if isinstance(asset, dict) and isinstance(asset.get("href"), str)
    }
    moment = read_moment(item)
    orbit = _orbit(name, properties)
    zenith = _number(properties, "s2:mean_solar_zenith")
    elevation = _number(properties, "view:sun_elevation")
    if elevation is None and zenith is not None:
        elevation = 90 - zenith
    return SceneItem(
        id=name,
        moment=moment,
        orbit=_track(name, moment) if orbit is None else orbit,
        epsg=read_epsg(item),
        wkt=_text(properties, "proj:wkt2"),
        tile=_tile(name, properties),
        platform=_text(properties, "platform"),
        sun_azimuth=_number(properties, "view:sun_azimuth", "s2:mean_solar_azimuth"),
        sun_elevation=elevation,
        cloud_cover=_number(properties, "eo:cloud_cover"),
        offset=_offset_metadata(properties, assets.get(image_asset)),
        assets=links,
        located=bool(item.get("bbox") or item.get("geometry")),
    )


def is_synthetic(items: list[dict[str, Any]]) -> bool:
    """Check whether any item is marked as rendered instead of acquired.

    Parameters
    ----------
    items : list of dict
        STAC items.

    Returns
    -------
    bool
        True if any is.
    """
    return any(bool(dictionary(item.get("properties")).get(SYNTHETIC)) for item in items)


def read_id(item: dict[str, Any]) -> str:
    """Read the identifier of an item.

    Parameters
    ----------
    item : dict
        STAC item.

    Returns
    -------
    str
        The identifier; empty if there is none.
    """
    name = item.get("id")
    return "" if name is None else str(name)


def read_moment(item: dict[str, Any]) -> datetime:
    """Read the time of acquisition, or the start of an interval, in UTC.

    A time without an offset counts as UTC.

    Parameters
    ----------
    item : dict
        STAC item.

    Returns
    -------
    datetime.datetime
        Time in UTC.

    Raises
    ------
    ItemError
        If the item has no date, or one that cannot be read.
    """
    properties = _mapping(item, "properties")
    text = properties.get("datetime") or properties.get("start_datetime")
    if not text:
        raise ItemError("it has no date")
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (AttributeError, ValueError, OverflowError):
        raise ItemError(f"its date {text!r} cannot be read") from None


def parts_of(item: dict[str, Any]) -> list[dict[str, Any]]:
    """List the items that make up a scene.

    Parameters
    ----------
    item : dict
        Item of the scene.

    Returns
    -------
    list of dict
        The item itself and its further tiles.
    """
    return [{key: item[key] for key in item if key != PARTS}, *item.get(PARTS, [])]


def _orbit(name: str, properties: dict[str, Any]) -> int | None:
    """Relative orbit or path, from the name of the product if the fields are missing."""
    orbit = _number(properties, "sat:relative_orbit", "landsat:wrs_path")
    if orbit is not None:
        if not 0 <= orbit < MAX_ORBIT:
            raise ItemError(f"its orbit {orbit:g} is not valid")
        return int(orbit)
    match = ORBIT_IN_NAME.search(_text(properties, "s2:product_uri") or name)
    return int(match[1]) if match else None


def _track(name: str, moment: datetime) -> int | None:
    """Number of the ground track of an HLS scene, from its day in the cycle and time of day."""
    match = HLS_NAME.match(name)
    if not match:
        return None
    sensor = list(HLS_REPEAT).index(match[1])
    day = moment.toordinal() % HLS_REPEAT[match[1]]
    passed = (60 * moment.hour + moment.minute) // ORBIT_MINUTES
    return 1000 * sensor + 100 * day + passed


def _tile(name: str, properties: dict[str, Any]) -> str:
    """MGRS tile with a two-digit zone; empty if there is none, as for Landsat."""
    match = HLS_NAME.match(name)
    if match:
        return match[2]
    code = _text(properties, "grid:code").upper()
    tile = code.removeprefix("MGRS-") if code.startswith("MGRS-") else ""
    tile = tile or _text(properties, "s2:mgrs_tile").upper().removeprefix("T")
    return tile.zfill(5) if tile else ""


def _offset_metadata(properties: dict[str, Any], asset: Any) -> OffsetMetadata:
    """Fields that state an offset of the digital numbers."""
    flag = properties.get("earthsearch:boa_offset_applied")
    if flag is not None and not isinstance(flag, bool):
        raise ItemError(f"its earthsearch:boa_offset_applied is {flag!r}, not true or false")
    baseline = properties.get("s2:processing_baseline")
    if isinstance(baseline, int | float) and not isinstance(baseline, bool):
        baseline = f"{baseline:05.2f}"  # 5.09 stands for "05.09"
    elif baseline is not None:
        baseline = _text(properties, "s2:processing_baseline")
        number = BASELINE.fullmatch(baseline)
        if number:  # "3.01" and "N0301" stand for "03.01"
            baseline = f"{int(number[1]):02d}.{number[2]}"
    return OffsetMetadata(flag, baseline, read_scaling(asset)[1])


def read_scaling(asset: Any) -> tuple[float | None, float | None]:
    """Read the scale and offset of the first band of an asset.

    Parameters
    ----------
    asset : Any
        Asset of an item, in the form of an archive.

    Returns
    -------
    scale, offset : float or None
        Values stated by the asset; None where missing, or if the scale is not positive.
    """
    fields = dictionary(asset)
    found: list[float | None] = []
    for name in ("scale", "offset"):
        values = []
        # STAC 1.0 has a list raster:bands, STAC 1.1 a list bands, or the fields of the asset.
        for key, field in (("raster:bands", name), ("bands", f"raster:{name}")):
            bands = fields.get(key)
            first = bands[0] if isinstance(bands, list) and bands else None
            values.append(_number(dictionary(first), field))
        values.append(_number(fields, f"raster:{name}"))
        found.append(next((value for value in values if value is not None), None))
    scale, offset = found
    return scale if scale is None or scale > 0 else None, offset


def _mapping(item: dict[str, Any], name: str) -> dict[str, Any]:
    """Part of an item that must be a JSON object."""
    content = item.get(name)
    if not isinstance(content, dict):
        raise ItemError(f"it has no {name}")
    return content


def _number(fields: dict[str, Any], *names: str) -> float | None:
    """First number among fields; None where all are missing, null or not finite."""
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        try:
            # Python converts True to 1, which archives do not intend.
            number = float("" if isinstance(value, bool) else value)
        except (TypeError, ValueError, OverflowError):
            raise ItemError(f"its {name} is {value!r}, not a number") from None
        if math.isfinite(number):
            return number
    return None


def _text(fields: dict[str, Any], name: str) -> str:
    """Text of a field; empty where it is missing or null."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ItemError(f"its {name} is {value!r}, not text")
    return value
