"""The three main findings of the study as text, from its published results."""

from collections.abc import Mapping
from typing import Any

from gdiv.study.provenance import load_published

__all__ = ["published_findings"]

NARROW = "half-width < 8 px"


def published_findings() -> str:
    """Format the findings with their numbers and 95 % intervals.

    Returns
    -------
    str
        A numbered list in Markdown.

    Examples
    --------
    >>> published_findings().splitlines()[0][:25]
    '1. **Accuracy.** Averaged'
    """
    claims = load_published()
    rows = {
        row["matcher"]: row
        for row in load_published("benchmark")["test"]["rows"]
        if row["group"] == "ice"
    }
    raft, horn_schunck = rows["RAFT hybrid"], rows["horn-schunck, default settings"]
    zero = claims["mosaic.zero.rmse"]["value"]
    pairs = claims["pairs.validation"]["value"]
    raft_rmse = _estimate(claims, "mosaic.raft.rmse")
    horn_schunck_rmse = _estimate(claims, "mosaic.horn-schunck.rmse")
    overlap = raft_rmse[2] >= horn_schunck_rmse[1] and horn_schunck_rmse[2] >= raft_rmse[1]
    ranking = "overlap, so the two are not ranked" if overlap else "do not overlap"
    return (
        f"1. **Accuracy.** Averaged over {pairs:.0f} pairs of synthetic scenes, RAFT hybrid has an "
        f"RMSE of {_rmse(raft_rmse)} and Horn-Schunck of {_rmse(horn_schunck_rmse)}, over "
        f"{_percent(claims['mosaic.raft.valid']['value'])} and "
        f"{_percent(claims['mosaic.horn-schunck.valid']['value'])} of the ice. The intervals "
        f"{ranking}. Zero motion, the baseline, has {zero:.0f} m/yr.\n"
        "2. **Uncertainty.** Every velocity has a stated error. "
        f"{_fraction(_estimate(claims, 'mosaic.raft.covered'))} of the true errors of RAFT hybrid "
        "lie within one stated sigma (68 % if well calibrated).\n"
        "3. **Limitation.** On textures moved by known fields, the motion of ice with a half-width "
        "below eight pixels is underestimated if it exceeds two pixels: RAFT hybrid loses "
        f"{_lost_motion(raft)} of its motion and Horn-Schunck {_lost_motion(horn_schunck)}."
    )


def _estimate(claims: Mapping[str, Any], key: str) -> tuple[float, float, float]:
    """Value of a claim and both ends of its interval."""
    value, low, high = (claims[key + end]["value"] for end in ("", "_low", "_high"))
    return value, low, high


def _rmse(estimate: tuple[float, float, float]) -> str:
    """Format an RMSE with its interval."""
    value, low, high = estimate
    return f"{value:.1f} m/yr ({low:.1f} to {high:.1f})"


def _fraction(estimate: tuple[float, float, float]) -> str:
    """Format a fraction as a percentage with its interval."""
    value, low, high = estimate
    return f"{100 * value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _lost_motion(row: Mapping[str, Any]) -> str:
    """Fraction of the motion that a matcher loses on narrow ice, with its interval."""
    value, low, high = row["classes"][NARROW]["bias"]
    return _fraction((-value, -high, -low))


def _percent(fraction: float) -> str:
    """Fraction as a percentage."""
    return f"{100 * fraction:.0f} %"
