"""Array types whose names imply the shape.

The names are for readers and type checkers; nothing is checked at run time. ``H`` and ``W`` are
rows and columns of an image.
"""

import numbers
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Component", "Flow", "Image", "Mask", "Points", "Series", "as_image"]

#: ``(H, W)``, brightness or another quantity at each pixel; NaN is no data.
Image: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(H, W)``, one component of a displacement (pixel) or velocity (m/yr).
Component: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(2, H, W)``, a displacement in pixels: along columns, then along rows.
Flow: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(H, W)``, True for the selected pixels.
Mask: TypeAlias = npt.NDArray[np.bool_]
#: ``(2, N)`` or ``(2, H, W)``, positions as (column, row) in pixels.
Points: TypeAlias = npt.NDArray[np.floating[Any]]
#: ``(N,)``, values without positions.
Series: TypeAlias = npt.NDArray[np.floating[Any]]


def as_image(values: Any) -> Image:
    """Convert an image of any type to real numbers with NaN for no data.

    Parameters
    ----------
    values : array-like, shape (H, W)
        Numbers. Masked elements of a masked array, and elements of a DataArray that equal its
        attribute ``_FillValue`` or ``nodata``, are no data.

    Returns
    -------
    ndarray, shape (H, W)
        float64 if the input has that precision, otherwise float32.

    Raises
    ------
    ValueError
        If the values are not real numbers, or do not have two dimensions.

    Examples
    --------
    >>> as_image(np.ma.masked_equal([[1, 0], [3, 4]], 0)).tolist()
    [[1.0, nan], [3.0, 4.0]]
    """
    void = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    array = np.asarray(np.ma.getdata(values) if void is not None else values)
    if array.dtype.kind not in "buif":
        raise ValueError(f"an image must have real numbers, got {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"an image must have two dimensions, (H, W), got shape {array.shape}")
    dtype = np.float64 if array.dtype.itemsize > 4 else np.float32
    image: Image = array.astype(dtype, copy=False)
    if void is not None:
        image = np.where(void, np.nan, image)
    attributes = getattr(values, "attrs", {})
    fill = attributes.get("_FillValue", attributes.get("nodata"))
    if isinstance(fill, numbers.Real):
        image = np.where(array == fill, dtype(np.nan), image)
    return image
