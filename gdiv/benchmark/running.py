"""Run the benchmark for registered matchers or user-defined functions, given by name."""

import hashlib
import importlib
import inspect
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gdiv.benchmark.cases import Split
from gdiv.benchmark.evaluation import Contestant, evaluate, evaluate_real
from gdiv.benchmark.kinds import BenchmarkError
from gdiv.benchmark.results import UNIT, summarise_benchmark
from gdiv.benchmark.suite import cache_folder, list_cases
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.matchers.protocol import Matcher
from gdiv.flow.matchers.registry import get_matcher, source_hash
from gdiv.images.arrays import Component, Image
from gdiv.study.provenance import code_hash

__all__ = ["TRAINED_ON", "contestant", "run_benchmark"]

#: Cases whose texture or glacier was used to train the network shipped with gdiv.
TRAINED_ON = {
    "raft": ("dev-moved", "dev-twin-argentiere", "dev-twin-tasman"),
}


def contestant(name: str) -> Contestant:
    """Make a contestant from a registered matcher or a function.

    Parameters
    ----------
    name : str
        Name of a registered matcher, or ``package.module:function``. The function takes the
        reference and the secondary ``(H, W)`` and returns u and v, or u, v and their standard
        errors, in pixels.

    Returns
    -------
    Contestant
        The matcher, ready for the benchmark.

    Raises
    ------
    BenchmarkError
        If the function cannot be imported.
    UnknownMatcherError
        If no matcher has this name.
    """
    if ":" in name:
        function = _import(name)
        is_matcher = isinstance(function, Matcher)
        file = inspect.getsourcefile(type(function) if is_matcher else function)
        if is_matcher:
            function = partial(_match, function)
        source = Path(file).read_bytes() if file else b""
        return Contestant(name, function, code_hash() + hashlib.sha256(source).hexdigest()[:16])
    get_matcher(name)  # raises if the matcher is unknown or a package is missing
    identity = code_hash() + source_hash([name])
    return Contestant(name, partial(_match, name), identity, TRAINED_ON.get(name, ()))


def _match(matcher: str | Matcher, reference: Image, secondary: Image) -> tuple[Component, ...]:
    """Displacement and stated errors by a matcher."""
    match = match_images(matcher, reference, secondary)
    return match.u, match.v, match.sigma_u, match.sigma_v


def _import(name: str) -> Any:
    """Import ``package.module:function``, or a matcher, also from the current folder."""
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"{name} cannot be imported: {error}") from None
    if not callable(found) and not isinstance(found, Matcher):
        raise BenchmarkError(f"{name} is neither a function of two images nor a matcher")
    return found


def run_benchmark(
    matchers: Sequence[str],
    split: Split = "test",
    cases: Sequence[str] = (),
    scenes: str | Path | None = None,
    store: str | Path | None = None,
) -> dict[str, Any]:
    """Score matchers on the benchmark.

    Parameters
    ----------
    matchers : sequence of str
        Registered matchers, or functions as ``package.module:function``. DIS, whose error is the
        unit of relative errors, is always added.
    split : {"dev", "test"}, optional
        Choose methods and settings on "dev", and score once on "test".
    cases : sequence of str, optional
        Kinds of cases, or prefixes of their names; all cases by default.
    scenes : str or Path, optional
        Folder with one subfolder per site of real scenes. Cases whose scene is absent are skipped.
    store : str or Path, optional
        Folder for scores and rendered twins; by default a folder in the user's cache. Stored
        scores are reused if code, matcher and case are unchanged.

    Returns
    -------
    dict
        Results of `gdiv.benchmark.results.summarise_benchmark`, and ``real``: those of
        `gdiv.benchmark.evaluation.evaluate_real`.

    Raises
    ------
    BenchmarkError
        If a function cannot be imported, all cases are skipped, or scores cannot be stored.
    UnknownCaseError, UnknownMatcherError
        If there is no such case or matcher.

    Examples
    --------
    >>> import tempfile
    >>> store = tempfile.mkdtemp()
    >>> results = run_benchmark(["zero"], "dev", ["dev-drawn-tongue"], store=store)
    >>> [row["matcher"] for row in results["rows"] if row["group"] == "ice"]
    ['dis', 'zero']
    """
    if split == "dev" and "real" in cases:
        raise BenchmarkError("real pairs belong to the test split: leave out --split dev")
    names = list(dict.fromkeys([UNIT, *matchers]))
    contestants = [contestant(name) for name in names]
    wanted = [name for name in cases if name != "real"]
    exact = list_cases(split, wanted) if wanted or not cases else []
    try:
        folder = Path(store) if store is not None else cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BenchmarkError(f"scores cannot be stored: {error}; pass a folder as store") from error
    real_folder = Path(scenes) if scenes is not None else None
    if real_folder is not None and not real_folder.is_dir():
        raise BenchmarkError(f"the folder of real scenes, {real_folder}, does not exist")
    scores, skipped = evaluate(contestants, exact, folder, real_folder)
    if exact and len(skipped) == len(exact):
        raise BenchmarkError(f"all cases were skipped: {next(iter(skipped.values()))}")
    results = summarise_benchmark(contestants, exact, scores, skipped) if exact else {"rows": []}
    if split == "test" and (not cases or "real" in cases):
        results["real"], skipped_sites = evaluate_real(contestants, folder, real_folder)
        results["skipped"] = results.get("skipped", {}) | skipped_sites
    return results
