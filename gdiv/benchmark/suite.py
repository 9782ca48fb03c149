"""List the benchmark cases by split and kind, and load their pairs."""

import os
from collections.abc import Iterable
from pathlib import Path

from gdiv.benchmark.cases import Case, Pair, Split, make_moved, moved_cases
from gdiv.benchmark.kinds import KINDS, UnknownCaseError
from gdiv.benchmark.published import make_published, published_cases
from gdiv.benchmark.smooth import make_smooth, smooth_cases
from gdiv.benchmark.twins import make_twin, twin_cases

__all__ = ["cache_folder", "list_cases", "load_case"]


def list_cases(split: Split = "test", names: Iterable[str] = ()) -> list[Case]:
    """List the cases of a split that have an exact truth.

    Parameters
    ----------
    split : {"dev", "test"}, optional
        Choose methods and settings on "dev", and score once on "test".
    names : iterable of str, optional
        Kinds of `KINDS`, names of cases, or prefixes of names; all cases by default.

    Returns
    -------
    list of Case
        The cases, including those whose real scenes are absent.

    Raises
    ------
    UnknownCaseError
        If a name is neither a kind nor a prefix of the name of a case.

    Examples
    --------
    >>> [case.name for case in list_cases("dev", ["dev-moved-bend"])]
    ['dev-moved-bend-09', 'dev-moved-bend-10']
    """
    if split not in ("dev", "test"):
        raise UnknownCaseError(f"unknown split {split!r}; choose from: dev, test")
    cases = [*smooth_cases(split), *moved_cases(split), *twin_cases(split)]
    if split == "test":
        cases += published_cases()
    wanted = list(names)
    for name in wanted:
        if name not in KINDS and not any(case.name.startswith(name) for case in cases):
            raise UnknownCaseError(
                f"no case {name!r} in the {split} split; kinds are: {', '.join(KINDS)}; cases "
                f"have names such as {cases[0].name}"
            )
    return [
        case
        for case in cases
        if not wanted or any(case.kind == name or case.name.startswith(name) for name in wanted)
    ]


def load_case(
    case: Case | str, scenes: str | Path | None = None, cache: str | Path | None = None
) -> Pair:
    """Make the image pair of a case.

    Parameters
    ----------
    case : Case or str
        A case, or its name.
    scenes : str or Path, optional
        Folder with one subfolder per site of real scenes, which are not part of gdiv.
    cache : str or Path, optional
        Folder for rendered twins; by default a folder in the user's cache.

    Returns
    -------
    Pair
        ``reference`` and ``secondary`` ``(H, W)``, the true ``flow`` ``(2, H, W)`` in pixels, and
        the masks ``ice`` and ``counted``.

    Raises
    ------
    MissingSceneError
        If the case needs a scene that is absent.
    UnknownCaseError
        If no case has this name.

    Examples
    --------
    >>> import gdiv
    >>> import numpy as np
    >>> pair = load_case("dev-drawn-tongue-02")
    >>> match = gdiv.match_images("dis", pair.reference, pair.secondary)
    >>> error = np.hypot(match.u - pair.flow[0], match.v - pair.flow[1])
    >>> bool(error[pair.ice & pair.counted].mean() < 1.5)
    True
    """
    if isinstance(case, str):
        named = {each.name: each for split in ("dev", "test") for each in list_cases(split)}
        if case not in named:
            raise UnknownCaseError(f"unknown case {case!r}; gdiv.list_cases() lists all cases")
        case = named[case]
    folder = Path(scenes) if scenes is not None else None
    if case.kind == "smooth":
        return make_smooth(case)
    if case.kind == "published":
        return make_published(case, folder)
    if case.kind == "twin":
        return make_twin(case, Path(cache) if cache is not None else cache_folder())
    return make_moved(case, folder)


def cache_folder() -> Path:
    """Return the default folder for scores and rendered twins.

    Returns
    -------
    Path
        ``gdiv/benchmark`` in ``$XDG_CACHE_HOME``, or in ``~/.cache`` if that is not set.

    Raises
    ------
    OSError
        If the user has no home directory.

    Examples
    --------
    >>> cache_folder().parts[-2:]
    ('gdiv', 'benchmark')
    """
    caches = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(caches or Path.home() / ".cache") / "gdiv" / "benchmark"
    except RuntimeError as error:
        message = "no home directory for the scores: name a folder, or set XDG_CACHE_HOME"
        raise FileNotFoundError(message) from error
