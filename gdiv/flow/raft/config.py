"""Sizes of the networks: presets and derived quantities."""

from dataclasses import dataclass

__all__ = ["PRESETS", "RaftConfig"]

#: Images are padded to sides divisible by this, which `gdiv.images.tensors.blur` needs.
MIN_PADDED_SIDE = 8


@dataclass(frozen=True)
class RaftConfig:
    """Sizes of the network. The defaults are the ``gdiv`` preset of `PRESETS`.

    Attributes
    ----------
    channels : int
        Bands of an image.
    contrast : tuple of float
        Widths of the neighbourhoods of the local contrast, in pixels.
    stride : {2, 4, 8}
        Pixels per side of a cell. Features, costs and refinements have one value per cell.
    narrow : int
        Channels of the first layer of both encoders.
    features : int
        Channels of the matching features.
    hidden : int
        Channels of the recurrent state, and of the context.
    fine : int
        Channels of the features of every pixel; 0 for no Gauss-Newton step.
    windows : tuple of int
        Sides of the windows over which the sums of a Gauss-Newton step are averaged, in cells. Each
        window averages the result of the previous one.
    blocks : int
        Residual blocks per resolution of the encoders.
    norm : bool
        Use instance normalisation in both encoders, as RAFT-PIV does.
    cost_layers : tuple of int
        Channels of the two layers that process the costs in each refinement.
    flow_layers : tuple of int
        Channels of the one or two layers that process the flow in each refinement.
    separable : bool
        Use a recurrence of one row and then one column instead of one square.
    reach : int
        Extent of the cost volume around zero displacement, in cells; 0 compares all pairs of cells.
    levels : int
        Pyramid levels of the cost volume.
    radius : int
        Cells looked up around the current flow.
    first_flow : bool
        Start from the expected flow instead of zero.
    iterations : int
        Number of refinements. Many more than in training degrade the flow.
    errors : bool
        Also predict the scale of the error of each component.
    """

    channels: int = 1
    contrast: tuple[float, ...] = (3.0, 12.0)
    stride: int = 4
    narrow: int = 24
    features: int = 32
    hidden: int = 32
    fine: int = 8
    windows: tuple[int, ...] = (3, 5, 9)
    blocks: int = 1
    norm: bool = False
    cost_layers: tuple[int, int] = (32, 32)
    flow_layers: tuple[int, ...] = (16,)
    separable: bool = False
    reach: int = 4
    levels: int = 1
    radius: int = 3
    first_flow: bool = True
    iterations: int = 4
    errors: bool = False

    @property
    def inputs(self) -> int:
        """Channels of an image's local contrast."""
        return self.channels * len(self.contrast)

    @property
    def costs(self) -> int:
        """Costs looked up per cell: a square window of each plane."""
        planes = 2 if self.reach else self.levels
        return planes * (2 * self.radius + 1) ** 2

    @property
    def steps(self) -> int:
        """Gauss-Newton steps per cell, one for each window."""
        return len(self.windows) if self.fine else 0

    @property
    def padded_side(self) -> int:
        """Number of pixels to a multiple of which the sides of an image are padded."""
        return max(MIN_PADDED_SIDE, self.stride * 2 ** (self.levels - 1))


PRESETS = {
    "gdiv": RaftConfig(),
    "refinement": RaftConfig(contrast=(2.0, 8.0), stride=2, errors=True),
    "paper": RaftConfig(
        contrast=(5.0,),
        stride=8,
        narrow=64,
        features=256,
        hidden=128,
        fine=0,
        blocks=2,
        norm=True,
        cost_layers=(256, 192),
        flow_layers=(128, 64),
        separable=True,
        reach=0,
        levels=4,
        radius=4,
        first_flow=False,
        iterations=16,
    ),
}
