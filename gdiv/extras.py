"""Optional packages: an error about a missing one names the extra that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec


class MissingPackageError(ModuleNotFoundError):
    """A package that this task needs is not installed; the message names the extra of gdiv with it."""


@contextmanager
def requires(extra: str, task: str) -> Iterator[None]:
    """Translate a failed import inside the block into a `MissingPackageError`.

    Parameters
    ----------
    extra
        Extra of gdiv that installs the packages imported in the block, such as "train".
    task
        What needs them, as the subject of the message.

    Raises
    ------
    MissingPackageError
        If a package from outside gdiv is missing.

    Examples
    --------
    >>> with requires("maps", "this figure"):  # doctest: +ELLIPSIS
    ...     import no_such_package
    Traceback (most recent call last):
    gdiv.extras.MissingPackageError: this figure needs no_such_package, ...
    """
    try:
        yield
    except MissingPackageError:
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "gdiv"):
            raise
        raise _missing(missing, extra, task) from None


def require_installed(extra: str, task: str, *packages: str) -> None:
    """Check that packages are installed, without the time that importing them takes.

    Raises
    ------
    MissingPackageError
        For the first that is not, as in `requires`.
    """
    for name in packages:
        try:
            installed = find_spec(name) is not None
        except (ImportError, ValueError):  # blocked on purpose
            installed = False
        if not installed:
            raise _missing(name, extra, task)


def _missing(name, extra, task):
    return MissingPackageError(
        f'{task} needs {name}, which is not installed; get it with: pip install "gdiv[{extra}]"',
        name=name,
    )
