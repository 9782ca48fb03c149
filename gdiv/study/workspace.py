"""The folder of a run: where it lies, whether it can be used, and who is using it."""

import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from gdiv.catalog import load_catalog
from gdiv.installation import checkout

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = "run.lock"


class StudyError(RuntimeError):
    """A workspace cannot be used or lacks something; the message names it and the cure."""


def split_source(name: str) -> tuple[str, str]:
    """Split KEY@FILE or KEY@URL into key and place; the key is "" if it is not a source of the catalog."""
    key, at, place = name.partition("@")
    return (key, place) if at and key in load_catalog().sources else ("", name)


def default_workspace(glacier: str, profile: str, source: str) -> Path:
    """`runs/GLACIER-PROFILE[-SOURCE]` in the checkout, or in the current folder for an installed gdiv."""
    root = checkout() or Path.cwd()
    _, place = split_source(source)
    if not place:
        tag = ""
    elif "//" in place:
        tag = "-" + place.split("/")[2]
    elif Path(place).suffix:  # an ItemCollection is known by its folder
        tag = "-" + Path(place).resolve().parent.name
    else:
        tag = "-" + place
    return root / "runs" / f"{glacier}-{profile}{tag}"


def prepare(folder: Path) -> None:
    """Make the workspace `folder` and check that it can be written to.

    Raises
    ------
    StudyError
        If it is a file, or cannot be made or written to.
    """
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


def _not_writable(folder, error):
    return StudyError(
        f"the workspace {folder} cannot be written to ({error.strerror or error}); "
        f"name a folder of your own: --workspace DIR"
    )


def relative(path: str | Path, start: Path) -> str:
    """Path seen from `start`, or in full on another drive of Windows."""
    try:
        return os.path.relpath(path, start)
    except ValueError:
        return str(Path(path).resolve())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the workspace `folder` for one run at a time.

    The operating system releases the lock when its process ends, however it ends, so a killed run
    leaves no stale lock. On file systems without locks the run goes ahead unprotected.

    Raises
    ------
    StudyError
        If another run holds the workspace; the message gives its process and since when. Also if
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
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK):
                raise StudyError(f"{folder} is in use by another run{_holder(path)}") from None
        file.seek(0)
        file.truncate()
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "since": since}, file)
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()  # a finished run leaves no name of its machine behind


def _lock(file):
    if sys.platform == "win32":
        # Windows locks bytes, and forbids others to read them: one far beyond the text.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(path):
    cure = "; wait for it, stop it, or name another folder: --workspace DIR"
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return " (process {process} on {host}, since {since})".format(**holder) + cure
    except (OSError, ValueError, KeyError, TypeError):
        return cure
