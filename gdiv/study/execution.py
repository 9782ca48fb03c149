"""Execute one notebook and report each error in one sentence."""

import errno
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gdiv.extras import requires
from gdiv.files import redacted, write_json
from gdiv.study.journal import JOURNAL, read_journal
from gdiv.study.scrubbing import read_notebook, scrub_notebook

__all__ = ["Execution", "RunError", "announce", "environment", "run_notebook", "usable_home"]

#: Kernel that every notebook runs in.
KERNEL = "python3"
#: Maximum length of a kernel's error message, characters.
REASON_LENGTH = 200
#: Free bytes below which the disk counts as full.
MIN_FREE_SPACE = 2**20
#: Bytes per gigabyte.
GIGABYTE = 1e9


class RunError(RuntimeError):
    """Failure of a notebook; the message names notebook, cell and error."""


class Execution(NamedTuple):
    """Result of executing a notebook.

    Attributes
    ----------
    seconds : float
        Time taken.
    reads : list of str
        Names of the results and files that the notebook has read through the study.
    writes : list of str
        Names of the results and files that it has written.
    """

    seconds: float
    reads: list[str]
    writes: list[str]


def run_notebook(path: Path, folder: Path, parameters: dict[str, Any]) -> Execution:
    """Execute a notebook in a workspace.

    Parameters
    ----------
    path : Path
        Notebook to execute.
    folder : Path
        Workspace. The notebook runs in it, and the executed copy is written to its ``notebooks/``.
    parameters : dict
        Values of parameters by name.

    Returns
    -------
    seconds, reads, writes
        See `Execution`.

    Raises
    ------
    RunError
        If a cell fails, or if the kernel dies or cannot start.
    MissingPackageError
        If papermill is not installed.
    """
    with requires("study", "running notebooks"):
        import papermill
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import DeadKernelError
    # papermill logs failures in addition to raising them.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    output = folder / "notebooks" / path.name
    journal = (folder / "notebooks" / "journal.part").resolve()
    start = time.perf_counter()
    # Cells done and time left on a terminal; a log gets one line per notebook.
    bar: Any = {"desc": path.stem, "leave": False} if sys.stderr.isatty() else False
    journal.write_text("", encoding="utf-8")
    try:
        with environment(**{JOURNAL: str(journal)}):
            papermill.execute_notebook(
                str(path),
                str(output),
                parameters,
                kernel_name=KERNEL,
                progress_bar=bar,
                cwd=str(folder),
                extra_arguments=["--log-level=CRITICAL"],
            )
        seconds = time.perf_counter() - start
        reads = read_journal(journal, "read")
        writes = read_journal(journal, "wrote")
        return Execution(seconds, reads, writes)
    except papermill.PapermillExecutionError as error:
        source = error.source.strip().splitlines()[0] if error.source else ""
        raise RunError(
            f"{path.name}, cell {error.cell_index} ({source!r}): {error.ename}: "
            f"{redacted(str(error.evalue))}{_describe_disk(folder)}\n"
            f"See the executed notebook for details: {output}"
        ) from None
    except DeadKernelError:
        raise RunError(
            f"{path.name}: its kernel was killed{_describe_last_cell(output)}, most likely because "
            f"it ran out of memory{_describe_memory()}; free memory, or run a smaller profile. "
            f"The same command resumes"
        ) from None
    except (NoSuchKernel, RuntimeError, OSError) as error:
        raise _kernel_error(path, output, error) from None
    finally:
        journal.unlink(missing_ok=True)
        scrub_notebook(output)


def _kernel_error(path: Path, output: Path, error: Exception) -> RunError:
    """Error for a kernel that could not start or, if any cell was executed, has stopped."""
    message = " ".join(str(error).split()) or type(error).__name__
    reason = message[:REASON_LENGTH]
    if getattr(error, "errno", None) == errno.ENOSPC:
        return RunError(
            f"{path.name} stopped: the disk is full; free some space and run the command again"
        )
    if any(cell.get("execution_count") for cell in read_notebook(output)["cells"]):
        return RunError(f"{path.name} stopped ({reason}); the same command resumes")
    return RunError(
        f"{path.name}: the notebooks' kernel {KERNEL} cannot start ({reason}); "
        f"find its location with: jupyter kernelspec list, and reinstall it with: "
        f"python -m ipykernel install --sys-prefix"
    )


def _describe_last_cell(output: Path) -> str:
    """Number and first line of the last cell that papermill had started; empty if none."""
    cells = read_notebook(output)["cells"]
    started = [
        number
        for number, cell in enumerate(cells)
        if cell["metadata"].get("papermill", {}).get("start_time")
    ]
    if not started:
        return ""
    last = started[-1]
    first_line = "".join(cells[last]["source"]).strip().split("\n")[0]
    return f" in cell {last} ({first_line!r})"


def _describe_disk(folder: Path) -> str:
    """Note that the disk is full, if it is, since libraries word this differently."""
    free = shutil.disk_usage(folder).free
    return (
        f" (the disk of {folder} is full: {free} bytes are free)" if free < MIN_FREE_SPACE else ""
    )


def _describe_memory() -> str:
    """Size of the machine's memory; empty where it is unavailable, as on Windows."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return ""
    return f" (this machine has {size / GIGABYTE:.0f} GB)"


def announce(output: Path, notice: str) -> None:
    """Insert a notice below the title of an executed notebook.

    Parameters
    ----------
    output : Path
        Executed notebook, whose first cell is the title; overwritten.
    notice : str
        One sentence of Markdown.
    """
    notebook = read_notebook(output)
    cell = {"cell_type": "markdown", "id": "notice", "metadata": {}, "source": [f"> **{notice}**"]}
    notebook["cells"].insert(1, cell)
    write_json(output, notebook)


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Set environment variables for the duration of a block, then restore them.

    Parameters
    ----------
    **values : str or None
        Values by the name of the variable; None unsets it.

    Examples
    --------
    >>> with environment(GDIV_CATALOG="my.yaml"):
    ...     os.environ["GDIV_CATALOG"]
    'my.yaml'
    """
    before = {name: os.environ.get(name) for name in values}
    _update_environment(values)
    try:
        yield
    finally:
        _update_environment(before)


def _update_environment(values: dict[str, str | None]) -> None:
    """Set environment variables, and unset those whose value is None."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def usable_home() -> Iterator[None]:
    """Provide a temporary home directory if the user has none, as in many containers.

    Jupyter, Matplotlib and Numba write to the home directory. It may be unset without an entry in
    the user database, be ``/``, be missing, or be read-only.
    """
    try:
        home = Path.home()
        usable = home != Path(home.anchor) and home.is_dir() and os.access(home, os.W_OK)
    except RuntimeError:
        usable = False
    if usable:
        yield
        return
    # Without LOGNAME, Python looks up the user database.
    user = os.environ.get("LOGNAME", "gdiv")
    with (
        tempfile.TemporaryDirectory(prefix="gdiv-home-", ignore_cleanup_errors=True) as home_folder,
        environment(HOME=home_folder, LOGNAME=user),
    ):
        yield
