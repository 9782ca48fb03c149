"""Write the generated tables and pages from the published results.

Run `python results/render.py`. It writes the tables of the README and of the pages of the site, and
the pages `leaderboard.md`, `bench.md`, `networks.md`, `errors.md` and `paper.md`. With `--check`,
nothing is written, and the exit status indicates whether all files are current. With `--links`, the
badges of the README are written for this fork.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from bench_page import bench_page, bench_table
from errors_page import errors_page
from launch_links import format_launch_links, read_origin
from leaderboard_page import leaderboard_page, leaderboard_table
from networks_page import networks_page
from paper_page import paper_page
from realism_table import realism_table
from tables import (
    cost_table,
    demo_table,
    glacier_table,
    real_sites_table,
    real_table,
    summary_table,
)

from gdiv import load_published

__all__ = ["main"]

RESULTS_FOLDER = Path(__file__).parent
README = RESULTS_FOLDER.parent / "README.md"
DOCS = RESULTS_FOLDER.parent / "docs"


def _generated_blocks() -> dict[Path, dict[str, str]]:
    """Generated blocks by file and by the name in their markers."""
    claims = load_published("claims")
    return {
        README: {"summary": summary_table(claims)},
        # The published costs are a list.
        DOCS / "rerun.md": {"costs": cost_table(load_published("costs"))},  # type: ignore[arg-type]
        DOCS / "results.md": {
            "results": demo_table(claims),
            "real": real_table(load_published("perito-moreno")),
            "glaciers": glacier_table(load_published("glaciers")),
            "leaderboard": leaderboard_table(load_published("benchmark")),
            "places": real_sites_table(
                {key: load_published(key) for key in ("yahtse", "zmutt")},
                load_published("benchmark")["real"],
            ),
            "bench": bench_table(load_published("bench-matchers")),
        },
        DOCS / "twin.md": {"realism": realism_table(load_published("realism"))},
    }


def _generated_files() -> dict[Path, str]:
    """Current text of every file that is generated completely or in part."""
    texts = {file: _replace_blocks(file, blocks) for file, blocks in _generated_blocks().items()}
    ablation = load_published("bench-ablation")
    texts[RESULTS_FOLDER / "bench.md"] = bench_page(
        load_published("bench-matchers"), load_published("bench-networks"), ablation
    )
    texts[RESULTS_FOLDER / "networks.md"] = networks_page(
        load_published("bench-designs"), load_published("bench-hypothesis")
    )
    texts[RESULTS_FOLDER / "errors.md"] = errors_page(
        load_published("bench-errors"), load_published("bench-real-errors")
    )
    texts[RESULTS_FOLDER / "leaderboard.md"] = leaderboard_page(load_published("benchmark"))
    texts[RESULTS_FOLDER / "paper.md"] = paper_page(load_published("claims"), ablation)
    return texts


def _replace_blocks(file: Path, blocks: Mapping[str, str]) -> str:
    """Text of a file with its generated blocks replaced."""
    text = file.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text = _replace_block(text, name, block)
    return text


def _replace_block(text: str, name: str, block: str) -> str:
    """Text with the lines between the markers of a name replaced by a block."""
    marked = f"<!-- {name} -->\n{block}\n<!-- /{name} -->"
    # Use a function as replacement, so that backslashes in the block are kept.
    return re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: marked, text, flags=re.S)


def _is_current(file: Path, text: str) -> bool:
    """Check whether a file exists and has this text."""
    return file.exists() and file.read_text(encoding="utf-8") == text


def main() -> None:
    """Run the command line."""
    if "--links" in sys.argv:
        links = format_launch_links(read_origin(RESULTS_FOLDER))
        README.write_text(_replace_blocks(README, {"launch": links}), encoding="utf-8")
        return
    stale = {file: text for file, text in _generated_files().items() if not _is_current(file, text)}
    if "--check" in sys.argv:
        names = ", ".join(file.name for file in stale)
        sys.exit(f"not current: {names}; run python results/render.py" if stale else 0)
    for file, text in stale.items():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
