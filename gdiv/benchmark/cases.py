"""Cases of the benchmark and their image pairs.

Cases of kind "moved" and "drawn" follow one recipe. A field is drawn and rounded to 1/2000 px. The
reference is the texture sampled once at ``x + flow(x)`` with a fifth-order spline; the secondary is
the texture itself, so ``secondary(x + u, y + v) = reference(x, y)`` holds without an inversion.
Then part of the texture is replaced, a condition is applied, and light and noise change
(`gdiv.benchmark.weather`).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from scipy import ndimage

from gdiv.benchmark.fields import FAMILIES, draw_field
from gdiv.benchmark.scenes import Texture, draw_texture, read_window, require_folder
from gdiv.benchmark.weather import CONDITIONS, add_condition, change_light, renew_texture
from gdiv.images.arrays import Flow, Image, Mask
from gdiv.images.sampling import pixel_grid, stays_inside

__all__ = ["Case", "Pair", "Split", "make_moved", "moved_cases", "scored_pixels", "split_hash"]

Split: TypeAlias = Literal["dev", "test"]

#: Side of the images, and width of the margin that is not scored, pixels.
SIDE = 224
RIM = 4
#: The truth is rounded to this many steps per pixel.
STEPS = 2000
#: Order of the spline that samples a texture.
SPLINE_ORDER = 5
#: Extra texture on each side beyond the longest displacement, pixels.
SPLINE_MARGIN = 8
#: Longest displacement relative to the half-width. In nature, narrow ice is not faster.
MAX_REACH = 1.5

#: Lower and upper bounds of the half-width and of the longest displacement, pixels; a case takes
#: one range of each.
HALF_WIDTHS = ((4.0, 8.0), (8.0, 16.0), (16.0, 32.0), (32.0, 60.0))
REACHES = ((0.1, 0.6), (0.6, 2.5), (2.5, 10.0), (10.0, 40.0))
#: Textures of each split. The splits share no texture, glacier or seed.
TEXTURES: dict[Split, tuple[Texture, ...]] = {
    "dev": (
        Texture("aletsch-2020-07", "nir08", "2020-07-20"),
        Texture("aletsch-2020-07", "nir08", "2020-07-13"),
    ),
    "test": (
        Texture("yahtse-2016-west", "pan", "2016-08-03"),
        Texture("perito-moreno-2020", "nir", "2020-01-31"),
        Texture("mer-de-glace-2020-07-18", "nir08", "2020-07-18", max_reach=14),
    ),
}
#: First random seed of each split.
SEEDS: dict[Split, int] = {"dev": 7101, "test": 9203}
#: Rounds through all families and half-widths, by kind.
ROUNDS: dict[Split, int] = {"dev": 1, "test": 2}


class Pair(NamedTuple):
    """Two images and the displacement between them.

    Attributes
    ----------
    reference, secondary : ndarray of float32, shape (H, W)
        Images; NaN is no data.
    flow : ndarray of float32, shape (2, H, W)
        True displacement in pixels; NaN where unknown.
    ice : ndarray of bool, shape (H, W)
        Moving area.
    counted : ndarray of bool, shape (H, W)
        Pixels that are scored: those whose counterpart is inside the secondary.
    """

    reference: Image
    secondary: Image
    flow: Flow
    ice: Mask
    counted: Mask


@dataclass(frozen=True)
class Case:
    """One case of the benchmark.

    Attributes
    ----------
    name : str
        Name, such as ``"test-moved-bend-03"``.
    kind : str
        How it is made; see `gdiv.benchmark.kinds.KINDS`.
    split : {"dev", "test"}
        Split.
    family : str
        Family of the field, or the glacier.
    texture : Texture or None
        Scene of the texture; None if it is drawn.
    half_width, reach : float
        Requested half-width and longest displacement in pixels; 0 if the case defines its own.
    condition : str
        One of `gdiv.benchmark.weather.CONDITIONS`.
    seed : int
        Seed of the case.
    """

    name: str
    kind: str
    split: Split
    family: str
    texture: Texture | None = None
    half_width: float = 0.0
    reach: float = 0.0
    condition: str = "none"
    seed: int = 0


def moved_cases(split: Split) -> Iterator[Case]:
    """List the cases in which glacier-like fields move a texture.

    Parameters
    ----------
    split : {"dev", "test"}
        Split.

    Yields
    ------
    Case
        Cases that alternate between kind "drawn" (synthetic texture) and "moved" (real texture).
    """
    conditions = list(CONDITIONS)
    number = 0
    for turn in range(ROUNDS[split]):
        for family_index, family in enumerate(FAMILIES):
            for wide, widths in enumerate(HALF_WIDTHS):
                # Every half-width meets every reach and every condition in some family.
                reaches = REACHES[(wide + family_index + 2 * turn) % len(REACHES)]
                rng = np.random.default_rng([SEEDS[split], number])
                half_width = float(np.exp(rng.uniform(*np.log(widths))))
                reach = float(np.exp(rng.uniform(*np.log(reaches))))
                reach = round(min(reach, MAX_REACH * half_width), 2)
                has_drawn_texture = number % 3 == 2
                kind = "drawn" if has_drawn_texture else "moved"
                yield Case(
                    name=f"{split}-{kind}-{family}-{number:02d}",
                    kind=kind,
                    split=split,
                    family=family,
                    texture=None
                    if has_drawn_texture
                    else _choose_texture(split, reach, number - number // 3),
                    half_width=round(half_width, 1),
                    reach=reach,
                    condition=conditions[number % len(conditions)],
                    seed=SEEDS[split] + number,
                )
                number += 1


def _choose_texture(split: Split, reach: float, number: int) -> Texture:
    """Cycle through the textures that are large enough for a displacement."""
    fitting = [texture for texture in TEXTURES[split] if texture.max_reach >= reach]
    return fitting[number % len(fitting)]


def make_moved(case: Case, scenes: Path | None) -> Pair:
    """Make the pair of a case of kind "drawn" or "moved".

    Parameters
    ----------
    case : Case
        The case.
    scenes : Path or None
        Folder with one subfolder per site of real scenes.

    Returns
    -------
    Pair
        Images and truth.

    Raises
    ------
    MissingSceneError
        If the scene of the texture is absent.
    """
    rng = np.random.default_rng([case.seed, 1])
    field = draw_field(case.family, SIDE, case.half_width, case.reach, rng)
    flow = np.round(field.flow * STEPS) / STEPS
    margin = int(np.ceil(np.abs(flow).max())) + SPLINE_MARGIN
    image, other = (_texture(case, SIDE + 2 * margin, scenes, rng) for _ in range(2))
    inner = slice(margin, margin + SIDE)
    points = pixel_grid((SIDE, SIDE), np.float64) + flow + margin
    reference = ndimage.map_coordinates(
        image.astype(np.float64), points[::-1], order=SPLINE_ORDER, mode="mirror"
    )
    # A rotation by 180 degrees yields a different texture even where a small scene yields nearly
    # the same window.
    elsewhere = np.rot90(other[inner, inner], 2)
    secondary = renew_texture(image[inner, inner], field.ice, elsewhere)
    reference, secondary = add_condition(case.condition, reference, secondary, rng)
    reference, secondary = change_light(reference, secondary, rng)
    flow = flow.astype(np.float32)
    return Pair(reference, secondary, flow, field.ice, scored_pixels(flow))


def _texture(case: Case, side: int, scenes: Path | None, rng: np.random.Generator) -> Image:
    """Texture of a case: drawn, or a window of its scene."""
    if case.texture is None:
        return draw_texture(side, rng)
    return read_window(require_folder(scenes), case.texture, side, rng)


def scored_pixels(flow: Flow) -> Mask:
    """Mark pixels inside the scored frame whose counterpart in the secondary is inside it as well.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement in pixels.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True where a pixel and its counterpart are inside.
    """
    return stays_inside(np.zeros_like(flow), RIM) & stays_inside(flow, RIM)


def split_hash(cases: list[Case]) -> str:
    """Hash the recipes of cases, so that a changed case changes the hash.

    Parameters
    ----------
    cases : list of Case
        Cases.

    Returns
    -------
    str
        SHA-256.
    """
    text = json.dumps([asdict(case) for case in cases], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
