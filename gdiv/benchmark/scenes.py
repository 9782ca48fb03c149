"""Textures that fields move: drawn ones, and windows of real scenes in a folder.

A folder of scenes holds an ItemCollection ``items.json`` and GeoTIFFs. No scene is part of gdiv; a
case whose scene is absent is skipped, with the reason.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from scipy import ndimage

from gdiv.benchmark.weather import brightness_range
from gdiv.images.arrays import Image
from gdiv.images.textures import fractal_texture

__all__ = [
    "MissingSceneError",
    "Texture",
    "draw_texture",
    "read_band",
    "read_items",
    "read_window",
    "require_folder",
]

#: Ranges of the exponent of the spectrum of drawn textures, and of their stretch.
SLOPES = (0.9, 1.8)
STRETCHES = (1.0, 2.0)
#: Number of windows drawn from a scene; the one with the most texture is used.
WINDOW_DRAWS = 6
#: Width of the neighbourhood whose spread measures texture, pixels.
TEXTURE_SIGMA = 3
MAX_DRAWS = 500


class MissingSceneError(FileNotFoundError):
    """A scene that a case needs is absent."""


def require_folder(scenes: Path | None) -> Path:
    """Return the folder of scenes.

    Parameters
    ----------
    scenes : Path or None
        Folder given by the user.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    MissingSceneError
        If no folder is given.
    """
    if scenes is None:
        raise MissingSceneError("this case needs real scenes; give their folder with --scenes")
    return scenes


class Texture(NamedTuple):
    """One band of one scene."""

    folder: str
    band: str
    date: str
    max_reach: float = 40.0  # pixels, the longest displacement that fits into the scene


def read_items(folder: Path) -> list[dict[str, Any]]:
    """Read the items of the ItemCollection in a folder.

    Parameters
    ----------
    folder : Path
        Folder of one site.

    Returns
    -------
    list of dict
        STAC items.

    Raises
    ------
    MissingSceneError
        If there is no ``items.json``.
    """
    file = folder / "items.json"
    if not file.is_file():
        raise MissingSceneError(f"{folder.name}/items.json is missing")
    return json.loads(file.read_text(encoding="utf-8"))["features"]


def read_band(folder: Path, band: str, date: str) -> Image:
    """Read one band of the scene acquired on a date.

    Parameters
    ----------
    folder : Path
        Folder of one site.
    band : str
        Asset of the items.
    date : str
        Date such as ``"2020-07-18"``.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Digital numbers; NaN where there is no data.

    Raises
    ------
    MissingSceneError
        If there is no scene of this date, or it lacks the band.
    """
    for item in read_items(folder):
        asset = item["assets"].get(band)
        if item["properties"]["datetime"].startswith(date) and asset:
            with rasterio.open(folder / asset["href"]) as file:
                image = file.read(1).astype(np.float32)
            return np.where(image == 0, np.float32(np.nan), image)
    raise MissingSceneError(f"{folder.name} has no scene of {date} with band {band}")


def read_window(folder: Path, texture: Texture, side: int, rng: np.random.Generator) -> Image:
    """Draw a textured window without gaps from a scene.

    Parameters
    ----------
    folder : Path
        Folder with one subfolder per site.
    texture : Texture
        Scene and band.
    side : int
        Side of the window in pixels.
    rng : numpy.random.Generator
        Source of its position.

    Returns
    -------
    ndarray of float32, shape (side, side)
        Digital numbers. Of `WINDOW_DRAWS` windows, the one with the largest median local spread.

    Raises
    ------
    MissingSceneError
        If the scene is absent or has no such window.
    """
    scene = read_band(folder / texture.folder, texture.band, texture.date)
    height, width = scene.shape
    windows: list[Image] = []
    for _ in range(MAX_DRAWS if min(height, width) >= side else 0):
        row = rng.integers(0, height - side + 1)
        column = rng.integers(0, width - side + 1)
        window = scene[row : row + side, column : column + side]
        if np.isfinite(window).all():
            windows.append(window)
        if len(windows) == WINDOW_DRAWS:
            break
    if not windows:
        raise MissingSceneError(f"{texture.folder} has no window of {side} px without gaps")
    return max(windows, key=_local_spread)


def _local_spread(image: Image) -> float:
    """Median spread of the fine texture, relative to the range of the image."""
    fine = image - ndimage.gaussian_filter(image, TEXTURE_SIGMA)
    spread = np.sqrt(ndimage.gaussian_filter(fine**2, TEXTURE_SIGMA))
    return float(np.median(spread) / max(brightness_range(image), 1e-6))


def draw_texture(side: int, rng: np.random.Generator) -> Image:
    """Draw a band-limited fractal texture, stretched at random.

    Parameters
    ----------
    side : int
        Side in pixels.
    rng : numpy.random.Generator
        Source of the texture.

    Returns
    -------
    ndarray of float32, shape (side, side)
        Texture of zero mean and unit spread.
    """
    slope = rng.uniform(*SLOPES)
    stretch = rng.uniform(*STRETCHES)
    return fractal_texture(side, slope, rng, stretch, rng.uniform(0, np.pi))
