"""Write and read results, each kind in one format."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from gdiv.extras import requires
from gdiv.files import Location, redacted, replacing, write_json
from gdiv.study.results import Kind
from gdiv.study.resumable import write_dataset
from gdiv.study.storage import zarr_target

__all__ = ["move_links", "read_result", "write_result"]

#: Attribute that marks synthetic results in every table and dataset.
MARKS = ("synthetic",)
#: Columns read as text, even if all their values look like numbers.
TEXT_COLUMNS = ("id", "reference", "secondary", "name", "baseline")


def read_result(path: Location, kind: Kind) -> Any:
    """Read a result.

    Parameters
    ----------
    path : Path or upath.UPath
        File, or store of a dataset.
    kind : Kind
        Kind of the result.

    Returns
    -------
    xarray.Dataset, pandas.DataFrame, list of dict or Raft
        A lazy dataset, a table, STAC items, or a network.
    """
    readers: dict[Kind, Callable[[Any], Any]] = {
        "dataset": _read_dataset,
        "items": _read_items,
        "table": _read_table,
        "weights": _read_weights,
    }
    return readers[kind](path)


def _read_dataset(path: Location) -> xr.Dataset:
    return xr.open_zarr(**zarr_target(path), consolidated=False)


def _read_items(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))["features"]


def _read_table(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str))
    dates = [column for column in table if column == "date" or column.endswith("_date")]
    table = table.astype(dict.fromkeys(dates, "datetime64[ns]"))
    return table.drop(columns=list(MARKS), errors="ignore")


def _read_weights(path: Path) -> Any:
    with requires("train", f"reading {path.name}"):
        from gdiv.flow.raft.checkpoints import load_weights
    return load_weights(path)[0]


def write_result(
    value: Any,
    path: Location,
    kind: Kind,
    crs: int | str,
    card: dict[str, str],
    journal: Path | None = None,
) -> None:
    """Write a result, completely or not at all.

    Parameters
    ----------
    value : Any
        Value of the kind.
    path : Path or upath.UPath
        Final file, or store of a dataset.
    kind : Kind
        Kind of the result.
    crs : int or str
        CRS of datasets.
    card : dict
        Provenance. Weights store all of it, tables and datasets only the mark of synthetic data.
    journal : Path, optional
        As for `gdiv.study.resumable.write_dataset`.
    """
    marks = {name: card[name] for name in MARKS if name in card}
    if kind == "dataset":
        for scene in write_dataset(value.assign_attrs(marks), path, crs, journal):
            print(f"omitted: {scene}")
        return
    file = Path(str(path))
    if kind == "table":
        with replacing(file) as partial:
            value.assign(**marks).to_csv(partial, index=False)
    elif kind == "items":
        write_json(file, {"type": "FeatureCollection", "features": value})
    else:
        from gdiv.flow.raft.checkpoints import save_weights

        save_weights(value, file, **card)


def move_links(items: list[dict[str, Any]], folder: Path, absolute: bool) -> list[dict[str, Any]]:
    """Make the links of items to local files relative to a folder, or absolute.

    Signatures are removed; they are recreated when a link is used. User names, passwords and
    queries are removed from all URLs of an item.

    Parameters
    ----------
    items : list of dict
        STAC items.
    folder : Path
        Folder to which links are relative.
    absolute : bool
        Make links absolute instead of relative.

    Returns
    -------
    list of dict
        Copies of the items.
    """
    moved = []
    for item in items:
        assets = {}
        listed = item.get("assets")
        for name, asset in listed.items() if isinstance(listed, dict) else ():
            link = asset.get("href") if isinstance(asset, dict) else None
            if link and isinstance(link, str):
                assets[name] = _without_secrets(asset)
                assets[name]["href"] = _move_link(redacted(link), folder, absolute)
        moved.append(_without_secrets(item | {"assets": {}}) | {"assets": assets, "links": []})
    return moved


def _without_secrets(value: Any) -> Any:
    """Copy of a JSON value with `redacted` texts."""
    if isinstance(value, dict):
        return {key: _without_secrets(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return redacted(value) if isinstance(value, str) and "://" in value else value


def _move_link(link: str, folder: Path, absolute: bool) -> str:
    """Make one link relative to a folder, or absolute; URLs are left unchanged."""
    if "://" in link:
        return link
    if absolute:
        return str((folder / link).resolve())
    try:
        return os.path.relpath(link, folder)
    except ValueError:  # another drive on Windows
        return str(Path(link).resolve())
