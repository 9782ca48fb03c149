"""Where the datasets of a run are stored: in its folder, or on an object store."""

from pathlib import Path

from gdiv.extras import MissingPackageError, requires
from gdiv.files import Location, read_record, redacted, short_message, write_json
from gdiv.study.workspace import StudyError

__all__ = ["choose_storage", "dataset_folder"]

#: File in the folder of a run that names the location of its datasets.
STORAGE = "storage.json"


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


def choose_storage(folder: Path, url: str) -> None:
    """Store the datasets of a run at a URL, and check that it can be written to.

    Parameters
    ----------
    folder : Path
        Folder of the run, where all other files stay.
    url : str
        Location that all workers of a cluster can use: a folder, or a URL of fsspec such as
        ``s3://bucket/run``; empty for that of an earlier call, by default the folder itself.

    Raises
    ------
    StudyError
        If the URL contains a password, cannot be written to, or is not that of an earlier call.
    MissingPackageError
        If a package for this kind of URL is not installed.
    """
    if not url:
        return
    if redacted(url) != url:
        raise StudyError(
            "--store contains a user name, password or query; give credentials by the environment "
            "variables of the storage"
        )
    url = url.removeprefix("file://")
    url = url if "://" in url else str(Path(url).resolve())
    chosen = read_record(folder / STORAGE).get("url", "")
    if chosen != url and (chosen or any((folder / "data").glob("*.zarr"))):
        raise StudyError(
            f"the datasets of {folder} are in {chosen or folder / 'data'}; omit --store, or name "
            f"another folder: --workspace DIR"
        )
    root = _open(url)
    try:
        if isinstance(root, Path):
            root.mkdir(parents=True, exist_ok=True)
        probe = root / ".writable"
        probe.write_bytes(b"gdiv")
        probe.unlink()
    except Exception as error:  # each file system raises its own errors
        raise StudyError(
            f"cannot write to the store {url} ({short_message(error)}); check its name and the "
            f"credentials in the environment"
        ) from None
    write_json(folder / STORAGE, {"url": url})


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
