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
    overlap = _end(claims, "raft", "high") >= _end(claims, "horn-schunck", "low") and (
        _end(claims, "horn-schunck", "high") >= _end(claims, "raft", "low")
    )
    ranking = "overlap, so the two are not ranked" if overlap else "do not overlap"
    return (
        f"1. **Accuracy.** Averaged over {pairs:.0f} pairs of synthetic scenes, RAFT hybrid has an "
        f"RMSE of {_rmse(claims, 'raft')} and Horn-Schunck of "
        f"{_rmse(claims, 'horn-schunck')}, over "
        f"{_percent(claims['mosaic.raft.coverage']['value'])} and "
        f"{_percent(claims['mosaic.horn-schunck.coverage']['value'])} of the ice. The intervals "
        f"{ranking}. Zero motion, the baseline, has {zero:.0f} m/yr.\n"
        "2. **Uncertainty.** Every velocity has a stated error. "
        f"{_coverage(claims, 'raft')} of the true errors of RAFT hybrid lie within one stated "
        "sigma (68 % if well calibrated).\n"
        "3. **Limitation.** On textures moved by known fields, the motion of ice with a half-width "
        "below eight pixels is underestimated if it exceeds two pixels: RAFT hybrid loses "
        f"{_lost_motion(raft)} of its motion and Horn-Schunck {_lost_motion(horn_schunck)}."
    )


def _end(claims: Mapping[str, Any], matcher: str, end: str) -> float:
    """Return one end of the interval of the RMSE."""
    value: float = claims[f"mosaic.{matcher}.rmse_{end}"]["value"]
    return value


def _rmse(claims: Mapping[str, Any], matcher: str) -> str:
    """RMSE of the mosaic of a matcher with its interval."""
    value, low, high = (
        claims[f"mosaic.{matcher}.rmse{end}"]["value"] for end in ("", "_low", "_high")
    )
    return f"{value:.1f} m/yr ({low:.1f} to {high:.1f})"


def _coverage(claims: Mapping[str, Any], matcher: str) -> str:
    """Coverage of one sigma with its interval."""
    value, low, high = (
        claims[f"mosaic.{matcher}.covered{end}"]["value"] for end in ("", "_low", "_high")
    )
    return f"{100 * value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _lost_motion(row: Mapping[str, Any]) -> str:
    """Fraction of the motion that a matcher loses on narrow ice, with its interval."""
    value, low, high = row["classes"][NARROW]["bias"]
    return f"{-100 * value:.0f} % ({-100 * high:.0f} to {-100 * low:.0f})"


def _percent(fraction: float) -> str:
    """Fraction as a percentage."""
    return f"{100 * fraction:.0f} %"
