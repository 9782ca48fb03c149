"""Write the results into README.md from the published claims: `python results/render.py`.

With `--check` nothing is written; the exit status says whether README.md is current.
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
MATCHERS = ("zero", "horn-schunck", "raft", "correlation", "dis", "tv-l1", "ilk")


def number(claims, key, form="{:.2f}"):
    return form.format(claims[key]["value"]) if key in claims else "–"


def demo_table(claims):
    """One row a matcher: errors of the annual mosaic of the demo against the twin's truth."""
    rows = [
        "Annual velocity of the synthetic Mer de Glace, demo run, m/yr (bias along the flow in percent):",
        "",
        "| matcher | stakes (mean abs.) | RMSE on ice | median error | covered | bias along flow | still (NMAD) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in MATCHERS:
        cells = [number(claims, f"mosaic.{name}.{column}") for column in ("stakes", "rmse", "median", "coverage")]
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
        f"Median motion by Horn-Schunck {day} px/day, about {year} m/yr. It is fastest in the south-west, where the "
        "ice enters the scene, and along the middle; it fails in spots of the fastest ice, where crevasses open "
        "within days, and in a rim at the margins, where smoothness mixes ice and shore."
    )
    return "\n".join([*rows, "", speed])


def rendered(text):
    for name, table in (("results", demo_table), ("real", real_table)):
        file = HERE / "published" / ("claims.json" if name == "results" else "perito-moreno.json")
        claims = json.loads(file.read_text(encoding="utf-8"))
        block = f"<!-- {name} -->\n{table(claims)}\n<!-- /{name} -->"
        text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _, block=block: block, text, flags=re.S)
    return text


if __name__ == "__main__":
    readme = HERE.parent / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = rendered(before)
    if "--check" in sys.argv:
        sys.exit(0 if after == before else "README.md is not current: python results/render.py")
    readme.write_text(after, encoding="utf-8")
