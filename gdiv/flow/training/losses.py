"""Losses of predicted flows.

Shapes: B batch, H x W pixels.
"""

import torch

__all__ = ["endpoint_error", "sequence_loss"]

#: Weight of the negative log-likelihood of the errors.
ERROR_WEIGHT = 0.2
#: Range of the logarithm of their scale in pixels.
LOG_SCALES = (-4.5, 2.5)


def sequence_loss(
    flows: list[torch.Tensor],
    truth: torch.Tensor,
    valid: torch.Tensor,
    gamma: float = 0.8,
    count: torch.Tensor | None = None,
) -> torch.Tensor:
    """L1 distance of every refinement from the truth, with larger weights for later ones.

    This is equation 7 of Teed and Deng (2020), doi:10.1007/978-3-030-58536-5_24. If the last
    refinement includes the scale of its errors, distances are divided by the square root of the
    scale, so that unmatchable surfaces do not dominate. The negative log-likelihood of the errors
    under a Laplace distribution is added (beta-NLL of Seitzer et al. 2022, arXiv:2203.09168, with
    beta = 0.5).

    Parameters
    ----------
    flows : list of torch.Tensor, shape (B, 2, H, W)
        The refinements in pixels, the best one last. The last one may have two more channels, the
        logarithm of the scale of each component's error.
    truth : torch.Tensor, shape (B, 2, H, W)
        True flow in pixels. Values where `valid` is False are ignored, and may be NaN.
    valid : torch.Tensor, shape (B, H, W)
        Boolean, True for pixels to include.
    gamma : float, optional
        Weight of a refinement relative to the next. A smaller value stresses the last ones.
    count : torch.Tensor, optional
        Number of pixels by which the sum is divided; by default the number of valid pixels.

    Returns
    -------
    torch.Tensor
        Weighted sum of the mean distances, in pixels, and of the negative log-likelihood.
    """
    mask = valid[:, None]
    target = torch.where(mask, truth, 0)
    count = (mask.sum() if count is None else count).clamp(min=1)
    scales = flows[-1][:, 2:].clamp(*LOG_SCALES)
    certainty: torch.Tensor | float = 1.0
    loss = torch.zeros((), device=truth.device)
    if scales.shape[1]:
        certainty = torch.exp(-scales.detach() / 2)
        distance = (flows[-1][:, :2].detach() - target).abs()
        loss = ERROR_WEIGHT * (mask * (distance * torch.exp(-scales) + scales)).sum() / count
    for index, flow in enumerate(flows):
        weight = gamma ** (len(flows) - 1 - index)
        distance = (flow[:, :2] - target).abs()
        loss = loss + weight * (mask * certainty * distance).sum() / count
    return loss


def endpoint_error(flow: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor) -> float:
    """Mean distance between two flows over the valid pixels.

    Parameters
    ----------
    flow, truth : torch.Tensor, shape (B, 2, H, W)
        Predicted and true flow, in pixels. Further channels of the first are ignored.
    valid : torch.Tensor, shape (B, H, W)
        Boolean, True for pixels to include.

    Returns
    -------
    float
        Mean end-point error in pixels; NaN if no pixel is valid.
    """
    distance = torch.linalg.vector_norm(flow[:, :2] - torch.where(valid[:, None], truth, 0), dim=1)
    return float(distance[valid].mean())
