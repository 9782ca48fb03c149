"""Read, replace and move files safely.

Text files may have any encoding, network reads may fail temporarily, and a killed process must
never leave a partial file. Stores may also lie on an object store, such as S3.
"""

import codecs
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union

if TYPE_CHECKING:
    from upath import UPath

__all__ = [
    "Location",
    "file_sizes",
    "publish",
    "read_record",
    "read_text",
    "redacted",
    "remove",
    "replacing",
    "retry",
    "short_message",
    "write_json",
]

T = TypeVar("T")
#: Path of a file or store, local or of any file system of fsspec.
Location: TypeAlias = Union[Path, "UPath"]
#: Attempts to read a file, in addition to those of GDAL itself.
ATTEMPTS = 3
#: Seconds before the second attempt; doubled before each further one.
PAUSE = 1.0
#: File without which a Zarr store cannot be opened.
ZARR_ROOT = "zarr.json"
#: Maximum length of an error message, characters.
MESSAGE_LENGTH = 100
#: User, password and query string of a URL, which may be secrets.
USER_INFO = re.compile(r"(?<=://)[^/\s'\"<>?#]*@")
QUERY = re.compile(r"(?<![\w/])(\w[\w+.-]*://[^\s'\"<>?]*)\?[^\s'\"<>)\]]*")


def read_text(path: str | Path) -> str:
    """Read a text file, whatever its encoding.

    UTF-8 is tried first. A byte order mark is dropped. A file that is not UTF-8 is read as
    Windows-1252, the superset of Latin-1 that Western editors write.

    Parameters
    ----------
    path : str or Path
        File to read.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    OSError
        If it cannot be read, or is not a regular file.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise OSError(f"{path} is not a regular file")  # reading a pipe would block forever
    content = Path(path).read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def redacted(text: str) -> str:
    """Take user names, passwords and queries out of the URLs in a text.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text without possible secrets.

    Examples
    --------
    >>> redacted("http://me:secret@host/a.tif?sig=key could not be read")
    'http://host/a.tif could not be read'
    """
    return QUERY.sub(r"\1", USER_INFO.sub("", text))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or folder under a temporary name and rename it once it is complete.

    Parameters
    ----------
    path : Path
        Final name. An existing file or folder is replaced.

    Yields
    ------
    Path
        Temporary path to write to. It has the same suffix, for drivers that choose a format by the
        suffix. If the block raises, it is removed and `path` is left unchanged.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "claims.json"
    >>> with replacing(target) as partial:
    ...     _ = partial.write_text("{}")
    >>> target.read_text()
    '{}'
    """
    path = Path(path)
    # The name is unique, so that several processes or threads can write the same file.
    mark = f"{os.getpid()}-{threading.get_ident()}"
    partial = path.with_name(f"{path.stem}.{mark}.part{path.suffix}")
    remove(partial)
    try:
        yield partial
        if path.is_dir() and not path.is_symlink():
            previous = path.with_name(f"{path.name}.{mark}.old")
            path.rename(previous)
            partial.rename(path)
            remove(previous)
        else:
            if partial.is_dir():
                path.unlink(missing_ok=True)
            partial.replace(path)
    finally:
        remove(partial)


def remove(path: Location) -> None:
    """Remove a file, folder or store if it exists.

    Parameters
    ----------
    path : Path or upath.UPath
        Path to remove.
    """
    if not isinstance(path, Path):
        if (path / ZARR_ROOT).exists():  # a partly removed store must not be opened
            path.fs.rm_file(f"{path.path}/{ZARR_ROOT}")
        if path.exists():
            path.fs.rm(path.path, recursive=True)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def publish(source: Location, target: Location) -> None:
    """Make a finished store available under its final name, replacing another one.

    Parameters
    ----------
    source, target : Path or upath.UPath
        Present and final path, on the same file system. A local store is renamed. On an object
        store, every object is copied, first the chunks and last the root of the store, which cannot
        be opened before it is complete; `source` is left.
    """
    remove(target)
    if isinstance(source, Path):
        source.rename(str(target))
        return
    root = f"{source.path}/{ZARR_ROOT}"
    chunks = [name for name in source.fs.find(source.path) if name != root]
    source.fs.copy(chunks, [f"{target}{name.removeprefix(source.path)}" for name in chunks])
    source.fs.copy(root, f"{target}/{ZARR_ROOT}")


def write_json(path: Path, content: Any, indent: int | None = 1) -> None:
    """Write a JSON file completely or not at all.

    Parameters
    ----------
    path : Path
        File to write.
    content : Any
        Value that can be stored as JSON.
    indent : int or None, optional
        Spaces per level; None for one line.
    """
    with replacing(path) as partial:
        text = json.dumps(content, indent=indent, ensure_ascii=False)
        partial.write_text(text, encoding="utf-8")


def file_sizes(path: Location) -> list[int]:
    """List the sizes of a file, or of all files of a store.

    Parameters
    ----------
    path : Path or upath.UPath
        File, folder or store.

    Returns
    -------
    list of int
        Bytes of each file; empty if the path does not exist.
    """
    if not isinstance(path, Path):
        path.fs.invalidate_cache()  # other processes write to it
        return [entry["size"] for entry in path.fs.find(path.path, detail=True).values()]
    files = [path] if path.is_file() else path.rglob("*")
    return [file.stat().st_size for file in files if file.is_file()]


def read_record(path: Path) -> dict[str, Any]:
    """Read a JSON record written by gdiv.

    Parameters
    ----------
    path : Path
        File from `write_json`.

    Returns
    -------
    dict
        Its content; empty if the file is missing or damaged, in which case the recorded work is
        repeated.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def retry(read: Callable[[], T]) -> T:
    """Call a function until it succeeds; raise the error of the last attempt.

    Parameters
    ----------
    read : callable
        Function without arguments that reads a remote resource. `OSError` and `RuntimeError` are
        treated as temporary.

    Returns
    -------
    Any
        The value of `read`.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return read()
        except (OSError, RuntimeError):
            time.sleep(PAUSE * 2**attempt)
    return read()


def short_message(error: Exception) -> str:
    """Shorten an error to one line without links, which may hold a signature or a name.

    Parameters
    ----------
    error : Exception
        Error to report.

    Returns
    -------
    str
        Class of the error and the beginning of its message.
    """
    text = re.sub(r"\S*/\S*", "its file", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:MESSAGE_LENGTH]}"
