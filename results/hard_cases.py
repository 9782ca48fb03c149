"""Draw two hard cases of the benchmark with the truth and every matcher, and all relative errors.

Run `python results/hard_cases.py [--scenes FOLDER]`. Only the case of a published field needs a
scene.
"""

import argparse
from pathlib import Path

import numpy as np
from leaderboard_page import sorted_rows

import gdiv
from gdiv.benchmark.cases import Pair
from gdiv.figures import plot_case, plot_relative_errors
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.matchers.registry import matcher_label

__all__ = ["main"]

RESULTS_FOLDER = Path(__file__).parent
PUBLISHED = RESULTS_FOLDER / "published"
DOTS_PER_INCH = 110
MATCHERS = ("horn-schunck", "raft", "correlation", "dis", "ilk")
#: Cases and titles: narrow ice that slides, and fast ice in a bend with cast shadows.
CASES = {
    "hard-case-narrow": (
        "test-published-rhone-mdg-8px",
        "Real texture moved by a published field of narrow ice (synthetic pair)",
    ),
    "hard-case-fast": (
        "",
        "Drawn texture moved by a drawn field of fast ice (synthetic pair)",
    ),
}


def _fast_case() -> str:
    """Drawn case of the test split with the longest displacement."""
    return max(gdiv.list_cases("test", ["drawn"]), key=lambda case: case.reach).name


def _picture(pair: Pair, show_images: bool, title: str, target: Path) -> None:
    """Match a pair with every matcher and save the figure."""
    flows = {
        matcher_label(name): np.stack(match_images(name, pair.reference, pair.secondary)[:2])
        for name in MATCHERS
    }
    # Real scenes may not be redistributed, so the figures only show drawn textures.
    images = (pair.reference, pair.secondary) if show_images else ()
    figure = plot_case(images, pair.flow, flows, pair.ice, pair.counted, title)
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scenes", type=Path, default=RESULTS_FOLDER.parent.parent / "shared" / "real"
    )
    scenes = parser.parse_args().scenes
    for name, (case, title) in CASES.items():
        pair = gdiv.load_case(case or _fast_case(), scenes)
        _picture(pair, not case, title, PUBLISHED / f"{name}.png")
    rows = sorted_rows(gdiv.load_published("benchmark")["test"]["rows"], "ice")
    errors = {row["matcher"]: tuple(row["relative"]["ice"]) for row in rows}
    figure = plot_relative_errors(errors, "DIS, finest scale 0")
    figure.savefig(PUBLISHED / "leaderboard.png", dpi=DOTS_PER_INCH, bbox_inches="tight")


if __name__ == "__main__":
    main()
