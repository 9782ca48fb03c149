"""Array types whose names give the shape.

The names are for readers and type checkers; nothing is checked at run time. ``H`` and ``W`` are
rows and columns of an image.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Component", "Flow", "Image", "Mask", "Points", "Series"]

#: ``(H, W)``, brightness or another quantity at each pixel; NaN is no data.
Image: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(H, W)``, one component of a displacement (pixel) or velocity (m/yr).
Component: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(2, H, W)``, a displacement in pixels: along columns, then along rows.
Flow: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(H, W)``, True where a pixel belongs.
Mask: TypeAlias = npt.NDArray[np.bool_]
#: ``(2, N)`` or ``(2, H, W)``, positions as (column, row) in pixels.
Points: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(N,)``, values without a place.
Series: TypeAlias = npt.NDArray[np.floating[Any]]
