"""Steps of Horn-Schunck on a CPU, for one pair of NumPy arrays.

`gdiv.flow.horn_schunck.kernels_torch` has the same steps under the same names, for batches on any
torch device. Both follow `gdiv.flow.horn_schunck.backend.Backend`.
"""

from gdiv.flow.horn_schunck.features import (
    level_contrast,
    measure_grain,
    sobel_magnitude,
    standardise,
)
from gdiv.flow.horn_schunck.levels import (
    Level,
    double,
    finest_level,
    halve,
    halve_mask,
    pad_mask,
    zero_flow,
)
from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.robust import RobustWorkspace
from gdiv.flow.horn_schunck.workspace import Workspace

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
