"""Where the datasets of a run are stored: in its folder, or on an object store."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

from gdiv.extras import MissingPackageError, requires
from gdiv.files import Location, read_record, remove, short_message, write_json
from gdiv.study.workspace import StudyError

__all__ = ["choose_storage", "dataset_folder", "remove_datasets", "zarr_target"]

#: File in the folder of a run that names the location of its datasets.
STORAGE = "storage.json"
#: File beside the datasets that names their run, so that no other run replaces them.
OWNER = "gdiv-run.json"
#: Suffixes of datasets, whole and unfinished.
DATASETS = (".zarr", ".part")
#: A password, or a query, in a URL.
SECRET = re.compile(r"://[^/@]*:[^/@]*@|\?")


def dataset_folder(folder: Path) -> Location:
    """Return the location of the datasets of a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.

    Returns
    -------
    Path or upath.UPath
        ``data`` in the folder, unless the run stores its datasets elsewhere.
    """
    url = read_record(folder / STORAGE).get("url")
    return _open(url) if url else folder / "data"


def choose_storage(folder: Path, url: str = "") -> None:
    """Store the datasets of a run at a URL, and check that it can be used.

    Parameters
    ----------
    folder : Path
        Folder of the run, where all other files stay.
    url : str, optional
        Location that all workers of a cluster can use: a folder, or a URL of fsspec such as
        ``s3://bucket/run``; empty for that of an earlier call, by default the folder itself.

    Raises
    ------
    StudyError
        If the URL contains a password, cannot be used, is not that of an earlier call, is not empty
        at the first call, or has the datasets of another run.
    MissingPackageError
        If a package for this kind of URL is not installed.
    """
    record = read_record(folder / STORAGE)
    url = _absolute(url) if url else record.get("url", "")
    if not url:
        return
    chosen = record.get("url", "")
    if chosen != url and (chosen or any((folder / "data").glob("*.zarr"))):
        raise StudyError(
            f"the datasets of {folder} are in {chosen or folder / 'data'}; omit --store, or use "
            f"another folder for the run"
        )
    identity = record.get("id") or uuid4().hex
    root = _open(url)
    try:
        owner = _claim(root, identity, first=not chosen)
    except Exception as error:  # each file system raises its own errors
        raise StudyError(
            f"the store {url} cannot be used ({short_message(error)}); check its name and the "
            f"credentials in the environment"
        ) from None
    if owner != identity:
        fault = "has the datasets of another run" if owner else "is not empty"
        raise StudyError(f"the store {url} {fault}; use an empty URL of its own for each run")
    if not chosen:
        write_json(folder / STORAGE, {"url": url, "id": identity})


def _claim(root: Location, identity: str, first: bool) -> str:
    """Id of the run that owns a location: this one, if it is free; empty if other files are there.

    A run owns everything at its location, because `remove_datasets` removes it.
    """
    if isinstance(root, Path):
        root.mkdir(parents=True, exist_ok=True)
    owner = root / OWNER
    if owner.exists():
        return str(json.loads(owner.read_text(encoding="utf-8")).get("id"))
    if first and root.exists() and any(True for _ in root.iterdir()):
        return ""
    owner.write_text(json.dumps({"id": identity}), encoding="utf-8")
    return identity


def remove_datasets(folder: Path) -> None:
    """Remove the datasets of a run that are not in its folder.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    """
    if not (folder / STORAGE).exists():
        return
    choose_storage(folder)
    root = dataset_folder(folder)
    contents: Iterable[Location] = root.iterdir()
    for path in list(contents):
        if path.suffix in DATASETS:
            remove(path)
    remove(root / OWNER)


def zarr_target(path: Location) -> dict[str, Any]:
    """Return the arguments with which xarray opens or writes a Zarr store.

    Parameters
    ----------
    path : Path or upath.UPath
        Store.

    Returns
    -------
    dict
        ``store`` and, for remote stores, ``storage_options``, without a cache of listings, since
        other processes replace datasets.
    """
    if isinstance(path, Path):
        return {"store": path}
    return {"store": str(path), "storage_options": dict(path.storage_options)}


def _absolute(url: str) -> str:
    """URL without a secret, or the absolute path of a folder."""
    if SECRET.search(url):
        raise StudyError(
            "--store contains a password or a query; give credentials by the environment variables "
            "of the storage"
        )
    if url.startswith("file:"):
        url = url2pathname(urlsplit(url).path)
    return url if "://" in url else str(Path(url).resolve())


def _open(url: str) -> Location:
    """Path of a folder or at a URL."""
    if "://" not in url:
        return Path(url)
    with requires("cloud", f"the store {url}"):
        from upath import UPath
    try:
        path = UPath(url, use_listings_cache=False)
        path.fs.invalidate_cache()  # imports the package of the protocol
    except ImportError as error:
        raise MissingPackageError(f"the store {url}: {error}") from None
    except ValueError as error:
        raise StudyError(f"the store {url} is not a URL of fsspec ({error})") from None
    return path
