"""RAFT for images that are too large to be matched whole."""

from collections.abc import Callable

import numpy as np

from gdiv.flow.blocks import Sliceable, block_windows
from gdiv.images.arrays import Image, Series

__all__ = ["predict_in_blocks"]

# Pixels. Cells of the network are 4 or 8 pixels wide, so a window that starts at a multiple of 8
# has the same cells as the whole image.
_CELL = 8


def predict_in_blocks(
    predict: Callable[[Image, Image], Series],
    reference: Sliceable,
    secondary: Sliceable,
    block: int = 1024,
    halo: int = 128,
) -> Series:
    """Predict the flow of a large image pair block by block.

    Apart from the flow, only one block with its halo is in memory at a time.

    Parameters
    ----------
    predict : callable
        Predicts ``(C, H, W)`` from the windows of both images: a network within
        `gdiv.flow.raft.network.predict_flow`, or a hybrid.
    reference, secondary : Sliceable
        ``(H, W)`` or ``(C, H, W)``, the earlier and the later image on any brightness scale; NaN is
        no data. NumPy arrays, memory maps or Zarr arrays.
    block : int
        Side of a block (pixel), a multiple of 8. Larger blocks take more memory.
    halo : int
        Pixels around each block, a multiple of 8. A larger halo brings the flow closer to that of
        the whole image.

    Returns
    -------
    ndarray, shape (C, H, W)
        float32, the prediction for each pixel.

    Raises
    ------
    ValueError
        If the shapes differ, or if `block` or `halo` is not a multiple of 8.

    Notes
    -----
    Multiples of 8 pixels give the blocks the same cells as the whole image. The network scales some
    quantities by its whole input: the floor of the local contrast and the mean of the features.
    Here it scales them by the block, which changes the flow of the ``gdiv`` preset by hundredths of
    a pixel.
    """
    if tuple(reference.shape) != tuple(secondary.shape):
        raise ValueError(
            f"both images must have the same shape, got {reference.shape} and {secondary.shape}"
        )
    if block % _CELL or halo % _CELL:
        raise ValueError(
            f"block and halo must be multiples of {_CELL} pixels, got {block} and {halo}"
        )
    shape = tuple(reference.shape[-2:])
    whole: Series | None = None
    for inner, outer, kept in block_windows(shape, block, halo):
        prediction = predict(np.asarray(reference[..., *outer]), np.asarray(secondary[..., *outer]))
        if whole is None:
            whole = np.empty((len(prediction), *shape), np.float32)
        whole[:, *inner] = prediction[:, *kept]
    assert whole is not None, "an image has at least one block"
    return whole
