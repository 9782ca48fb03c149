"""Steps of Horn-Schunck for a batch of pairs, on any device of torch.

`gdiv.flow.horn_schunck.kernels_numba` has the same steps under the same names, for one CPU pair.
Both follow `gdiv.flow.horn_schunck.backend.Backend`.
"""

import torch
from torch.nn import functional

from gdiv.flow.horn_schunck.features_torch import (
    level_contrast,
    measure_grain,
    sobel_magnitude,
    standardise,
)
from gdiv.flow.horn_schunck.levels_torch import (
    Level,
    double,
    finest_level,
    halve,
    halve_mask,
    pad_mask,
    zero_flow,
)
from gdiv.flow.horn_schunck.relaxation_torch import Workspace
from gdiv.flow.horn_schunck.robust_torch import RobustWorkspace

__all__ = [
    "Level",
    "RobustWorkspace",
    "Workspace",
    "double",
    "finest_level",
    "halve",
    "halve_mask",
    "level_contrast",
    "measure_grain",
    "median_filter",
    "pad_mask",
    "sobel_magnitude",
    "standardise",
    "zero_flow",
]

_BAND = 64  # rows filtered at a time, since the windows of a whole batch do not fit into memory


def median_filter(field: torch.Tensor, size: int) -> torch.Tensor:
    """Filter fields with the median of a square window, ignoring NaN.

    Parameters
    ----------
    field : torch.Tensor
        ``(..., H, W)`` of a floating type. NaN is ignored.
    size : int
        Side of the window (pixel), odd. The window is cut at the frame.

    Returns
    -------
    torch.Tensor
        ``(..., H, W)``, the lower median of each window. NaN where the whole window is NaN.
    """
    reach = size // 2
    height = field.shape[-2]
    padded = functional.pad(field, (reach, reach, reach, reach), value=float("nan"))
    medians = []
    for top in range(0, height, _BAND):
        rows = min(_BAND, height - top)
        band = padded[..., top : top + rows + 2 * reach, :]
        windows = band.unfold(-2, size, 1).unfold(-2, size, 1).flatten(-2)
        medians.append(windows.nanmedian(-1).values)
    return torch.cat(medians, -2)
