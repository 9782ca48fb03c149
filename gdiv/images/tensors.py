"""Image operations on torch tensors, in batches and on any device.

These are the counterparts of `gdiv.images.contrast` and `gdiv.images.sampling`. Positions are
pixel coordinates as (column, row), and pixel centres have integer coordinates.

Shapes: B batch, C channels, H x W pixels.
"""

import math
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F

__all__ = ["blur", "local_contrast", "pixel_grid", "sample", "stays_inside"]

#: Values outside the frame: zero, or those of the nearest edge pixel.
Padding: TypeAlias = Literal["zeros", "border"]

#: Constant added to every local spread, as a fraction of the mean spread. As in
#: `gdiv.images.contrast`, it prevents sensor noise in flat snow from reaching full contrast.
CONTRAST_FLOOR = 0.2
#: A Gaussian is cut off at this many standard deviations.
BLUR_REACH = 3
#: Minimum standard deviation of a blur in coarse pixels, so that they resolve the Gaussian.
MIN_COARSE_WIDTH = 1.5
#: Largest side of a coarse pixel, in pixels.
MAX_COARSENING = 8


def local_contrast(
    image: torch.Tensor, widths: tuple[float, ...], limit: float = 3.0
) -> torch.Tensor:
    """Remove the local mean of each band and divide by its local spread.

    Counterpart of `gdiv.images.contrast.local_contrast`, with two differences. The floor of the
    spread is a fraction of its mean, not of its median, which has no smooth gradient; and the image
    is surrounded by no data, not mirrored. The two agree to 0.05 in the interior.

    Parameters
    ----------
    image : torch.Tensor, shape (B, C, H, W)
        Brightness on any scale; NaN is no data. Sides must be divisible by 8.
    widths : tuple of float
        Standard deviations of the Gaussian neighbourhoods, in pixels. Larger ones keep broader
        brightness patterns and more of the illumination.
    limit : float, optional
        Values are clipped to plus and minus this many local standard deviations.

    Returns
    -------
    torch.Tensor, shape (B, len(widths) C, H, W)
        Local contrast, dimensionless, zero where there is no data, with channels last in memory.
    """
    valid = image.isfinite()
    count = valid.sum((2, 3), keepdim=True).clamp(min=1)
    centred = _standardise(image, valid, count)
    weighted = torch.cat([valid.float(), centred, centred**2], dim=1)
    bands = []
    for width in widths:
        weight, mean, square = blur(weighted, width).chunk(3, dim=1)
        weight = weight.clamp(min=1e-6)
        mean = mean / weight
        spread = (square / weight - mean**2).clamp(min=0).sqrt()
        floor = CONTRAST_FLOOR * (valid * spread).sum((2, 3), keepdim=True) / count + 1e-6
        contrast = ((centred - mean) / (spread + floor)).clamp(-limit, limit)
        bands.append(torch.where(valid, contrast, 0))
    return torch.cat(bands, dim=1).contiguous(memory_format=torch.channels_last)


def _standardise(image: torch.Tensor, valid: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Scale brightness to zero mean and unit spread over the frame; no data becomes zero.

    Without removing the mean first, local variances would be differences of large numbers.
    """
    total = torch.where(valid, image, 0).sum((2, 3), keepdim=True)
    centred = torch.where(valid, image - total / count, 0)
    variance = centred.square().sum((2, 3), keepdim=True) / count
    return centred / (variance + 1e-12).sqrt()


def blur(images: torch.Tensor, width: float) -> torch.Tensor:
    """Blur each channel with a Gaussian.

    Wide Gaussians are computed on means of 2 x 2, 4 x 4 or 8 x 8 pixels and interpolated.

    Parameters
    ----------
    images : torch.Tensor, shape (B, C, H, W)
        Values, assumed zero outside the frame. Sides must be divisible by 8.
    width : float
        Standard deviation in pixels.

    Returns
    -------
    torch.Tensor, shape (B, C, H, W)
        The blurred images.
    """
    coarsening = min(MAX_COARSENING, 2 ** int(math.log2(max(width / MIN_COARSE_WIDTH, 1))))
    coarse = F.avg_pool2d(images.flatten(0, 1)[:, None], coarsening)
    reach = round(BLUR_REACH * width / coarsening)
    distance = torch.arange(-reach, reach + 1, device=images.device) * coarsening / width
    kernel = torch.exp(-0.5 * distance**2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    along_rows = F.conv2d(coarse, kernel, padding=(0, reach))
    blurred = F.conv2d(along_rows, kernel.mT, padding=(reach, 0))
    if coarsening > 1:
        blurred = F.interpolate(blurred, scale_factor=coarsening, mode="bilinear")
    return blurred.view_as(images)


def pixel_grid(height: int, width: int, device: torch.device | str | None = None) -> torch.Tensor:
    """Compute the column and the row of each pixel.

    Parameters
    ----------
    height, width : int
        Size of the image.
    device : torch.device or str, optional
        Device of the result.

    Returns
    -------
    torch.Tensor, shape (1, 2, H, W)
        Columns, then rows, float32.

    Examples
    --------
    >>> columns, rows = pixel_grid(2, 3)[0]
    >>> columns.tolist()
    [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]
    >>> rows.tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device, dtype=torch.float32),
        torch.arange(width, device=device, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([columns, rows])[None]


def sample(
    images: torch.Tensor,
    points: torch.Tensor,
    padding: Padding,
    offset: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sample images between their pixels with bilinear interpolation.

    Counterpart of `gdiv.images.sampling.sample_at`.

    Parameters
    ----------
    images : torch.Tensor, shape (B, C, H, W)
        Values at pixel centres.
    points : torch.Tensor, shape (B, 2, h, w)
        Positions as (column, row) in pixels.
    padding : {"zeros", "border"}
        Values outside the frame: zero, or those of the nearest edge pixel.
    offset : torch.Tensor, shape (B, 2, h, w), optional
        Added to the points, with broadcasting. It is normalised separately, so that adding an
        integer to a fraction loses no precision.

    Returns
    -------
    torch.Tensor, shape (B, C, h, w)
        Values at the points.

    Examples
    --------
    >>> image = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> center = torch.tensor([0.5, 0.5]).view(1, 2, 1, 1)
    >>> float(sample(image[None, None], center, "border"))
    1.5
    """
    size = torch.tensor([images.shape[3], images.shape[2]], device=points.device)
    # In torch, the frame's edges are at -1 and 1. Pixel p has its centre at p + 0.5 pixels.
    normalised = (2 * points.movedim(1, -1) + 1) / size - 1
    if offset is not None:
        normalised = normalised + 2 * offset.movedim(1, -1) / size
    return F.grid_sample(images, normalised, padding_mode=padding, align_corners=False)


def stays_inside(flow: torch.Tensor) -> torch.Tensor:
    """Mark the pixels whose displaced position is inside the frame.

    Counterpart of `gdiv.images.sampling.stays_inside`.

    Parameters
    ----------
    flow : torch.Tensor, shape (B, 2, H, W)
        Displacement in pixels.

    Returns
    -------
    torch.Tensor, shape (B, H, W)
        Boolean; False where the flow is NaN.
    """
    height, width = flow.shape[-2:]
    column, row = (pixel_grid(height, width, flow.device) + flow).unbind(1)
    return (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1)
