"""The steps of Horn-Schunck for a batch of pairs, on any device of torch.

The same steps by the same names as `gdiv.flow.horn_schunck.kernels_numba`, to within rounding, written as whole-array
operations: a GPU is filled by a batch, not by one small image.
"""

from typing import NamedTuple

import torch
from torch.nn import functional

from gdiv.flow.horn_schunck.kernels_numba import BEYOND, gaussian


class Level(NamedTuple):
    """One level of the pyramid: `image`, finite everywhere, and `valid`, one or zero; float32 `(..., H, W)`."""

    image: torch.Tensor
    valid: torch.Tensor

    @property
    def shape(self):
        return self.image.shape


def finest(image, multiple: int) -> Level:
    finite = image.abs() < BEYOND
    valid = finite.to(torch.float32)
    kept = torch.where(finite, image, 0).to(
        torch.float64 if image.dtype != torch.float32 else torch.float32
    )
    mean = kept.sum((-2, -1), keepdim=True) / valid.sum((-2, -1), keepdim=True).clamp(min=1)
    image = (kept - mean) * valid
    rounding = (
        image.abs().amax((-2, -1), keepdim=True) <= 8 * torch.finfo(kept.dtype).eps * mean.abs()
    )
    image = torch.where(rounding, 0, image).to(torch.float32)
    below, right = (-side % multiple for side in image.shape[-2:])
    return Level(
        _repeat_rim(image, 0, right, 0, below), functional.pad(valid, (0, right, 0, below))
    )


def mask_level(mask, like: Level):
    mask = torch.as_tensor(mask, device=like.image.device).to(torch.float32)
    below, right = (large - small for large, small in zip(like.shape[-2:], mask.shape, strict=True))
    return functional.pad(mask, (0, right, 0, below))


def halve_mask(mask):
    return (_half(mask) > 0.5).to(torch.float32)


def halve(level: Level) -> Level:
    share = _blur(level.valid, 1.0).clamp(min=1e-3)
    valid = halve_mask(level.valid)
    return Level(_half(_blur(level.image * level.valid, 1.0) / share) * valid, valid)


def _flat(image):
    """`(..., H, W)` as `(N, 1, H, W)`, as torch's image functions want it."""
    return image.reshape(-1, 1, *image.shape[-2:])


def _repeat_rim(image, left, right, top, bottom):
    return functional.pad(_flat(image), (left, right, top, bottom), mode="replicate").reshape(
        *image.shape[:-2], image.shape[-2] + top + bottom, image.shape[-1] + left + right
    )


def _blur(image, sigma):
    kernel = torch.as_tensor(gaussian(sigma), device=image.device)
    reach = kernel.numel() // 2
    along = functional.conv2d(_flat(image), kernel.view(1, 1, 1, -1), padding=(0, reach))
    return functional.conv2d(along, kernel.view(1, 1, -1, 1), padding=(reach, 0)).reshape(
        image.shape
    )


def _half(image):
    return functional.avg_pool2d(_flat(image), 2).reshape(
        *image.shape[:-2], *(side // 2 for side in image.shape[-2:])
    )


def double(component):
    grown = functional.interpolate(
        _flat(component), scale_factor=2, mode="bilinear", align_corners=False
    )
    return 2 * grown.reshape(*component.shape[:-2], *grown.shape[-2:])


def grain(level: Level):
    both = level.valid[..., 1:] * level.valid[..., :-1]
    total = (level.image.diff(dim=-1).abs() * both).sum((-2, -1), keepdim=True)
    return total / both.sum((-2, -1), keepdim=True).clamp(min=1)


def contrast(level: Level, sigma: float, floor) -> Level:
    share = _blur(level.valid, sigma).clamp(min=1e-3)
    centred = (level.image - _blur(level.image * level.valid, sigma) / share) * level.valid
    spread = (_blur(centred * centred, sigma) / share).sqrt()
    return Level((centred / (spread + floor + 1e-30)).clamp(-3, 3), _shrink(level.valid))


def standardise(level: Level) -> Level:
    count = level.valid.sum((-2, -1), keepdim=True).clamp(min=1)
    mean = (level.image * level.valid).sum((-2, -1), keepdim=True) / count
    centred = (level.image - mean) * level.valid
    spread = ((centred * centred).sum((-2, -1), keepdim=True) / count).sqrt()
    return Level(centred / (spread + 1e-30), _shrink(level.valid))


def sobel(level: Level) -> Level:
    padded = functional.pad(_flat(level.image), (1, 1, 1, 1), mode="reflect")
    smooth, slope = (
        torch.tensor(row, device=padded.device) / 8 for row in ([1.0, 2, 1], [-8.0, 0, 8])
    )
    across, down = (
        functional.conv2d(padded, torch.outer(*pair)[None, None]).reshape(level.shape)
        for pair in ((smooth, slope), (slope, smooth))
    )
    valid = _shrink(level.valid)
    return Level(torch.hypot(across, down) * valid, valid)


def _shrink(valid):
    padded = functional.pad(_flat(valid), (1, 1, 1, 1), value=1.0)
    return -functional.max_pool2d(-padded, 3, stride=1).reshape(valid.shape)


def no_flow(level: Level):
    return torch.zeros_like(level.image), torch.zeros_like(level.image)


class Workspace:
    """What the warps of one level share."""

    def __init__(self, first: Level, second: Level, counted, stencil):
        self.first, self.second, self.counted, self.stencil = first, second, counted, stencil
        height, width = first.shape[-2:]
        device = first.image.device
        rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
        self.black = (rows[:, None] + columns) % 2 == 1
        # Through the sides nothing flows: beyond the frame lies the pixel before its last.
        self.up, self.down = (rows - 1).abs(), torch.where(rows < height - 1, rows + 1, rows - 1)
        self.left, self.right = (
            (columns - 1).abs(),
            torch.where(columns < width - 1, columns + 1, columns - 1),
        )

    def step(self, u, v, weight, omegas, symmetric):
        """One warp: the flow that solves the equations linearised at `u, v`."""
        first, first_valid = warp(*self.first, u, v, -0.5) if symmetric else self.first
        second, second_valid = warp(*self.second, u, v, 0.5 if symmetric else 1.0)
        mean = 0.5 * (first + second)
        ix, iy = self._slope(mean, -1), self._slope(mean, -2)
        scale = first_valid * second_valid * self.counted / (weight + ix * ix + iy * iy).sqrt()
        c = (second - first - ix * u - iy * v) * scale
        a, b = ix * scale, iy * scale
        for k, omega in enumerate(omegas.tolist()):
            mean_u, mean_v = self._neighbours(u), self._neighbours(v)
            residual = a * mean_u + b * mean_v + c
            own = self.black == bool(k % 2)
            u = torch.where(own, u + omega * (mean_u - a * residual - u), u)
            v = torch.where(own, v + omega * (mean_v - b * residual - v), v)
        return u, v

    def _slope(self, image, axis):
        padded = _repeat_rim(image, *((3, 3, 0, 0) if axis == -1 else (0, 0, 3, 3)))
        side = image.shape[axis]

        def at(offset):
            return padded.narrow(axis, 3 + offset, side)

        return sum(k * (at(n) - at(-n)) for n, k in enumerate(self.stencil, 1) if k)

    def _neighbours(self, field):
        beside = (
            field[..., self.up, :]
            + field[..., self.down, :]
            + field[..., self.left]
            + field[..., self.right]
        )
        return 0.25 * beside


def warp(image, valid, u, v, share):
    """`image` and `valid` read at `share` of the flow away, as in `gdiv.flow.horn_schunck.relaxation.warp`."""
    height, width = image.shape[-2:]
    rows = torch.arange(height, device=u.device, dtype=u.dtype)[:, None]
    to_x, to_y = torch.arange(width, device=u.device, dtype=u.dtype) + share * u, rows + share * v
    at_x, at_y = to_x.clamp(0, width - 1), to_y.clamp(0, height - 1)
    x0, y0 = at_x.to(torch.int64), at_y.to(torch.int64)
    padded = _repeat_rim(image, 1, 2, 1, 2).flatten(-2)
    corner = y0 * (width + 3) + x0
    across, down = _keys(at_x - x0), _keys(at_y - y0)
    moved = sum(
        down[j] * sum(across[i] * _take(padded, corner + (j * (width + 3) + i)) for i in range(4))
        for j in range(4)
    )
    nearest = (at_y + 0.5).to(torch.int64) * width + (at_x + 0.5).to(torch.int64)
    inside = (at_x == to_x) & (at_y == to_y)
    return moved, _take(valid.flatten(-2), nearest) * inside


def _take(flat, index):
    return flat.gather(-1, index.flatten(-2)).reshape(index.shape)


def _keys(t):
    """Keys' four bicubic weights (a = -0.5) for a point at fraction `t` between the middle two."""
    return (
        t * (-0.5 + t * (1 - 0.5 * t)),
        1 + t * t * (1.5 * t - 2.5),
        t * (0.5 + t * (2 - 1.5 * t)),
        t * t * (0.5 * t - 0.5),
    )


def median_filter(field, size: int):
    """Median over a `size` x `size` window, NaN left out; cut at the frame."""
    reach = size // 2
    padded = functional.pad(field, (reach,) * 4, value=float("nan"))
    bands = []  # a band of rows at a time: the windows of a whole batch would not fit
    for top in range(0, field.shape[-2], 64):
        band = padded[..., top : top + min(64, field.shape[-2] - top) + 2 * reach, :]
        windows = band.unfold(-2, size, 1).unfold(-2, size, 1).flatten(-2)
        bands.append(windows.nanmedian(-1).values)
    return torch.cat(bands, -2)
