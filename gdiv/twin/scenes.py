"""The synthetic twin: a glacier of the catalog rendered as Sentinel-2-like scenes of known motion.

Texture moves with the ice through a velocity field with a steady pattern, whose speed has a
seasonal cycle and a trend, so the displacement between two scenes is exact. The ice is surrounded
by stable walls with changing illumination and snow line. Each scene has its own geolocation errors,
weather, surface change, gain, stripes and noise; `gdiv.catalog.TwinConditions` sets the amplitudes.

The truth is stored beside the scenes, and only `gdiv.twin.truth` reads it.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from gdiv.catalog import Glacier
from gdiv.files import read_record, write_json
from gdiv.twin.acquisitions import Acquisition, plan_acquisitions
from gdiv.twin.clock import clock_of
from gdiv.twin.distortion import Distortion, draw_distortion
from gdiv.twin.imaging import image_world
from gdiv.twin.inputs import SHIFT_KEY, require_description
from gdiv.twin.items import write_scene
from gdiv.twin.survey import write_outline, write_stakes
from gdiv.twin.truth import write_truth
from gdiv.twin.world import World

__all__ = ["render_twin"]


def render_twin(
    glacier: Glacier,
    geobox: GeoBox,
    usable: list[int],
    folder: Path,
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Path:
    """Render the twin of a glacier, unless the folder already contains it.

    An interrupted rendering resumes with the next scene.

    Parameters
    ----------
    glacier : Glacier
        Entry of the catalog, with a description of its twin.
    geobox : GeoBox
        Grid of the scenes.
    usable : list of int
        Number of clear scenes in each season year. The last number applies to all later years.
    folder : Path
        Folder to write into.
    seed : int, optional
        Seed of all random numbers: dates, relief, textures and weather.
    progress : callable, optional
        Called after each scene with the number of finished scenes and of all scenes.

    Returns
    -------
    Path
        `items.json`, an ItemCollection with relative links. The same folder contains
        `outline.geojson`, `stakes.geojson` with simulated survey speeds, and the truth.

    Raises
    ------
    ValueError
        If the catalog has no description of a twin of this glacier.
    """
    folder = Path(folder)
    items_file = folder / "items.json"
    recipe_file = folder / "recipe.json"
    recipe = _recipe(glacier, geobox, usable, seed)
    if items_file.exists() and _has_text(recipe_file, recipe):
        return items_file
    require_description(glacier)
    folder.mkdir(parents=True, exist_ok=True)
    # Remove the items first, so that an interrupted rendering is recognised as incomplete.
    items_file.unlink(missing_ok=True)
    progress_file = folder / "progress.json"
    items = _rendered_before(progress_file, recipe)
    plan = plan_acquisitions(glacier, usable, seed)
    world = _build_world(glacier, geobox, plan, seed)
    distortions = _draw_distortions(plan, world, seed)
    progress(len(items), len(plan))
    for number, acquisition in enumerate(plan[len(items) :], len(items)):
        image = image_world(world, acquisition, distortions[acquisition], seed)
        items.append(write_scene(folder, glacier, geobox, acquisition, image))
        write_json(progress_file, {"recipe": recipe, "items": items})
        progress(number + 1, len(plan))
    write_truth(folder, world, distortions)
    write_outline(folder, world)
    write_stakes(folder, world)
    recipe_file.write_text(recipe, encoding="utf-8")
    collection = {"type": "FeatureCollection", "features": items}
    write_json(items_file, collection)
    progress_file.unlink()
    return items_file


def _rendered_before(progress_file: Path, recipe: str) -> list[dict[str, Any]]:
    """Items of the scenes that an interrupted call with the same recipe has rendered."""
    content = read_record(progress_file)
    items: list[dict[str, Any]] = content["items"] if content.get("recipe") == recipe else []
    return items


def _recipe(glacier: Glacier, geobox: GeoBox, usable: list[int], seed: int) -> str:
    """Describe all inputs that determine a twin, including the code."""
    room = Path(__file__).parent
    modules = [*sorted(room.glob("*.py")), room.parent / "images" / "textures.py"]
    code = "".join(path.read_text(encoding="utf-8") for path in modules)
    parts = {
        "synthetic": True,
        "code": hashlib.sha256(code.encode()).hexdigest(),
        "glacier": glacier.model_dump(mode="json"),
        "grid": str(geobox),
        "usable": usable,
        "seed": seed,
    }
    return json.dumps(parts, sort_keys=True)


def _has_text(path: Path, text: str) -> bool:
    """Check whether a file exists and contains a text."""
    return path.exists() and path.read_text(encoding="utf-8") == text


def _build_world(glacier: Glacier, geobox: GeoBox, plan: list[Acquisition], seed: int) -> World:
    """Build the world, with its reference date at the middle scene."""
    epoch = plan[len(plan) // 2].day
    clock = clock_of(glacier)
    longest = max(
        abs(clock.ice_years(epoch.toordinal(), acquisition.day.toordinal()))
        for acquisition in (plan[0], plan[-1])
    )
    return World(glacier, geobox, epoch, longest, seed)


def _draw_distortions(
    plan: list[Acquisition], world: World, seed: int
) -> dict[Acquisition, Distortion]:
    """Draw the geolocation errors of each scene."""
    rng = np.random.default_rng([seed, SHIFT_KEY])
    return {
        acquisition: draw_distortion(
            acquisition, world.conditions, world.geobox.height, world.spacing, rng
        )
        for acquisition in plan
    }
