"""Write datasets of many scenes or pairs one by one, and resume after an interruption."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import xarray as xr
from dask.base import compute, tokenize
from tqdm import tqdm
from zarr.codecs import ZstdCodec

from gdiv.files import (
    ZARR_ROOT,
    Location,
    publish,
    read_record,
    remove,
    retry,
    short_message,
    write_json,
)
from gdiv.study.cluster import compute_threads
from gdiv.study.integrity import describe_damage, measure_size
from gdiv.study.provenance import code_hash
from gdiv.study.space import check_space
from gdiv.study.storage import zarr_target
from gdiv.velocity.annual import ROWS
from gdiv.velocity.export import with_crs

__all__ = ["ATTEMPT", "write_dataset"]

#: Environment variable with a hash of all inputs of a notebook. If an interrupted run is repeated
#: with the same hash, its finished stores are kept.
ATTEMPT = "GDIV_ATTEMPT"

#: Dimensions along which a lazy dataset is written in parts.
Dimension = Literal["pair", "scene"]
_OPTIONS: dict[str, Any] = {"consolidated": False, "zarr_format": 3}


def write_dataset(
    dataset: xr.Dataset, path: Location, crs: int | str, journal: Path | None = None
) -> list[str]:
    """Write a dataset with its CRS as a Zarr store.

    A lazy dataset of pairs or scenes is computed and stored in parts. A journal beside the store
    allows the next call with the same content to resume. If an interrupted notebook runs again, the
    stores that it had completed are kept. Reading a scene is retried; if it still fails, the scene
    is omitted from the store.

    Parameters
    ----------
    dataset : xarray.Dataset
        Dataset to write, lazy or in memory.
    path : Path or upath.UPath
        Store, replaced once the new one is complete.
    crs : int or str
        EPSG code or WKT of its coordinates.
    journal : Path, optional
        File that lists the stored parts; by default beside the store, which must then be local.

    Returns
    -------
    list of str
        Ids of the scenes that could not be read, each with the reason.

    Raises
    ------
    OSError
        If no scene could be read.
    """
    dataset = dataset.drop_encoding().drop_vars(("spatial_ref", "mapping"), errors="ignore")
    attempt = os.environ.get(ATTEMPT, "")
    coords = {str(name): dataset[name].values for name in dataset.coords}
    # A hash, because coordinates such as the map scale are as large as a scene.
    recipe = tokenize(dataset.attrs, coords, code_hash(), attempt)
    # Datasets computed from this store copy the time, so that they do not resume with changed
    # input.
    dataset = with_crs(dataset.assign_attrs(written=datetime.now(UTC).isoformat()), crs)
    partial = path.with_suffix(".part")
    journal = journal or Path(str(path)).with_suffix(".journal.json")
    dimension = _dimension_of_parts(dataset)
    if dimension and attempt and _is_complete(path, journal, recipe):
        print(f"{path.stem}: finished before the interruption, kept")
        return []
    check_space(dataset, path)
    failed: dict[int, str] = {}
    if dimension:
        failed = _write_parts(dataset, dimension, partial, journal, recipe)
        if failed:
            partial = _without_scenes(set(failed), partial, path.with_suffix(".whole.part"))
    else:
        remove(partial)
        encoding = _checksum_encoding(dataset)
        dataset.to_zarr(**zarr_target(partial), mode="w", encoding=encoding, **_OPTIONS)
    publish(partial, path)
    if dimension and attempt and not failed:
        write_json(journal, {"recipe": recipe, "complete": measure_size(path)})
    else:
        journal.unlink(missing_ok=True)
    # The journal no longer refers to the parts.
    remove(partial)
    remove(path.with_suffix(".part"))
    return [f"{dataset.scene.values[index]} {reason}" for index, reason in failed.items()]


def _dimension_of_parts(dataset: xr.Dataset) -> Dimension | None:
    """Dimension along which a lazy dataset is written in parts; None for one in memory."""
    if dataset.chunks:
        if "pair" in dataset.dims:
            return "pair"
        if "scene" in dataset.dims:
            return "scene"
    return None


def _write_parts(
    dataset: xr.Dataset, dimension: Dimension, partial: Location, journal: Path, recipe: str
) -> dict[int, str]:
    """Write each pair or scene; return the scenes that failed, by index, with the reason."""
    done = _resume(journal, partial, recipe)
    if not done:
        _write_template(dataset, partial, journal)
    parts = _parts(dataset, dimension)
    count = dataset.sizes[dimension]
    waiting = [index for index in range(count) if index not in done]
    workers = compute_threads()
    failed: dict[int, str] = {}
    with tqdm(
        total=count, initial=len(done), desc=partial.stem, unit=dimension, file=sys.stdout
    ) as bar:
        if dimension == "pair" and _in_blocks(dataset):
            workers = 1  # the blocks of a part are computed in parallel
        for start in range(0, len(waiting), workers):
            batch = waiting[start : start + workers]
            computed, errors = _compute(parts, dimension, batch)
            failed |= errors
            for index, part in computed.items():
                region: dict[str, slice] = {dimension: slice(index, index + 1)}
                part.to_zarr(**zarr_target(partial), region=region, **_OPTIONS)
            done += list(computed)
            write_json(journal, {"recipe": recipe, "done": done})
            bar.update(len(batch))
    if len(failed) == count:
        first = next(iter(failed.values()))
        raise OSError(f"none of the {count} scenes could be read; first error: {first}")
    return failed


def _in_blocks(dataset: xr.Dataset) -> bool:
    """Check whether pairs are matched in blocks, which are stored as they finish."""
    return len(dataset.chunks.get("y", ())) > 1


def _parts(dataset: xr.Dataset, dimension: Dimension) -> xr.Dataset:
    """Select the variables written in parts; other coordinates are stored with the template."""
    parts = dataset[[name for name in dataset.data_vars if dimension in dataset[name].dims]]
    return parts.drop_vars([name for name in parts.coords if name != dimension])


def _is_complete(path: Location, journal: Path, recipe: str) -> bool:
    """Check whether an earlier call with the same recipe finished the store undamaged."""
    content = read_record(journal)
    complete = content.get("complete")
    return (
        content.get("recipe") == recipe
        and complete is not None
        and not describe_damage(path, complete)
    )


def _resume(journal: Path, partial: Location, recipe: str) -> list[int]:
    """Indices of the parts that an interrupted call with the same recipe has written."""
    if not (partial / ZARR_ROOT).exists():
        return []
    content = read_record(journal)
    return content.get("done", []) if content.get("recipe") == recipe else []


def _write_template(dataset: xr.Dataset, partial: Location, journal: Path) -> None:
    """Write the store without its data, and discard an earlier one."""
    journal.unlink(missing_ok=True)
    remove(partial)
    # Each pair is written whole, but all pairs are read a few rows at a time.
    encoding = _checksum_encoding(dataset)
    for name, variable in dataset.data_vars.items():
        if variable.dims == ("pair", "y", "x"):
            chunks = (1, min(ROWS, dataset.sizes["y"]), dataset.sizes["x"])
            encoding[name] = encoding.get(name, {}) | {"chunks": chunks}
    dataset.to_zarr(**zarr_target(partial), mode="w", compute=False, encoding=encoding, **_OPTIONS)


def _checksum_encoding(dataset: xr.Dataset) -> dict[Any, dict[str, Any]]:
    """Encoding that adds a checksum to each chunk of numbers, so that flipped bits are found."""
    codec = ZstdCodec(level=0, checksum=True)
    numbers = [
        name for name, variable in dataset.variables.items() if variable.dtype.kind in "biuf"
    ]
    return {name: {"compressors": (codec,)} for name in numbers}


def _compute(
    parts: xr.Dataset, dimension: Dimension, batch: list[int]
) -> tuple[dict[int, xr.Dataset], dict[int, str]]:
    """Compute a batch of parts; return those that succeeded, and the errors of scenes."""
    selected = [parts.isel({dimension: [index]}) for index in batch]
    if dimension == "pair" and _in_blocks(parts):
        return dict(zip(batch, selected, strict=True)), {}  # computed while being stored
    if dimension == "pair":
        return dict(zip(batch, compute(*selected), strict=True)), {}
    with ThreadPoolExecutor(len(batch)) as pool:
        read = dict(zip(batch, pool.map(_read_scene, selected), strict=True))
    errors = {index: part for index, part in read.items() if isinstance(part, str)}
    computed = {index: part for index, part in read.items() if not isinstance(part, str)}
    return computed, errors


def _read_scene(part: xr.Dataset) -> xr.Dataset | str:
    """Read a scene, or return the error, since one bad file must not end a long load."""
    try:
        return retry(part.compute)
    except (OSError, RuntimeError) as error:
        return f"could not be read ({short_message(error)})"


def _without_scenes(failed: set[int], partial: Location, whole: Location) -> Location:
    """Copy the store `partial` to `whole` without the scenes that failed."""
    remove(whole)
    with xr.open_zarr(**zarr_target(partial), consolidated=False) as written:
        kept = [index for index in range(written.sizes["scene"]) if index not in failed]
        selected = written.isel(scene=kept).drop_encoding().chunk(scene=1)
        selected.to_zarr(**zarr_target(whole), encoding=_checksum_encoding(selected), **_OPTIONS)
    return whole
