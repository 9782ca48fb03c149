"""Folder of a run: its default path, a check that it is usable, and a lock on it."""

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from gdiv.catalog import load_catalog
from gdiv.installation import checkout

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = [
    "StudyError",
    "default_workspace",
    "locked",
    "prepare",
    "relative",
    "split_source",
]

#: File that is locked while a study runs.
LOCK = "run.lock"
#: Offset of the byte locked on Windows, far beyond the text of the file.
LOCKED_BYTE = 1 << 20
#: Operating system errors that indicate that another process holds the lock.
LOCK_ERRORS = (errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK)


class StudyError(RuntimeError):
    """An unusable or incomplete workspace; the message names the fault and the cure."""


def split_source(name: str) -> tuple[str, str]:
    """Split the name of a source into a key of the catalog and a location.

    Parameters
    ----------
    name : str
        KEY@FILE, KEY@URL, or either alone.

    Returns
    -------
    key : str
        Key of the catalog; empty if there is none.
    location : str
        File or URL; the whole name if the part before ``@`` is not a key.

    Examples
    --------
    >>> split_source("earth-search@https://example.org/stac")
    ('earth-search', 'https://example.org/stac')
    >>> split_source("user@example/items.json")
    ('', 'user@example/items.json')
    """
    key, separator, location = name.partition("@")
    if separator and key in load_catalog().sources:
        return key, location
    return "", name


def default_workspace(glacier: str, profile: str, source: str) -> Path:
    """Return the default folder of a run.

    Parameters
    ----------
    glacier, profile : str
        Keys of the catalog.
    source : str
        Name of the source, as for `gdiv.open_study`; empty for that of the profile.

    Returns
    -------
    Path
        ``runs/GLACIER-PROFILE[-SOURCE]`` in the checkout, or in the current folder for an installed
        gdiv. A STAC API is labelled by its host, and an ItemCollection by its folder.
    """
    root = checkout() or Path.cwd()
    _, location = split_source(source)
    if not location:
        label = ""
    elif "//" in location:
        label = "-" + location.split("/")[2]
    elif Path(location).suffix:
        label = "-" + Path(location).resolve().parent.name
    else:
        label = "-" + location
    return root / "runs" / f"{glacier}-{profile}{label}"


def prepare(folder: Path) -> None:
    """Create a workspace and check that files can be written to it.

    Parameters
    ----------
    folder : Path
        Workspace; its subfolder ``data`` is created as well.

    Raises
    ------
    StudyError
        If it is a file, or cannot be created or written to.
    """
    if "{" in str(folder) or "}" in str(folder):  # papermill interprets braces as parameters
        raise StudyError(
            f"the workspace {folder} has a brace in its path; choose another: --workspace DIR"
        )
    data = folder / "data"
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError):
        raise StudyError(
            f"the workspace {folder} is a file, or lies below one; name a folder: --workspace DIR"
        ) from None
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(folder: Path, error: OSError) -> StudyError:
    """Error for a workspace without the right to write."""
    return StudyError(
        f"cannot write to the workspace {folder} ({error.strerror or error}); "
        f"choose a writable folder: --workspace DIR"
    )


def relative(path: str | Path, start: Path) -> str:
    """Make a path relative to a folder.

    Parameters
    ----------
    path : str or Path
        File or folder.
    start : Path
        Folder to which the path becomes relative.

    Returns
    -------
    str
        Relative path, or the absolute path if it is on another drive on Windows.
    """
    try:
        return os.path.relpath(path, start)
    except ValueError:
        return str(Path(path).resolve())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a workspace, so that only one run uses it at a time.

    The operating system releases the lock when the process ends for any reason, so a killed run
    leaves no stale lock. On file systems without locks, the run proceeds unprotected.

    Parameters
    ----------
    folder : Path
        Existing workspace.

    Raises
    ------
    StudyError
        If another run uses the workspace; the message gives its process and start time. Also if
        the workspace belongs to another user.
    """
    path = folder / LOCK
    try:
        opened = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise _not_writable(folder, error) from None
    with opened as file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in LOCK_ERRORS:
                raise StudyError(f"{folder} is in use by another run{_holder(path)}") from None
        _clear(file)
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
        try:
            yield
        finally:
            # Do not leave the name of the machine in the file after a run.
            _clear(file)


def _lock(file: TextIO) -> None:
    """Lock an open file, or raise if another process holds it."""
    if sys.platform == "win32":
        # On Windows, locked bytes cannot be read by others, so lock one beyond the text.
        file.seek(LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _clear(file: TextIO) -> None:
    """Remove the content of an open file."""
    file.seek(0)
    file.truncate()


def _holder(path: Path) -> str:
    """Describe the process that holds the lock, if it can be read, and the cure."""
    cure = "; wait for it, stop it, or name another folder: --workspace DIR"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        holder = " (process {process} on {host}, since {since})".format(**record)
    except (OSError, ValueError, KeyError, TypeError):
        holder = ""
    return holder + cure
