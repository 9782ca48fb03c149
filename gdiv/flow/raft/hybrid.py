"""A network that refines the better of two displacements: Horn-Schunck's and another network's.

1. At each pixel, the better of both proposals becomes the start (`gdiv.flow.horn_schunck.fusion`).
2. The secondary is warped back by the start. The refining network, whose cells are half as wide,
   measures the residual displacement and predicts its error. A network alone loses narrow ice that
   moves fast between its cells; after a good start, little motion remains.
3. The equations of Horn-Schunck are solved from that displacement, and both results are averaged.
   Their errors are partly independent, because one relies on learned motion of ice and the other
   only on the images.

Related work: MicroFlow (Bertrand et al. 2025, arXiv:2504.13452) and WAFT (Wang and Deng 2025,
arXiv:2506.21526) warp at each refinement and have no cost volume.
"""

import math

import cv2
import numpy as np

from gdiv.flow.horn_schunck.finest import FinestLevel
from gdiv.flow.horn_schunck.solver import solve_horn_schunck
from gdiv.flow.horn_schunck.warping import remove_motion
from gdiv.flow.raft.network import Raft, predict_flow
from gdiv.images.arrays import Flow, Image, Series
from gdiv.images.sampling import compose_flows

__all__ = ["find_start", "predict_hybrid", "refine_start"]

#: Standard deviation of the Gaussian that smooths the start, pixels, to avoid jumps after warping.
START_SIGMA = 1.5
#: Additional cost of Horn-Schunck's displacement, which was fitted to the compared images
#: including their noise. Chosen on the dev split and further cases of its kinds.
HORN_SCHUNCK_HANDICAP = 0.1
#: Slopes for the warps of the final solution; see `gdiv.flow.horn_schunck.settings.Settings`.
SLOPES = (0.1, 0.07)
#: Half-width of the interval that contains 68.3 % of a Laplace distribution, in units of its scale.
SIGMA_PER_SCALE = -math.log(1 - 0.683)
#: Error of the mean relative to the network's; chosen on the dev split and further such cases.
ERROR_OF_MEAN = 0.8


def predict_hybrid(network: Raft, refining: Raft, reference: Image, secondary: Image) -> Series:
    """Predict the displacement between two images and its error.

    Parameters
    ----------
    network : Raft
        Network that proposes a displacement in addition to Horn-Schunck.
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
    reference, secondary = (image.astype(np.float32) for image in (reference, secondary))
    level = FinestLevel(reference, secondary)
    start = _choose_start(level, network, reference, secondary)
    refined = refine_start(refining, reference, secondary, start)
    solved = level.solve(refined[:2], SLOPES)
    sigma = ERROR_OF_MEAN * SIGMA_PER_SCALE * np.exp(refined[2:])
    return np.concatenate([(refined[:2] + solved) / 2, sigma]).astype(np.float32)


def find_start(network: Raft, reference: Image, secondary: Image) -> Flow:
    """Find the displacement that a refining network starts from.

    Parameters
    ----------
    network : Raft
        Network that proposes a displacement in addition to Horn-Schunck.
    reference, secondary : ndarray, shape (H, W)
        The earlier and the later image; NaN is no data.

    Returns
    -------
    ndarray, shape (2, H, W)
        float32, the start in pixels, finite everywhere.
    """
    reference, secondary = (image.astype(np.float32) for image in (reference, secondary))
    return _choose_start(FinestLevel(reference, secondary), network, reference, secondary)


def _choose_start(level: FinestLevel, network: Raft, reference: Image, secondary: Image) -> Flow:
    """The better of both proposals, smoothed."""
    solved = np.stack(solve_horn_schunck(reference, secondary))
    predicted = predict_flow(network, reference, secondary)[:2]
    chosen = level.choose([solved, predicted], (HORN_SCHUNCK_HANDICAP, 0))
    return np.stack([cv2.GaussianBlur(part, (0, 0), START_SIGMA) for part in chosen])


def refine_start(refining: Raft, reference: Image, secondary: Image, start: Flow) -> Series:
    """Refine a displacement with a network whose input is the secondary warped back by it.

    Parameters
    ----------
    refining : Raft
        Network that measures the residual displacement.
    reference, secondary : ndarray, shape (H, W)
        float32, the earlier and the later image; NaN is no data.
    start : ndarray, shape (2, H, W)
        Displacement in pixels, finite everywhere.

    Returns
    -------
    ndarray, shape (2 or 4, H, W)
        float32: displacement in pixels, and the logarithms of the scales of its errors if the
        network predicts them.
    """
    residual_flow = predict_flow(refining, reference, remove_motion(start, secondary))
    flow = compose_flows(residual_flow[:2], start)
    return np.concatenate([flow, residual_flow[2:]]).astype(np.float32)
