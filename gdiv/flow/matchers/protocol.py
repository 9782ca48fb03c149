"""The interface of a matcher."""

import inspect
import re
from typing import Any, Protocol, runtime_checkable

from gdiv.images.arrays import Component, Image

__all__ = ["Matcher", "check_matcher", "matcher_options"]

#: Pattern of valid names; they are used in file names and keys of claims.
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: Reserved names: results of the study use them in place of a matcher's name.
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
        Longest displacement that it can measure, in pixels; infinite if unlimited.
    cost : float
        Time for a pair of 256 x 256 pixels as a multiple of DIS, to order of magnitude.
    needs : tuple of str
        Packages that `match` imports beyond gdiv's core, by their import names.

    Notes
    -----
    Further arguments of `match` are options of the matcher; `gdiv.match_images` passes them by
    name. A matcher with the attribute ``baseline = True`` serves only for comparison: its vectors
    are never rejected for a poor match.

    A matcher that estimates its errors may return ``sigma_u`` and ``sigma_v``, the standard error
    of each component in pixels, after ``u`` and ``v``. For other matchers, gdiv estimates them.
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
            ``secondary(x + u, y + v) = reference(x, y)``; NaN where there is no match.
        """
        ...


def matcher_options(matcher: Matcher) -> set[str] | None:
    """List the options of a matcher, apart from the two images.

    Parameters
    ----------
    matcher : Matcher
        A matcher.

    Returns
    -------
    set of str or None
        Names of the arguments of `match` after the two images; None if it accepts any.
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
        If an attribute is missing or has the wrong type.
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
        raise TypeError(f"needs must be a tuple such as ('torch',), got {matcher.needs!r}")
    if not NAME.fullmatch(str(matcher.name)) or matcher.name in RESERVED:
        raise ValueError(
            f"{matcher.name!r} cannot be the name of a matcher; use lower case, digits and single "
            f"hyphens, such as 'my-matcher'"
        )
