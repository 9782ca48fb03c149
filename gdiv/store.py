"""Datasets on disk: written beside their final name, pair by pair, resumed after a kill."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import dask
import xarray as xr
from tqdm import tqdm

import gdiv
from gdiv.velocity.products import with_crs

_OPTIONS = {"consolidated": False, "zarr_format": 3}


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
            journal.with_suffix(".new").write_text(json.dumps({"recipe": recipe, "done": done}), encoding="utf-8")
            journal.with_suffix(".new").replace(journal)
            bar.update(len(batch))
