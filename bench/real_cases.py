"""Pairs of real scenes: warped by a known flow, and pairs of Perito Moreno without a truth.

Matchers are tuned and scored on different scenes, dates or parts of a scene.
"""

import json
from pathlib import Path
from typing import NamedTuple

import cv2
import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
from cases import Pair, degrade, inner_mask
from rasterio.features import geometry_mask
from scipy import ndimage

from gdiv.flow.matchers.correlation import parabola_vertex
from gdiv.images.arrays import Image, Mask
from gdiv.images.sampling import invert_flow, pixel_grid
from gdiv.images.textures import random_flow

__all__ = ["PeritoMoreno", "warped"]


class Texture(NamedTuple):
    """Part of a real scene that textures are cut from."""

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
#: Offset of the frame in its window, pixels. Both images are read between the pixels of the scene,
#: so that neither is sharper.
WINDOW_OFFSET = 14.37
#: Blur of a window against the noise and the compression of the scene, pixels.
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
#: Window for tuning, which holds ice and stable ground.
TUNING_WINDOW = (slice(600, 1112), slice(500, 1012))
WHOLE_SCENE = (slice(None), slice(None))
#: Stable ground begins this far from the ice, pixels.
STABLE_DISTANCE = 16

# Chips that are matched reliably; chosen by eye on these scenes.
#: Side of a chip, longest displacement and distance between chips, pixels.
CHIP = 48
CHIP_REACH = 10
CHIP_STEP = 16
#: Least correlation, and largest forward-backward error in pixels.
MIN_CORRELATION = 0.7
MAX_CHIP_ERROR = 0.3


def _read_items(folder: Path) -> list[dict]:
    """Items of the collection in a folder."""
    return json.loads((folder / "items.json").read_text(encoding="utf-8"))["features"]


def _read_band(folder: Path, band: str, date: str) -> Image:
    """One band of the scene of a date; NaN where it has no data."""
    items = _read_items(folder)
    item = next(item for item in items if item["properties"]["datetime"].startswith(date))
    with rasterio.open(folder / item["assets"][band]["href"]) as file:
        image = file.read(1).astype(np.float32)
    return np.where(image == 0, np.nan, image)


def warped(folder: Path, part: int, seed: int, size: int = 192, reach: float = 10.0) -> Pair:
    """Pair of a window of a real scene and a flow like that of a glacier.

    The secondary has a different illumination, and 15 % of its texture is decorrelated.

    Parameters
    ----------
    folder : Path
        Folder of the folders of real scenes.
    part : {0, 1}
        0 for tuning, 1 for scoring: other scenes, and of Perito Moreno another date and the other
        half.
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
    scene = _read_band(folder / texture.folder, texture.band, texture.date)
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
    return Pair(reference, secondary, flow, inner_mask(shape))


def _draw_window(scene: Image, side: int, rng: np.random.Generator) -> Image:
    """Window of a scene at random where it has data, of zero mean and unit spread, blurred."""
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
        Folder of the folders of real scenes.
    tuning : bool, optional
        Other pairs, in a window.

    Attributes
    ----------
    images : list of tuple of ndarray
        Reference and secondary of each pair, shape (H, W). The first three form a triplet.
    ice : ndarray of bool, shape (H, W)
        Ice.
    stable : list of ndarray of bool
        Stable ground with data, for each pair.
    chips : list of ndarray, shape (N, 4)
        Row, column and displacement (u, v in pixels) of the chips of each pair that are matched
        reliably. They are matched by correlation, so they favour the matcher of that name.
    """

    def __init__(self, folder: Path, tuning: bool = False) -> None:
        folder = folder / FOLDER
        window = TUNING_WINDOW if tuning else WHOLE_SCENE
        dates = TUNING_DATES if tuning else SCORING_DATES
        bands = {date: _read_band(folder, "nir", date)[window] for pair in dates for date in pair}
        self.images = [(bands[reference], bands[secondary]) for reference, secondary in dates]
        self.ice = _read_ice(folder)[window]
        outside = ndimage.distance_transform_edt(~self.ice) > STABLE_DISTANCE
        self.stable: list[Mask] = [
            outside & np.isfinite(reference) & np.isfinite(secondary)
            for reference, secondary in self.images
        ]
        self.chips = [_match_chips(*images, self.ice) for images in self.images]


def _read_ice(folder: Path) -> Mask:
    """Ice of the outline in a folder, on the pixels of its first scene."""
    item = _read_items(folder)[0]
    with rasterio.open(folder / item["assets"]["nir"]["href"]) as file:
        outline = gpd.read_file(folder / "outline.geojson").to_crs(file.crs).geometry
        return geometry_mask(outline, file.shape, file.transform, invert=True)


def _match_chips(reference: Image, secondary: Image, ice: Mask) -> npt.NDArray[np.float64]:
    """Chips on ice that are matched reliably: row, column, u, v of each."""
    half = CHIP // 2
    margin = half + CHIP_REACH
    reference = np.nan_to_num(reference)
    secondary = np.nan_to_num(secondary)
    height, width = reference.shape
    matches = []
    for row in range(margin, height - margin, CHIP_STEP):
        for column in range(margin, width - margin, CHIP_STEP):
            if not ice[row - half : row + half, column - half : column + half].all():
                continue
            forward = _match_chip(reference, secondary, row, column)
            backward = _match_chip(secondary, reference, row, column) if forward else None
            if forward is None or backward is None:
                continue
            error = np.hypot(forward[0] + backward[0], forward[1] + backward[1])
            if error < MAX_CHIP_ERROR:
                matches.append((row, column, *forward))
    return np.array(matches)


def _match_chip(
    reference: Image, secondary: Image, row: int, column: int
) -> tuple[float, float] | None:
    """Displacement of the chip around a pixel; None if it correlates poorly."""
    half = CHIP // 2
    margin = half + CHIP_REACH
    chip = reference[row - half : row + half, column - half : column + half]
    area = secondary[row - margin : row + margin, column - margin : column + margin]
    surface = np.asarray(cv2.matchTemplate(area, chip, cv2.TM_CCOEFF_NORMED), np.float32)
    _, peak, _, (x, y) = cv2.minMaxLoc(surface)
    inside = 0 < x < 2 * CHIP_REACH and 0 < y < 2 * CHIP_REACH
    if peak < MIN_CORRELATION or not inside:
        return None
    u = x - CHIP_REACH + parabola_vertex(surface[y, x - 1 : x + 2])
    v = y - CHIP_REACH + parabola_vertex(surface[y - 1 : y + 2, x])
    return u, v
