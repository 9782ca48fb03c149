"""Matchers of other libraries and of gdiv, each with the settings tested by the bench.

A peer makes a match function from settings: a function of the reference and the secondary that
returns the displacement in pixels, NaN where there is none. Its choices are the values of each
setting, in several dictionaries if they exclude each other.

The setting ``light`` selects the preparation of brightness: 0 scales it to unit spread, and a
larger number is the standard deviation of the local contrast in pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pyoptflow
from chips import nested_chips, openpiv_windows, phase_windows
from scipy.interpolate import RegularGridInterpolator
from skimage.registration import optical_flow_ilk, optical_flow_tvl1

from gdiv import list_matchers, match_images
from gdiv.flow.horn_schunck.solver import DEFAULT, PAPER, QUADRATIC, Settings, solve_horn_schunck
from gdiv.flow.matchers.correlation import correlate_chips
from gdiv.flow.matchers.raft import shipped_network
from gdiv.flow.matchers.registry import matcher_label
from gdiv.flow.raft.network import predict_flow
from gdiv.images.arrays import Component, Flow, Image
from gdiv.images.contrast import local_contrast

__all__ = ["PEERS", "Match", "Peer", "PeerSettings"]

#: Displacement between two images: ``(2, H, W)``, or both components.
Match: TypeAlias = Callable[[Image, Image], Flow | Sequence[Component]]
#: Values of settings by name.
PeerSettings: TypeAlias = dict[str, Any]

#: Scale to 8-bit images for OpenCV: plus and minus three standard deviations become 2 to 254.
GREY_LEVELS_PER_SPREAD = 42
MIDDLE_GREY = 128
#: Settings of Farnebäck and Lucas-Kanade that are not tuned: scale between pyramid levels, number
#: of levels, and iterations.
PYRAMID_SCALE = 0.5
FARNEBACK_LEVELS = 5
FARNEBACK_ITERATIONS = 5
LUCAS_KANADE_LEVELS = 4
#: Pixels between the points that Lucas-Kanade tracks.
POINT_STEP = 4


class Peer(NamedTuple):
    """A matcher of the bench."""

    make: Callable[..., Match]  # from settings
    choices: list[dict[str, list[Any]]]


def _prepare(image: Image, light: float) -> Image:
    """Image of unit spread, or its local contrast; no data as zero."""
    if light:
        return np.nan_to_num(local_contrast(image, light))
    return np.nan_to_num((image - np.nanmean(image)) / np.nanstd(image))


def _prepare_bytes(image: Image, light: float) -> npt.NDArray[np.uint8]:
    """Prepared 8-bit image, as required by OpenCV."""
    grey = _prepare(image, light) * GREY_LEVELS_PER_SPREAD + MIDDLE_GREY
    return np.clip(grey, 0, 255).astype(np.uint8)


def _match_prepared(light: float, match: Match) -> Match:
    """Prepare both images before a match."""

    def match_prepared(reference: Image, secondary: Image) -> Flow | Sequence[Component]:
        return match(_prepare(reference, light), _prepare(secondary, light))

    return match_prepared


def _zero() -> Match:
    """Zero motion."""
    return lambda reference, secondary: np.zeros((2, *reference.shape), np.float32)


def _horn_schunck(base: Settings = DEFAULT, **settings: Any) -> Match:
    """Horn-Schunck of gdiv."""
    chosen = replace(base, **settings)
    return lambda reference, secondary: solve_horn_schunck(reference, secondary, chosen)


def _raft_hybrid() -> Match:
    """Registered RAFT of gdiv, refined from a start, with calibrated errors."""

    def match(reference: Image, secondary: Image) -> tuple[Component, ...]:
        found = match_images("raft", reference, secondary)
        return found.u, found.v, found.sigma_u, found.sigma_v

    return match


def _raft_alone() -> Match:
    """RAFT of gdiv with the shipped weights, without a start and its refinement."""
    return partial(predict_flow, shipped_network())


def _correlation(light: float, window: int) -> Match:
    """Correlation of chips of gdiv."""
    return _match_prepared(light, partial(correlate_chips, window=window))


def _registered(name: str) -> Match:
    """A matcher of the registry with its default settings."""
    return lambda reference, secondary: match_images(name, reference, secondary)[:2]


def _dis(light: float, finest: int, patch: int = 8) -> Match:
    """DIS of OpenCV (Kroeger et al. 2016, doi:10.1007/978-3-319-46493-0_29)."""

    def match(reference: Image, secondary: Image) -> Flow:
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow.setFinestScale(finest)
        flow.setPatchSize(patch)
        images = (_prepare_bytes(reference, light), _prepare_bytes(secondary, light))
        return np.moveaxis(flow.calc(*images, None), -1, 0)  # type: ignore[call-overload]

    return match


def _farneback(light: float, window: int, poly: tuple[int, float]) -> Match:
    """Farnebäck of OpenCV (2003, doi:10.1007/3-540-45103-X_50); `poly` is size and sigma."""
    size, sigma = poly

    def match(reference: Image, secondary: Image) -> Flow:
        flow = cv2.calcOpticalFlowFarneback(
            _prepare_bytes(reference, light),
            _prepare_bytes(secondary, light),
            None,  # type: ignore[call-overload]
            PYRAMID_SCALE,
            FARNEBACK_LEVELS,
            window,
            FARNEBACK_ITERATIONS,
            size,
            sigma,
            cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
        )
        return np.moveaxis(flow, -1, 0)

    return match


def _lucas_kanade(light: float, window: int) -> Match:
    """Pyramidal Lucas-Kanade of OpenCV at every fourth pixel, linear between them.

    There is no vector near a point lost by the tracker.
    """

    def match(reference: Image, secondary: Image) -> Flow:
        height, width = reference.shape
        rows = np.arange(0, height, POINT_STEP, dtype=np.float32)
        columns = np.arange(0, width, POINT_STEP, dtype=np.float32)
        points = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 1, 2)
        tracked, status, _ = cv2.calcOpticalFlowPyrLK(
            _prepare_bytes(reference, light),
            _prepare_bytes(secondary, light),
            points,
            None,  # type: ignore[call-overload]
            winSize=(window, window),
            maxLevel=LUCAS_KANADE_LEVELS,
        )
        vectors = np.where(status[..., None] > 0, tracked - points, np.nan)
        lattice = vectors.reshape(rows.size, columns.size, 2)
        interpolate = RegularGridInterpolator(
            (rows, columns), lattice, bounds_error=False, fill_value=None
        )
        pixels = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        return np.moveaxis(interpolate(np.stack(pixels, -1)).astype(np.float32), -1, 0)

    return match


def _tv_l1(light: float, attachment: float) -> Match:
    """TV-L1 of scikit-image, whose first component is along rows."""

    def match(reference: Image, secondary: Image) -> Flow:
        return optical_flow_tvl1(reference, secondary, attachment=attachment)[::-1]

    return _match_prepared(light, match)


def _ilk(light: float, radius: int) -> Match:
    """Iterative Lucas-Kanade of scikit-image, whose first component is along rows."""

    def match(reference: Image, secondary: Image) -> Flow:
        return optical_flow_ilk(reference, secondary, radius=radius, gaussian=True)[::-1]

    return _match_prepared(light, match)


def _pyoptflow(light: float, alpha: float, steps: int) -> Match:
    """Horn-Schunck of pyoptflow, which has one level."""
    return _match_prepared(light, partial(pyoptflow.HornSchunck, alpha=alpha, Niter=steps))


def _nested_chips(light: float, smallest: int) -> Match:
    """Nested chips with a pyramid, as in autoRIFT."""
    return _match_prepared(light, partial(nested_chips, smallest=smallest))


def _openpiv(light: float, window: int, reach: int) -> Match:
    """Extended search area of OpenPIV (Ben-Gida et al. 2020, doi:10.5334/jors.334)."""
    match = partial(openpiv_windows, window=window, search=window + 2 * reach)
    return _match_prepared(light, match)


def _phase_correlation(light: float, window: int) -> Match:
    """Phase correlation of scikit-image (Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156)."""
    return _match_prepared(light, partial(phase_windows, window=window))


QUADRATIC_SOLVER = partial(_horn_schunck, QUADRATIC)
LIGHT = [5, 3, 0]
CONTRAST: dict[str, list[Any]] = {
    "feature": ["contrast"],
    "weight": [12.0, 8.0, 16.0, 32.0, 4.0],
    "sigma": [2.0, 3.0, 4.0, 1.5, 1.0],
}
BRIGHTNESS: dict[str, list[Any]] = {"feature": ["brightness"], "weight": [1.0, 3.0, 10.0, 0.3]}
QUICK: dict[str, list[Any]] = {"median": [1], "levels": [4], "warps": [1], "iterations": [20, 12]}
THOROUGH: dict[str, list[Any]] = {"floor": [0.3, 1.0, 2.0, 0.1], "iterations": [20, 60]}
PATCHES = [8, 12, 16, 24, 32]

#: Peers by their names in the published results. The first value of each setting is tried first.
PEERS = {
    "zero": Peer(_zero, [{}]),
    "horn-schunck, default settings": Peer(_horn_schunck, [{}]),
    "horn-schunck, quadratic": Peer(QUADRATIC_SOLVER, [CONTRAST | THOROUGH, BRIGHTNESS]),
    "horn-schunck, quick": Peer(QUADRATIC_SOLVER, [CONTRAST | QUICK, BRIGHTNESS | QUICK]),
    "horn-schunck, likely settings of the paper": Peer(
        partial(_horn_schunck, PAPER), [{"weight": [0.2, 0.5, 1.5, 5.0, 15.0]}]
    ),
    "RAFT hybrid": Peer(_raft_hybrid, [{}]),
    "RAFT alone": Peer(_raft_alone, [{}]),
    "correlation": Peer(_correlation, [{"light": LIGHT, "window": [32, 24, 48, 16, 12]}]),
    "nested chips": Peer(_nested_chips, [{"light": LIGHT, "smallest": [16, 32, 8]}]),
    "OpenPIV": Peer(_openpiv, [{"light": LIGHT, "window": [32, 24, 16, 48], "reach": [12, 20]}]),
    "phase correlation": Peer(_phase_correlation, [{"light": LIGHT, "window": [32, 48, 64, 24]}]),
    "DIS": Peer(_dis, [{"light": LIGHT, "patch": PATCHES, "finest": [1]}]),
    "DIS, finest scale 0": Peer(_dis, [{"light": LIGHT, "patch": PATCHES, "finest": [0]}]),
    "Farnebäck": Peer(
        _farneback,
        [{"light": LIGHT, "window": [41, 25, 81, 121, 15], "poly": [(7, 1.5), (5, 1.1)]}],
    ),
    "Lucas-Kanade": Peer(_lucas_kanade, [{"light": LIGHT, "window": [21, 31, 51, 81, 15]}]),
    "TV-L1": Peer(_tv_l1, [{"light": LIGHT, "attachment": [5, 2, 1, 0.5, 0.2, 15]}]),
    "ILK": Peer(_ilk, [{"light": LIGHT, "radius": [12, 18, 24, 32, 7]}]),
    "pyoptflow": Peer(
        _pyoptflow, [{"light": LIGHT, "alpha": [1.0, 0.5, 0.2, 3.0], "steps": [100]}]
    ),
}
#: Registered matchers that have a peer above, with settings to tune.
TUNED = {"correlation", "dis", "farneback", "horn-schunck", "ilk", "raft", "tv-l1", "zero"}
PEERS |= {
    matcher_label(name): Peer(partial(_registered, name), [{}])
    for name in list_matchers()
    if name not in TUNED
}
