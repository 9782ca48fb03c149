"""Optional packages: the error for a missing package names the extra that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["MissingPackageError", "require_installed", "requires"]


class MissingPackageError(ModuleNotFoundError):
    """A missing package; the message names the task and the extra of gdiv that installs it."""


@contextmanager
def requires(extra: str, task: str) -> Iterator[None]:
    """Translate a failed import inside the block into a `MissingPackageError`.

    Parameters
    ----------
    extra : str
        Extra of gdiv that installs the packages imported in the block, such as "train".
    task : str
        Task that needs them, as the subject of the message, such as "this figure".

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
    """Check that packages are installed, without importing them.

    Importing takes seconds for some of them.

    Parameters
    ----------
    extra : str
        Extra of gdiv that installs them; empty for packages that gdiv does not install.
    task : str
        Task that needs them, as the subject of the message.
    *packages : str
        Import names.

    Raises
    ------
    MissingPackageError
        For the first package that is not installed.
    """
    for name in packages:
        try:
            installed = find_spec(name) is not None
        except (ImportError, ValueError):  # blocked by an import hook, or partially loaded
            installed = False
        if not installed:
            raise _missing(name, extra, task)


def _missing(name: str, extra: str, task: str) -> MissingPackageError:
    """Error for a missing package, with the command that installs it."""
    package = f'"gdiv[{extra}]"' if extra else name
    return MissingPackageError(
        f"{task} needs {name}, which is not installed; install it with: pip install {package}",
        name=name,
    )
