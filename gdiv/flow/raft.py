"""RAFT for glacier images: recurrent refinement of a flow from a cost volume.

Five parts: an encoder of matching features, an encoder of context, a cost volume, a recurrent update
and a convex upsampling. Two deviations from Teed and Deng 2020 (doi:10.1007/978-3-030-58536-5_24), both
because a year of ice motion is a few pixels, not a few hundred:

- features at a quarter of the resolution instead of an eighth;
- the cost volume holds only the displacements within `reach` cells of rest, so memory grows with the
  image, not with its square. `reach=0` builds all pairs as in the original.

The first flow is the expected displacement under the softmax of the cost volume (Sun et al. 2018 and
SEA-RAFT regress theirs), not zero. Shapes below: B batch, C channels, H x W pixels, h x w cells.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class RaftConfig:
    """Sizes of the network. `PRESETS` holds the two that are used."""

    channels: int = 1  # bands an image has
    stride: int = 4  # pixels a cell: 4 or 8
    features: int = 64  # channels of the matching features
    hidden: int = 64  # channels of the recurrent state, and of the context beside it
    reach: int = 4  # cells the cost volume extends from rest; 0 builds all pairs
    levels: int = 1  # pyramid levels of the cost volume
    radius: int = 3  # cells looked up around the current flow
    iterations: int = 4  # refinements; running more than trained makes the flow worse


PRESETS = {
    "gdiv": RaftConfig(),
    "paper": RaftConfig(stride=8, features=256, hidden=128, reach=0, levels=4, radius=4, iterations=16),
}


class Raft(nn.Module):
    """Flow from `reference` to `secondary`, each `(B, C, H, W)` in local contrast with no data as zero.

    Returns a list of `(B, 2, H, W)` flows in pixels: in training the first and one a refinement, the best one last;
    in evaluation the last alone.
    """

    def __init__(self, config: RaftConfig = PRESETS["gdiv"]):
        super().__init__()
        if config.stride not in (4, 8):
            raise ValueError(f"stride must be 4 or 8, got {config.stride}")
        self.config = config
        self.matching = _encoder(config, config.features)
        self.context = _encoder(config, 2 * config.hidden)
        self.update = _Update(config)
        self.upsampling = nn.Sequential(
            nn.Conv2d(config.hidden, 2 * config.hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * config.hidden, 9 * config.stride**2, 1),
        )

    def forward(self, reference, secondary, iterations: int | None = None):
        height, width = reference.shape[-2:]
        cell = self.config.stride * 2 ** (self.config.levels - 1)
        pad = (0, -width % cell, 0, -height % cell)
        reference, secondary = F.pad(reference, pad), F.pad(secondary, pad)

        costs = CostVolume(self.matching(reference), self.matching(secondary), self.config)
        state, context = self.context(reference).split(self.config.hidden, dim=1)
        state, context = torch.tanh(state), torch.relu(context)
        flow = costs.expected_flow()  # (B, 2, h, w), cells
        # The first flow is scored too: without that its features learn only through the lookups, ten times slower.
        flows = [self._crop(self._upsample(flow, state), height, width)] if self.training else []
        last = (iterations or self.config.iterations) - 1
        for iteration in range(last + 1):
            flow = flow.detach()  # as in RAFT: gradients reach earlier iterations through the state
            state, step = self.update(state, context, costs.lookup(flow), flow)
            flow = flow + step
            if self.training or iteration == last:
                flows.append(self._crop(self._upsample(flow, state), height, width))
        return flows

    @staticmethod
    def _crop(flow, height, width):
        return flow[..., :height, :width].float()

    def _upsample(self, flow, state):
        """Each pixel's flow as a learned convex combination of its 3 x 3 nearest cells."""
        batch, _, rows, columns = flow.shape
        stride = self.config.stride
        weights = (0.25 * self.upsampling(state)).view(batch, 1, 9, stride, stride, rows, columns).softmax(dim=2)
        cells = F.unfold(F.pad(stride * flow, (1, 1, 1, 1), mode="replicate"), 3).view(batch, 2, 9, 1, 1, rows, columns)
        fine = (weights * cells).sum(dim=2)  # (B, 2, stride, stride, h, w)
        return fine.permute(0, 1, 4, 2, 5, 3).reshape(batch, 2, rows * stride, columns * stride)


class CostVolume:
    """Similarity of each cell of the reference with cells of the secondary, as one small plane a cell."""

    def __init__(self, first, second, config: RaftConfig):
        self.radius, self.reach = config.radius, config.reach
        batch, features, rows, columns = first.shape
        self.shape = (batch, rows, columns)
        if self.reach:
            padded = F.pad(second, [self.reach] * 4)
            side = 2 * self.reach + 1
            shifts = [padded[..., j : j + rows, i : i + columns] for j in range(side) for i in range(side)]
            plane = torch.stack([(first * shift).sum(1) for shift in shifts], dim=-1).view(-1, 1, side, side)
        else:
            plane = torch.einsum("bchw,bcij->bhwij", first, second).reshape(-1, 1, rows, columns)
        plane = plane.float() / features**0.5
        self.planes = [plane]
        for _ in range(config.levels - 1):
            self.planes.append(F.avg_pool2d(self.planes[-1], 2))

    def _origin(self, like):
        """Where on its plane each cell finds displacement zero, `(B, 2, h, w)` as (column, row)."""
        batch, rows, columns = self.shape
        if self.reach:
            return torch.full((batch, 2, rows, columns), float(self.reach), device=like.device)
        row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        return torch.stack([column, row]).to(like.device, torch.float32).expand(batch, -1, -1, -1)

    def expected_flow(self):
        """Mean displacement under the softmax over each plane, `(B, 2, h, w)` in cells."""
        plane = self.planes[0][:, 0]
        chance = plane.flatten(1).softmax(1).view_as(plane)
        columns = torch.arange(plane.shape[2], device=plane.device, dtype=plane.dtype)
        rows = torch.arange(plane.shape[1], device=plane.device, dtype=plane.dtype)
        mean = torch.stack([(chance.sum(1) * columns).sum(1), (chance.sum(2) * rows).sum(1)], dim=1)
        batch, h, w = self.shape
        return mean.view(batch, h, w, 2).permute(0, 3, 1, 2) - self._origin(plane)

    def lookup(self, flow):
        """Costs in a window of `radius` cells around the flow, `(B, levels (2 radius + 1)^2, h, w)`."""
        batch, rows, columns = self.shape
        centre = (flow.float() + self._origin(flow)).permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
        offset = torch.arange(-self.radius, self.radius + 1, device=flow.device, dtype=torch.float32)
        window = torch.stack(torch.meshgrid(offset, offset, indexing="xy"), dim=-1)  # (k, k, 2) as (column, row)
        found = []
        for level, plane in enumerate(self.planes):
            size = torch.tensor([plane.shape[3], plane.shape[2]], device=flow.device)
            # Average pooling moves a cell's centre: index i of the fine plane is (i + 0.5) / 2^level - 0.5.
            points = (centre + 0.5) / 2**level - 0.5 + window
            sampled = F.grid_sample(plane, (2 * points + 1) / size - 1, align_corners=False)
            found.append(sampled.view(batch, rows, columns, -1))
        return torch.cat(found, dim=-1).permute(0, 3, 1, 2)


class _Update(nn.Module):
    """A separable convolutional GRU that reads costs and flow and gives the flow's next step."""

    def __init__(self, config: RaftConfig):
        super().__init__()
        hidden, looked = config.hidden, config.levels * (2 * config.radius + 1) ** 2
        self.costs = nn.Sequential(
            nn.Conv2d(looked, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU()
        )
        self.flow = nn.Sequential(nn.Conv2d(2, hidden // 2, 5, padding=2), nn.ReLU())
        self.motion = nn.Sequential(nn.Conv2d(hidden + hidden // 2, hidden - 2, 3, padding=1), nn.ReLU())
        joined = 3 * hidden  # state, context, motion
        self.gates = nn.ModuleList(
            nn.Conv2d(joined, 2 * hidden, k, padding=p) for k, p in (((1, 5), (0, 2)), ((5, 1), (2, 0)))
        )
        self.candidate = nn.ModuleList(
            nn.Conv2d(joined, hidden, k, padding=p) for k, p in (((1, 5), (0, 2)), ((5, 1), (2, 0)))
        )
        self.head = nn.Sequential(
            nn.Conv2d(hidden, 2 * hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * hidden, 2, 3, padding=1)
        )
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)  # the untrained network returns the cost volume's own estimate

    def forward(self, state, context, costs, flow):
        motion = self.motion(torch.cat([self.costs(costs), self.flow(flow)], dim=1))
        inputs = torch.cat([context, motion, flow], dim=1)
        for gates, candidate in zip(self.gates, self.candidate, strict=True):
            update, reset = torch.sigmoid(gates(torch.cat([state, inputs], dim=1))).chunk(2, dim=1)
            proposal = torch.tanh(candidate(torch.cat([reset * state, inputs], dim=1)))
            state = (1 - update) * state + update * proposal
        return state, self.head(state)


class _Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            nn.InstanceNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
            nn.InstanceNorm2d(outputs),
            nn.ReLU(),
        )
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.skip(x) + self.body(x))


def _encoder(config: RaftConfig, outputs: int):
    """`(B, C, H, W)` to `(B, outputs, H / stride, W / stride)`; instance norm, as in RAFT-PIV."""
    narrow = max(32, config.features // 4)
    wide = [narrow, narrow * 3 // 2] + ([narrow * 2] if config.stride == 8 else [])
    layers = [nn.Conv2d(config.channels, narrow, 7, 2, 3), nn.InstanceNorm2d(narrow), nn.ReLU()]
    for index, (before, after) in enumerate(zip([narrow, *wide], wide, strict=False)):
        layers += [_Residual(before, after, 1 if index == 0 else 2), _Residual(after, after, 1)]
    return nn.Sequential(*layers, nn.Conv2d(wide[-1], outputs, 1))
