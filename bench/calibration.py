"""Calibrate the stated errors of every matcher on the dev split, and score them on the test split.

`python bench/calibration.py` fits the scale and powers of `gdiv.flow.matchers.calibration` to the
dev split and further cases of its kinds with other seeds, and writes them beside that module. The
stated errors are then evaluated on the test split and written to
`results/published/bench-errors.json`, from which `python results/render.py` makes a page. This
takes half an hour on two cores. Matches are stored in `runs/benchmark/errors`, so an interrupted
run resumes.
"""

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from leaderboard import code_hash
from networks import ROOT
from scipy import optimize, stats
from speed import set_threads
from tqdm import tqdm

from gdiv.benchmark.cases import Case, Split
from gdiv.benchmark.scenes import MissingSceneError
from gdiv.benchmark.scores import CLASSES, pixel_classes, sparsification_area
from gdiv.benchmark.suite import list_cases, load_case
from gdiv.files import write_json
from gdiv.flow.matchers.calibration import (
    ANY,
    CALIBRATIONS,
    FAILED,
    IMAGES_ALONE,
    MIN_SECOND,
    WITH_SECOND,
    Calibration,
    calibrate,
    local_rms,
    second_predictor,
)
from gdiv.flow.matchers.measurement import measure_displacement
from gdiv.flow.matchers.registry import get_matcher

__all__ = ["Sample", "collect", "fit", "list_all", "main", "score"]

TARGET = ROOT / "results" / "published" / "bench-errors.json"
STORE = ROOT / "runs" / "benchmark"
MATCHERS = ("horn-schunck", "raft", "dis", "correlation", "farneback", "ilk", "tv-l1")
#: Added to the seeds of the dev split for further cases.
FURTHER_SEEDS = (500, 900)
#: Pixels drawn from each case, and fraction of them on ice.
PIXELS = 4000
ICE = 0.75
PROCESSES = 2
#: Fraction of a normal distribution within one standard deviation.
WITHIN_SIGMA = 0.683
#: Initial values of the fit: scale, powers, minimum error.
FIRST = {IMAGES_ALONE: (1.0, 1.0, 0.0, 0.01), WITH_SECOND: (1.0, 0.6, 0.5, 0.01)}
#: True error beyond which a match has failed, pixels.
LARGE_ERROR = 2.0


@dataclass
class Sample:
    """Pixels of one case.

    Attributes
    ----------
    case : str
        Name of the case.
    shown, second, error : ndarray, shape (2, N)
        Image-based errors, the second predictor, and the true errors, in pixels.
    residual : ndarray, shape (N,)
        Forward-backward error in pixels.
    classes : ndarray of bool, shape (classes, N)
        Pixels of each of `gdiv.benchmark.scores.CLASSES`.
    """

    case: str
    shown: npt.NDArray[np.float64]
    second: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    residual: npt.NDArray[np.float64]
    classes: npt.NDArray[np.bool_]

    def select_second(self, kind: str) -> npt.NDArray[np.float64] | None:
        """Return the second predictor if a kind of calibration uses one.

        Parameters
        ----------
        kind : str
            Kind of calibration.

        Returns
        -------
        ndarray, shape (2, N), or None
            Pixels.
        """
        return self.second if kind == WITH_SECOND else None


def list_all(split: Split) -> Iterator[Case]:
    """List the cases of a split; of the dev split with further seeds.

    Parameters
    ----------
    split : {"dev", "test"}
        Split.

    Yields
    ------
    Case
        Cases.
    """
    cases = list_cases(split)
    yield from cases
    for seed in FURTHER_SEEDS if split == "dev" else ():
        for case in cases:
            if case.kind in ("drawn", "moved"):
                yield replace(case, name=f"{case.name}-{seed}", seed=case.seed + seed)


def collect(case: Case, scenes: Path) -> list[Sample] | None:
    """Match a case with every matcher in both directions.

    Parameters
    ----------
    case : Case
        Case.
    scenes : Path
        Folder with one subfolder per site of real scenes.

    Returns
    -------
    list of Sample, or None
        One per matcher; None if the scene of the case is absent.
    """
    set_threads(1)
    store = STORE / "errors" / code_hash("benchmark")
    with suppress(MissingSceneError):
        return [_measure(case, name, scenes, store) for name in MATCHERS]
    return None


def _measure(case: Case, matcher: str, scenes: Path, store: Path) -> Sample:
    """Measure the pixels of a case with one matcher, and store them."""
    file = store / f"{case.name}-{matcher}.npz"
    if not file.is_file():
        pair = load_case(case, scenes, STORE / "twins")
        measured = measure_displacement(
            get_matcher(matcher), pair.reference, pair.secondary, check_consistency=True
        )
        second = np.broadcast_to(
            second_predictor(measured.stated, measured.residual), measured.flow.shape
        )
        is_sampled = pair.counted & measured.valid & np.isfinite(pair.flow).all(0)
        rng = np.random.default_rng(case.seed)
        rows, columns = np.nonzero(is_sampled)
        weights = np.where(pair.ice[is_sampled], ICE / pair.ice[is_sampled].sum(), 0)
        if not pair.ice[is_sampled].all():
            weights += np.where(pair.ice[is_sampled], 0, (1 - ICE) / (~pair.ice[is_sampled]).sum())
        chosen = rng.choice(rows.size, min(PIXELS, rows.size // 4), False, weights / weights.sum())
        sampled_pixels = (..., rows[chosen], columns[chosen])
        file.parent.mkdir(parents=True, exist_ok=True)
        classes = pixel_classes(pair)
        np.savez_compressed(
            file,
            shown=measured.shown[sampled_pixels],
            second=second[sampled_pixels],
            error=(measured.flow - pair.flow)[sampled_pixels],
            residual=local_rms(measured.residual)[sampled_pixels],
            classes=np.stack([classes[name] for name in CLASSES])[sampled_pixels],
        )
    with np.load(file) as stored:
        return Sample(case.name, **{name: stored[name] for name in stored.files})


def fit(samples: Sequence[Sample], kind: str) -> Calibration:
    """Fit scale and powers by quantile regression.

    Parameters
    ----------
    samples : sequence of Sample
        Pixels of all cases.
    kind : str
        Without or with the second predictor.

    Returns
    -------
    Calibration
        Scale and powers.
    """
    shown, error = (
        np.concatenate([getattr(sample, name).ravel() for sample in samples])
        for name in ("shown", "error")
    )
    second = np.concatenate([sample.second.ravel() for sample in samples])
    target = np.log(np.abs(error) + 1e-4)
    log_shown, log_second = np.log(shown), np.log(second + MIN_SECOND)

    def loss(values: npt.NDArray[np.float64]) -> float:
        log_scale, a, b, log_least = values
        predicted = log_scale + a * log_shown + (b * log_second if kind == WITH_SECOND else 0)
        predicted = 0.5 * np.logaddexp(2 * predicted, 2 * log_least)
        difference = target - predicted
        pinball = np.maximum(WITHIN_SIGMA * difference, (WITHIN_SIGMA - 1) * difference)
        return float(pinball.mean())

    scale, a, b, least = FIRST[kind]
    first = (np.log(scale), a, b, np.log(least))
    found = optimize.minimize(loss, first, method="Nelder-Mead", options={"maxiter": 600}).x
    b = found[2] if kind == WITH_SECOND else 0.0
    values = (np.exp(found[0]), found[1], b, np.exp(found[3]))
    return Calibration(*(round(float(value), 4) for value in values))


def score(samples: Sequence[Sample], sigmas: Sequence[npt.NDArray[np.float64]]) -> dict[str, Any]:
    """Score stated errors.

    Parameters
    ----------
    samples : sequence of Sample
        Pixels of all cases.
    sigmas : sequence of ndarray, shape (2, N)
        Stated errors of each case, in pixels.

    Returns
    -------
    dict
        ``coverage`` of each class of pixels; the mean over cases of ``ause`` on ice and of its
        expectation if errors were Rayleigh distributed with the stated errors (``ause_of_sigma``);
        ``crps`` in pixels; the fraction of ice ``kept``, the fraction of it with large errors,
        ``far_off``, and the latter in the worst case, ``worst``.
    """
    pairs = list(zip(samples, sigmas, strict=True))
    inside = {
        name: [(np.abs(s.error) <= sigma)[:, s.classes[number]] for s, sigma in pairs]
        for number, name in enumerate(CLASSES)
    }
    ice = [sample.classes[0] for sample in samples]
    errors = [np.hypot(*sample.error)[i] for sample, i in zip(samples, ice, strict=True)]
    stated = [np.hypot(*sigma)[i] for sigma, i in zip(sigmas, ice, strict=True)]
    rng = np.random.default_rng(0)
    simulated_errors = [sigma * rng.rayleigh(size=sigma.size) for sigma in stated]
    kept = [(sigma.max(0) <= FAILED)[i] for sigma, i in zip(sigmas, ice, strict=True)]
    off = [(e > LARGE_ERROR)[k].mean() for e, k in zip(errors, kept, strict=True) if k.any()]
    crps = [_crps(s.error[:, i], sigma[:, i]) for (s, sigma), i in zip(pairs, ice, strict=True)]
    values = {
        "ause": np.mean([sparsification_area(e, s) for e, s in zip(errors, stated, strict=True)]),
        "ause_of_sigma": np.mean(
            [sparsification_area(e, s) for e, s in zip(simulated_errors, stated, strict=True)]
        ),
        "crps": np.mean(crps),
        "kept": np.mean([each.mean() for each in kept]),
        "far_off": np.mean(off),
        "worst": np.max(off),
    }
    coverage = {
        name: round(float(np.concatenate(parts, axis=1).mean()), 3)
        for name, parts in inside.items()
        if sum(part.size for part in parts)
    }
    return {"coverage": coverage} | {name: round(float(v), 4) for name, v in values.items()}


def _crps(error: npt.NDArray[np.float64], sigma: npt.NDArray[np.float64]) -> float:
    """Mean continuous ranked probability score of normal distributions (Gneiting et al. 2005)."""
    z = error / sigma
    normal = stats.norm
    return float((sigma * (z * (2 * normal.cdf(z) - 1) + 2 * normal.pdf(z) - np.pi**-0.5)).mean())


def _collect_split(split: Split, scenes: Path) -> dict[str, list[Sample]]:
    """Samples of all cases of a split, by matcher."""
    cases = list(list_all(split))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        found = list(
            tqdm(pool.map(partial(collect, scenes=scenes), cases), split, total=len(cases))
        )
    return {
        name: [samples[number] for samples in found if samples is not None]
        for number, name in enumerate(MATCHERS)
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, default=ROOT.parent / "shared" / "real")
    scenes = parser.parse_args().scenes
    dev = _collect_split("dev", scenes)
    together = [
        sample
        for number, samples in enumerate(dev.values())
        for sample in samples[number :: len(MATCHERS)]
    ]
    calibrations = {
        name: {kind: fit(samples, kind) for kind in FIRST}
        for name, samples in tqdm({**dev, ANY: together}.items(), desc="fit")
    }
    stored = {
        name: {kind: values._asdict() for kind, values in kinds.items()}
        for name, kinds in calibrations.items()
    }
    write_json(
        Path(str(files("gdiv.flow.matchers").joinpath(CALIBRATIONS))),
        {"fitted_to": f"{len(dev['dis'])} cases of the dev split's kinds", "matchers": stored},
    )
    test = _collect_split("test", scenes)
    results = {
        name: {
            kind: score(
                samples,
                [
                    calibrate(s.shown, s.select_second(kind), calibrations[name][kind])
                    for s in samples
                ],
            )
            for kind in FIRST
        }
        | {
            "second predictor alone": score(samples, [s.second for s in samples]),
            "forward-backward alone": score(
                samples, [np.stack([s.residual, s.residual]) / 2 for s in samples]
            ),
        }
        for name, samples in test.items()
    }
    write_json(TARGET, {"cases": len(test["dis"]), "matchers": results})
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the page")


if __name__ == "__main__":
    main()
