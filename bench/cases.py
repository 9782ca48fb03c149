"""What matchers are judged on: pairs with a known displacement, and real pairs as they are.

A pair is `(reference, secondary, flow, counted)`: images `(H, W)`, the displacement `(2, H, W)` in pixels and
where it counts. What is tuned on is not scored: other seeds, other ice, other scenes; the real pairs as they are
are tuned on other pairs of the same glacier, in a window.
"""

import json
from pathlib import Path
from typing import NamedTuple

import cv2
import geopandas as gpd
import numpy as np
import rasterio
from rasterio.features import geometry_mask
from scipy import ndimage

import gdiv
from gdiv.flow.matchers.correlation import parabola_vertex
from gdiv.imagery.pairs import read_pair
from gdiv.images.sampling import invert_flow, pixel_grid
from gdiv.images.textures import random_flow, smooth_field
from gdiv.twin.truth import read_truth, true_displacement

RIM = 16  # pixels left out at the frame, where what moves in was never seen
FINER = 2  # samples of a texture's lattice per pixel
NOISE = 0.015  # of the images' spread, in every case
SYNTHETIC = ("clean", "noise", "illumination", "shadow", "decorrelation")


class Pair(NamedTuple):
    reference: np.ndarray
    secondary: np.ndarray
    flow: np.ndarray
    counted: np.ndarray


def inner(shape):
    counted = np.zeros(shape, bool)
    counted[RIM:-RIM, RIM:-RIM] = True
    return counted


def spoil(first, second, case, rng, other):
    """What two dates do to a pair: `other()` is a texture that the first image does not have."""
    if case in ("illumination", "all"):
        shade = smooth_field(second.shape, 60, rng), smooth_field(second.shape, 60, rng)
        second = rng.uniform(0.6, 1.4) * np.exp(0.25 * shade[0]) * second + 0.7 * shade[1]
    if case == "shadow":  # cast on each date elsewhere; a quarter of the light is left
        first, second = (image - image.min() for image in (first, second))
        first, second = (image * (1 - 0.75 * cast(image.shape, rng)) for image in (first, second))
    if case in ("decorrelation", "all"):
        second = np.sqrt(0.85) * second + np.sqrt(0.15) * other()
    level = 0.1 if case == "noise" else NOISE
    return [
        (image + level * rng.normal(size=image.shape)).astype(np.float32)
        for image in (first, second)
    ]


def contrast(image):
    """Spread of brightness around each pixel, in the image's own spread: how much there is to match."""
    mean, square = (ndimage.gaussian_filter(power, 5) for power in (image, image**2))
    return np.sqrt(np.maximum(square - mean**2, 0)) / image.std()


def cast(shape, rng):
    """Where a ridge's shadow lies, 0 or 1: about a fifth of the image."""
    return (smooth_field(shape, 50, rng) > 0.85).astype(np.float32)


def synthetic(case: str, size: int, seed: int, reach: float = 10.0) -> Pair:
    """A band-limited texture, kept twice as fine as the pixels, and a smooth flow of up to `reach` pixels.

    The secondary reads the texture where the flow comes from: nothing is interpolated from the reference.
    """
    rng = np.random.default_rng([size, seed])
    shape = (size, size)
    length = rng.uniform(0.35, 0.9) * size
    flow = np.stack([smooth_field(shape, length, rng) for _ in range(2)]) + rng.normal(
        0, 1, (2, 1, 1)
    )
    flow = (flow * rng.uniform(0.3, 1) * reach / np.hypot(*flow).max()).astype(np.float32)

    def texture():
        side = (size + 64) * FINER
        ky, kx = np.meshgrid(
            np.fft.fftfreq(side) * FINER, np.fft.rfftfreq(side) * FINER, indexing="ij"
        )
        frequency = np.hypot(ky, kx)  # per pixel
        amplitude = np.maximum(frequency, 2 / size) ** -rng.uniform(0.8, 2) * np.exp(
            -((frequency / 0.32) ** 4)
        )
        amplitude[0, 0] = 0
        lattice = np.fft.irfft2(
            amplitude * (rng.normal(size=(*amplitude.shape, 2)) @ [1, 1j]), s=(side, side)
        )
        return ndimage.spline_filter(lattice / lattice.std(), mode="grid-wrap").astype(np.float32)

    def read(lattice, at):
        return ndimage.map_coordinates(
            lattice, (at[::-1] + 32) * FINER, order=3, mode="grid-wrap", prefilter=False
        )

    base = texture()
    first, second = read(base, pixel_grid((size, size))), read(base, invert_flow(flow))
    first, second = spoil(
        first, second, case, rng, lambda: read(texture(), pixel_grid((size, size)))
    )
    return Pair(first, second, flow, inner(shape))


def twin(profile: str = "demo") -> dict[str, list[Pair]]:
    """Pairs of the synthetic Mer de Glace with the planted displacement of the ice and of the scenes.

    Tuning has the training seasons' pairs and the northern half of the ice, scoring the validation's and the southern.
    """
    study = gdiv.open_study("mer-de-glace", profile, "", "")
    cube, table, ice = (
        study.open("cube").load(),
        study.open("pairs"),
        study.open("masks").glacier.values,
    )
    truth = read_truth(study.companions, cube)
    north = np.arange(ice.shape[0])[:, None] < np.median(np.nonzero(ice)[0])
    sets = {
        "tune": (table[table.set == "train"][::3], ice & north),
        "score": (table[table.set == "validation"][::2], ice & ~north),
    }

    def pair(row, counted):
        first, second = read_pair(cube, row)
        flow = np.stack(true_displacement(truth, row.reference, row.secondary))
        known = np.isfinite(flow[0]) & np.isfinite(first) & np.isfinite(second)
        return Pair(first, second, flow.astype(np.float32), counted & known)

    return {
        name: [pair(row, counted) for row in rows.itertuples()]
        for name, (rows, counted) in sets.items()
    }


def real_band(folder: Path, band: str, date: str) -> np.ndarray:
    """One band of the scene of a date of an ItemCollection; NaN where it has no data."""
    items = json.loads((folder / "items.json").read_text(encoding="utf-8"))["features"]
    item = next(item for item in items if item["properties"]["datetime"].startswith(date))
    with rasterio.open(folder / item["assets"][band]["href"]) as file:
        image = file.read(1).astype(np.float32)
    return np.where(image == 0, np.nan, image)


TEXTURES = (
    [
        ("aletsch-2020-07", "nir08", "2020-07-20", 1),
        ("perito-moreno-2020", "nir", "2020-01-31", 0.5),
    ],
    [
        ("mer-de-glace-2020-07-18", "nir08", "2020-07-18", 1),
        ("perito-moreno-2020", "nir", "2020-02-22", -0.5),
    ],
)


def warped(folder: Path, part: int, seed: int, size: int = 192, reach: float = 10.0) -> Pair:
    """A window of a real scene, moved by a flow like a glacier's; the secondary in other light and 15 % decorrelated.

    `part` 0 is for tuning, 1 for scoring: other scenes, and of Perito Moreno another date and the other half. Both
    images read the scene's spline between its pixels, so that neither is sharper.
    """
    rng = np.random.default_rng([part, seed])
    name, band, date, share = TEXTURES[part][seed % 2]
    scene, need = real_band(folder / name, band, date), size + 28
    middle = int(abs(share) * scene.shape[1])
    scene = scene[:, :middle] if share > 0 else scene[:, middle:]

    def window():
        while True:
            row, column = (rng.integers(0, side - need) for side in scene.shape)
            found = scene[row : row + need, column : column + need]
            if np.isfinite(found).all():
                return ndimage.gaussian_filter((found - found.mean()) / found.std(), 0.6)

    spline, other = ndimage.spline_filter(window()), window()[14:-14, 14:-14]
    flow = random_flow((size, size), reach, rng)

    def read(at):
        return ndimage.map_coordinates(
            spline, at[::-1] + 14.37, order=3, mode="mirror", prefilter=False
        )

    first, second = read(pixel_grid((size, size))), read(invert_flow(flow))
    return Pair(*spoil(first, second, "all", rng, lambda: other), flow, inner((size, size)))


class Moreno:
    """Perito Moreno in 2020: pairs of clear dates, of which the first three close a triangle; for tuning, others."""

    pairs = (
        ("2020-01-31", "2020-02-10"),
        ("2020-02-10", "2020-02-20"),
        ("2020-01-31", "2020-02-20"),
        ("2020-02-07", "2020-02-22"),
    )
    tuning = (
        ("2020-02-07", "2020-02-10"),
        ("2020-02-10", "2020-02-22"),
        ("2020-02-07", "2020-02-22"),
    )
    window = (slice(600, 1112), slice(500, 1012))

    def __init__(self, folder: Path, tuning: bool = False):
        folder = folder / "perito-moreno-2020"
        window = self.window if tuning else (slice(None), slice(None))
        pairs = self.tuning if tuning else self.pairs
        images = {date: real_band(folder, "nir", date)[window] for pair in pairs for date in pair}
        self.images = [tuple(images[date] for date in pair) for pair in pairs]
        items = json.loads((folder / "items.json").read_text(encoding="utf-8"))["features"]
        with rasterio.open(folder / items[0]["assets"]["nir"]["href"]) as file:
            outline = gpd.read_file(folder / "outline.geojson").to_crs(file.crs).geometry
            self.ice = geometry_mask(outline, file.shape, file.transform, invert=True)[window]
        beside = ndimage.distance_transform_edt(~self.ice) > 16
        self.still = [
            beside & np.isfinite(first) & np.isfinite(second) for first, second in self.images
        ]
        self.points = [self._reliable(*pair) for pair in self.images]

    def _reliable(self, first, second, window=48, reach=10, step=16):
        """Rows, columns and displacements where wide chips correlate over 0.7 and the way back agrees to 0.3 px.

        Correlation of chips itself, so it flatters the matcher of that name.
        """
        half, far = window // 2, window // 2 + reach
        first, second = (np.nan_to_num(image) for image in (first, second))

        def find(chips, area, row, column):
            chip = chips[row - half : row + half, column - half : column + half]
            around = area[row - far : row + far, column - far : column + far]
            score = cv2.matchTemplate(around, chip, cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(score)
            if best < 0.7 or not (0 < x < 2 * reach and 0 < y < 2 * reach):
                return None
            return x - reach + parabola_vertex(
                score[y, x - 1 : x + 2]
            ), y - reach + parabola_vertex(score[y - 1 : y + 2, x])

        found = []
        for row in range(far, first.shape[0] - far, step):
            for column in range(far, first.shape[1] - far, step):
                if not self.ice[row - half : row + half, column - half : column + half].all():
                    continue
                there = find(first, second, row, column)
                back = find(second, first, row, column) if there else None
                if back and np.hypot(there[0] + back[0], there[1] + back[1]) < 0.3:
                    found.append((row, column, *there))
        return np.array(found)
