"""Run the benchmark for matchers by name: registered ones, or functions of the user."""

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
from gdiv.flow.matchers.registry import get_matcher, source_hash
from gdiv.images.arrays import Component, Image
from gdiv.study.provenance import code_hash

__all__ = ["TRAINED_ON", "contestant", "run_benchmark"]

#: Cases whose texture or glacier trained the network that ships.
TRAINED_ON = {
    "raft": ("dev-moved", "dev-twin-argentiere", "dev-twin-tasman"),
}


def contestant(name: str) -> Contestant:
    """Make a contestant of a registered matcher or of a function.

    Parameters
    ----------
    name : str
        Name of a registered matcher, or ``package.module:function``. The function takes the
        reference and the secondary ``(H, W)`` and returns u and v, or u, v and their standard
        errors, in pixels.

    Returns
    -------
    Contestant
        The matcher of the benchmark.

    Raises
    ------
    BenchmarkError
        If the function cannot be imported.
    UnknownMatcherError
        If no matcher has this name.
    """
    if ":" in name:
        function = _import(name)
        file = inspect.getsourcefile(function)
        source = Path(file).read_bytes() if file else b""
        return Contestant(name, function, code_hash() + hashlib.sha256(source).hexdigest()[:16])
    get_matcher(name)  # raises for an unknown one, and if a package is missing
    identity = code_hash() + source_hash([name])
    return Contestant(name, partial(_match, name), identity, TRAINED_ON.get(name, ()))


def _match(name: str, reference: Image, secondary: Image) -> tuple[Component, ...]:
    """Displacement and stated errors by a registered matcher."""
    match = match_images(name, reference, secondary)
    return match.u, match.v, match.sigma_u, match.sigma_v


def _import(name: str) -> Any:
    """Function named as ``package.module:function``; the current folder is searched, too."""
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"{name} cannot be imported: {error}") from None
    if not callable(found):
        raise BenchmarkError(f"{name} is not a function of two images")
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
        Kinds of cases, or beginnings of their names; all if left out.
    scenes : str or Path, optional
        Folder of the folders of real scenes. Cases whose scene is absent are skipped.
    store : str or Path, optional
        Folder that scores and rendered twins are kept in; one below the user's cache if left out.
        Scores of the same code, matcher and case are not computed again.

    Returns
    -------
    dict
        Results of `gdiv.benchmark.results.summarise_benchmark`, and ``real``: those of
        `gdiv.benchmark.evaluation.evaluate_real`.

    Raises
    ------
    BenchmarkError
        If a function cannot be imported, no case is left, or there is no folder for the scores.
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
        raise BenchmarkError(f"scores cannot be kept: {error}; name a folder as store") from error
    real_folder = Path(scenes) if scenes is not None else None
    if real_folder is not None and not real_folder.is_dir():
        raise BenchmarkError(f"no folder {real_folder} of real scenes")
    scores, skipped = evaluate(contestants, exact, folder, real_folder)
    if exact and len(skipped) == len(exact):
        raise BenchmarkError(f"no case is left: {next(iter(skipped.values()))}")
    results = summarise_benchmark(contestants, exact, scores, skipped) if exact else {"rows": []}
    if split == "test" and (not cases or "real" in cases):
        results["real"], lost = evaluate_real(contestants, folder, real_folder)
        results["skipped"] = results.get("skipped", {}) | lost
    return results
