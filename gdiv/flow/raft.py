"""RAFT for glacier images: recurrent refinement of a flow from a cost volume.

Five parts, each a class below: an encoder of matching features, an encoder of context, a cost volume, a
recurrent update and a convex upsampling (Teed and Deng 2020, doi:10.1007/978-3-030-58536-5_24). `PRESETS` holds
the paper's network and ours. Ours differs where a year of ice motion does, a few pixels instead of hundreds:

- features at a quarter of the resolution instead of an eighth;
- costs of the displacements within `reach` cells of rest only, so that memory grows with the image, not its square;
- a first flow that is the expected displacement under the softmax of these costs, instead of zero;
- features of every pixel beside, whose residual after moving the secondary back gives each refinement a
  Gauss-Newton step (Lucas and Kanade 1981; Baker and Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd). A cell's
  costs say where to within a part of a cell; this step says it to a hundredth of a pixel.

Shapes below: B batch, C channels, H x W pixels, h x w cells. Flows and positions are (column, row).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class RaftConfig:
    """Sizes of the network. `PRESETS` holds the two that are used."""

    channels: int = 1  # bands an image has
    contrast: tuple[float, ...] = (3.0, 12.0)  # neighbourhoods that brightness is seen relative to, pixels
    stride: int = 4  # pixels a cell: 4 or 8
    narrow: int = 24  # channels of the encoders' first layers
    features: int = 32  # channels of the matching features
    hidden: int = 32  # channels of the recurrent state, and of the context beside it
    fine: int = 8  # channels of the features of every pixel; 0 for no Gauss-Newton step
    blocks: int = 1  # residual blocks a resolution of the encoders
    norm: bool = False  # instance norm in both encoders, as RAFT-PIV has it
    cost_layers: tuple[int, int] = (32, 32)  # channels that read the costs in each refinement,
    flow_layers: tuple[int, ...] = (16,)  # and the flow
    separable: bool = False  # a recurrence of one row and one column instead of one square
    reach: int = 4  # cells the cost volume extends from rest; 0 builds all pairs
    levels: int = 1  # pyramid levels of the cost volume
    radius: int = 3  # cells looked up around the current flow
    first_flow: bool = True  # begin at the expected flow instead of at zero
    iterations: int = 4  # refinements; running more than trained makes the flow worse


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
        self.config = config
        inputs = config.channels * len(config.contrast)
        self.matching = Encoder(inputs, config.features, config)
        self.context = Encoder(inputs, 2 * config.hidden, config)
        self.sharpness = nn.Parameter(torch.tensor(2.7)) if config.reach else None
        self.newton = Newton(inputs, config) if config.fine else None
        self.update = Update(config)
        self.upsampling = Upsampling(config)
        self.to(memory_format=torch.channels_last)  # three times as fast where channels are few

    def forward(self, reference, secondary, iterations: int | None = None):
        height, width = reference.shape[-2:]
        cell = max(8, self.config.stride * 2 ** (self.config.levels - 1))
        pad = (0, -width % cell, 0, -height % cell)
        reference, secondary = (F.pad(image, pad, value=float("nan")) for image in (reference, secondary))
        seen = [image.isfinite().all(1, keepdim=True).float() for image in (reference, secondary)]
        reference, secondary = (local_contrast(image, self.config.contrast) for image in (reference, secondary))

        first, second = self.matching(torch.cat([reference, secondary])).chunk(2)
        costs = CostVolume(first, second, self.config, self.sharpness)
        state, context = self.context(reference).split(self.config.hidden, dim=1)
        state, context = torch.tanh(state), torch.relu(context)
        newton = self.newton.prepare(reference, secondary, *seen) if self.newton else None
        flow = costs.expected_flow() if self.config.first_flow else costs.no_flow()  # (B, 2, h, w), cells
        flows = []
        if self.training:  # the first flow is scored too: else its features learn only through the lookups
            flows.append(self._fine(flow, state, height, width))
        context = self.update.prepare(context)
        last = (iterations or self.config.iterations) - 1
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
def answer(network: Raft, reference: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """The network's flow `(2, H, W)` in pixels for two images `(H, W)` on any scale, NaN no data."""
    device = next(network.parameters()).device
    images = (torch.from_numpy(np.asarray(image, np.float32)).to(device)[None, None] for image in (reference, secondary))
    return network.eval()(*images)[-1][0].cpu().numpy()


def local_contrast(image: torch.Tensor, widths: tuple[float, ...], limit: float = 3.0) -> torch.Tensor:
    """Each band relative to its surroundings, `(B, C, H, W)` to `(B, len(widths) C, H, W)`, no data as zero.

    As `gdiv.flow.contrast`: the mean of a Gaussian neighbourhood of each width taken off, over its spread.
    """
    valid = image.isfinite()
    count = valid.sum((2, 3), keepdim=True).clamp(min=1)
    filled = torch.where(valid, image, 0)
    centred = torch.where(valid, image - filled.sum((2, 3), keepdim=True) / count, 0)
    centred = centred / (centred.square().sum((2, 3), keepdim=True) / count + 1e-12).sqrt()
    bands = []
    for width in widths:
        share, mean, square = blur(torch.cat([valid.float(), centred, centred**2], dim=1), width).chunk(3, dim=1)
        share = share.clamp(min=1e-6)
        mean, spread = mean / share, (square / share - (mean / share) ** 2).clamp(min=0).sqrt()
        # The floor keeps sensor noise in flat, featureless snow from being blown up to full contrast.
        floor = 0.2 * (valid * spread).sum((2, 3), keepdim=True) / count + 1e-6
        bands.append(torch.where(valid, ((centred - mean) / (spread + floor)).clamp(-limit, limit), 0))
    return torch.cat(bands, dim=1).contiguous(memory_format=torch.channels_last)


def blur(images: torch.Tensor, width: float) -> torch.Tensor:
    """Gaussian blur of each channel, standard deviation `width` pixels, zero beyond the frame.

    Blurred on means of 2 x 2 or more pixels where `width` is wide enough; sides must divide by 8.
    """
    coarser = min(8, 2 ** int(math.log2(max(width / 1.5, 1))))
    flat = F.avg_pool2d(images.flatten(0, 1)[:, None], coarser)
    reach = round(3 * width / coarser)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=images.device) * coarser / width) ** 2)
    taps = (taps / taps.sum()).view(1, 1, 1, -1)
    flat = F.conv2d(F.conv2d(flat, taps, padding=(0, reach)), taps.mT, padding=(reach, 0))
    flat = F.interpolate(flat, scale_factor=coarser, mode="bilinear") if coarser > 1 else flat
    return flat.view_as(images)


class Encoder(nn.Sequential):
    """`(B, C, H, W)` to `(B, outputs, H / stride, W / stride)`: residual blocks."""

    def __init__(self, inputs: int, outputs: int, config: RaftConfig):
        narrow = config.narrow
        wide = [narrow, narrow * 3 // 2] + ([narrow * 2] if config.stride == 8 else [])
        layers = [nn.Conv2d(inputs, narrow, 7, 2, 3), nn.InstanceNorm2d(narrow) if config.norm else nn.Identity()]
        layers.append(nn.ReLU())
        for index, (before, after) in enumerate(zip([narrow, *wide], wide, strict=False)):
            layers.append(Residual(before, after, 1 if index == 0 else 2, config.norm))
            layers += [Residual(after, after, 1, config.norm) for _ in range(config.blocks - 1)]
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


class CostVolume:
    """Similarity of each cell of the reference with cells of the secondary, as small planes a cell.

    Near rest (`reach`) similarity is the cosine of the features less their mean, times the sharpness: correlation,
    as of chips, but of what was learned. There a second plane has the mean over 5 x 5 cells, as a chip has it. All
    pairs are the plain products of the original, and their means.
    """

    def __init__(self, first, second, config: RaftConfig, sharpness):
        self.radius, self.reach = config.radius, config.reach
        batch, features, rows, columns = first.shape
        self.shape = (batch, rows, columns)
        if self.reach:
            # Features last: their sum then runs along memory, four times as fast.
            first, second = (F.normalize(x - x.mean((2, 3), keepdim=True), dim=1) for x in (first.float(), second.float()))
            first, padded = (x.movedim(1, -1).contiguous() for x in (first, F.pad(second, [self.reach] * 4)))
            side = 2 * self.reach + 1
            shifts = [padded[:, j : j + rows, i : i + columns] for j in range(side) for i in range(side)]
            plane = sharpness.exp() * torch.stack([(first * shift).sum(-1) for shift in shifts], dim=1)
            planes = torch.stack([F.avg_pool2d(plane, 5, 1, 2), plane], dim=1)
            self.planes = [planes.permute(0, 3, 4, 1, 2).reshape(-1, 2, side, side)]
            return
        plane = torch.einsum("bchw,bcij->bhwij", first, second).reshape(-1, 1, rows, columns)
        self.planes = [plane.float() / features**0.5]
        for _ in range(config.levels - 1):
            self.planes.append(F.avg_pool2d(self.planes[-1], 2))

    def _origin(self):
        """Where on its plane each cell finds displacement zero, `(B, 2, h, w)` as (column, row)."""
        batch, rows, columns = self.shape
        device = self.planes[0].device
        if self.reach:
            return torch.full((batch, 2, rows, columns), float(self.reach), device=device)
        row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        return torch.stack([column, row]).to(device, torch.float32).expand(batch, -1, -1, -1)

    def no_flow(self):
        """Zero, `(B, 2, h, w)`."""
        return torch.zeros_like(self._origin())

    def expected_flow(self):
        """Mean displacement under the softmax over each plane, `(B, 2, h, w)` in cells."""
        plane = self.planes[0][:, 0]
        chance = plane.flatten(1).softmax(1).view_as(plane)
        columns = torch.arange(plane.shape[2], device=plane.device, dtype=plane.dtype)
        rows = torch.arange(plane.shape[1], device=plane.device, dtype=plane.dtype)
        mean = torch.stack([(chance.sum(1) * columns).sum(1), (chance.sum(2) * rows).sum(1)], dim=1)
        batch, h, w = self.shape
        return mean.view(batch, h, w, 2).permute(0, 3, 1, 2) - self._origin()

    def lookup(self, flow):
        """Costs in a window of `radius` cells around the flow, `(B, planes (2 radius + 1)^2, h, w)`."""
        batch, rows, columns = self.shape
        centre = (flow.float() + self._origin()).permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
        offset = torch.arange(-self.radius, self.radius + 1, device=flow.device, dtype=torch.float32)
        window = torch.stack(torch.meshgrid(offset, offset, indexing="xy"), dim=-1)  # (k, k, 2) as (column, row)
        found = []
        for level, plane in enumerate(self.planes):
            size = torch.tensor([plane.shape[3], plane.shape[2]], device=flow.device)
            # Average pooling moves a cell's centre: index i of the fine plane is (i + 0.5) / 2^level - 0.5.
            points = ((2 * centre + 1) / 2**level / size - 1) + 2 * window / size
            sampled = F.grid_sample(plane, points, align_corners=False)
            found.append(sampled.view(batch, rows, columns, -1))
        return torch.cat(found, dim=-1).permute(0, 3, 1, 2)


class Newton(nn.Module):
    """Steps that lower the difference of learned features, solved in two windows around each cell.

    What a pixel counts falls with its own difference (Geman and McClure), by a learned scale, so that snow, shadow and
    what no longer exists do not pull.
    """

    channels = 8  # two steps, and what says how far to trust each

    def __init__(self, inputs: int, config: RaftConfig):
        super().__init__()
        self.stride = config.stride
        self.features = nn.Conv2d(inputs, config.fine, 5, padding=2, bias=False)
        self.scale = nn.Parameter(torch.zeros(()))
        self.damping = nn.Parameter(torch.tensor(-4.0))

    def prepare(self, reference, secondary, first_seen, second_seen):
        """What maps a flow `(B, 2, h, w)` in cells to `(B, 8, h, w)`: both steps in cells, and their certainty."""
        first, second = self.features(torch.cat([reference, secondary])).float().chunk(2)
        second = torch.cat([second, second_seen], dim=1)
        padded = F.pad(first, (1, 1, 1, 1), mode="replicate")
        along, down = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2, (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        products = torch.stack([(along * along).sum(1), (along * down).sum(1), (down * down).sum(1)], dim=1)
        size = torch.tensor([first.shape[3], first.shape[2]], device=first.device)
        row, column = torch.meshgrid(*(torch.arange(n, device=first.device) for n in first.shape[2:]), indexing="ij")
        grid = torch.stack([column, row], dim=-1)

        def steps(flow):
            moved = F.interpolate(self.stride * flow, scale_factor=self.stride, mode="bilinear", align_corners=False)
            at = (2 * (grid + moved.movedim(1, -1)) + 1) / size - 1
            found = F.grid_sample(second, at, padding_mode="zeros", align_corners=False)
            found, seen = found[:, :-1], found[:, -1:]
            difference = first - found
            square = difference.square().sum(1, keepdim=True)
            counts = first_seen * (seen > 0.99) / (1 + square * torch.exp(self.scale)) ** 2
            pull = torch.stack([(along * difference).sum(1), (down * difference).sum(1)], dim=1)
            sums = torch.cat([products * counts, pull * counts, square * counts, counts], dim=1)
            near = F.avg_pool2d(F.avg_pool2d(sums, self.stride), 3, 1, 1)
            far = F.avg_pool2d(near, 5, 1, 2)
            return torch.cat([self._solve(near), self._solve(far)], dim=1)

        return steps

    def _solve(self, sums):
        """The step `(B, 2, h, w)` in cells that the sums ask for, with the root of the difference and of the weight."""
        xx, xy, yy, x, y, square, count = sums.unbind(1)
        damping = torch.exp(self.damping)
        xx, yy = xx + damping * count + 1e-4, yy + damping * count + 1e-4
        determinant = xx * yy - xy**2
        step = torch.stack([yy * x - xy * y, xx * y - xy * x], dim=1) / determinant[:, None]
        step = 2 * torch.tanh(step / 2)  # a linearisation holds for a pixel or two
        certain = torch.stack([determinant.clamp(min=1e-8).log() / 4, (square / (count + 1e-3) + 1e-6).log() / 2], dim=1)
        return torch.cat([step / self.stride, certain], dim=1)


class Update(nn.Module):
    """A convolutional GRU that reads costs, Gauss-Newton steps and flow, and moves the flow."""

    def __init__(self, config: RaftConfig):
        super().__init__()
        hidden, looked = config.hidden, (2 if config.reach else config.levels) * (2 * config.radius + 1) ** 2
        steps = Newton.channels if config.fine else 0
        narrow, wide = config.cost_layers
        self.costs = nn.Sequential(
            nn.Conv2d(looked, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU()
        )
        # One layer reads 5 x 5 cells; two read 7 x 7 and then 3 x 3, as in the original.
        first, *second = config.flow_layers
        side = 7 if second else 5
        layers = [nn.Conv2d(2 + steps, first, side, padding=side // 2), nn.ReLU()]
        for last in second:
            layers += [nn.Conv2d(first, last, 3, padding=1), nn.ReLU()]
        self.flow = nn.Sequential(*layers)
        self.motion = nn.Sequential(nn.Conv2d(wide + config.flow_layers[-1], hidden - 2, 3, padding=1), nn.ReLU())
        kernels = [((1, 5), (0, 2)), ((5, 1), (2, 0))] if config.separable else [((3, 3), (1, 1))]
        # The context is the same in every refinement, so its part of each gate is computed once.
        self.given = nn.ModuleList(nn.Conv2d(hidden, 3 * hidden, k, padding=p) for k, p in kernels)
        self.gates = nn.ModuleList(nn.Conv2d(2 * hidden, 2 * hidden, k, padding=p, bias=False) for k, p in kernels)
        self.candidate = nn.ModuleList(nn.Conv2d(2 * hidden, hidden, k, padding=p, bias=False) for k, p in kernels)
        outputs = 4 if steps else 2
        self.head = nn.Sequential(
            nn.Conv2d(hidden, 2 * hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * hidden, outputs, 3, padding=1)
        )
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)  # the untrained network follows the costs and the steps alone

    def prepare(self, context):
        """The context's part of the gates, `(B, 3 hidden, h, w)` for each kernel."""
        return [given(context) for given in self.given]

    def forward(self, state, context, costs, steps, flow):
        """The next state `(B, hidden, h, w)` and flow `(B, 2, h, w)` in cells."""
        motion = self.motion(torch.cat([self.costs(costs), self.flow(torch.cat([flow, steps], dim=1))], dim=1))
        inputs = torch.cat([motion, flow], dim=1)
        for given, gates, candidate in zip(context, self.gates, self.candidate, strict=True):
            hidden = state.shape[1]
            update, reset = torch.sigmoid(given[:, : 2 * hidden] + gates(torch.cat([state, inputs], dim=1))).chunk(2, dim=1)
            proposal = torch.tanh(given[:, 2 * hidden :] + candidate(torch.cat([reset * state, inputs], dim=1)))
            state = (1 - update) * state + update * proposal
        asked = self.head(state).float()
        flow = flow + asked[:, :2]
        if steps.shape[1]:
            near, far = torch.sigmoid(asked[:, 2:]).split(1, dim=1)
            flow = flow + near * steps[:, :2] + (1 - near) * far * steps[:, 4:6]
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
        share = (1 - (at[None] - torch.tensor([-1.0, 0.0, 1.0])[:, None]).abs()).clamp(min=0.01)  # (3, stride)
        bilinear = torch.einsum("ir,jc->ijrc", share, share)
        with torch.no_grad():
            self.weights[-1].bias.copy_(4 * bilinear.log().flatten())

    def forward(self, flow, state):
        """`(B, 2, h, w)` in cells and the state to `(B, 2, H, W)` in pixels."""
        batch, _, rows, columns = flow.shape
        weights = (0.25 * self.weights(state)).float().view(batch, 9, self.stride**2, rows, columns).softmax(dim=1)
        padded = F.pad(self.stride * flow.float(), (1, 1, 1, 1), mode="replicate")
        near = [padded[:, :, None, j : j + rows, i : i + columns] for j in range(3) for i in range(3)]
        fine = sum(w[:, None] * cell for w, cell in zip(weights.unbind(1), near, strict=True))  # (B, 2, stride^2, h, w)
        return F.pixel_shuffle(fine.flatten(1, 2), self.stride)
