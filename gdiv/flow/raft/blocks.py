"""RAFT for images that are too large to be matched whole."""

import numpy as np

from gdiv.flow.blocks import Sliceable, block_windows
from gdiv.flow.raft.network import Raft, predict_flow
from gdiv.images.arrays import Flow

__all__ = ["predict_in_blocks"]

# Pixels. Cells of the network are 4 or 8 pixels wide, so a window that starts at a multiple of 8
# has the same cells as the whole image.
_CELL = 8


def predict_in_blocks(
    network: Raft,
    reference: Sliceable,
    secondary: Sliceable,
    block: int = 1024,
    halo: int = 128,
) -> Flow:
    """Predict the flow of a large image pair block by block.

    Memory holds one block with its halo at a time, besides the flow.

    Parameters
    ----------
    network : Raft
        Network with its weights.
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
    Flow
        float32 ``(2, H, W)``, displacement in pixels along columns and along rows.

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
            f"two images of one shape are needed, got {reference.shape} and {secondary.shape}"
        )
    if block % _CELL or halo % _CELL:
        raise ValueError(
            f"block and halo must be multiples of {_CELL} pixels, got {block} and {halo}"
        )
    shape = tuple(reference.shape[-2:])
    flow = np.empty((2, *shape), np.float32)
    for inner, outer, kept in block_windows(shape, block, halo):
        reference_window = np.asarray(reference[..., *outer])
        secondary_window = np.asarray(secondary[..., *outer])
        prediction = predict_flow(network, reference_window, secondary_window)
        flow[:, *inner] = prediction[:, *kept]
    return flow
