"""What two images say of a flow: costs of displacements around it, and the step that would lower their difference.

Shapes: B batch, C channels, H x W pixels, h x w cells. Flows and positions are (column, row).
"""

import torch
import torch.nn.functional as F
from torch import nn


class CostVolume:
    """Similarity of each cell of the reference with cells of the secondary, as small planes a cell.

    Near rest (`reach`) similarity is the cosine of the features less their mean, times the sharpness: correlation,
    as of chips, but of what was learned. There a second plane has the mean over 5 x 5 cells, as a chip has it. All
    pairs are the plain products of the original, and their means.
    """

    def __init__(self, first, second, reach: int, radius: int, levels: int, sharpness):
        self.radius, self.reach = radius, reach
        batch, features, rows, columns = first.shape
        self.shape = (batch, rows, columns)
        if self.reach:
            # Features last: their sum then runs along memory, four times as fast.
            first, second = (
                x.float() - x.float().mean((2, 3), keepdim=True) for x in (first, second)
            )
            first, second = F.normalize(first, dim=1), F.normalize(second, dim=1)
            first, padded = (
                x.movedim(1, -1).contiguous() for x in (first, F.pad(second, [self.reach] * 4))
            )
            side = 2 * self.reach + 1
            shifts = [
                padded[:, j : j + rows, i : i + columns] for j in range(side) for i in range(side)
            ]
            plane = sharpness.exp() * torch.stack(
                [(first * shift).sum(-1) for shift in shifts], dim=1
            )
            planes = torch.stack([F.avg_pool2d(plane, 5, 1, 2), plane], dim=1)
            self.planes = [planes.permute(0, 3, 4, 1, 2).reshape(-1, 2, side, side)]
            return
        plane = torch.einsum("bchw,bcij->bhwij", first, second).reshape(-1, 1, rows, columns)
        self.planes = [plane.float() / features**0.5]
        for _ in range(levels - 1):
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
        offset = torch.arange(
            -self.radius, self.radius + 1, device=flow.device, dtype=torch.float32
        )
        window = torch.stack(
            torch.meshgrid(offset, offset, indexing="xy"), dim=-1
        )  # (k, k, 2) as (column, row)
        found = []
        for level, plane in enumerate(self.planes):
            size = torch.tensor([plane.shape[3], plane.shape[2]], device=flow.device)
            # Average pooling moves a cell's centre: index i of the fine plane is (i + 0.5) / 2^level - 0.5.
            points = ((2 * centre + 1) / 2**level / size - 1) + 2 * window / size
            sampled = F.grid_sample(plane, points, align_corners=False)
            found.append(sampled.view(batch, rows, columns, -1))
        return torch.cat(found, dim=-1).permute(0, 3, 1, 2)


class GaussNewton(nn.Module):
    """Steps that lower the difference of learned features, solved in windows of several widths around each cell.

    What a pixel counts falls with its own difference (Geman and McClure), by a learned scale, so that snow, shadow and
    what no longer exists do not pull.
    """

    def __init__(self, inputs: int, channels: int, stride: int, windows: tuple[int, ...]):
        super().__init__()
        self.stride, self.windows = stride, windows
        self.features = nn.Conv2d(inputs, channels, 5, padding=2, bias=False)
        self.scale = nn.Parameter(torch.zeros(()))
        self.damping = nn.Parameter(torch.tensor(-4.0))

    def prepare(self, reference, secondary, first_seen, second_seen):
        """What maps a flow `(B, 2, h, w)` in cells to `(B, 4 windows, h, w)`: steps in cells, then their certainty."""
        first, second = self.features(torch.cat([reference, secondary])).float().chunk(2)
        second = torch.cat([second, second_seen], dim=1)
        padded = F.pad(first, (1, 1, 1, 1), mode="replicate")
        along = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        products = torch.stack(
            [(along * along).sum(1), (along * down).sum(1), (down * down).sum(1)], dim=1
        )
        size = torch.tensor([first.shape[3], first.shape[2]], device=first.device)
        row, column = torch.meshgrid(
            *(torch.arange(n, device=first.device) for n in first.shape[2:]), indexing="ij"
        )
        grid = torch.stack([column, row], dim=-1)

        def steps(flow):
            moved = F.interpolate(
                self.stride * flow, scale_factor=self.stride, mode="bilinear", align_corners=False
            )
            at = (2 * (grid + moved.movedim(1, -1)) + 1) / size - 1
            found = F.grid_sample(second, at, padding_mode="zeros", align_corners=False)
            found, seen = found[:, :-1], found[:, -1:]
            difference = first - found
            square = difference.square().sum(1, keepdim=True)
            counts = first_seen * (seen > 0.99) / (1 + square * torch.exp(self.scale)) ** 2
            pull = torch.stack([(along * difference).sum(1), (down * difference).sum(1)], dim=1)
            sums = torch.cat([products * counts, pull * counts, square * counts, counts], dim=1)
            sums, found = F.avg_pool2d(sums, self.stride), []
            for side in self.windows:  # fine where images agree, wide where little does
                sums = F.avg_pool2d(sums, side, 1, side // 2)
                found.append(self._solve(sums))
            return torch.cat([part for parts in zip(*found, strict=True) for part in parts], dim=1)

        return steps

    def _solve(self, sums):
        """The step in cells that the sums ask for; logarithms of the texture and the misfit, `(B, 2, h, w)` each."""
        xx, xy, yy, x, y, square, count = sums.unbind(1)
        damping = torch.exp(self.damping)
        xx, yy = xx + damping * count + 1e-4, yy + damping * count + 1e-4
        determinant = xx * yy - xy**2
        step = torch.stack([yy * x - xy * y, xx * y - xy * x], dim=1) / determinant[:, None]
        step = 2 * torch.tanh(step / 2)  # a linearisation holds for a pixel or two
        texture, misfit = (
            determinant.clamp(min=1e-8).log() / 4,
            (square / (count + 1e-3) + 1e-6).log() / 2,
        )
        return step / self.stride, torch.stack([texture, misfit], dim=1)
