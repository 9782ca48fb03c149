"""Run the study on real scenes of Perito Moreno and publish what it says: `python results/real.py items.json`.

The claims, and speeds by each matcher as a picture; the scenes are not ours to ship, so that none is drawn.
"""

import argparse
import shutil
from pathlib import Path

from gdiv import figures as maps
from gdiv.study.run import run_study
from gdiv.study.opening import open_study
from gdiv.velocity import annual

PUBLISHED = Path(__file__).parent / "published"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", help="the ItemCollection of the scenes")
    scenes = parser.parse_args().scenes
    folder = run_study("perito-moreno", "demo", scenes)
    shutil.copy(folder / "claims.json", PUBLISHED / "perito-moreno.json")
    study = open_study("perito-moreno", "demo", scenes)
    ice = study.open("masks").glacier.load()
    speeds = {
        name: annual.speed(study.open(f"mosaic-{name}")).where(ice)
        for name in study.profile.matchers
    }
    figure = maps.plot_speeds(
        {name: v.values for name, v in speeds.items()}, ice, study.glacier.speed[1]
    )
    figure.savefig(PUBLISHED / "perito-moreno.png", dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main()
