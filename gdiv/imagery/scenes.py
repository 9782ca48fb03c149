"""Find scenes, judge each, and say why.

Items come from an ItemCollection file or a STAC API and are plain STAC dictionaries from then on. Each
ends as one row of the scene table with a verdict, `use` or `drop`, and its reason.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pystac
from odc.geo.geobox import GeoBox
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO
from urllib3 import Retry

from gdiv.imagery.cube import classify, load_asset

CLEAR_AT_LEAST = 0.7  # share of the glacier that must be seen
CLOUD_AT_MOST = 15.0  # percent of the scene, where there is no mask to look at
SNOW_AT_MOST = 0.5  # share of the ground beside the glacier
OFFSET_BASELINE = "04.00"  # from this processing baseline on, 1000 is added to every number


class SceneError(RuntimeError):
    """Scenes are missing, or too few are usable; the message says what was found."""


def find_items(source, glacier, years: list[int]) -> list[dict]:
    """Items of `source` over the glacier in the seasons `years`, oldest first, with absolute links.

    Raises
    ------
    SceneError
        If the file or service cannot be read, or nothing lies in the seasons.
    """
    try:
        items = _items_of_file(source, glacier) if source.kind == "file" else _items_of_service(source, glacier, years)
    except SceneError:
        raise
    except Exception as error:
        raise SceneError(f"{source.path or source.url} could not be read: {error}") from error
    found = [item for item in items if glacier.season.year_of(day_of(item)) in years]
    if not found:
        spans = ", ".join("{} to {}".format(*glacier.season.dates(year)) for year in years)
        raise SceneError(
            f"{source.path or source.url} holds {len(items)} scenes over {glacier.label}, none of them within {spans}"
        )
    return sorted(found, key=lambda item: (item["properties"]["datetime"], item["id"]))


def _items_of_file(source, glacier):
    path = Path(source.path)
    collection = pystac.ItemCollection.from_file(str(path))
    items = []
    for item in collection.items:
        for asset in item.assets.values():
            if "://" not in asset.href:
                asset.href = str((path.parent / asset.href).resolve())
        west, south, east, north = glacier.bbox
        if item.bbox and (
            item.bbox[0] < east and item.bbox[2] > west and item.bbox[1] < north and item.bbox[3] > south
        ):
            items.append(item.to_dict(include_self_link=False, transform_hrefs=False))
    return items


def _items_of_service(source, glacier, years):
    retry = Retry(total=5, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=None)
    client = Client.open(source.url, stac_io=StacApiIO(max_retries=retry, timeout=60))
    items = {}
    for year in years:
        first, last = glacier.season.dates(year)
        search = client.search(
            collections=[source.collection], bbox=glacier.bbox, datetime=f"{first}/{last}", limit=100
        )
        items |= {item["id"]: item for item in search.items_as_dicts()}
    return list(items.values())


def day_of(item: dict):
    """The UTC date of an item."""
    return datetime.fromisoformat(item["properties"]["datetime"].replace("Z", "+00:00")).date()


def orbit_of(item: dict) -> int | None:
    """Relative orbit, parsed from the product's name where the field is absent; the path of Landsat."""
    orbit = item["properties"].get("sat:relative_orbit", item["properties"].get("landsat:wrs_path"))
    if orbit is not None:
        return int(orbit)
    parts = [
        p
        for p in item["properties"].get("s2:product_uri", "").split("_")
        if len(p) == 4 and p[0] == "R" and p[1:].isdigit()
    ]
    return int(parts[0][1:]) if parts else None


def epsg_of(item: dict) -> int | None:
    """EPSG code from `proj:epsg` or `proj:code`, on the item or on any asset."""
    for fields in (item["properties"], *item["assets"].values()):
        if fields.get("proj:epsg"):
            return int(fields["proj:epsg"])
        if str(fields.get("proj:code", "")).startswith("EPSG:"):
            return int(fields["proj:code"].removeprefix("EPSG:"))
    return None


def offset_of(item: dict, source, dark: float | None = None) -> tuple[float, str]:
    """Reflectance to add after scaling, and why.

    Parameters
    ----------
    dark
        First percentile of the scene's valid digital numbers. Under 900 it proves that no offset of
        1000 is left in the numbers, whatever the item says.
    """
    properties = item["properties"]
    baseline = properties.get("s2:processing_baseline", "")
    if not isinstance(source.offset, str):
        return source.offset, "fixed by the source"
    if source.offset == "raster":
        bands = item["assets"].get(source.image, {}).get("raster:bands") or [{}]
        offset, why = float(bands[0].get("offset", 0)), "the asset's raster:bands"
    elif source.offset == "flag" and properties.get("earthsearch:boa_offset_applied"):
        offset, why = 0.0, "removed, says earthsearch:boa_offset_applied"
    elif baseline >= OFFSET_BASELINE:
        offset, why = -0.1, f"baseline {baseline}"
    else:
        offset, why = 0.0, f"baseline {baseline or 'unknown'}, before {OFFSET_BASELINE}"
    if offset < 0 and dark is not None and dark < 900:
        return 0.0, f"{why} says {offset}, but dark pixels near {dark:.0f} show it is out"
    return offset, why


def judge_scenes(
    items: list[dict], source, glacier, grid: GeoBox, on_glacier: np.ndarray, beside: np.ndarray
) -> pd.DataFrame:
    """One row an item, with `verdict` (`use` or `drop`) and `reason`. Reads the masks, coarsely.

    Parameters
    ----------
    on_glacier, beside
        bool masks of the glacier and of the ground beside it, on `grid`.
    """
    # Without its mask a scene would let cloud through where the others do not.
    masked = any(source.mask in item["assets"] for item in items)
    wanted = [source.image, source.mask] if masked else [source.image]
    rows = [_row(item, wanted, glacier) for item in items]
    _drop_duplicates(rows)
    coarse = grid.zoom_out(4)
    glacier_coarse, beside_coarse = (_shrink(mask, coarse.shape) for mask in (on_glacier, beside))
    with ThreadPoolExecutor(8) as pool:
        open_rows = [(row, item) for row, item in zip(rows, items, strict=True) if not row["reason"]]
        list(pool.map(lambda pair: _look(*pair, source, coarse, glacier_coarse, beside_coarse), open_rows))
    _drop_lone_orbits(rows, glacier)
    for row in rows:
        row["verdict"] = "drop" if row["reason"] else "use"
        row["reason"] = row["reason"] or "clear"
    return pd.DataFrame(rows)


def _row(item, wanted, glacier):
    """What the item itself tells, and the reason to drop it if that is enough."""
    properties = item["properties"]
    missing = [name for name in wanted if name not in item["assets"]]
    tile = properties.get("grid:code", "").removeprefix("MGRS-") or properties.get("s2:mgrs_tile", "")
    epsg = epsg_of(item)
    reason = ""
    if missing:
        reason = f"asset {', '.join(missing)} is missing"
    elif epsg != glacier.epsg:
        reason = f"lies in EPSG:{epsg}, the study in EPSG:{glacier.epsg}"
    elif tile and properties.get("constellation", "").lower().startswith("sentinel") and tile != glacier.tile:
        reason = f"is tile {tile}, the study's is {glacier.tile}"
    return {
        "id": item["id"],
        "date": pd.Timestamp(properties["datetime"]).tz_localize(None),
        "season_year": glacier.season.year_of(day_of(item)),
        "verdict": "",
        "reason": reason,
        "orbit": orbit_of(item),
        "tile": tile,
        "platform": properties.get("platform", ""),
        "baseline": properties.get("s2:processing_baseline", ""),
        "cloud_cover": properties.get("eo:cloud_cover"),
        "sun_azimuth": properties.get("view:sun_azimuth"),
        "sun_elevation": properties.get("view:sun_elevation"),
        "clear": np.nan,
        "snow": np.nan,
        "dark": np.nan,
        "offset": np.nan,
        "offset_reason": "",
    }


def _drop_duplicates(rows):
    """Of several items of one acquisition keep the newest processing baseline."""
    best = {}
    for row in rows:
        key = (row["date"], row["orbit"], row["tile"])
        if not row["reason"] and (key not in best or row["baseline"] > best[key]["baseline"]):
            best[key] = row
    for row in rows:
        keeper = best.get((row["date"], row["orbit"], row["tile"]))
        if not row["reason"] and keeper is not row:
            row["reason"] = f"duplicate of {keeper['id']}, which has baseline {keeper['baseline']}"


def _look(row, item, source, coarse, on_glacier, beside):
    """Judge a scene by its pixels: clear and snow-free share from the mask, offset from dark pixels."""
    try:
        numbers = load_asset([item], source, "image", coarse)[0].compute().values
        masked = source.mask in item["assets"]
        mask = load_asset([item], source, "mask", coarse)[0].compute().values if masked else None
    except Exception as error:  # any reader's failure: one bad scene must not end the study
        # Links may hold a signature and paths a user's name: neither belongs in a table.
        what = re.sub(r"\S*/\S*", "its file", " ".join(str(error).split()))
        row["reason"] = f"could not be read ({type(error).__name__}: {what[:100]})"
        return
    valid = numbers != source.nodata
    if not valid[on_glacier].any():
        row["reason"] = "has no data over the glacier"
        return
    row["dark"] = float(np.percentile(numbers[valid], 1))
    row["offset"], row["offset_reason"] = offset_of(item, source, row["dark"])
    if mask is None:
        if (row["cloud_cover"] or 0) > CLOUD_AT_MOST:
            row["reason"] = (
                f"cloud over {row['cloud_cover']:.0f} % of the scene "
                f"(at most {CLOUD_AT_MOST:.0f} %; no mask to look closer)"
            )
        return
    clear, snow = classify(mask, source.mask_kind)
    row["clear"] = float((clear & valid)[on_glacier].mean())
    seen = beside & clear
    row["snow"] = float(snow[seen].mean()) if seen.any() else np.nan
    if row["clear"] < CLEAR_AT_LEAST:
        row["reason"] = f"only {row['clear']:.0%} of the glacier is clear (at least {CLEAR_AT_LEAST:.0%})"
    elif row["snow"] > SNOW_AT_MOST:
        row["reason"] = f"snow on {row['snow']:.0%} of the ground beside the glacier (at most {SNOW_AT_MOST:.0%})"


def _drop_lone_orbits(rows, glacier):
    """Pairs stay within an orbit, so a scene whose orbit has no possible partner is of no use."""
    usable = [row for row in rows if not row["reason"]]
    for row in usable:
        same = [other for other in usable if other["orbit"] == row["orbit"] and other is not row]
        if glacier.pairing.rule == "annual":
            same = [other for other in same if other["season_year"] != row["season_year"]]
        if not same:
            row["reason"] = f"other orbit: no scene of orbit {row['orbit']} to pair it with"


def _shrink(mask, shape):
    rows, columns = (np.minimum((np.arange(n) * m) // n, m - 1) for n, m in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)]
