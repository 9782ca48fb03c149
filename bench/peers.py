"""Matchers of other libraries and our own, each with the settings that are tried for it.

A peer is `settings → match(reference, secondary) → (u, v)`, pixels; NaN where it says that it found nothing.
What is tried is a dictionary of values for each setting, or several where they do not go together. `light`
among them is how brightness is prepared: 0 for a spread of one, else local contrast of that standard
deviation; every peer may choose.
"""

from dataclasses import replace

import cv2
import numpy as np
import pyoptflow
from scipy.interpolate import RegularGridInterpolator
from skimage.registration import optical_flow_ilk, optical_flow_tvl1

from gdiv import list_matchers, match_images
from gdiv.flow.horn_schunck.solver import PAPER, Settings, solve_horn_schunck
from gdiv.flow.matchers.correlation import correlate_chips
from gdiv.flow.matchers.raft import shipped_network
from gdiv.flow.matchers.registry import matcher_label
from gdiv.flow.raft.network import predict_flow
from gdiv.images.contrast import local_contrast


def prepared(images, light):
    if light:
        return [np.nan_to_num(local_contrast(image, light)) for image in images]
    return [np.nan_to_num((image - np.nanmean(image)) / np.nanstd(image)) for image in images]


def as_bytes(images, light):
    """Eight bits, as OpenCV wants them: plus and minus three standard deviations."""
    return [np.clip(image * 42 + 128, 0, 255).astype(np.uint8) for image in prepared(images, light)]


def ours(median=9, **settings):
    chosen = Settings(median=median, **settings)
    return lambda *images: solve_horn_schunck(*images, chosen)


def papers(weight):
    chosen = replace(PAPER, weight=weight)
    return lambda *images: solve_horn_schunck(*images, chosen)


def raft():
    network = shipped_network()
    return lambda *images: predict_flow(network, *images)


def zero():
    return lambda *images: np.zeros((2, *images[0].shape), np.float32)


def correlation(light, **settings):
    return lambda *images: correlate_chips(*prepared(images, light), **settings)


def dis(light, finest, patch=8):
    def match(*images):
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow.setFinestScale(finest)
        flow.setPatchSize(patch)
        return np.moveaxis(flow.calc(*as_bytes(images, light), None), -1, 0)

    return match


def farneback(light, window, poly):
    def match(*images):
        flow = cv2.calcOpticalFlowFarneback(
            *as_bytes(images, light), None, 0.5, 5, window, 5, *poly, cv2.OPTFLOW_FARNEBACK_GAUSSIAN
        )
        return np.moveaxis(flow, -1, 0)

    return match


def lucas_kanade(light, window, step=4):
    """Pyramidal Lucas-Kanade at every fourth pixel; between them linear, and nothing beside a point it lost."""

    def match(*images):
        first, second = as_bytes(images, light)
        rows, columns = (np.arange(0, side, step, dtype=np.float32) for side in first.shape)
        at = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 1, 2)
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            first, second, at, None, winSize=(window, window), maxLevel=4
        )
        flow = np.where(found[..., None] > 0, moved - at, np.nan).reshape(
            rows.size, columns.size, 2
        )
        where = np.stack(np.meshgrid(*(np.arange(side) for side in first.shape), indexing="ij"), -1)
        read = RegularGridInterpolator((rows, columns), flow, bounds_error=False, fill_value=None)(
            where
        )
        return np.moveaxis(read.astype(np.float32), -1, 0)

    return match


def tv_l1(light, attachment):
    return lambda *images: optical_flow_tvl1(*prepared(images, light), attachment=attachment)[::-1]


def ilk(light, radius):
    return lambda *images: optical_flow_ilk(*prepared(images, light), radius=radius, gaussian=True)[
        ::-1
    ]


def pyoptflow_hs(light, alpha, steps):
    return lambda *images: pyoptflow.HornSchunck(*prepared(images, light), alpha=alpha, Niter=steps)


def registered(name):
    """A matcher of the registry with its own settings, such as one of another package."""
    return lambda: lambda *images: match_images(name, *images)[:2]


LIGHT = [5, 3, 0]
CONTRAST = {
    "feature": ["contrast"],
    "weight": [8.0, 12.0, 16.0, 32.0, 4.0],
    "sigma": [2.0, 3.0, 4.0, 1.5, 1.0],
}
BRIGHTNESS = {"feature": ["brightness"], "weight": [1.0, 3.0, 10.0, 0.3]}
QUICK = {"median": [1], "levels": [4], "warps": [1], "iterations": [20, 12]}
PEERS = {
    "zero": (zero, [{}]),
    "horn-schunck, as it comes": (ours, [{}]),
    "horn-schunck": (
        ours,
        [CONTRAST | {"floor": [0.3, 1.0, 2.0, 0.1], "iterations": [20, 60]}, BRIGHTNESS],
    ),
    "horn-schunck, quick": (ours, [CONTRAST | QUICK, BRIGHTNESS | QUICK]),
    "horn-schunck, the paper's": (papers, [{"weight": [0.2, 0.5, 1.5, 5.0, 15.0]}]),
    "RAFT": (raft, [{}]),
    "correlation": (correlation, [{"light": LIGHT, "window": [24, 32, 48, 16, 12]}]),
    "DIS": (dis, [{"light": LIGHT, "patch": [8, 12, 16, 24, 32], "finest": [1]}]),
    "DIS, finest scale 0": (dis, [{"light": LIGHT, "patch": [8, 12, 16, 24, 32], "finest": [0]}]),
    "Farnebäck": (
        farneback,
        [{"light": LIGHT, "window": [25, 41, 81, 121, 15], "poly": [(5, 1.1), (7, 1.5)]}],
    ),
    "Lucas-Kanade": (lucas_kanade, [{"light": LIGHT, "window": [21, 31, 51, 81, 15]}]),
    "TV-L1": (tv_l1, [{"light": LIGHT, "attachment": [5, 2, 1, 0.5, 0.2, 15]}]),
    "ILK": (ilk, [{"light": LIGHT, "radius": [12, 18, 24, 32, 7]}]),
    "pyoptflow": (pyoptflow_hs, [{"light": LIGHT, "alpha": [1.0, 0.5, 0.2, 3.0], "steps": [100]}]),
}
#: Matchers of the registry that have a row above, with settings to be tuned.
TUNED = {"correlation", "dis", "farneback", "horn-schunck", "ilk", "raft", "tv-l1", "zero"}
PEERS |= {
    matcher_label(name): (registered(name), [{}]) for name in list_matchers() if name not in TUNED
}
