"""Compute the velocity of one glacier without notebooks, step by step.

Each step stores its result in the folder of the study and is skipped if the result exists.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from gdiv.files import read_record, write_json
from gdiv.imagery.archive import find_items
from gdiv.imagery.coregistration import register_pairs
from gdiv.imagery.cube import load_cube
from gdiv.imagery.masks import leave_out_water, make_masks
from gdiv.imagery.pairs import choose_pairs
from gdiv.imagery.scenes import judge_scenes, mark_unreadable, require_enough
from gdiv.study.dependencies import recipe_hash, shared_hash, signatures
from gdiv.study.integrity import describe_damage, measure_size
from gdiv.study.opening import open_study
from gdiv.study.storage import choose_storage
from gdiv.study.study import Study
from gdiv.study.workspace import StudyError, locked
from gdiv.velocity import products
from gdiv.velocity.annual import combine_displacements
from gdiv.velocity.displacement import match_pairs
from gdiv.velocity.export import write_geotiffs, write_stac_item, write_zarr
from gdiv.velocity.filters import against_slope
from gdiv.velocity.flags import GCOS_GOAL, GCOS_THRESHOLD, flag_pixels, share_within
from gdiv.velocity.uncertainty import add_errors

__all__ = ["SUMMARY", "compute_glacier"]

#: File with the summary of a finished glacier.
SUMMARY = "summary.json"
#: File with the results of the finished steps.
STEPS = "steps.json"
#: Square metres of a square kilometre.
KM2 = 1e6


def compute_glacier(
    glacier: str, profile: str, source: str, matcher: str, folder: Path, store: str = ""
) -> dict[str, Any]:
    """Compute the velocity of one glacier, its products and a summary.

    Parameters
    ----------
    glacier, profile, source : str
        As for `gdiv.open_study`.
    matcher : str
        Name of a matcher.
    folder : Path
        Folder of the glacier. A call with the same inputs and code resumes after the last finished
        step.
    store : str, optional
        Location of the datasets, as for `gdiv.run_study`; by default in the folder.

    Returns
    -------
    dict
        Summary: number of scenes and pairs, ice area with vectors, median speed and error, and
        fractions within the limits of GCOS.

    Raises
    ------
    StudyError, SceneError, ValueError, OSError
        If a step fails; results of finished steps are kept.
    """
    study = open_study(glacier, profile, source, str(folder))
    # A twin writes its own outline and scenes, with its own recipe.
    inputs = {} if study.source.kind == "twin" else signatures(study)
    recipe = recipe_hash(shared_hash(study), matcher, source, inputs)
    with locked(study.folder):
        choose_storage(study.folder, store)
        steps = _Steps(study, recipe)
        steps.run("items", lambda: _find(study))
        steps.run("scenes", lambda: _judge(study))
        steps.run("cube", lambda: _load(study))
        steps.run("masks", lambda: _mask(study))
        steps.run("pairs", lambda: _pair(study))
        steps.run(f"displacement-{matcher}", lambda: _match(study, matcher))
        steps.run(f"mosaic-{matcher}", lambda: _combine(study, matcher))
        finished = read_record(study.folder / SUMMARY)
        if finished and not steps.changed:
            return finished
        summary = _publish(study, matcher)
        write_json(study.folder / SUMMARY, summary)
        return summary


class _Steps:
    """Finished steps of a study, with the recorded state of their results."""

    def __init__(self, study: Study, recipe: str) -> None:
        self.study = study
        self.recipe = recipe
        self.file = study.folder / STEPS
        content = read_record(self.file)
        self.done = content.get("done", {}) if content.get("recipe") == recipe else {}
        self.changed = False

    def run(self, name: str, step: Callable[[], None]) -> None:
        """Run a step unless its result exists undamaged and no earlier step was repeated."""
        path = self.study.path(name)
        recorded = self.done.get(name)
        if not self.changed and recorded and not describe_damage(path, recorded):
            return
        self.changed = True
        (self.study.folder / SUMMARY).unlink(missing_ok=True)
        step()
        self.done[name] = measure_size(path)
        write_json(self.file, {"recipe": self.recipe, "done": self.done})


def _find(study: Study) -> None:
    """Find the scenes."""
    study.save("items", find_items(study.scene_source(), study.glacier, study.seasons))


def _judge(study: Study) -> None:
    """Judge the scenes."""
    masks = _outlined(study)
    table = judge_scenes(
        study.open("items"),
        study.scene_source(),
        study.glacier,
        study.grid,
        masks.glacier.values,
        masks.stable.values,
    )
    require_enough(table, study.glacier, study.glacier.years.validation)
    study.save("scenes", table)


def _load(study: Study) -> None:
    """Load the usable scenes."""
    scenes = study.open("scenes")
    study.save("cube", load_cube(study.open("items"), scenes, study.source, study.grid))


def _mask(study: Study) -> None:
    """Mark ice and stable ground."""
    study.save("masks", leave_out_water(_outlined(study), study.open("cube")))


def _outlined(study: Study) -> xr.Dataset:
    """Masks from the outlines alone."""
    grid = study.grid
    ground, moving = study.stable_ground_on(grid), study.moving_ground_on(grid)
    return make_masks(study.outline(), grid, ground=ground, moving=moving)


def _pair(study: Study) -> None:
    """Choose and register the pairs."""
    cube = study.open("cube")
    judged = mark_unreadable(study.open("scenes"), cube.scene.values)
    years = study.glacier.years.validation
    table = choose_pairs(judged, study.glacier, years, study.profile.max_pairs)
    masks = study.open("masks").load()
    table = register_pairs(cube, table.assign(set="validation"), masks, study.source.aligned)
    kept = table[table.verdict == "use"].drop(columns=["verdict", "reason"])
    if kept.empty:
        reasons = ", ".join(sorted(set(table.reason)))
        raise StudyError(f"none of {len(table)} pairs can be used: {reasons}")
    study.save("pairs", kept.reset_index(drop=True))


def _match(study: Study, matcher: str) -> None:
    """Match the pairs, with the shipped network if the matcher uses one."""
    stable = study.open("masks").stable.values
    matched = match_pairs(study.open("cube"), study.open("pairs"), stable, matcher)
    study.save(f"displacement-{matcher}", matched)


def _combine(study: Study, matcher: str) -> None:
    """Combine the pairs into a mosaic with errors."""
    masks = study.open("masks").load()
    mosaic = combine_displacements(study.open(f"displacement-{matcher}"))
    mosaic = add_errors(mosaic, masks.glacier.values, masks.stable.values)
    study.save(f"mosaic-{matcher}", mosaic)


def _publish(study: Study, matcher: str) -> dict[str, Any]:
    """Write the products and summarise them."""
    masks, pairs = study.open("masks").load(), study.open("pairs")
    mosaic = study.open(f"mosaic-{matcher}").load()
    matched = study.open(f"displacement-{matcher}")
    scenes = study.open("scenes")
    kept = mosaic.where(masks.glacier | masks.stable)
    elevation = study.elevation_on(study.grid)
    uphill = None
    if elevation is not None:
        uphill = against_slope(kept, elevation, study.grid.resolution.x)
    kept["flags"] = flag_pixels(kept, masks.glacier, uphill)
    provenance = study.provenance() | products.scene_provenance(scenes, pairs, matched)
    dates = pairs.reference_date.min(), pairs.secondary_date.max()
    title = f"Surface velocity: {study.subject}"
    product = products.velocity_product(kept, study.glacier.crs, title, provenance, dates)
    folder = study.folder / "products"
    folder.mkdir(exist_ok=True)
    layers = write_geotiffs(product, folder)
    write_zarr(product, folder / "velocity.zarr")
    write_stac_item(product, layers, f"{study.key}-{matcher}", folder)
    on_ice = product.where(masks.glacier)
    area = study.grid.resolution.x**2 / KM2
    return {
        "scenes": int((scenes.verdict == "use").sum()),
        "pairs": len(pairs),
        "area": round(float(masks.glacier.sum()) * area, 3),
        "covered": round(float(on_ice.v.notnull().sum() / masks.glacier.sum()), 3),
        "speed": round(float(on_ice.v.median()), 2),
        "error": round(float(on_ice.v_error.median()), 2),
        "gcos_goal": round(share_within(on_ice.v_error, GCOS_GOAL), 3),
        "gcos_threshold": round(share_within(on_ice.v_error, GCOS_THRESHOLD), 3),
        "synthetic": study.synthetic,
    }
