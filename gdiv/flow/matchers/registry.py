"""The matchers by name: those of gdiv, those of installed packages, and those registered by hand.

A matcher is one object with the attributes of `gdiv.Matcher`. Each module of this package that
defines ``MATCHER`` is one. Other packages offer theirs through the entry point group
``gdiv.matchers``:

.. code-block:: toml

    [project.entry-points."gdiv.matchers"]
    my-matcher = "my_package:MATCHER"

From then on ``gdiv run --matchers my-matcher``, the notebooks, the bench and the figures use it.
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

#: Entry point group in which other packages offer matchers.
ENTRY_POINTS = "gdiv.matchers"
#: Extras of gdiv that install what its own matchers need.
EXTRAS = {"torch": "train", "safetensors": "train"}
#: Colour of a name that no matcher has.
GREY = "#777777"


class UnknownMatcherError(ValueError):
    """No matcher has this name; the message lists those that exist.

    Parameters
    ----------
    name : str
        The name that no matcher has.
    """

    def __init__(self, name: str) -> None:
        close = difflib.get_close_matches(name.lower(), list_matchers(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        existing = ", ".join(list_matchers())
        super().__init__(f"no matcher {name!r}; there are: {existing}.{hint}")


#: Matchers by name, and whether those of gdiv and of installed packages are among them.
_registered: dict[str, Matcher] = {}
_loading = threading.RLock()
_loaded = False


def _matchers() -> dict[str, Matcher]:
    """Matchers by name: first those of gdiv, then those of installed packages."""
    global _loaded
    with _loading:
        if not _loaded:
            _loaded = True  # first, since a package may register a matcher while it is loaded
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
    """Register the matchers of other packages; a broken one must not stop a study without it."""
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            matcher = entry.load()
            check_matcher(matcher)
            if matcher.name in _registered and _registered[matcher.name] is not matcher:
                raise ValueError(f"the name {matcher.name!r} is taken")
        except Exception as error:
            warnings.warn(
                f"the matcher {entry.name!r} of {entry.value} is left out: {error}", stacklevel=4
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
        If an attribute is missing or of a wrong type; the message names it.
    ValueError
        If the name is not valid or is taken.

    See Also
    --------
    gdiv.match_images : Match two images by a registered matcher.

    Notes
    -----
    Notebooks run in processes of their own. For ``gdiv run`` offer the matcher through the entry
    point group ``gdiv.matchers`` of a package.

    Examples
    --------
    >>> class Still:
    ...     name, label, colour = "still", "No motion", "#777777"
    ...     reach, cost, needs = 0.0, 0.0, ()
    ...     def match(self, reference, secondary):
    ...         return 0 * reference, 0 * reference
    >>> register_matcher(Still(), replace=True)
    >>> "still" in list_matchers()
    True
    """
    check_matcher(matcher)
    if matcher.name in _matchers() and not replace:
        raise ValueError(
            f"there is a matcher {matcher.name!r} already; choose another name, or replace=True"
        )
    _matchers()[matcher.name] = matcher


def list_matchers() -> tuple[str, ...]:
    """List the names of all matchers.

    Returns
    -------
    tuple of str
        Those of gdiv, of installed packages, and those registered in this process.

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
        If there is none of this name.
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
        The label; `name` itself if no matcher has it.
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
        Hexadecimal colour; grey if no matcher has the name.
    """
    matcher = _matchers().get(name)
    return matcher.colour if matcher else GREY


def source_hash(names: Iterable[str]) -> str:
    """Hash of the source files of matchers outside gdiv, so that results depend on them.

    Parameters
    ----------
    names : iterable of str
        Names of matchers. Those of gdiv are left out: they are part of its own hash.

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
    """Python files of a package or of a single module; none for what was defined by hand."""
    spec = find_spec(package) if package in sys.modules and package != "__main__" else None
    if spec is None:
        return []
    folders = spec.submodule_search_locations
    if folders:
        return sorted(path for folder in folders for path in Path(folder).rglob("*.py"))
    return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []
