"""Run the study on real scenes and publish its claims and a picture of the speed.

Run `python results/real.py FOLDER [GLACIER ...]`; FOLDER contains one folder of scenes for each of
`SITES`. Claims are published as `published/GLACIER.json`, with a figure of the speed from each
matcher. The scenes may not be redistributed, so the figure does not show them.
"""

import argparse
import shutil
from pathlib import Path

from gdiv import open_study, run_study
from gdiv.figures import plot_speeds
from gdiv.flow.matchers.registry import matcher_label
from gdiv.velocity.annual import speed

__all__ = ["SITES", "main"]

PUBLISHED = Path(__file__).parent / "published"
DOTS_PER_INCH = 110
#: Profile and folder of scenes by glacier of the catalog. For few scenes, smoke suffices.
SITES = {
    "perito-moreno": ("demo", "perito-moreno-2020"),
    "yahtse": ("smoke", "yahtse-2016-west"),
    "zmutt": ("smoke", "zmutt-2017-2018"),
}


def publish(glacier: str, profile: str, scenes: str) -> None:
    """Run the study of one glacier and publish its claims and its picture."""
    folder = run_study(glacier, profile, scenes)
    shutil.copy(folder / "claims.json", PUBLISHED / f"{glacier}.json")
    study = open_study(glacier, profile, scenes)
    ice = study.open("masks").glacier.load()
    speeds = {
        matcher_label(name): speed(study.open(f"mosaic-{name}")).where(ice).values
        for name in study.profile.matchers
    }
    figure = plot_speeds(speeds, ice, study.glacier.speed[1])
    figure.savefig(PUBLISHED / f"{glacier}.png", dpi=DOTS_PER_INCH, bbox_inches="tight")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with a subfolder per site of real scenes")
    parser.add_argument("glacier", nargs="*", default=list(SITES), help="keys of the catalog")
    arguments = parser.parse_args()
    for glacier in arguments.glacier:
        profile, folder = SITES[glacier]
        publish(glacier, profile, str(arguments.folder / folder / "items.json"))


if __name__ == "__main__":
    main()
