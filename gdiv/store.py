"""Results on disk, written beside their final name, so that a kill never leaves half a one; pair by pair, resumed."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask
import geopandas as gpd
import pandas as pd
import xarray as xr
from tqdm import tqdm

import gdiv
from gdiv.flow.checkpoints import load_weights, save_weights
from gdiv.flow.raft import Raft
from gdiv.velocity.products import with_crs

SUFFIXES = (".zarr", ".csv", ".json", ".geojson", ".safetensors")
_OPTIONS = {"consolidated": False, "zarr_format": 3}


def find_result(stem: Path) -> Path:
    """The file or store that is `stem` with a suffix by its kind; the one a dataset would have if there is none yet."""
    places = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    return next((place for place in places if place.exists()), places[0])


def read_result(path: Path) -> Any:
    """What lies at `path`: a lazy Dataset, a table, a GeoDataFrame, a network, or the value of a JSON file."""
    if path.suffix == ".safetensors":
        return load_weights(path)[0]
    if path.suffix == ".zarr":
        return xr.open_zarr(path, consolidated=False)
    if path.suffix == ".csv":
        table = pd.read_csv(path)
        dates = [column for column in table if column == "date" or column.endswith("_date")]
        return table.astype(dict.fromkeys(dates, "datetime64[ns]"))
    if path.suffix == ".geojson":
        return gpd.read_file(path)
    return json.loads(path.read_text(encoding="utf-8"))


def write_result(value: Any, stem: Path, epsg: int, card: dict[str, str]) -> Path:
    """Write `value` to `stem` with a suffix by its kind; datasets get their CRS, networks their `card`."""
    kinds = {xr.Dataset: ".zarr", Raft: ".safetensors", gpd.GeoDataFrame: ".geojson", pd.DataFrame: ".csv"}
    suffix = next((suffix for kind, suffix in kinds.items() if isinstance(value, kind)), ".json")
    final = stem.with_name(stem.name + suffix)
    partial = stem.with_name(f"{stem.name}.part{suffix}")
    if suffix == ".zarr":
        write_dataset(value, final, epsg)
    elif suffix == ".safetensors":
        save_weights(value, final, **card)
    elif suffix == ".json":
        write_json(final, value)
    else:
        value.to_csv(partial, index=False) if suffix == ".csv" else value.to_file(partial, driver="GeoJSON")
        partial.replace(final)
    return final


def write_json(path: Path, content: Any) -> None:
    """Write `content` as the JSON file `path`, which is replaced only when the new one is whole."""
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def write_dataset(dataset: xr.Dataset, final: Path, epsg: int) -> None:
    """Write `dataset` with its CRS as the Zarr store `final`, which is replaced only when the new one is whole.

    A lazy dataset with a `pair` dimension is computed and stored pair by pair; a journal beside the store lets
    the next call of the same content go on from there.
    """
    dataset = dataset.drop_encoding().drop_vars(("spatial_ref", "mapping"), errors="ignore")
    recipe = json.dumps([dataset.attrs, str(dataset.coords), gdiv.code_hash()], default=str)
    # Whatever is computed from this store carries the time on, so that it is not resumed over new input.
    dataset = with_crs(dataset.assign_attrs(written=datetime.now(UTC).isoformat()), epsg)
    partial, journal = final.with_suffix(".part"), final.with_suffix(".journal.json")
    if "pair" in dataset.dims and dataset.chunks:
        _write_pairs(dataset, partial, journal, recipe)
    else:
        shutil.rmtree(partial, ignore_errors=True)
        dataset.to_zarr(partial, mode="w", **_OPTIONS)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    journal.unlink(missing_ok=True)


def _write_pairs(dataset, partial, journal, recipe):
    known = json.loads(journal.read_text(encoding="utf-8")) if journal.exists() and partial.exists() else {}
    done = known.get("done", []) if known.get("recipe") == recipe else []
    if not done:
        shutil.rmtree(partial, ignore_errors=True)
        dataset.to_zarr(partial, mode="w", compute=False, **_OPTIONS)
    by_pair = dataset[[name for name in dataset.data_vars if "pair" in dataset[name].dims]]
    by_pair = by_pair.drop_vars([name for name in by_pair.coords if name != "pair"])  # stored with the template
    waiting = [index for index in range(dataset.sizes["pair"]) if index not in done]
    workers = min(os.cpu_count() or 1, 8)
    with tqdm(total=dataset.sizes["pair"], initial=len(done), desc=partial.stem, unit="pair", file=sys.stdout) as bar:
        for start in range(0, len(waiting), workers):
            batch = waiting[start : start + workers]
            for index, part in zip(batch, dask.compute(*(by_pair.isel(pair=[i]) for i in batch)), strict=True):
                part.to_zarr(partial, region={"pair": slice(index, index + 1)}, **_OPTIONS)
            done += batch
            write_json(journal, {"recipe": recipe, "done": done})
            bar.update(len(batch))
