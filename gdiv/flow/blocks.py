"""Windows of an image that is too large to be matched whole.

An image is cut into blocks. Each block is matched with a halo of surrounding pixels, and only the
displacement of the block itself is kept. A pixel influences its surroundings: in Horn-Schunck
through the smoothness term, farthest on the coarsest pyramid level, and in RAFT through the
receptive field of the network. The influence decays with distance. With a deep enough halo, a block
has the same displacement as it has in the image matched whole.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple, Protocol

__all__ = ["BlockWindow", "Sliceable", "block_spans", "block_windows"]


class Sliceable(Protocol):
    """An array from which windows are read: a NumPy array, a memory map or a Zarr array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    def __getitem__(self, index: Any, /) -> Any:
        """Read a window as a NumPy array, or as something that converts to one."""


class BlockWindow(NamedTuple):
    """Slices of one block, each a pair for rows and columns.

    Attributes
    ----------
    inner : tuple of slice
        The block in the image.
    outer : tuple of slice
        The block and its halo in the image, cut at the frame.
    kept : tuple of slice
        The block in the window `outer`.
    """

    inner: tuple[slice, ...]
    outer: tuple[slice, ...]
    kept: tuple[slice, ...]


def block_windows(shape: tuple[int, ...], block: int, halo: int) -> Iterator[BlockWindow]:
    """Cut an image into blocks, each with a halo.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)`` of the image.
    block : int
        Side of a block (pixel). The last block along a side is 0.5 to 1.5 times as long.
    halo : int
        Pixels around each block. A larger halo brings the result closer to that of the whole image
        and costs memory and time.

    Yields
    ------
    BlockWindow
        Slices of one block, row by row. The inner windows cover each pixel exactly once.
    """
    spans_by_side = (block_spans(side, block) for side in shape)
    for spans in product(*spans_by_side):
        inner = tuple(slice(start, stop) for start, stop in spans)
        outer = tuple(
            slice(max(start - halo, 0), min(stop + halo, side))
            for (start, stop), side in zip(spans, shape, strict=True)
        )
        kept = tuple(
            slice(own.start - around.start, own.stop - around.start)
            for own, around in zip(inner, outer, strict=True)
        )
        yield BlockWindow(inner, outer, kept)


def block_spans(side: int, block: int) -> list[tuple[int, int]]:
    """Cut one side of an image into spans of `block` pixels.

    Parameters
    ----------
    side : int
        Length of the side (pixel).
    block : int
        Length of a span (pixel).

    Returns
    -------
    list of (int, int)
        Start and stop of each span. A remainder shorter than half a block extends the last span.
    """
    starts = list(range(0, side, block))
    if len(starts) > 1 and side - starts[-1] < block / 2:
        starts.pop()
    stops = [*starts[1:], side]
    return list(zip(starts, stops, strict=True))
