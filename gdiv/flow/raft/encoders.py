"""What RAFT sees of an image: contrast with its surroundings, and features learned from it."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def local_contrast(
    image: torch.Tensor, widths: tuple[float, ...], limit: float = 3.0
) -> torch.Tensor:
    """Each band relative to its surroundings, `(B, C, H, W)` to `(B, len(widths) C, H, W)`, no data as zero.

    The mean of a Gaussian neighbourhood of each width is taken off and its spread divided by, as in
    `gdiv.images.contrast`; here the spread's floor is a part of its mean, where that has the median.
    """
    valid = image.isfinite()
    count = valid.sum((2, 3), keepdim=True).clamp(min=1)
    filled = torch.where(valid, image, 0)
    centred = torch.where(valid, image - filled.sum((2, 3), keepdim=True) / count, 0)
    centred = centred / (centred.square().sum((2, 3), keepdim=True) / count + 1e-12).sqrt()
    bands = []
    for width in widths:
        share, mean, square = blur(
            torch.cat([valid.float(), centred, centred**2], dim=1), width
        ).chunk(3, dim=1)
        share = share.clamp(min=1e-6)
        mean, spread = mean / share, (square / share - (mean / share) ** 2).clamp(min=0).sqrt()
        # The floor keeps sensor noise in flat, featureless snow from being blown up to full contrast.
        floor = 0.2 * (valid * spread).sum((2, 3), keepdim=True) / count + 1e-6
        bands.append(
            torch.where(valid, ((centred - mean) / (spread + floor)).clamp(-limit, limit), 0)
        )
    return torch.cat(bands, dim=1).contiguous(memory_format=torch.channels_last)


def blur(images: torch.Tensor, width: float) -> torch.Tensor:
    """Gaussian blur of each channel, standard deviation `width` pixels, zero beyond the frame.

    Blurred on means of 2 x 2 or more pixels where `width` is wide enough; sides must divide by 8.
    """
    coarser = min(8, 2 ** int(math.log2(max(width / 1.5, 1))))
    flat = F.avg_pool2d(images.flatten(0, 1)[:, None], coarser)
    reach = round(3 * width / coarser)
    taps = torch.exp(
        -0.5 * (torch.arange(-reach, reach + 1, device=images.device) * coarser / width) ** 2
    )
    taps = (taps / taps.sum()).view(1, 1, 1, -1)
    flat = F.conv2d(F.conv2d(flat, taps, padding=(0, reach)), taps.mT, padding=(reach, 0))
    flat = F.interpolate(flat, scale_factor=coarser, mode="bilinear") if coarser > 1 else flat
    return flat.view_as(images)


class Encoder(nn.Sequential):
    """`(B, C, H, W)` to `(B, outputs, H / stride, W / stride)`: residual blocks."""

    def __init__(
        self, inputs: int, outputs: int, narrow: int, stride: int, blocks: int, norm: bool
    ):
        wide = [narrow, narrow * 3 // 2] + ([narrow * 2] if stride == 8 else [])
        layers = [
            nn.Conv2d(inputs, narrow, 7, 2, 3),
            nn.InstanceNorm2d(narrow) if norm else nn.Identity(),
        ]
        layers.append(nn.ReLU())
        for index, (before, after) in enumerate(zip([narrow, *wide], wide, strict=False)):
            layers.append(Residual(before, after, 1 if index == 0 else 2, norm))
            layers += [Residual(after, after, 1, norm) for _ in range(blocks - 1)]
        super().__init__(*layers, nn.Conv2d(wide[-1], outputs, 1))


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: bool):
        super().__init__()
        normed = nn.InstanceNorm2d if norm else nn.Identity
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            normed(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
            normed(outputs),
            nn.ReLU(),
        )
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.skip(x) + self.body(x))
