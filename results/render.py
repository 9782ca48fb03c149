"""Write the results into README.md and results/bench.md from what is published: `python results/render.py`.

With `--check` nothing is written; the exit status says whether both are current.
"""

import re
import sys
from itertools import pairwise
from pathlib import Path

from gdiv import published

HERE = Path(__file__).parent
MATCHERS = ("zero", "horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")


def number(claims, key, form="{:.2f}"):
    return form.format(claims[key]["value"]) if key in claims else "–"


def demo_table(claims):
    """One row a matcher: errors of the annual mosaic of the demo against the twin's truth."""
    rows = [
        "Annual velocity of the synthetic Mer de Glace, demo run, what twelve pairs agree on, m/yr (bias along the "
        "flow in percent; share of true errors within the stated sigma, 0.68 if honest):",
        "",
        "| matcher | stakes (mean abs.) | RMSE on ice | median error | in 1 sigma | bias along flow | still (NMAD) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in MATCHERS:
        cells = [number(claims, f"mosaic.{name}.{column}") for column in ("stakes", "rmse", "median", "covered")]
        along = number(claims, f"mosaic.{name}.along", "{:+.1f}")
        rows.append(f"| {name} | {' | '.join(cells)} | {along} | {number(claims, f'mosaic.{name}.nmad')} |")
    note = (
        "The paper, on the real glacier against three GPS stakes of 31 to 40 m/yr: Horn-Schunck 1.71, RAFT 7.69 m/yr "
        "mean absolute difference. Other stakes, other scenes: context, not a contest."
    )
    return "\n".join([*rows, "", note])


def real_table(claims):
    """One row a matcher: what single pairs of real scenes say of themselves."""
    rows = [
        f"{number(claims, 'pairs.validation', '{:.0f}')} pairs of 10 to 20 days, chosen from "
        f"{number(claims, 'scenes.found', '{:.0f}')} dates without help; pixels of a nominal 6.08 m, so metres are "
        "an order of magnitude only. Zero flow closes best and spreads least: no column decides alone.",
        "",
        "| matcher | still ground: bias (px) | spread (px) | triplet closure (px) |",
        "|---|---|---|---|",
    ]
    for name in MATCHERS:
        cells = [number(claims, f"pairs.{name}.{column}") for column in ("bias", "still_ground", "closure")]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    day, year = number(claims, "motion.px_per_day", "{:.3f}"), number(claims, "mosaic.speed", "{:.0f}")
    speed = (
        f"Median motion by Horn-Schunck {day} px/day; RAFT's map has a median of {year} m/yr. It is fastest in the "
        "south-west, where the ice enters the scene, and along the middle; matching fails in spots of the fastest "
        "ice, where crevasses open within days, and in a rim at the margins, where smoothness mixes ice and shore."
    )
    return "\n".join([*rows, "", speed])


def glacier_table(glaciers):
    """One row a glacier: errors of the map on its twin, in smoke."""
    names = ("horn-schunck", "raft", "correlation", "dis")
    rows = [
        "RMS error on ice, m/yr, on each glacier's own twin in `smoke` (a small scene, few pairs); share of "
        "RAFT's true errors within its stated sigma, 0.68 if honest.",
        "",
        f"| glacier | pairs | median speed | {' | '.join(names)} | RAFT in 1 sigma |",
        "|---" * (len(names) + 4) + "|",
    ]
    for key, claims in glaciers.items():
        cells = [number(claims, "pairs.validation", "{:.0f}"), number(claims, "mosaic.speed", "{:.0f}")]
        cells += [number(claims, f"mosaic.{name}.rmse", "{:.1f}") for name in names]
        rows.append(f"| `{key}` | {' | '.join([*cells, number(claims, 'mosaic.raft.covered')])} |")
    return "\n".join(rows)


def cost_table(costs):
    """One row a measured run: time, memory and disk."""
    rows = [
        "| profile | source | processors | minutes | peak memory of a notebook | disk |",
        "|---|---|---|---|---|---|",
    ]
    for run in costs:
        row = "| `{profile}` | {source} | {cores} | {minutes:.0f} | {memory:.1f} GB | {disk:.1f} GB |"
        rows.append(row.format(**run))
    told = (
        "`full` takes the paper's 10 by 17 scenes from an archive and trains for hours on a GPU: it was not run whole. "
        "Measure your own: `python results/costs.py`."
    )
    return "\n".join([*rows, "", told])


KNOWN = {
    "clean": "clean",
    "noise": "noise",
    "illumination": "other light",
    "shadow": "cast shadow",
    "decorrelation": "15 % decorrelated",
    "twin": "twin",
    "warped": "real, warped",
}


def bench_table(bench):
    """One row a matcher: its mean error in each case, time on a clean pair, and how it judges real pairs."""
    errors = {(row["matcher"], row["case"]): row for row in bench["rows"]}
    known = {case: title for case, title in KNOWN.items() if case in {row["case"] for row in bench["rows"]}}
    heads = ["matcher", *known.values(), "real: off chips", "real: triplet closure", "real: still ground"]
    rows = [
        "Mean error in pixels against exactly known displacement, and what real pairs say, which have no truth; every "
        "matcher with the settings that were best on other pairs, and all of them dense. "
        "[The whole bench](results/bench.md).",
        "",
        f"| {' | '.join(heads)} | ms at 256 x 256 |",
        f"|{'---|' * (len(heads) + 1)}",
    ]
    real = {row["matcher"]: row for row in bench.get("real", [])}
    for name in bench["tried"]["clean"]:
        cells = [f"{errors[name, case]['error_mean']:.3f}" if (name, case) in errors else "–" for case in known]
        cells += [f"{real[name][key]:.2f}" if name in real else "–" for key in ("agreement", "closure", "still")]
        rows.append(f"| {name} | {' | '.join(cells)} | {errors[name, 'clean']['milliseconds']:.1f} |")
    return "\n".join(rows)


def bench_page(bench):
    """All of the bench, a table a case."""
    page = [
        "# Matchers side by side",
        "",
        "Made by `make bench` and `python results/render.py`; nothing is written by hand. Errors and biases are in "
        "pixels and percent of the motion, over all counted pixels of the scored pairs; *along* is the median share of "
        "motion lost (negative) or added; times are medians on one thread, matchers interleaved. Settings were chosen "
        "on other pairs by mean error; in brackets how many were tried. The cases are not all of one run: compare "
        "times within a case.",
    ]
    titles = {
        "clean": "Synthetic, 256 x 256, flows of up to 10 px",
        "noise": "… with noise of a tenth of the texture",
        "illumination": "… in other light",
        "shadow": "… with shadows cast elsewhere on each date",
        "decorrelation": "… with 15 % of the texture renewed",
        "twin": "The synthetic Mer de Glace, a year apart",
        "warped": "Real scenes warped by a known flow: other light and 15 % renewed",
        "clean 1024": "Synthetic, 1024 x 1024, the settings of 256 x 256",
    }
    for case, title in titles.items():
        rows = [row for row in [*bench["rows"], *bench["large"]] if row["case"] == case]
        if not rows:
            continue
        page += ["", f"## {title}", ""]
        page += ["| matcher | mean | median | 95 % | along | coverage | ms | time / Horn-Schunck | settings |"]
        page += ["|---|---|---|---|---|---|---|---|---|"]
        unit = next(row["milliseconds"] for row in rows if row["matcher"] == "horn-schunck")
        for row in rows:
            page.append(
                "| {matcher} | {error_mean:.3f} | {error_median:.3f} | {error_p95:.3f} | {percent:+.1f} % "
                "| {coverage:.2f} | {milliseconds:.1f} | {ratio:.2f} | {told} ({tried}) |".format(
                    **row,
                    percent=100 * row["along"],
                    ratio=row["milliseconds"] / unit,
                    told=", ".join(f"{key} {value}" for key, value in row["settings"].items()) or "–",
                    tried=bench["tried"].get(case, bench["tried"]["clean"])[row["matcher"]],
                )
            )
    if bench.get("real"):
        page += ["", "## Real pairs of Perito Moreno as they are, 1324 x 1800", ""]
        page += [
            "Agreement with reliable wide chips (median, px) and bias along them, closure of a triplet (median, px),"
        ]
        page += [
            "spread and bias of still ground (px). Zero flow wins two of these: only together do they judge. Settings"
        ]
        page += ["had the least sum of agreement, closure and spread on another triplet, in a window.", ""]
        page += ["| matcher | agreement | along | closure | still: spread | still: bias | coverage | s |"]
        page += ["|---|---|---|---|---|---|---|---|"]
        for row in bench["real"]:
            page.append(
                "| {matcher} | {agreement:.3f} | {percent:+.1f} % | {closure:.3f} | {still:.3f} | {still_bias:.3f} "
                "| {coverage:.2f} | {seconds:.1f} |".format(
                    **row, percent=100 * row["along"], seconds=row["milliseconds"] / 1000
                )
            )
    page += ["", "## Two threads, median and solver", ""]
    page += ["Milliseconds a clean pair of 256 x 256 when two threads work, a pair each or both on one:"]
    page += [", ".join(f"{row['matcher']} {row['milliseconds']:.1f}" for row in bench["two_threads"]) + ".", ""]
    page += [
        "The 9 x 9 median of {size} x {size} takes {milliseconds:.1f} ms, {ratio:.0f} times less than "
        "scipy's {scipy_milliseconds:.0f}.".format(**bench["median"])
    ]
    page += [
        "A step of the solver on {size} x {size} takes {microseconds_a_step:.0f} microseconds: {percent:.0f} % of what "
        "copying large arrays moves in that time.".format(**row, percent=100 * row["share"])
        for row in bench["solver"]
    ]
    for name, tables in (("bench-networks", network_tables), ("bench-ablation", ablation_tables)):
        if (HERE / "published" / f"{name}.json").exists():
            page += tables(published(name))
    return "\n".join(page) + "\n"


def network_tables(networks):
    """Times beside torchvision's networks, and what errors depend on, as lines."""
    page = ["", f"## Networks, on {networks['machine']}", ""]
    page += ["A tile of 256 x 256, batch 1, interleaved; the paper's and torchvision's with 12 refinements. Training"]
    page += ["is forward, loss and backward in bfloat16.", ""]
    counts = sorted({row["threads"] for row in networks["inference"]})
    heads = [
        f"{arithmetic}, {threads} thread{'s' * (threads > 1)} (ms)"
        for threads in counts
        for arithmetic in ("float32", "bfloat16")
    ]
    page += [f"| network | {' | '.join(heads)} | training, samples/s |", f"|---|{'---|' * len(heads)}---|"]
    times = {(row["network"], row["threads"], row["bits"]): row["milliseconds"] for row in networks["inference"]}
    for row in networks["training"]:
        cells = [f"{times[row['network'], threads, bits]:.0f}" for threads in counts for bits in (32, 16)]
        page += [f"| {row['network']} | {' | '.join(cells)} | {row['samples_per_second']:.2f} |"]
    for key, unit in (("displacement", "px"), ("texture", "of the image's spread")):
        lower = networks["bins"][key]
        spans = [f"{a:g} to {b:g}" for a, b in pairwise(lower)] + [f"from {lower[-1]:g}"]
        page += ["", f"## Error by {key}, on pairs with 15 % renewed and motion of up to 14 px", ""]
        page += ["Mean error in pixels, with the settings that were best on such pairs of up to 10 px.", ""]
        page += [f"| {key} ({unit}) | {' | '.join(spans)} |", f"|---|{'---|' * len(spans)}"]
        for row in networks["dependence"]:
            if row["by"] == key:
                page += [f"| {row['matcher']} | {' | '.join(f'{value:.3f}' for value in row['error'])} |"]
    return page


def ablation_tables(ablation):
    """What each choice in the network is worth, and each stage of its training."""
    page = ["", f"## Ablation: each choice in the network, {ablation['steps']} steps of four pairs", ""]
    page += ["Mean error in pixels on drawn pairs of other textures, spoilt and clean; an eightieth of the training of"]
    page += ["the weights that ship, so that the order counts, not the numbers. Time of a tile on one thread.", ""]
    page += ["| variant | parameters | spoilt | clean | ms |", "|---|---|---|---|---|"]
    for row in ablation["variants"]:
        page += ["| {variant} | {parameters:,} | {hard:.2f} | {clean:.2f} | {milliseconds:.0f} |".format(**row)]
    if not ablation["stages"]:
        return page
    page += ["", "## Ablation: each stage of training", ""]
    page += ["Drawn pairs of other textures, and the twin of Mer de Glace, which no stage has seen. The weights that"]
    page += ["ship are those after `twin`; the last two stages show what labels would add.", ""]
    page += ["| after | drawn, spoilt | drawn, clean | twin | along |", "|---|---|---|---|---|"]
    for row in ablation["stages"]:
        line = "| {stage} | {hard:.3f} | {clean:.3f} | {twin:.3f} | {percent:+.1f} % |"
        page += [line.format(**row, percent=100 * row["along"])]
    return page


def rendered(text):
    tables = {
        "results": demo_table(published("claims")),
        "real": real_table(published("perito-moreno")),
        "glaciers": glacier_table(published("glaciers")),
        "costs": cost_table(published("costs")),
        "bench": bench_table(published("bench-matchers")),
    }
    for name, table in tables.items():
        block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
        text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _, block=block: block, text, flags=re.S)
    return text


if __name__ == "__main__":
    readme = HERE.parent / "README.md"
    after = {
        readme: rendered(readme.read_text(encoding="utf-8")),
        HERE / "bench.md": bench_page(published("bench-matchers")),
    }
    stale = [file for file, text in after.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        sys.exit(f"not current, run python results/render.py: {', '.join(file.name for file in stale)}" if stale else 0)
    for file in stale:
        file.write_text(after[file], encoding="utf-8")
