"""Compare stated errors with peers on real pairs, where there is no truth.

Run `python bench/real_errors.py`; `python results/render.py` adds the tables to `errors.md`. On ice
with a published field (Yahtse, by CARST) and at reliable chips of every pair, the script measures
the fraction of kept vectors, their speed, their stated error and their difference from the peer.
Peers have errors as well, so differences are an upper bound. Takes ten minutes on two cores.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from networks import ROOT
from tqdm import tqdm

from gdiv.benchmark.real_scenes import SITES, Dates, RealScenes
from gdiv.conventions import DAYS_PER_YEAR
from gdiv.files import write_json
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.matchers.registry import get_matcher
from gdiv.images.arrays import Flow, Mask
from gdiv.velocity.stable_ground import add_ground_error

__all__ = ["compare", "main", "measure"]

TARGET = ROOT / "results" / "published" / "bench-real-errors.json"
MATCHERS = ("horn-schunck", "raft", "dis", "correlation")
#: Pixel size of the scenes of each site, m; that of Perito Moreno is nominal.
SPACING = {"yahtse-2016-west": 15.0, "zmutt-2017-2018": 10.0, "perito-moreno-2020": 6.08}
#: Fraction of the chips that counts as fast.
FAST = 0.1


def measure(scenes: RealScenes, pair: Dates, matcher: str) -> tuple[Flow, Flow, Mask]:
    """Match a pair, relative to stable ground.

    Parameters
    ----------
    scenes : RealScenes
        Scenes.
    pair : (str, str)
        Dates.
    matcher : str
        Name of the matcher.

    Returns
    -------
    flow, sigma : ndarray, shape (2, H, W)
        Displacement and its standard error in pixels.
    kept : ndarray of bool, shape (H, W)
        Vectors that did not fail.
    """
    match = match_images(
        get_matcher(matcher), *(scenes.images[date] for date in pair), check_consistency=True
    )
    kept = match.quality > 0
    ground = scenes.stable & kept
    shift = [np.median(c[ground]) if ground.any() else 0.0 for c in (match.u, match.v)]
    flow = np.stack([match.u - shift[0], match.v - shift[1]])
    sigmas = (match.sigma_u, match.sigma_v)
    sigma = np.stack([add_ground_error(c, s, ground) for c, s in zip(flow, sigmas, strict=True)])
    return flow, sigma, kept


def compare(
    flow: npt.NDArray[np.floating],
    sigma: npt.NDArray[np.floating],
    kept: npt.NDArray[np.bool_],
    peer: npt.NDArray[np.floating],
    factor: float,
) -> dict[str, float]:
    """Compare vectors with those of a peer.

    Parameters
    ----------
    flow, sigma, peer : ndarray, shape (2, N)
        Vectors, their standard errors, and the peer's vectors in pixels.
    kept : ndarray of bool, shape (N,)
        Vectors that did not fail.
    factor : float
        Factor from pixels to m/yr.

    Returns
    -------
    dict
        ``kept``, the fraction of kept vectors; for these, medians (m/yr) of the speed of the
        ``peer``, the ``speed``, the ``stated`` error of the vector and the length of the
        ``difference``; ``within``, the fraction of components within one stated error of the peer.
    """
    result = {"kept": float(kept.mean()), "vectors": float(kept.size)}
    if not kept.any():
        return result
    flow, sigma, peer = (each[:, kept] for each in (flow, sigma, peer))
    lengths = {"peer": peer, "speed": flow, "stated": sigma, "difference": flow - peer}
    medians = {name: factor * float(np.median(np.hypot(*each))) for name, each in lengths.items()}
    return result | medians | {"within": float((np.abs(flow - peer) <= sigma).mean())}


def _rows(scenes: RealScenes, pair: Dates, matcher: str) -> list[dict[str, Any]]:
    """Comparisons of one matcher on one pair."""
    flow, sigma, kept = measure(scenes, pair, matcher)
    days = float((np.datetime64(pair[1]) - np.datetime64(pair[0])).astype(int))
    factor = SPACING[scenes.site.folder] * DAYS_PER_YEAR / days
    chips = scenes.chips[pair]
    chip_centres = (..., chips[:, 0].astype(int), chips[:, 1].astype(int))
    fast = np.hypot(*chips[:, 2:].T) >= np.quantile(np.hypot(*chips[:, 2:].T), 1 - FAST)
    peers = {
        "reliable chips": (chip_centres, chips[:, 2:].T),
        "fastest tenth of the chips": (
            (..., *(part[fast] for part in chip_centres[1:])),
            chips[fast, 2:].T,
        ),
    }
    if scenes.site.field:
        field = scenes.published_field(pair)
        has_field = scenes.ice & np.isfinite(field).all(0)
        peers["published field"] = ((..., *np.nonzero(has_field)), field[:, has_field])
    return [
        {"place": scenes.site.folder, "pair": list(pair), "peer": name, "matcher": matcher}
        | {"values": compare(flow[where], sigma[where], kept[where[1:]], peer, factor)}
        for name, (where, peer) in peers.items()
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, default=ROOT.parent / "shared" / "real")
    folder = parser.parse_args().scenes
    plan = [
        (scenes, pair, matcher)
        for scenes in (RealScenes(folder, place) for place in SITES)
        for pair in scenes.site.pairs
        for matcher in MATCHERS
    ]
    rows = [row for each in tqdm(plan) for row in _rows(*each)]
    write_json(TARGET, {"rows": rows})
    print(f"wrote {TARGET.relative_to(ROOT)}; run python results/render.py to update the tables")


if __name__ == "__main__":
    main()
