"""Pairs of real scenes: warped by a known flow, and pairs of Perito Moreno without a truth.

Matchers are tuned and scored on different scenes, dates or parts of a scene.
"""

from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.features import geometry_mask
from scipy import ndimage

from gdiv.benchmark.cases import Pair
from gdiv.benchmark.chips import match_chips
from gdiv.benchmark.scenes import read_band, read_items
from gdiv.benchmark.smooth import degrade, inner_mask
from gdiv.images.arrays import Image, Mask
from gdiv.images.sampling import invert_flow, pixel_grid
from gdiv.images.textures import random_flow

__all__ = ["PeritoMoreno", "warped"]


class Texture(NamedTuple):
    """Part of a real scene from which textures are cut."""

    folder: str  # of an ItemCollection
    band: str
    date: str
    left: float  # first and last column, as fractions of the width
    right: float


#: Textures for tuning, and for scoring.
TEXTURES = (
    (
        Texture("aletsch-2020-07", "nir08", "2020-07-20", 0, 1),
        Texture("perito-moreno-2020", "nir", "2020-01-31", 0, 0.5),
    ),
    (
        Texture("mer-de-glace-2020-07-18", "nir08", "2020-07-18", 0, 1),
        Texture("perito-moreno-2020", "nir", "2020-02-22", 0.5, 1),
    ),
)
#: Pixels of a window around the frame.
WINDOW_MARGIN = 14
#: Offset of the frame in its window, pixels. Both images are interpolated between the pixels of the
#: scene, so that they are equally sharp.
WINDOW_OFFSET = 14.37
#: Blur of a window to suppress noise and compression of the scene, pixels.
WINDOW_BLUR = 0.6

FOLDER = "perito-moreno-2020"
#: Pairs of clear dates for scoring, of which the first three form a triplet, and for tuning.
SCORING_DATES = (
    ("2020-01-31", "2020-02-10"),
    ("2020-02-10", "2020-02-20"),
    ("2020-01-31", "2020-02-20"),
    ("2020-02-07", "2020-02-22"),
)
TUNING_DATES = (
    ("2020-02-07", "2020-02-10"),
    ("2020-02-10", "2020-02-22"),
    ("2020-02-07", "2020-02-22"),
)
#: Window for tuning, with ice and stable ground.
TUNING_WINDOW = (slice(600, 1112), slice(500, 1012))
WHOLE_SCENE = (slice(None), slice(None))
#: Minimum distance of stable ground from the ice, pixels.
STABLE_DISTANCE = 16


def warped(folder: Path, part: int, seed: int, size: int = 192, reach: float = 10.0) -> Pair:
    """Make a pair from a window of a real scene and a glacier-like flow.

    The secondary has a different illumination, and 15 % of its texture is decorrelated.

    Parameters
    ----------
    folder : Path
        Folder with one subfolder per site of real scenes.
    part : {0, 1}
        0 for tuning, 1 for scoring, with different scenes, and for Perito Moreno a different date
        and half of the scene.
    seed : int
        Seed of the pair; even seeds take the first texture, odd ones the second.
    size : int, optional
        Side of the images, pixels.
    reach : float, optional
        Approximate longest displacement, pixels.
    """
    rng = np.random.default_rng([part, seed])
    shape = (size, size)
    texture = TEXTURES[part][seed % 2]
    scene = read_band(folder / texture.folder, texture.band, texture.date)
    width = scene.shape[1]
    scene = scene[:, int(texture.left * width) : int(texture.right * width)]
    side = size + 2 * WINDOW_MARGIN
    spline = ndimage.spline_filter(_draw_window(scene, side, rng))
    inside = slice(WINDOW_MARGIN, -WINDOW_MARGIN)
    other = _draw_window(scene, side, rng)[inside, inside]
    flow = random_flow(shape, reach, rng)

    def read(points: npt.NDArray[np.floating]) -> Image:
        coordinates = points[::-1] + WINDOW_OFFSET
        return ndimage.map_coordinates(spline, coordinates, order=3, mode="mirror", prefilter=False)

    reference, secondary = degrade(
        read(pixel_grid(shape)), read(invert_flow(flow)), "all", rng, lambda: other
    )
    everywhere: Mask = np.ones(shape, bool)
    return Pair(reference, secondary, flow, everywhere, inner_mask(shape))


def _draw_window(scene: Image, side: int, rng: np.random.Generator) -> Image:
    """Draw a window with data from a scene; scale it to zero mean and unit spread, and blur it."""
    height, width = scene.shape
    while True:
        row = rng.integers(0, height - side)
        column = rng.integers(0, width - side)
        window = scene[row : row + side, column : column + side]
        if np.isfinite(window).all():
            return ndimage.gaussian_filter((window - window.mean()) / window.std(), WINDOW_BLUR)


class PeritoMoreno:
    """Pairs of clear dates of Perito Moreno in 2020, which have no truth.

    Parameters
    ----------
    folder : Path
        Folder with one subfolder per site of real scenes.
    tuning : bool, optional
        Use different pairs, restricted to a window.

    Attributes
    ----------
    images : list of tuple of ndarray
        Reference and secondary of each pair, shape (H, W). The first three form a triplet.
    ice : ndarray of bool, shape (H, W)
        Ice.
    stable : list of ndarray of bool
        Stable ground with data, for each pair.
    chips : list of ndarray, shape (N, 4)
        Row, column and displacement (u, v in pixels) of the reliably matched chips of each pair.
        The chips are matched by correlation, so they favour the matcher "correlation".
    """

    def __init__(self, folder: Path, tuning: bool = False) -> None:
        folder = folder / FOLDER
        window = TUNING_WINDOW if tuning else WHOLE_SCENE
        dates = TUNING_DATES if tuning else SCORING_DATES
        bands = {date: read_band(folder, "nir", date)[window] for pair in dates for date in pair}
        self.images = [(bands[reference], bands[secondary]) for reference, secondary in dates]
        self.ice = _read_ice(folder)[window]
        outside = ndimage.distance_transform_edt(~self.ice) > STABLE_DISTANCE
        self.stable: list[Mask] = [
            outside & np.isfinite(reference) & np.isfinite(secondary)
            for reference, secondary in self.images
        ]
        self.chips = [match_chips(*images, self.ice) for images in self.images]


def _read_ice(folder: Path) -> Mask:
    """Ice inside the outline in a folder, on the grid of its first scene."""
    item = read_items(folder)[0]
    with rasterio.open(folder / item["assets"]["nir"]["href"]) as file:
        outline = gpd.read_file(folder / "outline.geojson").to_crs(file.crs).geometry
        return geometry_mask(outline, file.shape, file.transform, invert=True)
