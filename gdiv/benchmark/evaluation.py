"""Match every case with a matcher and store its scores, so that a benchmark can resume."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from gdiv.benchmark.cases import Case, Pair
from gdiv.benchmark.real_scenes import SITES, RealScenes, needed_pairs
from gdiv.benchmark.real_scores import score_site
from gdiv.benchmark.scenes import MissingSceneError
from gdiv.benchmark.scores import BlockScores, score_blocks, sparsification
from gdiv.benchmark.suite import load_case
from gdiv.files import replacing, write_json
from gdiv.images.arrays import Flow, Image

__all__ = ["CaseScores", "Contestant", "evaluate", "evaluate_real"]


class Contestant(NamedTuple):
    """A matcher of the benchmark.

    Attributes
    ----------
    name : str
        Name in tables, unique.
    match : callable
        Function of the reference and the secondary ``(H, W)``; returns u and v, and optionally
        their stated errors, in pixels; NaN where there is none.
    identity : str
        Settings and code that determine its results. Stored scores are reused only if it is equal.
    trained_on : tuple of str
        Prefixes of the names of the cases whose texture or glacier it was trained on.
    """

    name: str
    match: Callable[[Image, Image], Any]
    identity: str = ""
    trained_on: tuple[str, ...] = ()


class CaseScores(NamedTuple):
    """Scores of one matcher in one case."""

    blocks: BlockScores
    seconds_per_megapixel: float
    ause: float  # NaN without stated errors


def evaluate(
    contestants: Iterable[Contestant],
    cases: Iterable[Case],
    store: Path,
    scenes: Path | None = None,
) -> tuple[dict[str, dict[str, CaseScores]], dict[str, str]]:
    """Score matchers on cases with an exact truth.

    All matchers run on one case before the next, so that drifts in machine speed affect them
    equally.

    Parameters
    ----------
    contestants : iterable of Contestant
        The matchers.
    cases : iterable of Case
        The cases.
    store : Path
        Folder of scores and rendered twins. Stored scores are reused.
    scenes : Path, optional
        Folder with one subfolder per site of real scenes.

    Returns
    -------
    scores : dict of dict
        Scores by matcher and case.
    skipped : dict of str
        Reason by case.
    """
    contestants = list(contestants)
    scores: dict[str, dict[str, CaseScores]] = {each.name: {} for each in contestants}
    skipped = {}
    for case in tqdm(list(cases), desc="benchmark", unit="case"):
        try:
            pair = load_case(case, scenes, store / "twins")
        except MissingSceneError as error:
            skipped[case.name] = str(error)
            continue
        content = _hash_arrays(pair)
        for contestant in contestants:
            file = _score_file(store, contestant, f"{case.name}-{content}")
            if not file.is_file():
                _write(file, _score(contestant, pair))
            scores[contestant.name][case.name] = _read(file)
    return scores, skipped


def _hash_arrays(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Eight hexadecimal digits of the content of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()[:8]


def _score_file(store: Path, contestant: Contestant, case: str) -> Path:
    """File of the scores of a matcher in a case."""
    identity = hashlib.sha256(f"{contestant.name} {contestant.identity}".encode()).hexdigest()[:12]
    return store / "scores" / identity / f"{case}.npz"


def _match(contestant: Contestant, reference: Image, secondary: Image) -> tuple[Flow, Flow | None]:
    """Displacement and stated errors of a matcher."""
    parts = np.stack(
        [np.asarray(part, np.float32) for part in contestant.match(reference, secondary)]
    )
    if parts.shape not in ((2, *reference.shape), (4, *reference.shape)):
        raise ValueError(
            f"{contestant.name} returned an array of shape {parts.shape}; return u and v of shape "
            f"{reference.shape}, optionally followed by their stated errors"
        )
    return parts[:2], parts[2:] if len(parts) == 4 else None


def _score(contestant: Contestant, pair: Pair) -> CaseScores:
    """Match a pair and score it."""
    start = time.perf_counter()
    flow, sigma = _match(contestant, pair.reference, pair.secondary)
    seconds = time.perf_counter() - start
    ause = float("nan") if sigma is None else sparsification(pair, flow, sigma)
    megapixels = pair.reference.size / 1e6
    return CaseScores(score_blocks(pair, flow, sigma), seconds / megapixels, ause)


def _write(file: Path, scores: CaseScores) -> None:
    """Store scores."""
    file.parent.mkdir(parents=True, exist_ok=True)
    blocks = {key: value.astype(np.float32) for key, value in scores.blocks._asdict().items()}
    with replacing(file) as partial, partial.open("wb") as stream:
        np.savez_compressed(
            stream, seconds=scores.seconds_per_megapixel, ause=scores.ause, **blocks
        )


def _read(file: Path) -> CaseScores:
    """Read stored scores."""
    with np.load(file) as stored:
        blocks = {key: stored[key].astype(np.float64) for key in BlockScores._fields}
        return CaseScores(BlockScores(**blocks), float(stored["seconds"]), float(stored["ause"]))


def evaluate_real(
    contestants: Iterable[Contestant],
    store: Path,
    scenes: Path | None = None,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Score matchers on real pairs, which have no exact truth.

    Parameters
    ----------
    contestants : iterable of Contestant
        The matchers.
    store : Path
        Folder in which scores are stored.
    scenes : Path, optional
        Folder with one subfolder per site of real scenes.

    Returns
    -------
    results : dict of dict
        By site: ``scores`` by matcher, ``caveat`` and ``block_grid``.
    skipped : dict of str
        Reason by site.
    """
    contestants = list(contestants)
    results: dict[str, dict[str, Any]] = {}
    skipped = {}
    for place in tqdm(SITES, desc="real pairs", unit="place"):
        try:
            real = RealScenes(scenes, place)
        except MissingSceneError as error:
            skipped[place.folder] = str(error)
            continue
        content = _hash_arrays([*real.images.values(), real.ice, real.stable])
        case = f"real-{place.folder}-{content}"
        by_matcher = {}
        for contestant in contestants:
            file = _score_file(store, contestant, case).with_suffix(".json")
            if not file.is_file():
                file.parent.mkdir(parents=True, exist_ok=True)
                write_json(file, _score_real(contestant, real), indent=None)
            by_matcher[contestant.name] = json.loads(file.read_text(encoding="utf-8"))
        results[place.folder] = {
            "scores": by_matcher,
            "caveat": place.caveat,
            "block_grid": real.block_grid,
        }
    return results, skipped


def _score_real(contestant: Contestant, real: RealScenes) -> dict[str, Any]:
    """Match all pairs of a site and score them."""
    flows = {
        (first, second): _match(contestant, real.images[first], real.images[second])[0]
        for first, second in needed_pairs(real.site)
    }
    return {name: list(estimate) for name, estimate in score_site(real, flows).items()}
