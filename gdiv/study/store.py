"""Atomic, resumable storage of results."""

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask
import geopandas as gpd
import pandas as pd
import xarray as xr
from tqdm import tqdm

import gdiv
from gdiv.extras import requires
from gdiv.imagery.archive import retry
from gdiv.imagery.items import short_message
from gdiv.velocity.annual import ROWS
from gdiv.velocity.products import with_crs

SUFFIXES = (".zarr", ".csv", ".json", ".geojson", ".safetensors")
MARKS = ("synthetic",)  # entries of a card that every table and dataset repeats
_OPTIONS: dict[str, Any] = {"consolidated": False, "zarr_format": 3}


def find_result(stem: Path) -> Path:
    """The file or store that is `stem` with a suffix by its kind; the one a dataset would have if there is none yet."""
    places = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    return next((place for place in places if place.exists()), places[0])


def read_result(path: Path) -> Any:
    """What lies at `path`: a lazy Dataset, a table, a GeoDataFrame, a network, or the value of a JSON file."""
    if path.suffix == ".safetensors":
        with requires("train", f"reading {path.name}"):
            from gdiv.flow.raft.checkpoints import load_weights
        return load_weights(path)[0]
    if path.suffix == ".zarr":
        return xr.open_zarr(path, consolidated=False)
    if path.suffix == ".csv":
        table = pd.read_csv(
            path, dtype=dict.fromkeys(("id", "reference", "secondary", "name", "baseline"), str)
        )
        dates = [column for column in table if column == "date" or column.endswith("_date")]
        table = table.astype(dict.fromkeys(dates, "datetime64[ns]"))
        return table.drop(columns=list(MARKS), errors="ignore")
    if path.suffix == ".geojson":
        return gpd.read_file(path).drop(columns=list(MARKS), errors="ignore")
    return json.loads(path.read_text(encoding="utf-8"))


def write_result(value: Any, stem: Path, epsg: int, card: dict[str, str]) -> Path:
    """Write `value` to `stem` with a suffix by its kind; datasets get their CRS, networks their `card`.

    Scenes of a cube that could not be read are named on the way.
    """
    kinds = {xr.Dataset: ".zarr", gpd.GeoDataFrame: ".geojson", pd.DataFrame: ".csv"}
    suffix = next((suffix for kind, suffix in kinds.items() if isinstance(value, kind)), ".json")
    if (
        type(value).__name__ == "Raft"
    ):  # by name: the class needs PyTorch, which may not be installed
        suffix = ".safetensors"
    if mark := {name: card[name] for name in MARKS if name in card}:
        value = _marked(value, suffix, mark)
    final = stem.with_name(stem.name + suffix)
    partial = stem.with_name(f"{stem.name}.part{suffix}")
    if suffix == ".zarr":
        for scene in write_dataset(value, final, epsg):
            print(f"left out: {scene}")
    elif suffix == ".safetensors":
        from gdiv.flow.raft.checkpoints import save_weights

        save_weights(value, final, **card)
    elif suffix == ".json":
        write_json(final, value)
    else:
        value.to_csv(partial, index=False) if suffix == ".csv" else value.to_file(
            partial, driver="GeoJSON"
        )
        partial.replace(final)
    return final


def _marked(value, suffix, mark):
    """A table with the mark as columns, a dataset with it as attributes; items and weights have their own."""
    if suffix == ".zarr":
        return value.assign_attrs(mark)
    return value.assign(**mark) if suffix in (".csv", ".geojson") else value


def write_json(path: Path, content: Any) -> None:
    """Write `content` as the JSON file `path`, which is replaced only when the new one is whole."""
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)


def write_dataset(dataset: xr.Dataset, final: Path, epsg: int) -> list[str]:
    """Write `dataset` with its CRS as the Zarr store `final`, which is replaced only when the new one is whole.

    A lazy dataset of pairs or scenes is computed and stored one by one; a journal beside the store lets the next call
    of the same content go on from there. A scene that cannot be read is asked for again; if it still cannot, the
    store goes without it.

    Returns
    -------
    list of str
        The scenes that the store goes without, each with the reason.
    """
    dataset = dataset.drop_encoding().drop_vars(("spatial_ref", "mapping"), errors="ignore")
    recipe = json.dumps([dataset.attrs, str(dataset.coords), gdiv.code_hash()], default=str)
    # Whatever is computed from this store carries the time on, so that it is not resumed over new input.
    dataset = with_crs(dataset.assign_attrs(written=datetime.now(UTC).isoformat()), epsg)
    partial, journal = final.with_suffix(".part"), final.with_suffix(".journal.json")
    dim = next((dim for dim in ("pair", "scene") if dim in dataset.dims and dataset.chunks), None)
    lost = {}
    if dim:
        lost = _write_parts(dataset, dim, partial, journal, recipe)
        if lost:
            partial = _without(list(lost), partial, final.with_suffix(".whole.part"))
    else:
        shutil.rmtree(partial, ignore_errors=True)
        dataset.to_zarr(partial, mode="w", **_OPTIONS)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    shutil.rmtree(final.with_suffix(".part"), ignore_errors=True)
    journal.unlink(missing_ok=True)
    return [f"{dataset.attrs['scene_ids'][index]} {reason}" for index, reason in lost.items()]


def _write_parts(dataset, dim, partial, journal, recipe):
    """Each pair or scene in turn, some at once; of scenes those that could not be read, by index, and why."""
    known = (
        json.loads(journal.read_text(encoding="utf-8"))
        if journal.exists() and partial.exists()
        else {}
    )
    done = known.get("done", []) if known.get("recipe") == recipe else []
    if not done:
        journal.unlink(missing_ok=True)  # it tells of what is thrown away now
        shutil.rmtree(partial, ignore_errors=True)
        chunks = {  # a pair is written whole, and all pairs are read some rows at a time
            name: {"chunks": (1, min(ROWS, dataset.sizes["y"]), dataset.sizes["x"])}
            for name, variable in dataset.data_vars.items()
            if variable.dims == ("pair", "y", "x")
        }
        dataset.to_zarr(partial, mode="w", compute=False, encoding=chunks, **_OPTIONS)
    parts = dataset[[name for name in dataset.data_vars if dim in dataset[name].dims]]
    parts = parts.drop_vars(
        [name for name in parts.coords if name != dim]
    )  # stored with the template
    waiting, lost = [index for index in range(dataset.sizes[dim]) if index not in done], {}
    workers = min(os.cpu_count() or 1, 8)
    with tqdm(
        total=dataset.sizes[dim], initial=len(done), desc=partial.stem, unit=dim, file=sys.stdout
    ) as bar:
        for start in range(0, len(waiting), workers):
            batch = waiting[start : start + workers]
            if dim == "scene":
                with ThreadPoolExecutor(workers) as pool:
                    read = dict(
                        zip(
                            batch,
                            pool.map(_computed, [parts.isel(scene=[i]) for i in batch]),
                            strict=True,
                        )
                    )
                lost |= {index: part for index, part in read.items() if isinstance(part, str)}
                read = {index: part for index, part in read.items() if index not in lost}
            else:
                read = dict(
                    zip(batch, dask.compute(*(parts.isel(pair=[i]) for i in batch)), strict=True)
                )
            for index, part in read.items():
                part.to_zarr(partial, region={dim: slice(index, index + 1)}, **_OPTIONS)
            done += list(read)
            write_json(journal, {"recipe": recipe, "done": done})
            bar.update(len(batch))
    if len(lost) == dataset.sizes[dim]:
        raise OSError(
            f"none of the {len(lost)} scenes could be read; the first {next(iter(lost.values()))}"
        )
    return lost


def _computed(part):
    """A lazy part computed, or the reason why it cannot be: one bad file must not end a long load."""
    try:
        return retry(part.compute)
    except (OSError, RuntimeError) as error:
        return f"could not be read ({short_message(error)})"


def _without(lost, partial, whole):
    """The store `partial` copied to `whole` without some of its scenes."""
    shutil.rmtree(whole, ignore_errors=True)
    with xr.open_zarr(partial, consolidated=False) as written:
        kept = [index for index in range(written.sizes["scene"]) if index not in lost]
        of = {
            name: [written.attrs[name][index] for index in kept]
            for name in ("scene_ids", "offsets")
        }
        written.isel(scene=kept).drop_encoding().chunk(scene=1).assign_attrs(of).to_zarr(
            whole, **_OPTIONS
        )
    return whole
