"""Tables of the README and of the pages of the site, from published claims and costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from published_values import (
    MISSING,
    STUDY_MATCHERS,
    Claims,
    check_values,
    compression_note,
    format_claim,
    format_table,
    paper_stake_errors,
    row_name,
)

from gdiv.study.pretraining_data import GLACIERS as TRAINED_ON

__all__ = [
    "cost_table",
    "demo_table",
    "glacier_table",
    "real_sites_table",
    "real_table",
    "summary_table",
]

#: Rows of the benchmark by matcher of the study, where their names differ.
PEER_NAMES = {
    "horn-schunck": "horn-schunck, default settings",
    "raft": "RAFT hybrid",
    "dis": "DIS, finest scale 0",
    "tv-l1": "TV-L1",
    "ilk": "ILK",
}
#: Note on `raft` in the studies of real scenes, which have not been repeated.
BEFORE_HYBRID = "`raft` is the network alone, with earlier weights."
#: Matchers that the table of glaciers compares.
GLACIER_MATCHERS = ("horn-schunck", "raft", "correlation", "dis")


def summary_table(claims: Claims) -> str:
    """Main errors of the demo's annual mosaics for the README, one row per matcher."""
    count = format_claim(claims, "pairs.validation", "{:.0f}")
    introduction = (
        "Annual velocity of the synthetic Mer de Glace (twin, not satellite data). Each row "
        f"compares the mosaic of one matcher, a robust average of {count} pairs, with the exact "
        "motion, for default settings and for settings tuned on other glaciers. Brackets are 95 % "
        "bootstrap intervals from blocks of 1 km; matchers with overlapping intervals are not "
        "ranked. Failed matches have no vector and are excluded, so a matcher with a smaller valid "
        "fraction is scored on easier ice. *zero* is the baseline, zero motion; its bias is not "
        "exactly -100 %, because the registration shift of each pair is subtracted."
    )
    heads = (
        "matcher",
        "valid fraction of the ice, %",
        "RMSE on valid ice, m/yr",
        "RMSE, tuned settings, m/yr",
        "bias along flow, %",
        "coverage of 1 sigma (0.68 if well calibrated)",
    )
    tuned = check_values("tuned_rmse")
    rows = []
    for name in STUDY_MATCHERS:
        rmse = _with_interval(claims, f"mosaic.{name}.rmse", "{:.2f}")
        bias = _with_interval(claims, f"mosaic.{name}.along", "{:+.1f}")
        coverage = _with_interval(claims, f"mosaic.{name}.covered", "{:.2f}")
        tuned_rmse = _tuned_cell(tuned, name)
        rows.append(
            (row_name(name), _valid_percent(claims, name), rmse, tuned_rmse, bias, coverage)
        )
    return "\n".join([introduction, "", *format_table(heads, rows)])


def _with_interval(claims: Claims, key: str, form: str) -> str:
    """Value of a claim with its interval in brackets."""
    low, high = (format_claim(claims, f"{key}_{end}", form) for end in ("low", "high"))
    return f"{format_claim(claims, key, form)} ({low} to {high})"


def _valid_percent(claims: Claims, name: str) -> str:
    """Percentage of the ice where the mosaic of a matcher has a value."""
    return f"{100 * claims[f'mosaic.{name}.valid']['value']:.0f}"


def _tuned_cell(tuned: Mapping[str, Sequence[float]], name: str) -> str:
    """RMSE of a matcher with tuned settings, or a dash where it has none."""
    if name not in tuned:
        return MISSING
    value, low, high = tuned[name]
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def demo_table(claims: Claims) -> str:
    """Errors of the demo's annual mosaics against the twin's truth, one row per matcher."""
    count = format_claim(claims, "pairs.validation", "{:.0f}")
    introduction = (
        "Annual velocity of the synthetic Mer de Glace (twin, not satellite data), demo run: "
        f"robust mosaic of {count} pairs against the exact motion, in m/yr. Bias along the flow is "
        "in percent; coverage is the fraction of true errors within one stated sigma (0.68 if well "
        "calibrated). Failed matches have no vector and are excluded, so a matcher with a smaller "
        "valid fraction is scored on easier ice. Brackets are 95 % bootstrap intervals from blocks "
        "of 1 km."
    )
    heads = (
        "matcher",
        "stakes, mean absolute difference",
        "valid fraction of the ice, %",
        "RMSE",
        "RMSE, tuned settings",
        "median error",
        "coverage",
        "bias along flow",
        "stable ground, NMAD",
    )
    tuned = check_values("tuned_rmse")
    rows = []
    for name in STUDY_MATCHERS:
        rows.append(
            (
                row_name(name),
                format_claim(claims, f"mosaic.{name}.stakes"),
                _valid_percent(claims, name),
                _with_interval(claims, f"mosaic.{name}.rmse", "{:.2f}"),
                _tuned_cell(tuned, name),
                format_claim(claims, f"mosaic.{name}.median"),
                _with_interval(claims, f"mosaic.{name}.covered", "{:.2f}"),
                _with_interval(claims, f"mosaic.{name}.along", "{:+.1f}"),
                format_claim(claims, f"mosaic.{name}.nmad"),
            )
        )
    note = (
        "Default settings are a compromise between cases. Tuned settings were chosen on the dev "
        "split of [the benchmark](benchmark.md), which uses other glaciers; RAFT has none."
    )
    notes = ("", note, "", _stakes_note())
    return "\n".join([introduction, "", *format_table(heads, rows), *notes])


def _stakes_note() -> str:
    """Sentences on the differences from the stakes in the paper."""
    horn_schunck, raft = paper_stake_errors()
    return (
        "The paper compares real scenes with three GPS stakes of 31 to 40 m/yr: the mean absolute "
        f"difference is {horn_schunck:.2f} m/yr for Horn-Schunck and {raft:.2f} m/yr for RAFT. "
        "Stakes and scenes differ from those above, so the numbers are not directly comparable. "
        "See the [comparison with the paper](results/paper.md)."
    )


def real_sites_table(
    claims_by_place: Mapping[str, Claims], scores: Mapping[str, Mapping[str, Any]]
) -> str:
    """Format the studies of Yahtse and Zmutt, with one row per site and matcher.

    Parameters
    ----------
    claims_by_place : mapping
        Published claims by glacier.
    scores : mapping
        Scores of the benchmark on real pairs, by folder of scenes.
    """
    introduction = (
        "Two more studies of real scenes: Guyot and Yahtse (Landsat 8, one pair of 16 days, with "
        "rock) and Zmutt (Sentinel-2, 2017 to 2018, in its own projection and without stable "
        "ground, so that shifts are from the pair network; a scene from another orbit is "
        "rejected). There is no truth. *CARST* is the median distance from CARST's published field "
        "for the same pair of Yahtse, relative to rock, where the displacement exceeds one pixel; "
        "the wrong sign of its published east component is corrected."
    )
    heads = (
        "place",
        "matcher",
        "stable ground, NMAD, px",
        "closure, px",
        "stable ground of the mosaic, NMAD, m/yr",
        "CARST, px",
    )
    published = scores.get("yahtse-2016-west", {}).get("scores", {})
    rows = []
    for place, claims in claims_by_place.items():
        for name in STUDY_MATCHERS:
            field = published.get(PEER_NAMES.get(name, name), {}) if place == "yahtse" else {}
            values = (
                format_claim(claims, f"pairs.{name}.stable_ground"),
                format_claim(claims, f"pairs.{name}.closure"),
                format_claim(claims, f"mosaic.{name}.nmad"),
                f"{field['field'][0]:.2f}" if "field" in field else MISSING,
            )
            if set(values) != {MISSING}:  # Zmutt has neither stable ground nor triplets
                rows.append((place, row_name(name), *values))
    return "\n".join([introduction, "", *format_table(heads, rows)])


def real_table(claims: Claims) -> str:
    """Self-consistency of single pairs of real scenes, one row per matcher."""
    pairs = format_claim(claims, "pairs.validation", "{:.0f}")
    scenes = format_claim(claims, "scenes.found", "{:.0f}")
    introduction = (
        f"{pairs} pairs of 10 to 20 days, selected automatically from {scenes} dates. There is no "
        "truth. Pixels are nominally 6.08 m wide, so values in metres are only orders of "
        f"magnitude. {BEFORE_HYBRID}"
    )
    heads = (
        "matcher",
        "stable ground: bias (px)",
        "stable ground: NMAD (px)",
        "triplet closure (px)",
    )
    rows = []
    for name in STUDY_MATCHERS:
        columns = ("bias", "stable_ground", "closure")
        cells = [format_claim(claims, f"pairs.{name}.{column}") for column in columns]
        rows.append((name, *cells))
    displacement = format_claim(claims, "motion.px_per_day", "{:.3f}")
    speed = format_claim(claims, "mosaic.speed", "{:.0f}")
    conclusion = (
        "Zero motion has the lowest closure and no spread, so no single column ranks the matchers. "
        f"The median displacement from Horn-Schunck is {displacement} px/day, and the median speed "
        f"of the RAFT mosaic is {speed} m/yr. Speed is highest in the south-west, where the ice "
        "enters the scene, and along the centreline. Matching fails in patches of the fastest ice, "
        "where crevasses open within days, and along the margins, where smoothing mixes ice and "
        "shore."
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
    names = [row_name(name) for name in GLACIER_MATCHERS]
    heads = ("synthetic twin of", "pairs", "median speed", *names, "coverage of RAFT")
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
        "† RAFT was trained on the twin of this glacier, with the same velocity field but other "
        "random draws of the scenes, so this is not an independent test. No other matcher is "
        "trained.",
        "",
        "For a single pair, the fraction of true errors within the stated sigma is: "
        f"{single_pair_coverages}.",
    )
    return "\n".join([introduction, "", *format_table(heads, rows), *notes])


def cost_table(costs: Sequence[Mapping[str, Any]]) -> str:
    """Time, memory and disk space, one row per measured run."""
    heads = ("profile", "source", "cores", "minutes", "peak memory of a notebook", "disk")
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
        "`full` reads a real archive and trains for hours on a GPU. It has not been run end to "
        "end. Measure the cost on your own machine with `python results/costs.py`.",
        "",
        "`full` does not reproduce the paper's 170 pairs. The paper compares each of 10 scenes of "
        "2021 with each of 17 scenes of 2022. The annual rule of the catalog keeps pairs from one "
        "orbit, at most 45 days from a whole number of years and with at most 20 degrees between "
        "the solar azimuths. On Sentinel-2's real calendar, 10 and 17 clear scenes yield "
        f"{pairs['least']} to {pairs['most']} of the 170 pairs. The profile `paper` is `full` with "
        "every scene of one season paired with every scene of the next, without limits on orbit, "
        "day of the year and sun: `gdiv run mer-de-glace --profile paper`. In the catalog, "
        "`pairing: {rule: paper}` does the same for a glacier. `usable_scenes` in the catalog is "
        "the number of scenes that the twin renders; it has no effect on an archive.",
    )
    return "\n".join([*format_table(heads, rows), *notes])
