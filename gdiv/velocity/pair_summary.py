"""Summarise the velocity of one pair: speed, error, and apparent motion of stable ground."""

from typing import Any

import numpy as np
import xarray as xr

from gdiv.imagery.shift import MIN_BLOCKS
from gdiv.velocity.flags import GCOS_GOAL, GCOS_THRESHOLD, share_within
from gdiv.velocity.validation import stable_ground_velocity

__all__ = ["format_summary", "summarise_pair"]


def summarise_pair(pair: xr.Dataset, velocity: xr.Dataset) -> dict[str, Any]:
    """Summarise the velocity between two images.

    Parameters
    ----------
    pair : xarray.Dataset
        From `gdiv.open_pair`.
    velocity : xarray.Dataset
        From `gdiv.velocity_from_pair`.

    Returns
    -------
    dict
        Dates, days and matcher; ``target`` ("ice" with an outline, otherwise "image"); for the
        target ``with_velocity`` (fraction), ``median_speed``, ``speed_p95`` and ``median_error``
        (m/yr), ``gcos_goal`` and ``gcos_threshold`` (fractions with two standard errors of at most
        10 and 100 m/yr);
        ``registration_shift`` (pixels, right and down) and ``registration_blocks``; apparent
        velocity of stable ground: ``stable_bias`` and ``stable_nmad`` (m/yr). NaN becomes None.
    """
    target = pair.glacier.values if "glacier" in pair else np.ones(velocity.v.shape, bool)
    stable = pair.stable.values if "stable" in pair else np.zeros(velocity.v.shape, bool)
    speed = velocity.v.values[target]
    errors = velocity.v_error.where(target)
    valid_speeds = speed[np.isfinite(speed)]
    median, high = np.percentile(valid_speeds, [50, 95]) if valid_speeds.size else (np.nan, np.nan)
    ground = stable_ground_velocity(velocity, stable) if stable.any() else {}
    dates = (pair.attrs["reference_date"], pair.attrs["secondary_date"])
    days = (np.datetime64(dates[1]) - np.datetime64(dates[0])) / np.timedelta64(1, "D")
    values = {
        "with_velocity": valid_speeds.size / max(speed.size, 1),
        "median_speed": median,
        "speed_p95": high,
        "median_error": float(errors.median()),
        "gcos_goal": share_within(errors, GCOS_GOAL),
        "gcos_threshold": share_within(errors, GCOS_THRESHOLD),
        "stable_bias": ground.get("bias", np.nan),
        "stable_nmad": ground.get("nmad", np.nan),
    }
    return {
        "reference_date": dates[0],
        "secondary_date": dates[1],
        "days": float(days),
        "matcher": velocity.attrs["matcher"],
        "target": "ice" if "glacier" in pair else "image",
        "registration_shift": [velocity.attrs["shift_x"], velocity.attrs["shift_y"]],
        "registration_blocks": velocity.attrs["registration_blocks"],
        **{name: float(v) if np.isfinite(v) else None for name, v in values.items()},
    }


def format_summary(summary: dict[str, Any]) -> str:
    """Format a summary as text.

    Parameters
    ----------
    summary : dict
        From `summarise_pair`.

    Returns
    -------
    str
        Text of a few lines.
    """
    shift = ", ".join(f"{part:+.2f}" for part in summary["registration_shift"])
    blocks = summary["registration_blocks"]
    lines = [
        f"{summary['reference_date'][:10]} to {summary['secondary_date'][:10]}, "
        f"{summary['days']:.0f} days, by {summary['matcher']}",
        f"{summary['target']} with a velocity: {_percent(summary['with_velocity'])}",
        f"speed: median {_metres(summary['median_speed'])}, "
        f"95 % below {_metres(summary['speed_p95'])}",
        f"error (1 sigma): median {_metres(summary['median_error'])}; two sigma of at most "
        f"{GCOS_GOAL:g} m/yr on {_percent(summary['gcos_goal'])}, of {GCOS_THRESHOLD:g} m/yr on "
        f"{_percent(summary['gcos_threshold'])}",
        f"registration: ({shift}) px from {blocks} blocks of stable ground"
        if blocks >= MIN_BLOCKS
        else f"registration: none ({blocks} blocks of stable ground, {MIN_BLOCKS} needed), so "
        f"the errors are those of the match alone",
        f"stable ground: bias {_metres(summary['stable_bias'])}, "
        f"NMAD {_metres(summary['stable_nmad'])}",
    ]
    return "\n".join(lines)


def _metres(value: float | None) -> str:
    """Format a velocity with its unit, or "unknown"."""
    return "unknown" if value is None else f"{value:.3g} m/yr"


def _percent(value: float | None) -> str:
    """Format a fraction in percent, or "unknown"."""
    return "unknown" if value is None else f"{100 * value:.0f} %"
