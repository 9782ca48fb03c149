"""Pixel grids, interpolation, and composing and inverting displacements."""

import numpy as np
from scipy import ndimage

from gdiv.images.arrays import Flow, Image, Mask, Points

__all__ = [
    "compose_flows",
    "forward_backward_error",
    "invert_flow",
    "pixel_grid",
    "sample_at",
    "stays_inside",
]


def pixel_grid(shape: tuple[int, int], dtype: type = np.float32) -> Points:
    """Compute the column and the row of each pixel.

    Parameters
    ----------
    shape : tuple of int
        ``(H, W)``.
    dtype : type, optional
        Number type of the result. float32 is exact for images of up to 16 million rows.

    Returns
    -------
    ndarray, shape (2, H, W)
        Columns, then rows.

    Examples
    --------
    >>> columns, rows = pixel_grid((2, 3))
    >>> columns.tolist()
    [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]
    >>> rows.tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    height, width = shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height), indexing="xy")
    return np.stack([columns, rows]).astype(dtype)


def sample_at(image: Image, points: Points, outside: float | None = None) -> Image:
    """Sample an image between its pixels with bilinear interpolation.

    Parameters
    ----------
    image : ndarray, shape (H, W)
        Values at pixel centres. NaN spreads to adjacent points.
    points : ndarray, shape (2, ...)
        Positions as (column, row) in pixels.
    outside : float, optional
        Value outside the frame; by default the nearest pixel is repeated.

    Returns
    -------
    ndarray, shape (...)
        Values at the points, of the type of `image`.

    Examples
    --------
    >>> image = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> float(sample_at(image, np.array([0.5, 0.5])[:, None])[0])
    1.5
    """
    columns, rows = points
    if outside is None:
        return ndimage.map_coordinates(image, [rows, columns], order=1, mode="nearest")
    return ndimage.map_coordinates(image, [rows, columns], order=1, cval=outside)


def compose_flows(first: Flow, second: Flow, outside: float | None = None) -> Flow:
    """Compose two displacements, one following the other.

    Parameters
    ----------
    first : ndarray, shape (2, H, W)
        Displacement from image a to image b, in pixels. NaN counts as zero for sampling `second`.
    second : ndarray, shape (2, H, W)
        Displacement from image b to image c.
    outside : float, optional
        Displacement of `second` outside its frame; by default that of the nearest pixel.

    Returns
    -------
    ndarray, shape (2, H, W)
        Displacement from a to c, on the grid of a.

    Examples
    --------
    >>> there = np.full((2, 4, 4), 1.5)
    >>> float(compose_flows(there, -there).max())
    0.0
    """
    points = pixel_grid(first.shape[-2:]) + np.nan_to_num(first)
    return np.stack(
        [one + sample_at(two, points, outside) for one, two in zip(first, second, strict=True)]
    )


def forward_backward_error(forward: Flow, backward: Flow) -> Image:
    """Compute the residual after applying the forward and then the backward flow, in pixels.

    Parameters
    ----------
    forward, backward : ndarray, shape (2, H, W)
        Displacement from the reference to the secondary, and from the secondary to the reference.

    Returns
    -------
    ndarray, shape (H, W)
        Forward-backward error. It is large where one direction is wrong or the surface has changed.
        Errors common to both directions cancel, so a small value does not prove a correct match.
    """
    return np.hypot(*compose_flows(forward, backward))


def invert_flow(flow: Flow, iterations: int = 8) -> Points:
    """Find the position in the reference that moves to each pixel of the secondary.

    Solves ``x + flow(x) = p`` for each pixel ``p`` by fixed-point iteration, which converges where
    neighbouring displacements differ by less than a pixel per pixel.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement on the grid of the reference, in pixels.
    iterations : int, optional
        Fixed-point steps. More are needed where the flow varies strongly.

    Returns
    -------
    ndarray, shape (2, H, W)
        Positions as (column, row).

    Examples
    --------
    >>> shift = np.stack([np.full((5, 5), 2.0), np.zeros((5, 5))])
    >>> invert_flow(shift)[0, 0].tolist()
    [-2.0, -1.0, 0.0, 1.0, 2.0]
    """
    grid = pixel_grid(flow.shape[-2:])
    points = grid - flow
    for _ in range(iterations):
        displacement = np.stack([sample_at(component, points) for component in flow])
        points = grid - displacement
    return points


def stays_inside(flow: Flow, rim: int = 0) -> Mask:
    """Mark the pixels whose displaced position is inside the frame.

    Parameters
    ----------
    flow : ndarray, shape (2, H, W)
        Displacement in pixels.
    rim : int, optional
        Width of a margin inside the frame that counts as outside, in pixels.

    Returns
    -------
    ndarray of bool, shape (H, W)
        True if inside; False where the flow is NaN.

    Examples
    --------
    >>> stays_inside(np.ones((2, 3, 3))).tolist()
    [[True, True, False], [True, True, False], [False, False, False]]
    """
    height, width = flow.shape[-2:]
    column, row = pixel_grid((height, width)) + flow
    across = (column >= rim) & (column <= width - 1 - rim)
    return across & (row >= rim) & (row <= height - 1 - rim)
