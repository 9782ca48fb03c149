"""Training and validation data of the weights shipped with gdiv.

Three sources provide pairs with their displacement: textures moved by a drawn flow, the synthetic
twins of two glaciers, and the same twins labelled by Horn-Schunck. The twin of Mer de Glace and
all scenes of Mer de Glace and Perito Moreno are reserved for scoring.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import rasterio
from tqdm import tqdm

from gdiv.catalog import load_catalog
from gdiv.flow.matchers.matching import match_images
from gdiv.flow.matchers.raft import shipped_network
from gdiv.flow.raft.hybrid import find_start
from gdiv.flow.training.loop import Draw
from gdiv.flow.training.prewarped import Prewarped
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.samples import Mixture, Samples
from gdiv.flow.training.scores import Sample
from gdiv.flow.training.splines import spline_coefficients
from gdiv.flow.training.tiles import Tile
from gdiv.imagery.grid import study_grid
from gdiv.images.arrays import Flow, Image, Mask
from gdiv.twin.scenes import render_twin
from gdiv.twin.truth import read_truth, true_displacement

__all__ = [
    "GLACIERS",
    "Sources",
    "TwinPairs",
    "find_shipped_start",
    "hash_scenes",
    "held_out",
    "label_pair",
    "list_windows",
    "read_scene_textures",
    "render_glacier",
    "training_textures",
    "twin_pairs",
]

#: Glaciers whose twins are used for training.
GLACIERS = ("argentiere", "tasman")
#: Seed of their twins, different from that of studies.
TWIN_SEED = 11
#: Number of clear scenes of a twin in each season year.
USABLE_SCENES = [2, 3, 3]
#: Range of the time separation of pairs of a twin, days; one in `PAIR_STEP` pairs is used.
MIN_DAYS = 200
MAX_DAYS = 500
PAIR_STEP = 3

# Sizes in pixels.
#: Side of a sample.
CROP = 96
#: Number of windows of a pair per side of a window.
WINDOWS_PER_SIDE = 4
#: Maximum displacement for the network without a start, and for the one that refines a start.
REACH = 16
REST_REACH = 24
#: Side of a texture.
TEXTURE_SIDE = 512

#: Minimum ice fraction of a window.
MIN_ICE = 0.2
#: Quarter turns of a window.
TURNS = 4
#: Minimum match quality of a label.
MIN_QUALITY = 0.5

#: Number of random textures for training, and approximate number of textures from real scenes.
RANDOM_TEXTURES = 40
REAL_TEXTURES = 8
#: Textures of the held-out pairs, and their seed.
HELD_OUT_TEXTURES = 12
HELD_OUT_SEED = 777


def read_scene_textures(folder: Path) -> npt.NDArray[np.float32]:
    """Read textures from the near-infrared scenes of an ItemCollection.

    Parameters
    ----------
    folder : Path
        Folder with ``items.json`` and the scenes.

    Returns
    -------
    ndarray, shape (count, 512, 512)
        Spline coefficients of the upper left and the lower right corner of each scene.
    """
    textures = []
    for item in _read_items(folder):
        image = _read_band(folder / item["assets"]["nir08"]["href"])
        upper_left = image[:TEXTURE_SIDE, :TEXTURE_SIDE]
        lower_right = image[-TEXTURE_SIDE:, -TEXTURE_SIDE:]
        for part in (upper_left, lower_right):
            padding = [(0, TEXTURE_SIDE - side) for side in part.shape]
            textures.append(spline_coefficients(np.pad(part, padding, mode="reflect")))
    return np.stack(textures)


def hash_scenes(folder: Path) -> dict[str, str]:
    """Hash the scenes whose textures are used for training, for the card of the weights.

    Parameters
    ----------
    folder : Path
        Folder that holds ``items.json`` and the scenes.

    Returns
    -------
    dict of str to str
        First sixteen digits of the SHA-256 of each file, by its path in the folder.
    """
    files = [item["assets"]["nir08"]["href"] for item in _read_items(folder)]
    return {file: hashlib.sha256((folder / file).read_bytes()).hexdigest()[:16] for file in files}


def _read_items(folder: Path) -> list[dict[str, Any]]:
    """Items of the collection in a folder."""
    return json.loads((folder / "items.json").read_text(encoding="utf-8"))["features"]


def _read_band(path: Path) -> npt.NDArray[np.float32]:
    """First band of a GeoTIFF."""
    with rasterio.open(path) as file:
        return file.read(1).astype(np.float32)


def training_textures(scenes: Path | None, seed: int = 1) -> npt.NDArray[np.float32]:
    """Draw random textures, and add real ones if there are any.

    Parameters
    ----------
    scenes : Path or None
        Folder of an ItemCollection whose scenes provide about eight textures, repeated if there are
        fewer; None for random textures only.
    seed : int, optional
        Seed of the random textures.

    Returns
    -------
    ndarray, shape (count, 512, 512)
        Spline coefficients.
    """
    random = fractal_textures(RANDOM_TEXTURES, seed)
    if scenes is None:
        return random
    real = read_scene_textures(scenes)
    repeats = max(1, round(REAL_TEXTURES / len(real)))
    return np.concatenate([random, *[real] * repeats])


def render_glacier(folder: Path, glacier: str) -> Path:
    """Render the twin of a glacier, unless it exists already.

    Parameters
    ----------
    folder : Path
        Folder of the twins.
    glacier : str
        Key of the catalog.

    Returns
    -------
    Path
        Folder of this twin.
    """
    entry = load_catalog().glaciers[glacier]
    grid = study_grid(entry.bbox, entry.crs)
    return render_twin(entry, grid, USABLE_SCENES, folder / glacier, TWIN_SEED).parent


class TwinPairs(NamedTuple):
    """Pairs of a twin with their displacement, for `gdiv.flow.training.samples.Samples`.

    Attributes
    ----------
    images : ndarray, shape (scene, H, W)
        Digital numbers, float32, including cloudy, snow-covered and misregistered scenes.
    pairs : list of (int, int)
        Numbers of the reference and the secondary scene of each pair.
    flows : ndarray, shape (pair, 2, H, W)
        Displacement of the image in pixels, mis-registration included; NaN beyond 16 pixels.
    ice : ndarray, shape (H, W)
        True on moving ice.
    """

    images: npt.NDArray[np.float32]
    pairs: list[tuple[int, int]]
    flows: npt.NDArray[np.float32]
    ice: Mask


def twin_pairs(folder: Path, glacier: str) -> TwinPairs:
    """Load pairs of a glacier's twin with a separation of about one year.

    Parameters
    ----------
    folder : Path
        Folder of the twins.
    glacier : str
        Key of the catalog.

    Returns
    -------
    TwinPairs
        Images, pairs, flows and ice.
    """
    twin = render_glacier(folder, glacier)
    truth = read_truth(twin)
    assert truth is not None, "the twin was rendered above together with its truth"
    images = {}
    for item in _read_items(twin):
        if "nir" in item["assets"] and item["id"] not in images:
            images[item["id"]] = _read_band(twin / item["assets"]["nir"]["href"])
    names = list(images)
    pairs = _choose_pairs(truth.day.sel(scene=names).values)
    flows = np.stack([np.stack(true_displacement(truth, names[i], names[j])) for i, j in pairs])
    too_long = np.hypot(flows[:, 0], flows[:, 1]) > REACH
    flows[np.broadcast_to(too_long[:, None], flows.shape)] = np.nan
    ice = np.hypot(truth.vx, truth.vy).values > 0
    return TwinPairs(np.stack(list(images.values())), pairs, flows, ice)


def _choose_pairs(days: npt.NDArray[np.number]) -> list[tuple[int, int]]:
    """Choose one in three pairs of scenes about a year apart, from the day of each scene."""
    scenes = range(len(days))
    a_year_apart = [
        (i, j) for i in scenes for j in scenes if MIN_DAYS < days[j] - days[i] < MAX_DAYS
    ]
    return a_year_apart[::PAIR_STEP]


def label_pair(reference: Image, secondary: Image) -> Flow:
    """Label a pair with Horn-Schunck, in the same way as a study.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        Images; NaN is no data.

    Returns
    -------
    ndarray, shape (2, H, W)
        Displacement in pixels; NaN where the images correlate poorly after the match, and beyond
        16 pixels.
    """
    match = match_images("horn-schunck", reference, secondary)
    valid = (match.quality >= MIN_QUALITY) & (np.hypot(match.u, match.v) <= REACH)
    return np.where(valid, np.stack([match.u, match.v]), np.float32(np.nan))


def list_windows(ice: Mask, pairs: int, size: int = CROP) -> list[Tile]:
    """List the windows of all pairs that are more than 20 % ice, each in four rotations.

    Parameters
    ----------
    ice : ndarray, shape (H, W)
        True on ice.
    pairs : int
        Number of pairs.
    size : int, optional
        Side of the windows, in pixels; they are spaced by a quarter of it.

    Returns
    -------
    list of Tile
        The windows.
    """
    height, width = ice.shape
    corners = [
        (row, column)
        for row in range(0, height - size + 1, size // WINDOWS_PER_SIDE)
        for column in range(0, width - size + 1, size // WINDOWS_PER_SIDE)
        if ice[row : row + size, column : column + size].mean() > MIN_ICE
    ]
    return [
        Tile(pair, row, column, turns, "train")
        for pair in range(pairs)
        for row, column in corners
        for turns in range(TURNS)
    ]


class Sources:
    """Sources of samples for a training stage.

    Twins are rendered and labelled on first use.

    Parameters
    ----------
    folder : Path
        Folder of the pre-training, with the twins in its subfolder ``twin``.
    scenes : Path or None
        Folder of real scenes that provide additional textures.
    device : str
        Device that draws the samples.
    size : int, optional
        Side of the samples, in pixels.

    Attributes
    ----------
    drawn : callable
        Draws textures moved by a drawn flow.
    drawn_rest : callable
        Draws such pairs, including faster ones, warped back by the start of the refining network.
    """

    def __init__(self, folder: Path, scenes: Path | None, device: str, size: int = CROP) -> None:
        self.folder = folder
        self.device = device
        self.size = size
        textures = training_textures(scenes)
        self.drawn: Draw = PairRenderer(textures, size, REACH, seed=1, device=device).draw
        fast = PairRenderer(textures, size, REST_REACH, seed=2, device=device)
        self.drawn_rest: Draw = Prewarped(fast.draw, find_shipped_start)

    def mix(self, counts: Mapping[str, int]) -> Draw:
        """Mix sources.

        Parameters
        ----------
        counts : mapping of str to int
            Samples per batch from each source, by the name of its attribute.

        Returns
        -------
        callable
            Function that draws samples of the mixture by number.
        """
        return Mixture([(getattr(self, source), count) for source, count in counts.items()])

    @cached_property
    def twin_rest(self) -> Draw:
        """Pairs of twins, warped back by the start of the refining network."""
        return Prewarped(self.twin, find_shipped_start)

    @cached_property
    def twin(self) -> Draw:
        """Pairs of twins with their exact displacement."""
        return self._twin_samples(exact=True)

    @cached_property
    def labels(self) -> Draw:
        """Pairs of twins with labels from Horn-Schunck."""
        return self._twin_samples(exact=False)

    def _twin_samples(self, exact: bool) -> Draw:
        """Samples of all twins in equal parts, with exact displacement or with labels."""
        description = "twins" if exact else "labels"
        parts: list[tuple[Draw, int]] = []
        for number, glacier in enumerate(tqdm(GLACIERS, desc=description, unit="glacier")):
            images, pairs, flows, ice = twin_pairs(self.folder / "twin", glacier)
            if not exact:
                flows = np.stack([label_pair(images[i], images[j]) for i, j in pairs])
            windows = list_windows(ice, len(pairs), self.size)
            seed = TWIN_SEED + number
            samples = Samples(images, pairs, flows, windows, self.size, seed, self.device)
            parts.append((samples.draw, 1))
        return Mixture(parts)


def find_shipped_start(reference: Image, secondary: Image) -> Flow:
    """Find the start of the refining network, with the shipped weights.

    Parameters
    ----------
    reference, secondary : ndarray, shape (H, W)
        Images; NaN is no data.

    Returns
    -------
    ndarray, shape (2, H, W)
        Displacement in pixels.
    """
    return find_start(shipped_network(), reference, secondary)


def held_out(difficulty: float, seed: int, count: int = 32) -> list[Sample]:
    """Draw validation pairs from textures that are not used for training.

    Parameters
    ----------
    difficulty : float
        Largest difference between the dates, from 0 to 1, as for
        `gdiv.flow.training.renderer.PairRenderer`.
    seed : int
        Seed of the pairs.
    count : int, optional
        Number of pairs.

    Returns
    -------
    list of (pair, flow)
        Images ``(2, 96, 96)`` and displacement ``(2, 96, 96)`` in pixels.
    """
    textures = fractal_textures(HELD_OUT_TEXTURES, HELD_OUT_SEED)
    return PairRenderer(textures, CROP, REACH, seed, difficulty).samples(count)
