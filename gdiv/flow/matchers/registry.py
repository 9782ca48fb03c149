"""The matchers by name: those of gdiv, those of installed packages, and those registered by hand.

A matcher is one object with the attributes of `Matcher`. Each module of this package that defines
``MATCHER`` is one. Other packages offer theirs through the entry point group ``gdiv.matchers``:

.. code-block:: toml

    [project.entry-points."gdiv.matchers"]
    my-matcher = "my_package:MATCHER"

From then on ``gdiv run --matchers my-matcher``, the notebooks, the bench and the figures use it.
"""

import difflib
import hashlib
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import gdiv.flow.matchers
from gdiv.extras import require_installed
from gdiv.images.arrays import Component, Image

__all__ = [
    "Matcher",
    "UnknownMatcherError",
    "get_matcher",
    "list_matchers",
    "matcher_colour",
    "matcher_label",
    "matcher_options",
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
        close = difflib.get_close_matches(name, list_matchers(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        existing = ", ".join(list_matchers())
        super().__init__(f"no matcher {name!r}; there are: {existing}.{hint}")


@runtime_checkable
class Matcher(Protocol):
    """Interface of every matcher.

    Attributes
    ----------
    name : str
        Key, such as ``"horn-schunck"``: lower case, with hyphens.
    label : str
        Name in figures and tables, such as ``"Horn-Schunck"``.
    colour : str
        Colour of its lines and points, as ``"#RRGGBB"``.
    reach : float
        Longest displacement it can find, in pixels; infinite if nothing limits it.
    cost : float
        Time for a pair of 256 x 256 pixels as a multiple of DIS, to order of magnitude.
    needs : tuple of str
        Packages that `match` imports beyond gdiv's core, by their import names.

    Notes
    -----
    Keyword arguments of `match` beyond the two images are the matcher's own options, which
    `gdiv.match_images` passes on. A matcher with the attribute ``baseline = True`` is compared
    with, not recommended: its vectors are never rejected for a poor match.
    """

    name: str
    label: str
    colour: str
    reach: float
    cost: float
    needs: tuple[str, ...]

    def match(self, reference: Image, secondary: Image) -> tuple[Component, Component]:
        """Find the displacement between two images.

        Parameters
        ----------
        reference, secondary : ndarray, shape (H, W)
            float32 on any brightness scale; NaN is no data.

        Returns
        -------
        u, v : ndarray, shape (H, W)
            Displacement along columns and rows in pixels, with
            ``secondary(x + u, y + v) = reference(x, y)``; NaN where nothing was found.
        """
        ...


@cache
def _matchers() -> dict[str, Matcher]:
    """Matchers by name: first those of gdiv, then those of installed packages."""
    registered: dict[str, Matcher] = {}
    for module in pkgutil.iter_modules(gdiv.flow.matchers.__path__):
        loaded = importlib.import_module(f"gdiv.flow.matchers.{module.name}")
        if hasattr(loaded, "MATCHER"):
            registered[loaded.MATCHER.name] = loaded.MATCHER
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            matcher = entry.load()
            _check(matcher)
        except Exception as error:  # a broken package must not stop a study that does not use it
            warnings.warn(
                f"the matcher {entry.name!r} of {entry.value} is left out: {error}", stacklevel=2
            )
            continue
        registered.setdefault(matcher.name, matcher)
    return registered


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
        If an attribute is missing; the message names it.
    ValueError
        If the name is taken.

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
    _check(matcher)
    if matcher.name in _matchers() and not replace:
        raise ValueError(
            f"there is a matcher {matcher.name!r} already; choose another name, or replace=True"
        )
    _matchers()[matcher.name] = matcher


def _check(matcher: Any) -> None:
    """Raise if an object lacks an attribute of a matcher."""
    needed = [*Matcher.__annotations__, "match"]
    missing = [name for name in needed if not hasattr(matcher, name)]
    if missing:
        raise TypeError(f"a matcher needs the attributes {', '.join(missing)}; see gdiv.Matcher")


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


def matcher_options(matcher: Matcher) -> set[str]:
    """List the options that a matcher takes beyond the two images.

    Parameters
    ----------
    matcher : Matcher
        A matcher.

    Returns
    -------
    set of str
        Names of the keyword-only arguments of its `match`.
    """
    parameters = inspect.signature(matcher.match).parameters.values()
    return {each.name for each in parameters if each.kind == each.KEYWORD_ONLY}


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
    return [name for name, each in _matchers().items() if option in matcher_options(each)]


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
        if module.partition(".")[0] == "gdiv":
            continue  # part of the hash of gdiv's own code
        digest.update(name.encode())
        source = inspect.getsourcefile(type(get_matcher(name)))
        if source:
            digest.update(Path(source).read_bytes())
    return digest.hexdigest()[:16]
