"""A network that refines the better of two displacements: Horn-Schunck's and another network's.

Both are proposed at each pixel, and `gdiv.flow.horn_schunck.fusion` chooses. The secondary is moved
back by the choice, and the refining network, whose cells are half as wide, measures the rest and
states its error. A network alone loses narrow ice that moves fast between its cells; what is left
after a good start is within a few of them. Relatives: MicroFlow (Bertrand et al. 2025,
arXiv:2504.13452) and WAFT (Wang and Deng 2025, arXiv:2506.21526) warp at each refinement and have
no cost volume.
"""

import math

import cv2
import numpy as np

from gdiv.flow.horn_schunck import kernels_numba
from gdiv.flow.horn_schunck.fusion import fuse
from gdiv.flow.horn_schunck.pyramid import compare_level, prepare_levels
from gdiv.flow.horn_schunck.solver import DEFAULT, solve_horn_schunck
from gdiv.flow.horn_schunck.warping import move_back
from gdiv.flow.raft.network import Raft, predict_flow
from gdiv.images.arrays import Flow, Image, Series
from gdiv.images.sampling import compose_flows

__all__ = ["find_start", "predict_hybrid"]

#: Standard deviation of the Gaussian that smooths the start, pixels: a moved image shows no jumps.
START_SIGMA = 1.5
#: Cost of Horn-Schunck's displacement beyond that of its correlation: it has been fitted to the very
#: images that are compared, noise included. Chosen on the dev split and further cases of its kinds.
HORN_SCHUNCK_HANDICAP = 0.1
#: Half-width of the interval that holds 68.3 % of a Laplace distribution, in units of its scale.
SIGMA_PER_SCALE = -math.log(1 - 0.683)


def predict_hybrid(network: Raft, refining: Raft, reference: Image, secondary: Image) -> Series:
    """Predict the displacement between two images, and its error.

    Parameters
    ----------
    network : Raft
        Network whose displacement is proposed beside that of Horn-Schunck.
    refining : Raft
        Network that refines the choice, and predicts errors.
    reference, secondary : ndarray, shape (H, W)
        The earlier and the later image; NaN is no data.

    Returns
    -------
    ndarray, shape (4, H, W)
        float32: displacement along columns and along rows, and the standard error of each, all in
        pixels. Finite everywhere, and arbitrary where an image has no data.
    """
    start = find_start(network, reference, secondary)
    moved, inside = move_back(secondary.astype(np.float32), *start)
    rest = predict_flow(refining, reference, np.where(inside, moved, np.float32(np.nan)))
    flow = compose_flows(rest[:2], start)
    sigma = SIGMA_PER_SCALE * np.exp(rest[2:])
    return np.concatenate([flow, sigma]).astype(np.float32)


def find_start(network: Raft, reference: Image, secondary: Image) -> Flow:
    """Find the displacement that a refining network starts from.

    Parameters
    ----------
    network : Raft
        Network whose displacement is proposed beside that of Horn-Schunck.
    reference, secondary : ndarray, shape (H, W)
        The earlier and the later image; NaN is no data.

    Returns
    -------
    ndarray, shape (2, H, W)
        float32, the start in pixels, finite everywhere.
    """
    reference, secondary = (image.astype(np.float32) for image in (reference, secondary))
    proposals = [
        np.stack(solve_horn_schunck(reference, secondary)),
        predict_flow(network, reference, secondary)[:2],
    ]
    pyramid, floors = prepare_levels(kernels_numba, reference, secondary, DEFAULT, None, None)
    first, second = compare_level(kernels_numba, pyramid[0][:2], floors, DEFAULT)
    height, width = reference.shape
    # The levels of Horn-Schunck are padded at the bottom and at the right.
    padding = ((0, first.shape[0] - height), (0, first.shape[1] - width))
    padded = [(np.pad(u, padding, "edge"), np.pad(v, padding, "edge")) for u, v in proposals]
    chosen = fuse(first, second, padded, (HORN_SCHUNCK_HANDICAP, 0))
    smooth = [cv2.GaussianBlur(part[:height, :width], (0, 0), START_SIGMA) for part in chosen]
    return np.stack(smooth)
