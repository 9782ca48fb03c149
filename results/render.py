"""Write the tables of the README, the site and the pages bench.md and paper.md from published results.

Run `python results/render.py`. With `--check` nothing is written, and the exit status shows whether
all files are current. With `--links` the badges of the README are written for this fork.
"""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from gdiv import load_published as published
from gdiv.study.pretraining import GLACIERS as TRAINED_ON
from gdiv.study.paper import STAKES

HERE = Path(__file__).parent
MATCHERS = ("zero", "horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")

CHECKS = {name: check["values"] for name, check in published("checks").items()}  # of checks.py


def value(claims, key, form="{:.2f}"):
    """Format the value of a claim, or a dash where the run has no such claim."""
    return form.format(claims[key]["value"]) if key in claims else "–"


def demo_table(claims):
    """Errors of the demo's annual mosaics against the twin's truth, one row per matcher."""
    rows = [
        "Annual velocity of the synthetic Mer de Glace (twin, not satellite data), demo run: robust "
        f"mosaic of {value(claims, 'pairs.validation', '{:.0f}')} pairs against the exact motion, in "
        "m/yr. Bias along the flow is in percent; coverage is the fraction of true errors within one "
        "stated sigma (0.68 if well calibrated).",
        "",
        "| matcher | stakes, mean absolute difference | RMSE on ice | median error | coverage "
        "| bias along flow | stable ground, NMAD |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in MATCHERS:
        columns = ("stakes", "rmse", "median", "covered")
        cells = [value(claims, f"mosaic.{name}.{column}") for column in columns]
        cells.append(value(claims, f"mosaic.{name}.along", "{:+.1f}"))
        cells.append(value(claims, f"mosaic.{name}.nmad"))
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", default_settings_note(claims), "", stakes_note()])


def default_settings_note(claims):
    """How the ranking changes when the other matchers are tuned."""
    tuned = ", ".join(f"{rmse:.1f} ({name})" for name, rmse in CHECKS["tuned_rmse"].items())
    raft = claims["mosaic.raft.rmse"]["value"]
    default_gain = 1 - raft / claims["mosaic.horn-schunck.rmse"]["value"]
    tuned_gain = 1 - raft / CHECKS["tuned_rmse"]["horn-schunck"]
    return (
        "Every matcher runs with its default settings, which are a compromise between cases. With the "
        f"settings that the bench tuned on other pairs of the twin, the RMSE falls to about {tuned} m/yr, "
        f"and the error of RAFT is {100 * tuned_gain:.0f} % below that of Horn-Schunck instead of "
        f"{100 * default_gain:.0f} %."
    )


def paper_errors():
    """Mean absolute difference from the stakes of the paper, m/yr."""
    differences = STAKES.sub(STAKES.measured, axis=0).abs()
    return differences["horn-schunck"].mean(), differences["raft"].mean()


def stakes_note():
    """The paper's own check, for comparison."""
    horn_schunck, raft = paper_errors()
    return (
        "The paper compares real scenes with three GPS stakes of 31 to 40 m/yr: the mean absolute "
        f"difference is {horn_schunck:.2f} m/yr for Horn-Schunck and {raft:.2f} m/yr for RAFT. Stakes "
        "and scenes differ from those above, so the numbers cannot be compared directly. "
        "[The paper and this study, row by row](results/paper.md)."
    )


def compression_note():
    """What the compression of the Perito Moreno scenes does to every number made from them."""
    edges = CHECKS["block_edges"]
    return (
        "The scenes of Perito Moreno are 8-bit JPEG renderings, not reflectances, and the compression grid is fixed to "
        f"the pixels: on clear dates, brightness steps at block edges are {edges['least']} to {edges['most']} times "
        "the average. This pattern pulls every matcher towards zero motion and makes closure and stable "
        "ground look better than they are."
    )


def real_table(claims):
    """Self-consistency of single pairs of real scenes, one row per matcher."""
    rows = [
        f"{value(claims, 'pairs.validation', '{:.0f}')} pairs of 10 to 20 days, selected automatically "
        f"from {value(claims, 'scenes.found', '{:.0f}')} dates. There is no truth. Pixels are nominally "
        "6.08 m wide, so values in metres give an order of magnitude only.",
        "",
        compression_note(),
        "",
        "| matcher | stable ground: bias (px) | stable ground: NMAD (px) | triplet closure (px) |",
        "|---|---|---|---|",
    ]
    for name in MATCHERS:
        columns = ("bias", "still_ground", "closure")
        cells = [value(claims, f"pairs.{name}.{column}") for column in columns]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    day = value(claims, "motion.px_per_day", "{:.3f}")
    year = value(claims, "mosaic.speed", "{:.0f}")
    speed = (
        "Zero motion has the lowest closure and no spread, so no column ranks the matchers by itself. "
        f"The median displacement by Horn-Schunck is {day} px/day, and the median speed of the RAFT "
        f"mosaic is {year} m/yr. Speed is highest in the south-west, where the ice enters the scene, "
        "and along the centreline. Matching fails in patches of the fastest ice, where crevasses open "
        "within days, and in a rim along the margins, where smoothness mixes ice and shore."
    )
    return "\n".join([*rows, "", speed])


def glacier_table(glaciers):
    """Errors of the mosaic on each glacier's twin in the smoke profile, one row per glacier."""
    names = ("horn-schunck", "raft", "correlation", "dis")
    rows = [
        "RMSE on ice in m/yr on the synthetic twin of each glacier (not satellite data), profile "
        "`smoke`: a small scene and few pairs. Coverage is the fraction of RAFT's true errors within "
        "one stated sigma (0.68 if well calibrated).",
        "",
        f"| synthetic twin of | pairs | median speed | {' | '.join(names)} | coverage of RAFT |",
        "|---" * (len(names) + 4) + "|",
    ]
    for key, claims in glaciers.items():
        cells = [
            value(claims, "pairs.validation", "{:.0f}"),
            value(claims, "mosaic.speed", "{:.0f}"),
        ]
        cells += [value(claims, f"mosaic.{name}.rmse", "{:.1f}") for name in names]
        cells.append(value(claims, "mosaic.raft.covered"))
        mark = " †" if key in TRAINED_ON else ""
        rows.append(f"| `{key}`{mark} | {' | '.join(cells)} |")
    single = {
        key: claims for key, claims in glaciers.items() if claims["pairs.validation"]["value"] == 1
    }
    shares = " and ".join(
        f"{value(claims, 'mosaic.raft.covered')} (`{key}`)" for key, claims in single.items()
    )
    notes = (
        "† RAFT was trained on the twin of this glacier, with the same velocity field and other random "
        "draws of the scenes. Its error there is not an independent test. No other matcher is trained.",
        "",
        "With a single pair and no second season, the stated sigma covers far fewer of the true errors "
        f"than 0.68: {shares}. Such errors are overconfident.",
    )
    return "\n".join([*rows, "", *notes])


def cost_table(costs):
    """Time, memory and disk, one row per measured run."""
    rows = [
        "| profile | source | processors | minutes | peak memory of a notebook | disk |",
        "|---|---|---|---|---|---|",
    ]
    for run in costs:
        row = (
            "| `{profile}` | {source} | {cores} | {minutes:.0f} | {memory:.1f} GB | {disk:.1f} GB |"
        )
        rows.append(row.format(**run))
    kept = CHECKS["annual_pairs"]
    notes = (
        "`full` reads a real archive and trains for hours on a GPU. It has not been run as a whole. "
        "Measure your own machine with `python results/costs.py`.",
        "",
        "`full` alone does not take the paper's 170 pairs. The paper compares each of 10 scenes of 2021 "
        "with each of 17 scenes of 2022. The annual rule of the catalog keeps pairs of one orbit, at "
        "most 45 days from a whole number of years and with at most 20 degrees between the solar "
        f"azimuths. On Sentinel-2's real calendar, 10 and 17 clear scenes leave {kept['least']} to "
        f"{kept['most']} of the 170 pairs. The profile `paper` is `full` with every scene of one season "
        "paired with every scene of the next, without limits on orbit, day of the year and sun: "
        "`gdiv run mer-de-glace --profile paper`. In the catalog, `pairing: {rule: paper}` does the same "
        "for a glacier. "
        "`usable_scenes` in the catalog is the number of scenes that the twin renders; it has no effect "
        "on an archive.",
    )
    return "\n".join([*rows, "", *notes])


CASES = {
    "clean": "clean",
    "noise": "noise",
    "illumination": "other light",
    "shadow": "cast shadow",
    "decorrelation": "15 % decorrelated",
    "twin": "synthetic twin",
    "warped": "real, warped",
}

SETTINGS = {
    "horn-schunck, as it comes": "horn-schunck, default settings",
    "horn-schunck, the paper's": "horn-schunck, likely settings of the paper",
}


def bench_table(bench):
    """Mean error in each case, self-consistency on real pairs and time, one row per matcher."""
    errors = {(row["matcher"], row["case"]): row for row in bench["rows"]}
    present = {row["case"] for row in bench["rows"]}
    cases = {case: title for case, title in CASES.items() if case in present}
    heads = ["matcher", *cases.values()]
    heads += ["real: agreement with chips", "real: triplet closure", "real: stable ground, NMAD"]
    rows = [
        "Mean error in pixels against exactly known displacement: synthetic images, the synthetic twin, "
        "and real textures warped by a synthetic flow. The columns *real* are of real pairs of Perito "
        "Moreno, which have no truth. Each matcher has the settings that were best on other pairs, "
        "unless its name says otherwise. [All results of the bench](results/bench.md).",
        "",
        compression_note() + " Half of the textures of *real, warped* come from these scenes.",
        "",
        f"| {' | '.join(heads)} | ms at 256 x 256 |",
        f"|{'---|' * (len(heads) + 1)}",
    ]
    real = {row["matcher"]: row for row in bench.get("real", [])}
    for name in bench["tried"]["clean"]:
        cells = [
            f"{errors[name, case]['error_mean']:.3f}" if (name, case) in errors else "–"
            for case in cases
        ]
        for key in ("agreement", "closure", "still"):
            cells.append(f"{real[name][key]:.2f}" if name in real else "–")
        cells.append(f"{errors[name, 'clean']['milliseconds']:.1f}")
        rows.append(f"| {SETTINGS.get(name, name)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def bench_page(bench):
    """The whole bench, one table per case."""
    page = [
        "# Matchers side by side",
        "",
        "Generated by `make bench` and `python results/render.py`. Errors are in pixels, over all "
        "counted pixels of the scored pairs; *along* is the median fraction of the motion that is lost "
        "(negative) or added. Times are medians on one thread, with the matchers interleaved. Settings "
        "were chosen on other pairs by their mean error; the number of settings tried is in brackets. "
        "The cases come from several runs, so compare times within a case only.",
    ]
    titles = {
        "clean": "Synthetic images, 256 x 256, flows of up to 10 px",
        "noise": "Synthetic images with noise of a tenth of the texture",
        "illumination": "Synthetic images in other light",
        "shadow": "Synthetic images with other cast shadows on each date",
        "decorrelation": "Synthetic images with 15 % of the texture renewed",
        "twin": "The synthetic Mer de Glace (twin, not satellite data), a year apart",
        "warped": "Real scenes warped by a synthetic flow, in other light and with 15 % renewed",
        "clean 1024": "Synthetic images, 1024 x 1024, with the settings of 256 x 256",
    }
    for case, title in titles.items():
        rows = [row for row in [*bench["rows"], *bench["large"]] if row["case"] == case]
        if not rows:
            continue
        page += ["", f"## {title}", ""]
        if case == "warped":
            page += ["Half of the textures are of Perito Moreno. " + compression_note(), ""]
        page += [
            "| matcher | mean | median | 95 % | along | coverage | ms | time / Horn-Schunck | settings |"
        ]
        page += ["|---|---|---|---|---|---|---|---|---|"]
        unit = next(row["milliseconds"] for row in rows if row["matcher"] == "horn-schunck")
        for row in rows:
            settings = ", ".join(f"{key} {setting}" for key, setting in row["settings"].items())
            tried = bench["tried"].get(case, bench["tried"]["clean"])[row["matcher"]]
            line = (
                "| {name} | {error_mean:.3f} | {error_median:.3f} | {error_p95:.3f} | {percent:+.1f} % "
                "| {coverage:.2f} | {milliseconds:.1f} | {ratio:.2f} | {chosen} ({tried}) |"
            )
            page.append(
                line.format(
                    **row,
                    name=SETTINGS.get(row["matcher"], row["matcher"]),
                    percent=100 * row["along"],
                    ratio=row["milliseconds"] / unit,
                    chosen=settings or "–",
                    tried=tried,
                )
            )
    if bench.get("real"):
        page += real_pairs(bench["real"])
    page += ["", "## Two threads, median and solver", ""]
    page += [
        "Milliseconds per clean pair of 256 x 256 on two threads, one pair on each or both on one:"
    ]
    times = (
        f"{SETTINGS.get(row['matcher'], row['matcher'])} {row['milliseconds']:.1f}"
        for row in bench["two_threads"]
    )
    page += ["; ".join(times) + ".", ""]
    page += [
        "The 9 x 9 median of {size} x {size} pixels takes {milliseconds:.1f} ms. The median of scipy takes "
        "{scipy_milliseconds:.0f} ms, {ratio:.0f} times as long.".format(**bench["median"])
    ]
    page += [
        "A step of the solver on {size} x {size} pixels takes {microseconds_a_step:.0f} microseconds: "
        "{percent:.0f} % of what copying large arrays moves in that time.".format(
            **row, percent=100 * row["share"]
        )
        for row in bench["solver"]
    ]
    for name, tables in (("bench-networks", network_tables), ("bench-ablation", ablation_tables)):
        if (HERE / "published" / f"{name}.json").exists():
            page += tables(published(name))
    return "\n".join(page) + "\n"


def real_pairs(rows):
    """Lines of the real pairs of Perito Moreno, one row per matcher."""
    page = ["", "## Real pairs of Perito Moreno, not warped, 1324 x 1800", ""]
    page += [
        "Agreement with reliable wide chips (median, px) and bias along them, closure of a triplet "
        "(median, px), spread and bias of stable ground (px). Zero motion is best in two of these, so "
        "only all columns together rank the matchers. The chips are correlated themselves, which "
        "favours `correlation`. Settings had the lowest sum of agreement, closure and spread on another "
        "triplet, in a window.",
        "",
        compression_note(),
        "",
    ]
    page += [
        "| matcher | agreement | along | closure | stable: spread | stable: bias | coverage | s |"
    ]
    page += ["|---|---|---|---|---|---|---|---|"]
    for row in rows:
        line = (
            "| {name} | {agreement:.3f} | {percent:+.1f} % | {closure:.3f} | {still:.3f} "
            "| {still_bias:.3f} | {coverage:.2f} | {seconds:.1f} |"
        )
        page.append(
            line.format(
                **row,
                name=SETTINGS.get(row["matcher"], row["matcher"]),
                percent=100 * row["along"],
                seconds=row["milliseconds"] / 1000,
            )
        )
    return page


def network_tables(networks):
    """Lines of the times beside torchvision's networks, and of the errors by motion and texture."""
    page = ["", f"## Networks, on {networks['machine']}", ""]
    page += [
        "Time per tile of 256 x 256, batch 1, interleaved; the paper's network and torchvision's make 12 "
        "refinements. Training is forward, loss and backward in bfloat16.",
        "",
    ]
    counts = sorted({row["threads"] for row in networks["inference"]})
    heads = [
        f"{arithmetic}, {threads} thread{'s' * (threads > 1)} (ms)"
        for threads in counts
        for arithmetic in ("float32", "bfloat16")
    ]
    page += [
        f"| network | {' | '.join(heads)} | training, samples/s |",
        f"|---|{'---|' * len(heads)}---|",
    ]
    times = {
        (row["network"], row["threads"], row["bits"]): row["milliseconds"]
        for row in networks["inference"]
    }
    for row in networks["training"]:
        cells = [
            f"{times[row['network'], threads, bits]:.0f}" for threads in counts for bits in (32, 16)
        ]
        page += [f"| {row['network']} | {' | '.join(cells)} | {row['samples_per_second']:.2f} |"]
    for key, unit in (("displacement", "px"), ("texture", "of the image's spread")):
        lower = networks["bins"][key]
        spans = [f"{a:g} to {b:g}" for a, b in pairwise(lower)] + [f"from {lower[-1]:g}"]
        page += [
            "",
            f"## Error by {key}, on synthetic pairs with 15 % renewed and motion of up to 14 px",
            "",
        ]
        page += [
            "Mean error in pixels, with the settings that were best on such pairs of up to 10 px.",
            "",
        ]
        page += [f"| {key} ({unit}) | {' | '.join(spans)} |", f"|---|{'---|' * len(spans)}"]
        for row in networks["dependence"]:
            if row["by"] == key:
                name = SETTINGS.get(row["matcher"], row["matcher"])
                page += [f"| {name} | {' | '.join(f'{error:.3f}' for error in row['error'])} |"]
    return page


def ablation_tables(ablation):
    """Lines of the effect of each choice in the network, and of each stage of its training."""
    page = [
        "",
        f"## Ablation: each choice in the network, {ablation['steps']} steps of four pairs",
        "",
    ]
    page += [
        "Mean error in pixels on synthetic pairs of other textures, degraded and clean. This is an "
        "eightieth of the training of the weights that ship, so the order of the variants means more "
        "than their errors. Time per tile on one thread.",
        "",
    ]
    page += ["| variant | parameters | degraded | clean | ms |", "|---|---|---|---|---|"]
    for row in ablation["variants"]:
        page += [
            "| {variant} | {parameters:,} | {hard:.2f} | {clean:.2f} | {milliseconds:.0f} |".format(
                **row
            )
        ]
    if not ablation["stages"]:
        return page
    page += ["", "## Ablation: each stage of training", ""]
    page += [
        "Mean error in pixels on synthetic pairs of other textures, and on the synthetic twin of Mer de "
        "Glace, which no stage has seen. The weights that ship are those after `twin`; the last two "
        "stages show what Horn-Schunck labels would add.",
        "",
    ]
    page += [
        "| after | synthetic, degraded | synthetic, clean | twin | along |",
        "|---|---|---|---|---|",
    ]
    for row in ablation["stages"]:
        line = "| {stage} | {hard:.3f} | {clean:.3f} | {twin:.3f} | {percent:+.1f} % |"
        page += [line.format(**row, percent=100 * row["along"])]
    return page


def paper_page(claims, ablation):
    """The paper and this study, row by row."""

    def of(key, form="{:.2f}"):
        return value(claims, key, form)

    kept = CHECKS["annual_pairs"]
    masked = CHECKS["masked_first"]
    paper_labels, paper_raft = paper_errors()
    parameters = ablation["variants"][0]["parameters"]
    rows = [
        (
            "Sentinel-2 images from Google Earth Engine, June to October, filtered by cloud cover; 10 of "
            "2021 and 17 of 2022, 7 more for 2020–2021",
            "STAC archives or local files, 15 June to 15 October; each scene is judged by its own "
            "classification over the glacier ([01](../notebooks/01_which_scenes_can_we_use.ipynb)). The "
            f"published run uses {of('scenes.used', '{:.0f}')} of {of('scenes.found', '{:.0f}')} synthetic "
            "scenes of the twin",
            "deviates: synthetic scenes. The archive readers are tested on a local service",
        ),
        (
            "near infrared, band 8, 10 m",
            "near infrared, 10 m (`nir`, `B08`)",
            "same, on synthetic scenes",
        ),
        (
            "images Sobel-filtered in both x and y directions; the paper does not say how the two are combined",
            "local contrast for every matcher. The two Sobel images are shown in "
            "[02](../notebooks/02_from_scenes_to_pairs.ipynb). Their magnitude is one variant of "
            f"Horn-Schunck in [03](../notebooks/03_horn_schunck_labels.ipynb): error {of('labels.sobel.error')} px "
            f"on every fourth pair, local contrast {of('labels.error')} px on all",
            "deviates: no network here is trained on Sobel images",
        ),
        (
            "non-glacier pixels are masked with the outlines of the Randolph Glacier Inventory before velocity "
            "estimation",
            "the whole scene is matched, and outlines are applied afterwards, for scoring: registration and "
            "errors need stable ground. On every fourth pair of the twin, masking first raises the error of "
            f"Horn-Schunck from {masked['whole']:.2f} px to {masked['zeros']:.2f} px (zeros off "
            f"the ice) or {masked['no data']:.2f} px (no data off the ice)",
            "deviates",
        ),
        (
            "every image of 2021 with every image of 2022: 170 pairs",
            "one orbit, at most 45 days from a whole number of years, at most 20° between the solar "
            f"azimuths: {kept['least']} to {kept['most']} of the 170 pairs on the real calendar; "
            f"{of('pairs.train', '{:.0f}')} pairs of the twin in the published run",
            "deviates; same with `gdiv run mer-de-glace --profile paper`, which has not been run on the archive",
        ),
        (
            "no registration between scenes is described",
            "the shift of each pair is measured on stable ground and subtracted; median "
            f"{of('pairs.shift')} px on the twin",
            "added",
        ),
        (
            "overlapping tiles of 256 x 256: 14,871 for training, 1,653 for validation, 1,836 for testing",
            "the same counts in a unit test, with the outline of the twin and 170 pairs; the published run "
            "uses tiles of 128 x 128 from "
            f"{of('pairs.train', '{:.0f}')} pairs ([04](../notebooks/04_training_raft.ipynb))",
            "same in a test only",
        ),
        (
            "how tiles are assigned to the three sets is not stated",
            "three splits side by side: random, by space and by date",
            "added",
        ),
        (
            "augmentation by rotations",
            "quarter turns and mirroring; vectors are rotated with the images",
            "same, and mirroring",
        ),
        (
            "labels by multi-level Horn-Schunck in Matlab, 9 x 9 median filter; settings are not stated",
            "own solver with other settings. The customary settings of the solver that the paper cites, on "
            f"Sobel magnitudes, run beside it on every fourth pair: error {of('labels.paper.error')} px",
            "deviates: other solver, settings of the paper are a guess",
        ),
        (
            "RAFT on single-channel images, trained on Horn-Schunck labels",
            f"own network, preset `gdiv`, {parameters / 1e6:.2f} million parameters, trained on exact motion "
            "and adapted to labels in [04](../notebooks/04_training_raft.ipynb). The preset `paper`, 5.3 "
            "million parameters, exists in code",
            "not done: the network of the paper was never trained here and has no row in any table",
        ),
        (
            "the loss of RAFT is implied",
            "the L1 sequence loss of RAFT (Teed and Deng 2020, equation 7)",
            "same, as far as stated",
        ),
        (
            "RMS difference of network and label on three test tiles: 2.18, 2.45 and 2.71 m/yr (mean 2.45)",
            f"mean of three test tiles of the twin {of('training.figure_2')} m/yr",
            "shown; other scenes and another network",
        ),
        (
            "time average of 2020–2021 against three GPS stakes; mean absolute difference "
            f"{paper_labels:.2f} m/yr for Horn-Schunck, {paper_raft:.2f} m/yr for RAFT (printed as RMSE)",
            f"stakes of the twin, plain mean: {of('mosaic.horn-schunck-mean.stakes')} m/yr for Horn-Schunck, "
            f"{of('mosaic.raft-mean.stakes')} m/yr for RAFT; robust mosaic: "
            f"{of('mosaic.horn-schunck.stakes')} and {of('mosaic.raft.stakes')} m/yr "
            "([06](../notebooks/06_a_year_of_motion.ipynb))",
            "not done on real scenes",
        ),
        (
            "no error per pixel",
            "standard error per pixel from a second season; "
            f"{of('mosaic.raft.covered')} of RAFT's true errors lie within one sigma on the twin",
            "added",
        ),
        (
            "Figures 1 to 3: site, three tiles, mosaic with stakes",
            "figures `site` (01), `tiles` (04) and `figure-3` (06) in the same layout",
            "same layout, of synthetic scenes",
        ),
    ]
    page = [
        "# The paper and this study, row by row",
        "",
        "Generated by `python results/render.py` from the published claims. The paper is Tlhomole, Piggott "
        "and Hughes (2023), *Deep Glacier Image Velocimetry*, which maps the real Mer de Glace. Numbers of "
        "this study are of the demo run on its synthetic twin, not of satellite data.",
        "",
        "| paper | this study | status |",
        "|---|---|---|",
    ]
    page += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(page) + "\n"


def summary_table(claims):
    """A few columns of the errors of the demo, for the README."""
    count = value(claims, "pairs.validation", "{:.0f}")
    rows = [
        f"Annual velocity of the synthetic Mer de Glace (twin, not satellite data): robust mosaic of {count} "
        "pairs against the exact motion, with default settings.",
        "",
        "| matcher | RMSE on ice, m/yr | bias along flow, % | coverage of 1 sigma (0.68 if well calibrated) |",
        "|---|---|---|---|",
    ]
    for name in MATCHERS:
        rmse = value(claims, f"mosaic.{name}.rmse")
        bias = value(claims, f"mosaic.{name}.along", "{:+.1f}")
        rows.append(f"| {name} | {rmse} | {bias} | {value(claims, f'mosaic.{name}.covered')} |")
    return "\n".join(rows)


def blocks():
    """Generated blocks by file and name."""
    docs = HERE.parent / "docs"
    claims = published("claims")
    return {
        HERE.parent / "README.md": {"summary": summary_table(claims)},
        docs / "rerun.md": {"costs": cost_table(published("costs"))},
        docs / "results.md": {
            "results": demo_table(claims),
            "real": real_table(published("perito-moreno")),
            "glaciers": glacier_table(published("glaciers")),
            "bench": bench_table(published("bench-matchers")),
        },
    }


def with_blocks(file, named):
    """The text of a file with its generated blocks replaced."""
    text = file.read_text(encoding="utf-8")
    for name, block in named.items():
        text = replaced(text, name, block)
    return text


def replaced(text, name, block):
    """The text with what stands between the markers `name` replaced by `block`."""
    marked = f"<!-- {name} -->\n{block}\n<!-- /{name} -->"
    return re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: marked, text, flags=re.S)


def launch_links(origin):
    """Badges that open the notebooks of the repository `origin` in Binder, Colab and Codespaces.

    Without a GitHub address they hold OWNER/REPOSITORY, to be replaced.
    """
    address = re.search(r"github\.com[:/]+([\w.-]+)/([\w.-]+?)(?:\.git)?/?$", origin)
    repository = "/".join(address.groups()) if address else "OWNER/REPOSITORY"
    notebook = "notebooks/00_the_study_on_one_page.ipynb"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{notebook}"
    colab = f"https://colab.research.google.com/github/{repository}/blob/HEAD/{notebook}"
    codespaces = f"https://codespaces.new/{repository}"
    if not address:
        return (
            "`make links` writes badges here that open your own fork, taken from the address of its "
            "remote `origin`, in:\n\n"
            f"- Binder: `{binder}`\n"
            f'- Colab: `{colab}`, after `%pip install "gdiv[study] @ git+https://github.com/{repository}"`\n'
            f"- Codespaces: `{codespaces}`"
        )
    return (
        f"[![Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        f"[![Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Codespaces](https://github.com/codespaces/badge.svg)]({codespaces})\n\n"
        f'In Colab, run `%pip install "gdiv[study] @ git+https://github.com/{repository}"` first.'
    )


def write_links(file):
    """Write the badges for this checkout's own remote into the README."""
    found = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=HERE, capture_output=True, text=True
    )
    text = replaced(file.read_text(encoding="utf-8"), "launch", launch_links(found.stdout.strip()))
    file.write_text(text, encoding="utf-8")


def main():
    readme_file = HERE.parent / "README.md"
    if "--links" in sys.argv:
        write_links(readme_file)
        return
    current = {
        **{file: with_blocks(file, named) for file, named in blocks().items()},
        HERE / "bench.md": bench_page(published("bench-matchers")),
        HERE / "paper.md": paper_page(published("claims"), published("bench-ablation")),
    }
    stale = [
        file
        for file, text in current.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        names = ", ".join(file.name for file in stale)
        sys.exit(f"not current, run python results/render.py: {names}" if stale else 0)
    for file in stale:
        file.write_text(current[file], encoding="utf-8")


if __name__ == "__main__":
    main()
