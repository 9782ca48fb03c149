"""Registry of matchers: those of gdiv, of installed packages, and those registered at run time.

A matcher is an object with the attributes of `gdiv.Matcher`. Each module of this package that
defines ``MATCHER`` provides one. Other packages provide matchers through the entry point group
``gdiv.matchers``:

.. code-block:: toml

    [project.entry-points."gdiv.matchers"]
    my-matcher = "my_package:MATCHER"

It is then available to ``gdiv run --matchers my-matcher``, the notebooks, the benchmark and the
figures.
"""

import difflib
import hashlib
import importlib
import pkgutil
import sys
import threading
import warnings
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import gdiv.flow.matchers
from gdiv.extras import require_installed
from gdiv.flow.matchers.protocol import Matcher, check_matcher, matcher_options

__all__ = [
    "UnknownMatcherError",
    "get_matcher",
    "list_matchers",
    "matcher_colour",
    "matcher_label",
    "matchers_with_option",
    "register_matcher",
    "source_hash",
]

#: Entry point group in which other packages provide matchers.
ENTRY_POINTS = "gdiv.matchers"
#: Extras of gdiv that install the packages required by its own matchers.
EXTRAS = {"torch": "train", "safetensors": "train"}
#: Colour for unknown matcher names.
GREY = "#777777"


class UnknownMatcherError(ValueError):
    """No matcher has this name; the message lists those that exist.

    Parameters
    ----------
    name : str
        The unknown name.
    """

    def __init__(self, name: str) -> None:
        close = difflib.get_close_matches(name.lower(), list_matchers(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        existing = ", ".join(list_matchers())
        super().__init__(f"no matcher {name!r}; choose from: {existing}.{hint}")


#: Matchers by name, and a flag that is True once gdiv's and installed packages' are loaded.
_registered: dict[str, Matcher] = {}
_loading = threading.RLock()
_loaded = False


def _matchers() -> dict[str, Matcher]:
    """Matchers by name: first those of gdiv, then those of installed packages."""
    global _loaded
    with _loading:
        if not _loaded:
            _loaded = True  # set first: a package may register a matcher while it is imported
            _load_own()
            _load_installed()
    return _registered


def _load_own() -> None:
    """Register the matchers of gdiv, one per module of this package."""
    for module in pkgutil.iter_modules(gdiv.flow.matchers.__path__):
        loaded = importlib.import_module(f"gdiv.flow.matchers.{module.name}")
        if hasattr(loaded, "MATCHER"):
            _registered[loaded.MATCHER.name] = loaded.MATCHER


def _load_installed() -> None:
    """Register the matchers of other packages; a broken one must not stop studies without it."""
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            matcher = entry.load()
            check_matcher(matcher)
            if matcher.name in _registered and _registered[matcher.name] is not matcher:
                raise ValueError(f"the name {matcher.name!r} is taken")
        except Exception as error:
            warnings.warn(
                f"skipping the matcher {entry.name!r} of {entry.value}: {error}", stacklevel=4
            )
        else:
            _registered[matcher.name] = matcher


def register_matcher(matcher: Matcher, replace: bool = False) -> None:
    """Make a matcher available under its name in this process.

    Parameters
    ----------
    matcher : Matcher
        Object with the attributes of `gdiv.Matcher`.
    replace : bool, optional
        Replace a matcher of the same name instead of raising.

    Raises
    ------
    TypeError
        If an attribute is missing or has the wrong type; the message names it.
    ValueError
        If the name is not valid or is taken.

    See Also
    --------
    gdiv.match_images : Match two images by a registered matcher.

    Notes
    -----
    Notebooks run in separate processes. For ``gdiv run``, provide the matcher through the entry
    point group ``gdiv.matchers`` of a package.

    Examples
    --------
    >>> class Static:
    ...     name, label, colour = "static", "No motion", "#777777"
    ...     reach, cost, needs = 0.0, 0.0, ()
    ...     def match(self, reference, secondary):
    ...         return 0 * reference, 0 * reference
    >>> register_matcher(Static(), replace=True)
    >>> "static" in list_matchers()
    True
    """
    check_matcher(matcher)
    if matcher.name in _matchers() and not replace:
        raise ValueError(
            f"matcher {matcher.name!r} exists already; choose another name, or pass replace=True"
        )
    _matchers()[matcher.name] = matcher


def list_matchers() -> tuple[str, ...]:
    """List the names of all matchers.

    Returns
    -------
    tuple of str
        Matchers of gdiv, of installed packages, and those registered in this process.

    Examples
    --------
    >>> {"correlation", "dis", "farneback", "horn-schunck", "raft"} <= set(list_matchers())
    True
    """
    return tuple(_matchers())


def get_matcher(name: str) -> Matcher:
    """Look up a matcher and check that the packages it needs are installed.

    Parameters
    ----------
    name : str
        Name of a registered matcher.

    Returns
    -------
    Matcher
        The matcher.

    Raises
    ------
    UnknownMatcherError
        If no matcher has this name.
    MissingPackageError
        If a package it needs is missing.
    """
    matchers = _matchers()
    if name not in matchers:
        raise UnknownMatcherError(name)
    matcher = matchers[name]
    for package in matcher.needs:
        require_installed(EXTRAS.get(package, ""), matcher.label, package)
    return matcher


def matchers_with_option(option: str) -> list[str]:
    """List the matchers that take an option.

    Parameters
    ----------
    option : str
        Name of the option.

    Returns
    -------
    list of str
        Names of the matchers.
    """
    return [name for name, each in _matchers().items() if option in (matcher_options(each) or ())]


def matcher_label(name: str) -> str:
    """Label of a matcher for figures and tables.

    Parameters
    ----------
    name : str
        Name of a matcher.

    Returns
    -------
    str
        The label; `name` itself for an unknown matcher.
    """
    matcher = _matchers().get(name)
    return matcher.label if matcher else name


def matcher_colour(name: str) -> str:
    """Colour of a matcher for figures.

    Parameters
    ----------
    name : str
        Name of a matcher.

    Returns
    -------
    str
        Hexadecimal colour; grey for an unknown matcher.
    """
    matcher = _matchers().get(name)
    return matcher.colour if matcher else GREY


def source_hash(names: Iterable[str]) -> str:
    """Hash the source files of matchers outside gdiv, so that results depend on them.

    Parameters
    ----------
    names : iterable of str
        Names of matchers. Those of gdiv are skipped, since they are part of gdiv's own hash.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        module = type(get_matcher(name)).__module__
        package = module.partition(".")[0]
        if package == "gdiv":
            continue  # part of the hash of gdiv's own code
        digest.update(name.encode())
        for path in _source_files(package):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _source_files(package: str) -> list[Path]:
    """Python files of a package or a single module; none for objects defined interactively."""
    spec = find_spec(package) if package in sys.modules and package != "__main__" else None
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    if folders:
        return sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []
