"""The interface of a matcher."""

import inspect
import re
from typing import Any, Protocol, runtime_checkable

from gdiv.images.arrays import Component, Image

__all__ = ["Matcher", "check_matcher", "matcher_options"]

#: Names become parts of file names and of keys of claims.
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: Results of the study that are named like those of a matcher.
RESERVED = {"second-season"}


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
    Arguments of `match` beyond the two images are the matcher's own options, which
    `gdiv.match_images` passes on by name. A matcher with the attribute ``baseline = True`` is
    compared with, not recommended: its vectors are never rejected for a poor match.

    A matcher that knows its errors may return ``sigma_u`` and ``sigma_v`` after ``u`` and ``v``,
    the standard error of each component in pixels. gdiv estimates those of the others.
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


def matcher_options(matcher: Matcher) -> set[str] | None:
    """List the options that a matcher takes beyond the two images.

    Parameters
    ----------
    matcher : Matcher
        A matcher.

    Returns
    -------
    set of str or None
        Names of the arguments of its `match` beyond the two images; None if it takes any.
    """
    parameters = list(inspect.signature(matcher.match).parameters.values())[2:]
    if any(each.kind == each.VAR_KEYWORD for each in parameters):
        return None
    return {each.name for each in parameters}


def check_matcher(matcher: Any) -> None:
    """Check that an object is a matcher.

    Parameters
    ----------
    matcher : Any
        Object to check.

    Raises
    ------
    TypeError
        If it lacks an attribute, or has one of a wrong type.
    ValueError
        If its name cannot be used.
    """
    needed = [*Matcher.__annotations__, "match"]
    missing = [name for name in needed if not hasattr(matcher, name)]
    if missing:
        raise TypeError(f"a matcher needs the attributes {', '.join(missing)}; see gdiv.Matcher")
    if isinstance(matcher, type):
        raise TypeError(f"{matcher.__name__} is a class; register an object: {matcher.__name__}()")
    if not isinstance(matcher.needs, tuple):
        raise TypeError(f"needs is a tuple of packages, such as ('torch',), not {matcher.needs!r}")
    if not NAME.fullmatch(str(matcher.name)) or matcher.name in RESERVED:
        raise ValueError(
            f"{matcher.name!r} cannot be the name of a matcher; use lower case, digits and single "
            f"hyphens, such as 'my-matcher'"
        )
