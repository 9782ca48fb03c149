"""Matchers of other libraries and our own, each with the settings that are tried for it.

A peer is `settings → match(reference, secondary) → (u, v)`, pixels; NaN where it says that it found nothing.
`light` among the settings is how brightness is prepared: 0 for a spread of one, else local contrast of that
standard deviation; every peer may choose.
"""

from itertools import product

import cv2
import numpy as np
import pyoptflow
from scipy.interpolate import RegularGridInterpolator
from skimage.registration import optical_flow_ilk, optical_flow_tvl1

from gdiv.flow import matchers
from gdiv.flow.contrast import local_contrast
from gdiv.flow.horn_schunck import PAPER, Settings, horn_schunck


def grid(**values):
    """All combinations of the values, as keyword dictionaries."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def prepared(images, light):
    if light:
        return [np.nan_to_num(local_contrast(image, light)) for image in images]
    return [np.nan_to_num((image - np.nanmean(image)) / np.nanstd(image)) for image in images]


def as_bytes(images, light):
    """Eight bits, as OpenCV wants them: plus and minus three standard deviations."""
    return [np.clip(image * 42 + 128, 0, 255).astype(np.uint8) for image in prepared(images, light)]


def ours(median=9, **settings):
    chosen = Settings(median=median, **settings)
    return lambda *images: horn_schunck(*images, chosen)


def papers():
    return lambda *images: horn_schunck(*images, PAPER)


def zero():
    return lambda *images: np.zeros((2, *images[0].shape), np.float32)


def correlation(light, **settings):
    return lambda *images: matchers._correlation(*prepared(images, light), **settings)


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
        moved, found, _ = cv2.calcOpticalFlowPyrLK(first, second, at, None, winSize=(window, window), maxLevel=4)
        flow = np.where(found[..., None] > 0, moved - at, np.nan).reshape(rows.size, columns.size, 2)
        where = np.stack(np.meshgrid(*(np.arange(side) for side in first.shape), indexing="ij"), -1)
        read = RegularGridInterpolator((rows, columns), flow, bounds_error=False, fill_value=None)(where)
        return np.moveaxis(read.astype(np.float32), -1, 0)

    return match


def tv_l1(light, attachment):
    return lambda *images: optical_flow_tvl1(*prepared(images, light), attachment=attachment)[::-1]


def ilk(light, radius):
    return lambda *images: optical_flow_ilk(*prepared(images, light), radius=radius, gaussian=True)[::-1]


def pyoptflow_hs(light, alpha, steps):
    return lambda *images: pyoptflow.HornSchunck(*prepared(images, light), alpha=alpha, Niter=steps)


LIGHT = (0, 3, 5)
QUICK = {"warps": [2], "iterations": [12, 16], "median": [1], "levels": [4]}
PEERS = {
    "zero": (zero, [{}]),
    "horn-schunck": (
        ours,
        grid(feature=["contrast"], sigma=[1.5, 2.0, 3.0], weight=[3.0, 8.0, 16.0], floor=[0.3, 1.0])
        + grid(feature=["brightness"], weight=[0.3, 1.0, 3.0]),
    ),
    "horn-schunck, quick": (
        ours,
        grid(feature=["contrast"], sigma=[2.0, 3.0], weight=[4.0, 8.0, 16.0], **QUICK)
        + grid(feature=["brightness"], weight=[0.5, 1.0, 2.0], **QUICK),
    ),
    "horn-schunck, the paper's": (papers, [{}]),
    "correlation": (correlation, grid(light=[3, 5], window=[16, 24, 32])),
    "DIS": (dis, grid(light=LIGHT, finest=[1], patch=[8, 12])),
    "DIS, finest scale 0": (dis, grid(light=LIGHT, finest=[0], patch=[8, 12])),
    "Farnebäck": (farneback, grid(light=LIGHT, window=[15, 25, 41], poly=[(5, 1.1), (7, 1.5)])),
    "Lucas-Kanade": (lucas_kanade, grid(light=LIGHT, window=[15, 21, 31])),
    "TV-L1": (tv_l1, grid(light=LIGHT, attachment=[5, 15, 40])),
    "ILK": (ilk, grid(light=LIGHT, radius=[7, 12, 18])),
    "pyoptflow": (pyoptflow_hs, grid(light=[0, 5], alpha=[0.5, 1.0, 3.0], steps=[100])),
}
