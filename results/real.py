"""Run the study on real scenes of Perito Moreno and publish its claims.

Run `python results/real.py items.json`. The claims are published with a picture of the speed by
each matcher. The scenes may not be redistributed, so the picture does not show them.
"""

import argparse
import shutil
from pathlib import Path

from gdiv import open_study, run_study
from gdiv.figures import plot_speeds
from gdiv.velocity.annual import speed

__all__ = ["main"]

PUBLISHED = Path(__file__).parent / "published"
DOTS_PER_INCH = 110


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenes", help="the ItemCollection of the scenes")
    scenes = parser.parse_args().scenes
    folder = run_study("perito-moreno", "demo", scenes)
    shutil.copy(folder / "claims.json", PUBLISHED / "perito-moreno.json")
    study = open_study("perito-moreno", "demo", scenes)
    ice = study.open("masks").glacier.load()
    speeds = {
        name: speed(study.open(f"mosaic-{name}")).where(ice).values
        for name in study.profile.matchers
    }
    figure = plot_speeds(speeds, ice, study.glacier.speed[1])
    figure.savefig(PUBLISHED / "perito-moreno.png", dpi=DOTS_PER_INCH, bbox_inches="tight")


if __name__ == "__main__":
    main()
