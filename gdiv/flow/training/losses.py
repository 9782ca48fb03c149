"""What a flow is trained on."""

import torch


def sequence_loss(
    flows: list[torch.Tensor],
    truth: torch.Tensor,
    valid: torch.Tensor,
    gamma: float = 0.8,
    count=None,
) -> torch.Tensor:
    """L1 distance of every refinement to the truth, later ones weighted more (Teed and Deng 2020, equation 7).

    Parameters
    ----------
    flows
        The refinements, each `(B, 2, H, W)` in pixels, the best last.
    truth
        `(B, 2, H, W)` in pixels; values where `valid` is false are ignored, NaN included.
    valid
        bool `(B, H, W)`.
    gamma
        Weight of a refinement relative to the next. Smaller looks at the last ones only.
    count
        Number of pixels that the sum is divided by; those of `valid` if left out.
    """
    mask = valid[:, None]
    target = torch.where(mask, truth, 0)
    count = (mask.sum() if count is None else count).clamp(min=1)
    weights = [gamma ** (len(flows) - 1 - i) for i in range(len(flows))]
    return sum(
        w * (mask * (flow - target).abs()).sum() / count
        for w, flow in zip(weights, flows, strict=True)
    )


def endpoint_error(flow: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor) -> float:
    """Mean distance between two `(B, 2, H, W)` flows over the valid pixels, in pixels; NaN where there are none."""
    distance = torch.linalg.vector_norm(flow - torch.where(valid[:, None], truth, 0), dim=1)
    return float(distance[valid].mean())
