"""What a STAC item says of itself, whichever archive wrote it; items are plain dictionaries."""

import re
from datetime import date, datetime
from typing import NamedTuple

OFFSET_BASELINE = "04.00"  # from this processing baseline on, 1000 is added to every number
OFFSET = -0.1  # what that is in reflectance
SYNTHETIC = "gdiv:synthetic"  # property of items that were rendered; no archive has it
NOTICE = "Synthetic data: rendered by gdiv's twin, not satellite imagery."


class OffsetMetadata(NamedTuple):
    """What an item's fields say of the offset: each None where it is silent."""

    flag: bool | None  # whether earthsearch:boa_offset_applied says that it was taken out
    baseline: str | None
    raster: float | None  # the offset of the asset's raster:bands


def moment_of(item: dict) -> str | None:
    """When an item was taken, as it writes it; of an interval the start, None if it does not say."""
    return item["properties"].get("datetime") or item["properties"].get("start_datetime")


def day_of(item: dict) -> date:
    """The UTC date of an item that says when it was taken."""
    moment = str(moment_of(item))
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).date()


def is_synthetic(items: list[dict]) -> bool:
    """Whether any of the items is marked as rendered, not acquired."""
    return any(bool(item["properties"].get(SYNTHETIC)) for item in items)


def orbit_of(item: dict) -> int | None:
    """Relative orbit, parsed from the product's name where the field is absent; the path of Landsat."""
    properties = item["properties"]
    orbit = properties.get("sat:relative_orbit", properties.get("landsat:wrs_path"))
    if orbit is not None:
        return int(orbit)
    named = re.search(r"_R(\d{3})(?:_|$)", properties.get("s2:product_uri") or item.get("id", ""))
    return int(named[1]) if named else None


def epsg_of(item: dict) -> int | None:
    """EPSG code from `proj:epsg` or `proj:code`, on the item or on any asset."""
    for fields in (item["properties"], *item["assets"].values()):
        if fields.get("proj:epsg"):
            return int(fields["proj:epsg"])
        if str(fields.get("proj:code", "")).startswith("EPSG:"):
            return int(fields["proj:code"].removeprefix("EPSG:"))
    return None


def tile_of(item: dict) -> str:
    """MGRS tile, such as 32TLR; empty where there is none, as for Landsat."""
    properties = item["properties"]
    code = properties.get("grid:code", "")
    return (
        code.removeprefix("MGRS-")
        if code.startswith("MGRS-")
        else properties.get("s2:mgrs_tile", "")
    )


def sun_of(item: dict) -> tuple[float | None, float | None]:
    """Azimuth and elevation of the sun in degrees, None where they are not told."""
    properties = item["properties"]
    zenith = properties.get("s2:mean_solar_zenith")
    azimuth = properties.get("view:sun_azimuth", properties.get("s2:mean_solar_azimuth"))
    return azimuth, properties.get("view:sun_elevation", None if zenith is None else 90 - zenith)


def offset_fields(item: dict, asset: str) -> OffsetMetadata:
    """What the item says of the offset of `asset`."""
    bands = item["assets"].get(asset, {}).get("raster:bands") or [{}]
    properties = item["properties"]
    return OffsetMetadata(
        properties.get("earthsearch:boa_offset_applied"),
        properties.get("s2:processing_baseline"),
        bands[0].get("offset"),
    )


def offset_of(item: dict, source, dark: float | None = None) -> tuple[float, str]:
    """Reflectance to add after scaling, and why.

    Flags have been wrong in both directions, so the data have the last word where they are clear: dark ground has
    numbers of a few hundred, and an offset of 1000 leaves none below that.

    Parameters
    ----------
    dark
        First percentile of the scene's valid digital numbers. Under 900 no offset of 1000 is in them; from 1000 on
        there is, if the baseline adds one.
    """
    if not isinstance(source.offset, str):
        return source.offset, "fixed by the source"
    told = offset_fields(item, source.image)
    added = (told.baseline or "") >= OFFSET_BASELINE
    if source.offset == "raster" and told.raster is not None:
        offset, why = float(told.raster), "the asset's raster:bands"
    elif source.offset == "flag" and told.flag:
        offset, why = 0.0, "removed, says earthsearch:boa_offset_applied"
    elif added:
        offset, why = OFFSET, f"baseline {told.baseline}"
    else:
        offset, why = 0.0, f"baseline {told.baseline or 'unknown'}, before {OFFSET_BASELINE}"
    if dark is None:
        return offset, why
    if offset < 0 and dark < 900:
        return 0.0, f"{why} says {offset}, but dark pixels near {dark:.0f} show it is out"
    if offset == 0 and added and dark >= 1000:
        return OFFSET, f"{why}, but no dark pixel under {dark:.0f} shows it is in"
    return offset, why


def short_message(error: Exception) -> str:
    """An error as one short line without links: those may hold a signature, and paths a user's name."""
    text = re.sub(r"\S*/\S*", "its file", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:100]}"
