"""Judge each scene by what its item says and its pixels show, and say why.

Each ends as one row of the scene table with a verdict, `use` or `drop`, and its reason.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from gdiv.imagery.archive import SceneError, retry
from gdiv.imagery.cube import SCL_SHADE, classify, load_asset
from gdiv.imagery.items import (
    day_of,
    epsg_of,
    moment_of,
    offset_fields,
    offset_of,
    orbit_of,
    short_message,
    sun_of,
    tile_of,
)

MIN_CLEAR = 0.7  # share of the glacier that must be seen
MAX_CLOUD = 15.0  # percent of the scene, where there is no mask to look at
MAX_SNOW = 0.5  # share of the ground beside the glacier


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
    _require_one_tile(items, glacier)
    wanted = [source.image, source.mask] if masked else [source.image]
    rows = [_row(item, wanted, glacier) for item in items]
    _drop_duplicates(rows)
    coarse = grid.zoom_out(4)
    glacier_coarse, beside_coarse = (_shrink(mask, coarse.shape) for mask in (on_glacier, beside))
    with ThreadPoolExecutor(8) as pool:
        open_rows = [
            (row, item) for row, item in zip(rows, items, strict=True) if not row["reason"]
        ]

        def look(pair):
            row, item = pair
            _look(row, item, source, coarse, glacier_coarse, beside_coarse)

        list(pool.map(look, open_rows))
    _drop_lone_orbits(rows, glacier)
    for row in rows:
        row["verdict"] = "drop" if row["reason"] else "use"
        row["reason"] = row["reason"] or "clear"
    # A source may tell none of them: then nothing says what kind of column they are.
    kinds = {
        "orbit": "Int64",
        "sun_azimuth": float,
        "sun_elevation": float,
        "cloud_cover": float,
        "raster_offset": float,
    }
    return pd.DataFrame(rows).astype(kinds)


def require_enough(table: pd.DataFrame, glacier, years: list[int]) -> None:
    """Stop before long work where the usable scenes cannot make a pair for `years`.

    Raises
    ------
    SceneError
        It says what each season has and lost, and how many scenes would do.
    """
    usable = table[table.verdict == "use"]
    annual = glacier.pairing.rule != "interval"
    least = 1 if annual else 2
    counts = usable.groupby("season_year").size().reindex(years, fill_value=0)
    if (counts >= least).all():
        return
    lost = table[table.verdict == "drop"]
    told = [
        f"{year}: {counts[year]} usable"
        + "".join(f"; {row.id}: {row.reason}" for row in rows.itertuples())
        for year in years
        for rows in [lost[lost.season_year == year]]
    ]
    need = "one scene in each of two seasons" if annual else "two scenes in one season"
    raise SceneError(
        f"too few usable scenes of {glacier.label}: at least {need}, of one orbit, would do.\n  "
        + "\n  ".join(told)
    )


def _require_one_tile(items, glacier):
    """Without a tile in the catalog, scenes of neighbouring tiles would repeat each acquisition."""
    if glacier.tile is None:
        counts = Counter(filter(None, map(tile_of, items)))
        if len(counts) > 1:
            listed = ", ".join(f"{tile} ({count} scenes)" for tile, count in counts.most_common())
            raise SceneError(
                f"scenes of several tiles cover {glacier.label}: {listed}; name one as `tile` in the catalog's entry"
            )


def mark_unreadable(table: pd.DataFrame, stored: list[str]) -> pd.DataFrame:
    """The scene table with those dropped that judged well but, when the cube was stored, could not be read."""
    lost = (table.verdict == "use") & ~table.id.isin(stored)
    return table.assign(
        verdict=table.verdict.mask(lost, "drop"),
        reason=table.reason.mask(lost, "could not be read in full"),
    )


def _row(item, wanted, glacier):
    """What the item itself tells, and the reason to drop it if that is enough."""
    properties, tile, epsg = item["properties"], tile_of(item), epsg_of(item)
    azimuth, elevation = sun_of(item)
    told = offset_fields(item, wanted[0])
    missing = [name for name in wanted if name not in item["assets"]]
    reason = ""
    if missing:
        reason = f"asset {', '.join(missing)} is missing"
    elif not (item.get("bbox") or item.get("geometry")):
        reason = "does not say where it lies: no geometry, no bbox"
    elif epsg is None:
        reason = "does not say its projection: no proj:epsg, no proj:code"
    elif epsg != glacier.epsg:
        reason = f"lies in EPSG:{epsg}, the study in EPSG:{glacier.epsg}"
    elif tile and glacier.tile and tile != glacier.tile:
        reason = f"is tile {tile}, the study's is {glacier.tile}"
    elif properties.get("platform", "").lower() == "landsat-7":
        reason = "is of Landsat 7, whose scenes have gaps since 2003"
    elif any("?" in item["assets"][name]["href"] for name in wanted):
        reason = "its link carries a query, which may be a key, and keys are not stored; sign in the source instead"
    return {
        "id": item["id"],
        "date": pd.Timestamp(moment_of(item)).tz_localize(None),
        "season_year": glacier.season.year_of(day_of(item)),
        "verdict": "",
        "reason": reason,
        "orbit": orbit_of(item),
        "tile": tile,
        "platform": properties.get("platform", ""),
        "baseline": told.baseline or "",
        "offset_flag": told.flag,
        "raster_offset": told.raster,
        "cloud_cover": properties.get("eo:cloud_cover"),
        "sun_azimuth": azimuth,
        "sun_elevation": elevation,
        "clear": np.nan,
        "no_data": np.nan,
        "shadow": np.nan,
        "snow": np.nan,
        "dark": np.nan,
        "offset": np.nan,
        "offset_reason": "",
    }


def _pass(row):
    """What items of one acquisition share. Landsat has no tiles: of neighbours on one path and day one is taken."""
    moment = row["date"] if row["tile"] or row["orbit"] is None else row["date"].normalize()
    return moment, row["orbit"], row["tile"]


def _drop_duplicates(rows):
    """Of several items of one acquisition keep the newest processing baseline."""
    best = {}
    for row in rows:
        key = _pass(row)
        if not row["reason"] and (key not in best or row["baseline"] > best[key]["baseline"]):
            best[key] = row
    for row in rows:
        keeper = best.get(_pass(row))
        if not row["reason"] and keeper is not row:
            newer = f", which has baseline {keeper['baseline']}" if keeper["baseline"] else ""
            row["reason"] = f"duplicate of {keeper['id']}{newer}"


def _look(row, item, source, coarse, on_glacier, beside):
    """Judge a scene by its pixels: clear and snow-free share from the mask, offset from dark pixels."""
    masked = source.mask in item["assets"]
    try:
        numbers = retry(load_asset([item], source, "image", coarse)[0].compute).values
        mask = (
            retry(load_asset([item], source, "mask", coarse)[0].compute).values if masked else None
        )
    except Exception as error:  # any reader's failure: one bad scene must not end the study
        row["reason"] = f"could not be read ({short_message(error)})"
        if item["assets"][source.image]["href"].startswith("s3://"):
            row["reason"] += (
                "; its bucket asks readers to pay: set AWS credentials, or take another source"
            )
        return
    valid = numbers != source.nodata
    if not valid[on_glacier].any():
        row["reason"] = "has no data over the glacier"
        return
    row["no_data"] = float((~valid)[on_glacier].mean())
    row["dark"] = float(np.percentile(numbers[valid], 1))
    row["offset"], row["offset_reason"] = offset_of(item, source, row["dark"])
    if mask is None:
        if (row["cloud_cover"] or 0) > MAX_CLOUD:
            row["reason"] = (
                f"cloud over {row['cloud_cover']:.0f} % of the scene "
                f"(at most {MAX_CLOUD:.0f} %; no mask to look closer)"
            )
        return
    clear, snow = classify(mask, source.mask_kind)
    row["clear"] = float((clear & valid)[on_glacier].mean())
    if source.mask_kind == "scl":
        row["shadow"] = float((mask == SCL_SHADE)[on_glacier].mean())
    seen = beside & clear & valid
    row["snow"] = float(snow[seen].mean()) if seen.any() else np.nan
    if row["clear"] < MIN_CLEAR:
        row["reason"] = (
            f"only {row['clear']:.0%} of the glacier is clear (at least {MIN_CLEAR:.0%})"
        )
    elif row["snow"] > MAX_SNOW:
        row["reason"] = (
            f"snow on {row['snow']:.0%} of the ground beside the glacier (at most {MAX_SNOW:.0%})"
        )


def _drop_lone_orbits(rows, glacier):
    """Drop scenes whose orbit offers no partner: pairs stay within an orbit, except under the paper's rule."""
    if glacier.pairing.rule == "paper":
        return
    usable = [row for row in rows if not row["reason"]]
    for row in usable:
        same = [other for other in usable if other["orbit"] == row["orbit"] and other is not row]
        if glacier.pairing.rule == "annual":
            same = [other for other in same if other["season_year"] != row["season_year"]]
        if not same:
            which = "another season" if row["orbit"] is None else f"orbit {row['orbit']}"
            row["reason"] = f"other orbit: no scene of {which} to pair it with"


def _shrink(mask, shape):
    rows, columns = (
        np.minimum((np.arange(n) * m) // n, m - 1) for n, m in zip(shape, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]
