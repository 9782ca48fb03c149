"""Losses of predicted flows.

Shapes: B batch, H x W pixels.
"""

import torch

__all__ = ["endpoint_error", "sequence_loss"]


def sequence_loss(
    flows: list[torch.Tensor],
    truth: torch.Tensor,
    valid: torch.Tensor,
    gamma: float = 0.8,
    count: torch.Tensor | None = None,
) -> torch.Tensor:
    """L1 distance of every refinement from the truth, with larger weights for later ones.

    This is equation 7 of Teed and Deng (2020), doi:10.1007/978-3-030-58536-5_24.

    Parameters
    ----------
    flows : list of torch.Tensor, shape (B, 2, H, W)
        The refinements in pixels, the best one last.
    truth : torch.Tensor, shape (B, 2, H, W)
        True flow in pixels. Values where `valid` is False are ignored, and may be NaN.
    valid : torch.Tensor, shape (B, H, W)
        Boolean, True for pixels that count.
    gamma : float, optional
        Weight of a refinement relative to the next. A smaller value stresses the last ones.
    count : torch.Tensor, optional
        Number of pixels by which the sum is divided; those of `valid` if left out.

    Returns
    -------
    torch.Tensor
        Weighted sum of the mean distances, in pixels.
    """
    mask = valid[:, None]
    target = torch.where(mask, truth, 0)
    count = (mask.sum() if count is None else count).clamp(min=1)
    loss = torch.zeros((), device=truth.device)
    for index, flow in enumerate(flows):
        weight = gamma ** (len(flows) - 1 - index)
        loss = loss + weight * (mask * (flow - target).abs()).sum() / count
    return loss


def endpoint_error(flow: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor) -> float:
    """Mean distance between two flows over the valid pixels.

    Parameters
    ----------
    flow, truth : torch.Tensor, shape (B, 2, H, W)
        Predicted and true flow, in pixels.
    valid : torch.Tensor, shape (B, H, W)
        Boolean, True for pixels that count.

    Returns
    -------
    float
        Pixels; NaN if no pixel is valid.
    """
    distance = torch.linalg.vector_norm(flow - torch.where(valid[:, None], truth, 0), dim=1)
    return float(distance[valid].mean())
