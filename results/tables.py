"""Tables of the README and of the pages of the site, from published claims and costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from published_values import (
    STUDY_MATCHERS,
    Claims,
    check_values,
    compression_note,
    format_claim,
    format_table,
    paper_stake_errors,
)

from gdiv.study.pretraining_data import GLACIERS as TRAINED_ON

__all__ = ["cost_table", "demo_table", "glacier_table", "real_table", "summary_table"]

#: Matchers that the table of glaciers compares.
GLACIER_MATCHERS = ("horn-schunck", "raft", "correlation", "dis")


def summary_table(claims: Claims) -> str:
    """Main errors of the demo's annual mosaics for the README, one row per matcher."""
    count = format_claim(claims, "pairs.validation", "{:.0f}")
    introduction = (
        "Annual velocity of the synthetic Mer de Glace (twin, not satellite data): robust mosaic "
        f"of {count} pairs against the exact motion, with default settings. *zero* is the baseline "
        "of no motion; its coverage is as high as the others because its stated errors are large, "
        "so read coverage together with the RMSE."
    )
    heads = (
        "matcher",
        "RMSE on ice, m/yr",
        "bias along flow, %",
        "coverage of 1 sigma (0.68 if well calibrated)",
    )
    rows = []
    for name in STUDY_MATCHERS:
        rmse = format_claim(claims, f"mosaic.{name}.rmse")
        bias = format_claim(claims, f"mosaic.{name}.along", "{:+.1f}")
        coverage = format_claim(claims, f"mosaic.{name}.covered")
        rows.append((name, rmse, bias, coverage))
    return "\n".join([introduction, "", *format_table(heads, rows)])


def demo_table(claims: Claims) -> str:
    """Errors of the demo's annual mosaics against the twin's truth, one row per matcher."""
    count = format_claim(claims, "pairs.validation", "{:.0f}")
    introduction = (
        "Annual velocity of the synthetic Mer de Glace (twin, not satellite data), demo run: "
        f"robust mosaic of {count} pairs against the exact motion, in m/yr. Bias along the flow is "
        "in percent; coverage is the fraction of true errors within one stated sigma (0.68 if well "
        "calibrated)."
    )
    heads = (
        "matcher",
        "stakes, mean absolute difference",
        "RMSE on ice",
        "median error",
        "coverage",
        "bias along flow",
        "stable ground, NMAD",
    )
    rows = []
    for name in STUDY_MATCHERS:
        columns = ("stakes", "rmse", "median", "covered")
        cells = [format_claim(claims, f"mosaic.{name}.{column}") for column in columns]
        bias = format_claim(claims, f"mosaic.{name}.along", "{:+.1f}")
        spread = format_claim(claims, f"mosaic.{name}.nmad")
        rows.append((name, *cells, bias, spread))
    notes = ("", _default_settings_note(claims), "", _stakes_note())
    return "\n".join([introduction, "", *format_table(heads, rows), *notes])


def _default_settings_note(claims: Claims) -> str:
    """Sentences on the errors of the other matchers with tuned settings."""
    rmse_by_matcher = check_values("tuned_rmse")
    tuned = ", ".join(f"{rmse:.1f} ({name})" for name, rmse in rmse_by_matcher.items())
    raft = claims["mosaic.raft.rmse"]["value"]
    default_gain = 1 - raft / claims["mosaic.horn-schunck.rmse"]["value"]
    tuned_gain = 1 - raft / rmse_by_matcher["horn-schunck"]
    return (
        "Every matcher runs with its default settings, which are a compromise between cases. With "
        "the settings that the bench tuned on other pairs of the twin, the RMSE falls to about "
        f"{tuned} m/yr, and the error of RAFT is {100 * tuned_gain:.0f} % below that of "
        f"Horn-Schunck instead of {100 * default_gain:.0f} %."
    )


def _stakes_note() -> str:
    """Sentences on the differences from the stakes in the paper."""
    horn_schunck, raft = paper_stake_errors()
    return (
        "The paper compares real scenes with three GPS stakes of 31 to 40 m/yr: the mean absolute "
        f"difference is {horn_schunck:.2f} m/yr for Horn-Schunck and {raft:.2f} m/yr for RAFT. "
        "Stakes and scenes differ from those above, so the numbers cannot be compared directly. "
        "[The paper and this study, row by row](results/paper.md)."
    )


def real_table(claims: Claims) -> str:
    """Self-consistency of single pairs of real scenes, one row per matcher."""
    pairs = format_claim(claims, "pairs.validation", "{:.0f}")
    scenes = format_claim(claims, "scenes.found", "{:.0f}")
    introduction = (
        f"{pairs} pairs of 10 to 20 days, selected automatically from {scenes} dates. There is no "
        "truth. Pixels are nominally 6.08 m wide, so values in metres give an order of magnitude "
        "only."
    )
    heads = (
        "matcher",
        "stable ground: bias (px)",
        "stable ground: NMAD (px)",
        "triplet closure (px)",
    )
    rows = []
    for name in STUDY_MATCHERS:
        columns = ("bias", "still_ground", "closure")
        cells = [format_claim(claims, f"pairs.{name}.{column}") for column in columns]
        rows.append((name, *cells))
    displacement = format_claim(claims, "motion.px_per_day", "{:.3f}")
    speed = format_claim(claims, "mosaic.speed", "{:.0f}")
    conclusion = (
        "Zero motion has the lowest closure and no spread, so no column ranks the matchers by "
        f"itself. The median displacement by Horn-Schunck is {displacement} px/day, and the median "
        f"speed of the RAFT mosaic is {speed} m/yr. Speed is highest in the south-west, where the "
        "ice enters the scene, and along the centreline. Matching fails in patches of the fastest "
        "ice, where crevasses open within days, and in a rim along the margins, where smoothness "
        "mixes ice and shore."
    )
    texts = (introduction, "", compression_note(), "")
    return "\n".join([*texts, *format_table(heads, rows), "", conclusion])


def glacier_table(glaciers: Mapping[str, Claims]) -> str:
    """Errors of the mosaic on each glacier's twin in the smoke profile, one row per glacier."""
    introduction = (
        "RMSE on ice in m/yr on the synthetic twin of each glacier (not satellite data), profile "
        "`smoke`: a small scene and few pairs. Coverage is the fraction of RAFT's true errors "
        "within one stated sigma (0.68 if well calibrated)."
    )
    heads = ("synthetic twin of", "pairs", "median speed", *GLACIER_MATCHERS, "coverage of RAFT")
    rows = []
    for key, claims in glaciers.items():
        pairs = format_claim(claims, "pairs.validation", "{:.0f}")
        speed = format_claim(claims, "mosaic.speed", "{:.0f}")
        errors = [
            format_claim(claims, f"mosaic.{name}.rmse", "{:.1f}") for name in GLACIER_MATCHERS
        ]
        coverage = format_claim(claims, "mosaic.raft.covered")
        mark = " †" if key in TRAINED_ON else ""
        rows.append((f"`{key}`{mark}", pairs, speed, *errors, coverage))
    single_pair_coverages = " and ".join(
        f"{format_claim(claims, 'mosaic.raft.covered')} (`{key}`)"
        for key, claims in glaciers.items()
        if claims["pairs.validation"]["value"] == 1
    )
    notes = (
        "",
        "† RAFT was trained on the twin of this glacier, with the same velocity field and other "
        "random draws of the scenes. Its error there is not an independent test. No other matcher "
        "is trained.",
        "",
        "With a single pair and no second season, the stated sigma covers far fewer of the true "
        f"errors than 0.68: {single_pair_coverages}. Such errors are overconfident.",
    )
    return "\n".join([introduction, "", *format_table(heads, rows), *notes])


def cost_table(costs: Sequence[Mapping[str, Any]]) -> str:
    """Time, memory and disk space, one row per measured run."""
    heads = ("profile", "source", "processors", "minutes", "peak memory of a notebook", "disk")
    rows = [
        (
            f"`{run['profile']}`",
            run["source"],
            str(run["cores"]),
            f"{run['minutes']:.0f}",
            f"{run['memory']:.1f} GB",
            f"{run['disk']:.1f} GB",
        )
        for run in costs
    ]
    pairs = check_values("annual_pairs")
    notes = (
        "",
        "`full` reads a real archive and trains for hours on a GPU. It has not been run as a "
        "whole. Measure your own machine with `python results/costs.py`.",
        "",
        "`full` alone does not take the paper's 170 pairs. The paper compares each of 10 scenes of "
        "2021 with each of 17 scenes of 2022. The annual rule of the catalog keeps pairs of one "
        "orbit, at most 45 days from a whole number of years and with at most 20 degrees between "
        "the solar azimuths. On Sentinel-2's real calendar, 10 and 17 clear scenes leave "
        f"{pairs['least']} to {pairs['most']} of the 170 pairs. The profile `paper` is `full` with "
        "every scene of one season paired with every scene of the next, without limits on orbit, "
        "day of the year and sun: `gdiv run mer-de-glace --profile paper`. In the catalog, "
        "`pairing: {rule: paper}` does the same for a glacier. `usable_scenes` in the catalog is "
        "the number of scenes that the twin renders; it has no effect on an archive.",
    )
    return "\n".join([*format_table(heads, rows), *notes])
