"""Real scenes and the pairs that are matched; there is no exact truth.

`gdiv.benchmark.real_scores` scores them.
"""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeAlias

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.features import geometry_mask
from scipy import ndimage

from gdiv.benchmark.chips import match_chips
from gdiv.benchmark.scenes import read_band, read_items, require_folder
from gdiv.images.arrays import Flow, Image, Mask

__all__ = ["SITES", "Dates", "RealScenes", "Site", "needed_pairs", "relative_to"]

#: Distance of stable ground from the ice, at a site without rock outlines, pixels.
STABLE_DISTANCE = 16
#: Side of a JPEG block, pixels.
JPEG_BLOCK = 8

Dates: TypeAlias = tuple[str, str]


class Site(NamedTuple):
    """Real scenes of one site, and the pairs that are scored.

    Attributes
    ----------
    folder : str
        Folder of the scenes.
    band : str
        Asset that is matched.
    pairs : tuple of (str, str)
        Dates of the pairs that are compared with reliable chips.
    null : tuple of (str, str)
        Dates between which ice has hardly moved.
    triplet : tuple of str
        Three dates of a closure; empty without one.
    stable : str
        File of stable ground; "around" for all ground far from the ice, "" for none.
    field : str
        GeoTIFF of a published velocity, m/day east and north; "" without one.
    chip : int
        Side of the chips in pixels; each chip must lie entirely on ice.
    caveat : str
        Caveat to consider when reading the scores.
    """

    folder: str
    band: str
    pairs: tuple[Dates, ...]
    null: tuple[Dates, ...] = ()
    triplet: tuple[str, ...] = ()
    stable: str = ""
    field: str = ""
    chip: int = 48
    caveat: str = ""


#: Sites of the test split.
SITES = (
    Site(
        "yahtse-2016-west",
        "pan",
        pairs=(("2016-07-18", "2016-08-03"),),
        stable="rock.geojson",
        field="carst_vx_vy.tif",
        caveat="Landsat 8, 15 m, 16 days. The published field is no ground truth: CARST, "
        "32 px chips, with the sign of its east component corrected. Rock is 4 % of the frame.",
    ),
    Site(
        "zmutt-2017-2018",
        "red",
        pairs=(("2017-08-25", "2018-08-30"),),
        null=(("2017-08-15", "2017-08-25"), ("2018-08-30", "2018-09-19")),
        triplet=("2017-08-15", "2017-08-25", "2018-08-30"),
        chip=24,
        caveat="Sentinel-2, 10 m, one year. No stable ground: all but the glacier is masked.",
    ),
    Site(
        "perito-moreno-2020",
        "nir",
        pairs=(("2020-01-31", "2020-02-20"), ("2020-02-07", "2020-02-22")),
        triplet=("2020-01-31", "2020-02-10", "2020-02-20"),
        stable="around",
        caveat="JPEG renderings of Sentinel-2: the compression grid, fixed to the pixels, biases "
        "every matcher to zero, so closure and stable ground look too good. Nominal pixel: 6.08 m.",
    ),
)


def needed_pairs(site: Site) -> list[Dates]:
    """List the dates of all pairs of a site that have to be matched.

    Parameters
    ----------
    site : Site
        A site.

    Returns
    -------
    list of (str, str)
        Dates of each pair, without repetition.
    """
    pairs = [*site.pairs, *site.null]
    if site.triplet:
        first, middle, last = site.triplet
        pairs += [(first, middle), (middle, last), (first, last)]
    return list(dict.fromkeys(pairs))


class RealScenes:
    """Images and masks of a site.

    Parameters
    ----------
    scenes : Path or None
        Folder with one subfolder per site of real scenes.
    site : Site
        The site.

    Attributes
    ----------
    images : dict of str to ndarray
        Image of each date; NaN is no data.
    ice : ndarray of bool, shape (H, W)
        Ice inside the outline in the folder.
    stable : ndarray of bool, shape (H, W)
        Stable ground; False everywhere if the site has none.
    block_grid : float
        Largest mean brightness step among the eight pixel offsets, relative to the mean step; at
        least 1, and well above 1 for JPEG.

    Raises
    ------
    MissingSceneError
        If the scenes are absent.
    """

    def __init__(self, scenes: Path | None, site: Site) -> None:
        self.site = site
        self.folder = require_folder(scenes) / site.folder
        dates = {date for pair in (*site.pairs, *site.null) for date in pair}
        dates |= set(site.triplet)
        self.images = {date: read_band(self.folder, site.band, date) for date in sorted(dates)}
        item = read_items(self.folder)[0]
        with rasterio.open(self.folder / item["assets"][site.band]["href"]) as file:
            self._crs = file.crs
            self._transform = file.transform
            self._shape = (file.height, file.width)
        self.ice = self._rasterise("outline.geojson")
        has_data = np.all([np.isfinite(image) for image in self.images.values()], axis=0)
        self.stable = self._stable_ground() & has_data
        self.block_grid = float(np.mean([_block_grid(image) for image in self.images.values()]))

    @cached_property
    def chips(self) -> dict[Dates, npt.NDArray[np.float64]]:
        """Reliable chips of each pair, matched once for all matchers; see `match_chips`."""
        return {
            (first, second): match_chips(
                self.images[first], self.images[second], self.ice, self.site.chip
            )
            for first, second in self.site.pairs
        }

    def _rasterise(self, name: str) -> Mask:
        """Pixels inside the polygons of a file."""
        polygons = gpd.read_file(self.folder / name).to_crs(self._crs).geometry
        return geometry_mask(polygons, self._shape, self._transform, invert=True)

    def _stable_ground(self) -> Mask:
        """Stable ground of the site."""
        if self.site.stable == "around":
            return ndimage.distance_transform_edt(~self.ice) > STABLE_DISTANCE
        if self.site.stable:
            return self._rasterise(self.site.stable)
        return np.zeros(self._shape, bool)

    def published_field(self, pair: Dates) -> Flow:
        """Convert the published velocity to the displacement of a pair in pixels.

        Parameters
        ----------
        pair : (str, str)
            Dates.

        Returns
        -------
        ndarray, shape (2, H, W)
            Displacement in pixels, right and down, relative to the median on stable ground; NaN
            where the field has no value.
        """
        days = (np.datetime64(pair[1]) - np.datetime64(pair[0])).astype(int)
        with rasterio.open(self.folder / self.site.field) as file:
            east, north = file.read().astype(np.float32)
            to_field = ~file.transform
        height, width = self._shape
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        x, y = self._transform * (columns, rows)
        field_columns, field_rows = to_field * (x, y)
        points = [field_rows - 0.5, field_columns - 0.5]
        scale = float(days) / self._transform.a
        parts = [east * scale, -north * scale]
        field = np.stack(
            [ndimage.map_coordinates(part, points, order=0, cval=np.nan) for part in parts]
        )
        return relative_to(field, self.stable)


def relative_to(flow: Flow, stable: Mask) -> Flow:
    """Subtract the median displacement of stable ground, if there is any.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement in pixels.
    stable : ndarray of bool, shape (H, W)
        Stable ground.

    Returns
    -------
    ndarray, shape (2, H, W)
        Displacement relative to stable ground.
    """
    if not stable.any():
        return flow
    return flow - np.nanmedian(flow[:, stable], axis=1)[:, None, None]


def _block_grid(image: Image) -> float:
    """Brightness step between JPEG blocks relative to the mean step, maximum of both directions."""
    ratios = []
    for axis in (0, 1):
        steps = np.abs(np.diff(image, axis=axis))
        size = steps.shape[axis]
        phases = [
            np.nanmean(steps.take(range(phase, size, JPEG_BLOCK), axis))
            for phase in range(JPEG_BLOCK)
        ]
        ratios.append(np.max(phases) / np.nanmean(steps))
    return float(max(ratios))
