"""Errors of a network on samples, and of the baseline of zero motion."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import torch

from gdiv.flow.raft.network import Raft
from gdiv.flow.training.losses import endpoint_error
from gdiv.images.arrays import Flow, Image

__all__ = ["Sample", "rms_differences", "score_network", "score_zero_motion"]

#: A pair ``(2 C, H, W)``, the bands of the reference and then of the secondary, NaN no data; and
#: its flow ``(2, H, W)`` in pixels, NaN where unknown.
Sample: TypeAlias = tuple[Image, Flow]


@torch.no_grad()
def score_network(network: Raft, samples: Iterable[Sample], device: str = "cpu") -> float:
    """Mean end-point error of a network over samples.

    Parameters
    ----------
    network : Raft
        Network on `device`. It is evaluated and then returned to its previous mode.
    samples : iterable of (pair, flow)
        Pairs ``(2 C, H, W)``, the bands of the reference and then of the secondary, NaN no data;
        and flows ``(2, H, W)`` in pixels, NaN where unknown.
    device : str, optional
        Device of the network.

    Returns
    -------
    float
        Mean of the samples' mean errors, in pixels. Samples without a valid pixel are ignored; NaN
        if there are no others.
    """
    training = network.training
    network.eval()
    errors = []
    for sample in samples:
        pair, truth = (torch.from_numpy(array).to(device)[None] for array in sample)
        valid = truth.isfinite().all(1) & pair.isfinite().all(1)
        if valid.any():
            reference, secondary = pair.chunk(2, dim=1)
            errors.append(endpoint_error(network(reference, secondary)[-1], truth, valid))
    network.train(training)
    return float(np.mean(errors)) if errors else float("nan")


def score_zero_motion(samples: Iterable[Sample]) -> float:
    """Score of a network that predicts zero everywhere, in pixels.

    Parameters
    ----------
    samples : iterable of (pair, flow)
        As for `score_network`.

    Returns
    -------
    float
        Mean of the samples' mean displacements: the baseline of `score_network`.
    """
    errors = []
    for pair, flow in samples:
        valid = np.isfinite(flow).all(0) & np.isfinite(pair).all(0)
        errors.append(np.hypot(*flow)[valid])
    return float(np.mean([error.mean() for error in errors if error.size]))


def rms_differences(
    predictions: Sequence[Flow], samples: Sequence[Sample], factor: float
) -> list[float]:
    """Root mean square difference of predicted flows from the flows of samples.

    Parameters
    ----------
    predictions : sequence of ndarray, shape (2, H, W)
        Predicted flow of each sample, in pixels.
    samples : sequence of (pair, flow)
        As for `score_network`.
    factor : float
        Velocity of a displacement of one pixel, in m/yr.

    Returns
    -------
    list of float
        One difference per sample, in m/yr, over the pixels whose flow in the sample is finite.

    Examples
    --------
    >>> flow = np.array([[[0.0, np.nan]], [[0.0, np.nan]]])
    >>> prediction = np.array([[[3.0, 9.0]], [[4.0, 9.0]]])
    >>> rms_differences([prediction], [(np.zeros((2, 1, 2)), flow)], factor=10.0)
    [50.0]
    """
    differences = []
    for prediction, (_, flow) in zip(predictions, samples, strict=True):
        compared = np.where(np.isfinite(flow), prediction, np.nan)
        squared = np.sum((compared - flow) ** 2, axis=0)
        differences.append(float(np.sqrt(np.nanmean(squared))) * factor)
    return differences
