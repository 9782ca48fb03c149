"""RAFT for glacier images: recurrent refinement of a flow from a cost volume.

Five parts, each a class here, in `encoders` or in `costs`: an encoder of matching features, an encoder of context,
a cost volume, a recurrent update and a convex upsampling (Teed and Deng 2020, doi:10.1007/978-3-030-58536-5_24).
`PRESETS` holds the paper's network and ours. Ours differs where a year of ice motion does, a few pixels instead of
hundreds:

- features at a quarter of the resolution instead of an eighth;
- costs of the displacements within `reach` cells of rest only, so that memory grows with the image, not its square;
- a first flow that is the expected displacement under the softmax of these costs, instead of zero;
- features of every pixel beside, whose residual after moving the secondary back gives each refinement a
  Gauss-Newton step (Lucas and Kanade 1981; Baker and Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd). A cell's
  costs say where to within a part of a cell; this step says it to a hundredth of a pixel.

Shapes below: B batch, C channels, H x W pixels, h x w cells. Flows and positions are (column, row).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gdiv.flow.horn_schunck.kernels_numba import BEYOND
from gdiv.flow.raft.costs import CostVolume, GaussNewton
from gdiv.flow.raft.encoders import Encoder, local_contrast


@dataclass(frozen=True)
class RaftConfig:
    """Sizes of the network. `PRESETS` holds the two that are used."""

    channels: int = 1  # bands an image has
    contrast: tuple[float, ...] = (
        3.0,
        12.0,
    )  # neighbourhoods that brightness is seen relative to, pixels
    stride: int = 4  # pixels a cell: 4 or 8
    narrow: int = 24  # channels of the encoders' first layers
    features: int = 32  # channels of the matching features
    hidden: int = 32  # channels of the recurrent state, and of the context beside it
    fine: int = 8  # channels of the features of every pixel; 0 for no Gauss-Newton step
    windows: tuple[int, ...] = (
        3,
        5,
        9,
    )  # cells that its sums are averaged over, one mean after the other
    blocks: int = 1  # residual blocks a resolution of the encoders
    norm: bool = False  # instance norm in both encoders, as RAFT-PIV has it
    cost_layers: tuple[int, int] = (32, 32)  # channels that read the costs in each refinement,
    flow_layers: tuple[int, ...] = (16,)  # and the flow: one layer or two
    separable: bool = False  # a recurrence of one row and one column instead of one square
    reach: int = 4  # cells the cost volume extends from rest; 0 builds all pairs
    levels: int = 1  # pyramid levels of the cost volume
    radius: int = 3  # cells looked up around the current flow
    first_flow: bool = True  # begin at the expected flow instead of at zero
    iterations: int = 4  # refinements; many more than trained make the flow worse


PRESETS = {
    "gdiv": RaftConfig(),
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


class Raft(nn.Module):
    """Flow from `reference` to `secondary`, each float32 `(B, C, H, W)` on any scale, NaN no data.

    Returns a list of `(B, 2, H, W)` flows in pixels: in training the first and one a refinement, the best one last;
    in evaluation the last alone.
    """

    def __init__(self, config: RaftConfig = PRESETS["gdiv"]):
        super().__init__()
        if config.stride not in (4, 8):
            raise ValueError(f"stride must be 4 or 8, got {config.stride}")
        if config.reach and config.levels > 1:
            raise ValueError(
                f"costs near rest have one level, got reach {config.reach} and {config.levels} levels"
            )
        self.config = config
        inputs = config.channels * len(config.contrast)
        sizes = config.narrow, config.stride, config.blocks, config.norm
        self.matching = Encoder(inputs, config.features, *sizes)
        self.context = Encoder(inputs, 2 * config.hidden, *sizes)
        self.sharpness = nn.Parameter(torch.tensor(2.7)) if config.reach else None
        self.newton = (
            GaussNewton(inputs, config.fine, config.stride, config.windows) if config.fine else None
        )
        self.update = Update(config)
        self.upsampling = Upsampling(config)
        self.to(memory_format=torch.channels_last)  # three times as fast where channels are few

    def forward(self, reference, secondary, iterations: int | None = None):
        config, (height, width) = self.config, reference.shape[-2:]
        cell = max(8, config.stride * 2 ** (config.levels - 1))
        pad = (0, -width % cell, 0, -height % cell)
        reference, secondary = (
            F.pad(image, pad, value=float("nan")) for image in (reference, secondary)
        )
        seen = [image.isfinite().all(1, keepdim=True).float() for image in (reference, secondary)]
        # Differences of large numbers, and features that say where to a hundredth of a pixel: not in bfloat16.
        with torch.autocast(reference.device.type, enabled=False):
            reference, secondary = (
                local_contrast(image, config.contrast) for image in (reference, secondary)
            )
            newton = self.newton.prepare(reference, secondary, *seen) if self.newton else None
        first, second = self.matching(torch.cat([reference, secondary])).chunk(2)
        costs = CostVolume(
            first, second, config.reach, config.radius, config.levels, self.sharpness
        )
        state, context = self.context(reference).split(config.hidden, dim=1)
        state, context = torch.tanh(state), torch.relu(context)
        flow = (
            costs.expected_flow() if config.first_flow else costs.no_flow()
        )  # (B, 2, h, w), cells
        flows = []
        if (
            self.training and config.first_flow
        ):  # scored too: else its features learn only through the lookups
            flows.append(self._fine(flow, state, height, width))
        context = self.update.prepare(context)
        last = (iterations or config.iterations) - 1
        for iteration in range(last + 1):
            flow = flow.detach()  # as in RAFT: gradients reach earlier iterations through the state
            steps = newton(flow) if newton else flow[:, :0]
            state, flow = self.update(state, context, costs.lookup(flow), steps, flow)
            if self.training or iteration == last:
                flows.append(self._fine(flow, state, height, width))
        return flows

    def _fine(self, flow, state, height, width):
        return self.upsampling(flow, state)[..., :height, :width]


@torch.inference_mode()
def predict_flow(network: Raft, reference: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """The network's flow `(2, H, W)` in pixels for two images `(H, W)`, or `(C, H, W)`, on any scale, NaN no data."""
    device = next(network.parameters()).device
    images = np.stack([reference, secondary]).astype(np.float32)
    images = np.where(
        np.abs(images) < BEYOND, images, np.float32(np.nan)
    )  # a fill value is no brightness
    images = torch.from_numpy(images.reshape(2, 1, -1, *images.shape[-2:])).to(device)
    training = network.training
    flow = network.eval()(*images)[-1][0].cpu().numpy()
    network.train(training)
    return flow


class Update(nn.Module):
    """A convolutional GRU that reads costs, Gauss-Newton steps and flow, and moves the flow."""

    def __init__(self, config: RaftConfig):
        super().__init__()
        hidden, looked = (
            config.hidden,
            (2 if config.reach else config.levels) * (2 * config.radius + 1) ** 2,
        )
        self.offers = len(config.windows) if config.fine else 0  # Gauss-Newton steps to choose from
        steps = 4 * self.offers
        narrow, wide = config.cost_layers
        self.costs = nn.Sequential(
            nn.Conv2d(looked, narrow, 1),
            nn.ReLU(),
            nn.Conv2d(narrow, wide, 3, padding=1),
            nn.ReLU(),
        )
        # One layer reads 5 x 5 cells; two read 7 x 7 and then 3 x 3, as in the original.
        first, *second = config.flow_layers
        side = 7 if second else 5
        layers = [nn.Conv2d(2 + steps, first, side, padding=side // 2), nn.ReLU()]
        for last in second:
            layers += [nn.Conv2d(first, last, 3, padding=1), nn.ReLU()]
        self.flow = nn.Sequential(*layers)
        self.motion = nn.Sequential(
            nn.Conv2d(wide + config.flow_layers[-1], hidden - 2, 3, padding=1), nn.ReLU()
        )
        kernels = [((1, 5), (0, 2)), ((5, 1), (2, 0))] if config.separable else [((3, 3), (1, 1))]
        # The context is the same in every refinement, so its part of each gate is computed once.
        self.given = nn.ModuleList(nn.Conv2d(hidden, 3 * hidden, k, padding=p) for k, p in kernels)
        self.gates = nn.ModuleList(
            nn.Conv2d(2 * hidden, 2 * hidden, k, padding=p, bias=False) for k, p in kernels
        )
        self.candidate = nn.ModuleList(
            nn.Conv2d(2 * hidden, hidden, k, padding=p, bias=False) for k, p in kernels
        )
        outputs = 2 + (self.offers + 1 if steps else 0)
        self.head = nn.Sequential(
            nn.Conv2d(hidden, 2 * hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * hidden, outputs, 3, padding=1),
        )
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(
            self.head[-1].bias
        )  # the untrained network follows the costs and the steps alone

    def prepare(self, context):
        """The context's part of the gates, `(B, 3 hidden, h, w)` for each kernel."""
        return [given(context) for given in self.given]

    def forward(self, state, context, costs, steps, flow):
        """The next state `(B, hidden, h, w)` and flow `(B, 2, h, w)` in cells."""
        # In bfloat16 a flow of a few cells is known to a few hundredths, too little to be smoothed by what it says.
        with torch.autocast(flow.device.type, enabled=False):
            moving = self.flow(torch.cat([flow, steps], dim=1))
        motion = self.motion(torch.cat([self.costs(costs), moving], dim=1))
        inputs = torch.cat([motion, flow], dim=1)
        for given, gates, candidate in zip(context, self.gates, self.candidate, strict=True):
            for_gates, for_candidate = given.split([2 * state.shape[1], state.shape[1]], dim=1)
            update, reset = torch.sigmoid(
                for_gates + gates(torch.cat([state, inputs], dim=1))
            ).chunk(2, dim=1)
            proposal = torch.tanh(
                for_candidate + candidate(torch.cat([reset * state, inputs], dim=1))
            )
            state = (1 - update) * state + update * proposal
        asked = self.head(state).float()
        flow = flow + asked[:, :2]
        if self.offers:
            trust = asked[:, 2:].softmax(dim=1)  # in each window's step, and in none
            offered = steps[:, : 2 * self.offers].unflatten(1, (self.offers, 2))
            flow = flow + (trust[:, :-1, None] * offered).sum(1)
        return state, flow


class Upsampling(nn.Module):
    """Each pixel's flow as a learned convex combination of its 3 x 3 nearest cells; bilinear before it has learned."""

    def __init__(self, config: RaftConfig):
        super().__init__()
        self.stride = config.stride
        self.weights = nn.Sequential(
            nn.Conv2d(config.hidden, 2 * config.hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * config.hidden, 9 * config.stride**2, 1),
        )
        # Distance from a pixel's centre to the cells left of, at and right of it, in cells.
        at = (torch.arange(config.stride) + 0.5) / config.stride - 0.5
        share = (1 - (at[None] - torch.tensor([-1.0, 0.0, 1.0])[:, None]).abs()).clamp(
            min=0.01
        )  # (3, stride)
        bilinear = torch.einsum("ir,jc->ijrc", share, share)
        with torch.no_grad():
            self.weights[-1].bias.copy_(4 * bilinear.log().flatten())

    def forward(self, flow, state):
        """`(B, 2, h, w)` in cells and the state to `(B, 2, H, W)` in pixels."""
        batch, _, rows, columns = flow.shape
        weights = (
            (0.25 * self.weights(state))
            .float()
            .view(batch, 9, self.stride**2, rows, columns)
            .softmax(dim=1)
        )
        padded = F.pad(self.stride * flow.float(), (1, 1, 1, 1), mode="replicate")
        near = [
            padded[:, :, None, j : j + rows, i : i + columns] for j in range(3) for i in range(3)
        ]
        fine = sum(
            w[:, None] * cell for w, cell in zip(weights.unbind(1), near, strict=True)
        )  # (B, 2, stride^2, h, w)
        return F.pixel_shuffle(fine.flatten(1, 2), self.stride)
