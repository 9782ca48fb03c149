"""Scenes of the twin in the formats of the archives: names, fields and digital numbers.

Items follow real items of Earth Search and Planetary Computer, including their present and missing
fields, and the offset of processing baseline 04.00.
"""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling

BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "scl": "SCL"}
COG = dict(driver="COG", compress="deflate", blocksize=256)


def write_flavour(twin: Path, folder: Path, flavour: str) -> Path:
    """Write an ItemCollection of `twin` to `folder`, in the format of the archive `flavour`."""
    items = json.loads((twin / "items.json").read_text(encoding="utf-8"))["features"]
    folder.mkdir(parents=True, exist_ok=True)
    features = [MAKERS[flavour](rename_item(item), twin, folder) for item in items]
    (folder / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )
    return folder


def rename_item(item):
    """Name an item of the twin like a real acquisition; each asset keeps its file as `file`."""
    old = item["properties"]
    day = old["datetime"][:10].replace("-", "")
    orbit = old["sat:relative_orbit"]
    satellite = "AB"[int(day) % 2]
    tile = old["grid:code"].removeprefix("MGRS-")
    identifier = f"S2{satellite}_{tile}_{day}_{int(item['id'].endswith('again'))}_L2A"
    moment = f"{day}T102559"
    baseline = old["s2:processing_baseline"].replace(".", "")
    product = f"S2{satellite}_MSIL2A_{moment}_N{baseline}_R{orbit:03d}_T{tile}_{moment}.SAFE"
    left_out = ("gdiv:synthetic", "title", "description", "sat:relative_orbit")
    properties = {key: value for key, value in old.items() if key not in left_out} | {
        "platform": f"sentinel-2{satellite.lower()}",
        "constellation": "sentinel-2",
        "s2:product_uri": product,
    }
    assets = {
        name: asset | {"file": asset["href"], "href": f"./{identifier}/{name}.tif"}
        for name, asset in item["assets"].items()
    }
    return item | {
        "id": identifier,
        "collection": "sentinel-2-l2a",
        "properties": properties,
        "assets": assets,
    }


def without_file(asset):
    """Asset without its key `file`."""
    return {key: value for key, value in asset.items() if key != "file"}


def has_offset(item):
    """Check whether the processing adds 1000 to all numbers."""
    return item["properties"]["s2:processing_baseline"] >= "04.00"


def contains_offset(item):
    """Check whether the files of the twin still contain the offset."""
    return has_offset(item) and not item["properties"]["earthsearch:boa_offset_applied"]


def rewrite(source, target, change, resolution=None, nodata=0):
    """Write a COG of `change(numbers)`, at `resolution` if given."""
    with rasterio.open(source) as file:
        step = 1 if resolution is None else round(resolution / file.res[0])
        shape = file.height // step, file.width // step
        averaged = (
            Resampling.average if resolution and file.dtypes[0] == "uint16" else Resampling.nearest
        )
        edge = rasterio.windows.Window(0, 0, shape[1] * step, shape[0] * step)
        numbers = change(file.read(1, window=edge, out_shape=shape, resampling=averaged))
        transform = file.transform * file.transform.scale(step)
        profile = dict(
            dtype=numbers.dtype,
            count=1,
            height=shape[0],
            width=shape[1],
            nodata=nodata,
            crs=file.crs,
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(target, "w", transform=transform, **profile, **COG) as file:
        file.write(numbers, 1)
    return {"proj:shape": list(shape), "proj:transform": list(transform)[:6]}


def raw(item, name):
    """Return a function that converts the twin's numbers to those of the agency with offset."""
    add = 1000 if name != "scl" and has_offset(item) and not contains_offset(item) else 0
    return lambda numbers: np.where(numbers > 0, numbers + add, 0).astype(numbers.dtype)


def earth_search(item, twin, folder):
    """Keep the names and numbers of the twin, which follow Earth Search."""
    assets = {}
    for name, asset in item["assets"].items():
        rewrite(twin / asset["file"], folder / asset["href"], lambda numbers: numbers)
        assets[name] = without_file(asset)
    return item | {"assets": assets}


def collection_1(item, twin, folder):
    """Collection 1: scale and offset in `raster:bands`, not applied; no flag."""
    properties = {
        k: v for k, v in item["properties"].items() if not k.startswith("earthsearch:boa")
    }
    assets = {}
    for name, asset in item["assets"].items():
        rewrite(twin / asset["file"], folder / asset["href"], raw(item, name))
        band = {
            "nodata": 0,
            "data_type": "uint16",
            "scale": 0.0001,
            "offset": -0.1 if has_offset(item) else 0,
        }
        assets[name] = without_file(asset) | {
            "raster:bands": [band if name != "scl" else {"nodata": 0, "data_type": "uint8"}]
        }
    return item | {"collection": "sentinel-2-c1-l2a", "properties": properties, "assets": assets}


def planetary_computer(item, twin, folder):
    """Bands by number, `proj:code`, other fields for orbit and sun, offset included, no flag."""
    old = item["properties"]
    tile = old["grid:code"].removeprefix("MGRS-")
    properties = {
        "datetime": old["datetime"],
        "platform": old["platform"]
        .replace("sentinel-2a", "Sentinel-2A")
        .replace("sentinel-2b", "Sentinel-2B"),
        "constellation": "Sentinel 2",
        "instruments": ["msi"],
        "eo:cloud_cover": old["eo:cloud_cover"],
        "proj:code": f"EPSG:{old['proj:epsg']}",
        "s2:mgrs_tile": tile,
        "s2:product_uri": old["s2:product_uri"],
        "s2:processing_baseline": old["s2:processing_baseline"],
        "s2:mean_solar_zenith": 90 - old["view:sun_elevation"],
        "s2:mean_solar_azimuth": old["view:sun_azimuth"],
        "sat:orbit_state": "descending",
        "sat:relative_orbit": int(old["s2:product_uri"].split("_R")[1][:3]),
    }
    assets = {}
    for name, asset in item["assets"].items():
        href = f"./{item['id']}/{BANDS[name]}.tif"
        kept = {key: asset[key] for key in ("type", "gsd", "proj:shape", "proj:transform")}
        assets[BANDS[name]] = kept | {"href": href, "roles": ["data"]}
        rewrite(twin / asset["file"], folder / href, raw(item, name))
    return item | {"properties": properties, "assets": assets}


def landsat(item, twin, folder):
    """30 m, scale and offset of Collection 2, clouds as bits of `qa_pixel`, path as orbit."""
    old = item["properties"]
    shown = ("datetime", "eo:cloud_cover", "proj:epsg", "view:sun_azimuth", "view:sun_elevation")
    orbit = int(old["s2:product_uri"].split("_R")[1][:3])
    properties = {key: old[key] for key in shown} | {
        "platform": "landsat-8",
        "landsat:wrs_path": f"{orbit:03d}",
        "landsat:wrs_row": "028",
        "grid:code": f"WRS2-{orbit:03d}028",
    }
    added = 1000 if contains_offset(item) else 0
    band = {
        "nodata": 0,
        "data_type": "uint16",
        "spatial_resolution": 30,
        "scale": 2.75e-05,
        "offset": -0.2,
    }

    def numbers(values):
        reflectance = (values.astype(float) - added) * 1e-4
        return np.where(values > 0, np.round((reflectance + 0.2) / 2.75e-5), 0).astype(np.uint16)

    def bits(classes):
        hidden = (
            1 * (classes == 0)
            | np.isin(classes, (8, 9)) << 3
            | (classes == 10) << 2
            | (classes == 3) << 4
        )
        return (hidden | (classes == 11) << 5 | (hidden == 0) << 6).astype(np.uint16)

    assets = {}
    for name, title, change in (
        ("nir", "nir08", numbers),
        ("scl", "qa_pixel", bits),
        ("red", "red", numbers),
    ):
        if name in item["assets"]:
            href = f"./{item['id']}/{title}.tif"
            fields = rewrite(twin / item["assets"][name]["file"], folder / href, change, 30)
            assets[title] = fields | {"href": href, "roles": ["data"], "raster:bands": [band]}
            if name == "scl":
                assets[title].pop("raster:bands")
    identifier = f"LC08_L2SP_{orbit:03d}028_{old['datetime'][:10].replace('-', '')}_02_T1"
    suffix = "" if not item["id"].endswith("_1_L2A") else "_again"
    return item | {
        "id": identifier + suffix,
        "collection": "landsat-c2-l2",
        "properties": properties,
        "assets": assets,
    }


def hls(item, twin, folder):
    """Scenes of Sentinel-2 at 30 m: signed numbers, void -9999, bits of Fmask, no orbit."""
    old = item["properties"]
    shown = ("datetime", "eo:cloud_cover", "proj:epsg")
    tile = old["grid:code"].removeprefix("MGRS-")
    moment = datetime.fromisoformat(old["datetime"].replace("Z", "+00:00"))
    added = 1000 if contains_offset(item) else 0

    def numbers(values):
        return np.where(values > 0, values.astype(int) - added, -9999).astype(np.int16)

    def bits(classes):
        flags = np.isin(classes, (8, 9, 10)) << 1 | (classes == 3) << 3 | (classes == 11) << 4
        return np.where(classes == 0, 255, flags).astype(np.uint8)

    assets = {}
    for name, title, change, void in (
        ("nir", "B8A", numbers, -9999),
        ("scl", "Fmask", bits, 255),
        ("red", "B04", numbers, -9999),
    ):
        if name in item["assets"]:
            href = f"./{item['id']}/{title}.tif"
            path = twin / item["assets"][name]["file"]
            fields = rewrite(path, folder / href, change, 30, void)
            assets[title] = fields | {"href": href, "roles": ["data"]}
    suffix = "" if not item["id"].endswith("_1_L2A") else ".again"
    return item | {
        "id": f"HLS.S30.T{tile}.{moment:%Y%jT%H%M%S}.v2.0{suffix}",
        "collection": "hls2-s30",
        "properties": {key: old[key] for key in shown} | {"platform": "sentinel-2a"},
        "assets": assets,
    }


MAKERS = {
    "earth-search": earth_search,
    "earth-search-c1": collection_1,
    "planetary-computer": planetary_computer,
    "landsat": landsat,
    "hls": hls,
}
