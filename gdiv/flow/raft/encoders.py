"""Convolutional encoders of images.

Shapes: B batch, C channels, H x W pixels.
"""

import torch
from torch import nn

__all__ = ["Encoder", "Residual"]


class Encoder(nn.Sequential):
    """Residual blocks from ``(B, C, H, W)`` to ``(B, outputs, H / stride, W / stride)``.

    Parameters
    ----------
    inputs, outputs : int
        Channels of the image and of the features.
    narrow : int
        Channels of the first layer. Later resolutions have 1.5 and 2 times as many.
    stride : {2, 4, 8}
        Pixels per side of a cell.
    blocks : int
        Residual blocks per resolution.
    norm : bool
        Normalise each channel of each image after every convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, narrow: int, stride: int, blocks: int, norm: bool
    ):
        widths = [narrow, narrow * 3 // 2, narrow * 2][: 3 if stride == 8 else 2]
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, narrow, 7, 2, 3),
            nn.InstanceNorm2d(narrow) if norm else nn.Identity(),
            nn.ReLU(),
        ]
        previous = narrow
        for index, width in enumerate(widths):
            # The first convolution has halved the resolution already.
            halves = index > 0 and stride > 2
            layers.append(Residual(previous, width, 2 if halves else 1, norm))
            layers += [Residual(width, width, 1, norm) for _ in range(blocks - 1)]
            previous = width
        super().__init__(*layers, nn.Conv2d(previous, outputs, 1))


class Residual(nn.Module):
    """Two convolutions with a shortcut.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Factor by which the resolution is reduced.
    norm : bool
        Normalise each channel of each image after every convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: bool):
        super().__init__()
        normalisation = nn.InstanceNorm2d if norm else nn.Identity
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            normalisation(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
            normalisation(outputs),
            nn.ReLU(),
        )
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``(B, outputs, H / stride, W / stride)``."""
        return torch.relu(self.skip(x) + self.body(x))
