"""Costs of displacements: similarity between cells of the reference and of the secondary.

Shapes: B batch, C channels, h x w cells. Flows and positions are (column, row).
"""

import torch
import torch.nn.functional as F

from gdiv.images.tensors import pixel_grid, sample

__all__ = ["CostVolume"]

#: Side of the chip over which one of the planes of costs is averaged, in cells.
CHIP = 5


class CostVolume:
    """Similarity of each cell of the reference with cells of the secondary.

    With ``reach`` above zero, each cell has two planes with the similarities of displacements of
    up to `reach` cells. Similarity is the cosine of the mean-free features times the sharpness:
    like the correlation of image chips, but with learned features. The first plane is its mean
    over 5 x 5 cells, similar to a chip, and the second the similarity of the cell alone.

    With ``reach = 0``, each cell has planes of the dot products with all cells, and their means
    over 2 x 2, 4 x 4, ... cells, as in the original RAFT.

    Parameters
    ----------
    first, second : torch.Tensor, shape (B, C, h, w)
        Matching features of the reference and the secondary.
    reach : int
        Extent of a plane around zero displacement, in cells; 0 for all pairs of cells.
    radius : int
        Cells looked up around a flow.
    levels : int
        Pyramid levels with all pairs of cells.
    sharpness : torch.Tensor or None
        Logarithm of the factor of the similarities; not used with all pairs.
    """

    def __init__(
        self,
        first: torch.Tensor,
        second: torch.Tensor,
        reach: int,
        radius: int,
        levels: int,
        sharpness: torch.Tensor | None,
    ):
        self.radius = radius
        self.reach = reach
        batch, _, rows, columns = first.shape
        self.shape = (batch, rows, columns)
        if reach:
            assert sharpness is not None, "costs near zero displacement need a sharpness"
            self.planes = [_compare_nearby(first, second, reach, sharpness)]
        else:
            self.planes = _compare_all_pairs(first, second, levels)

    def _origin(self) -> torch.Tensor:
        """Position of zero displacement on the plane of each cell, ``(B, 2, h, w)``."""
        batch, rows, columns = self.shape
        device = self.planes[0].device
        if self.reach:
            return torch.full((batch, 2, rows, columns), float(self.reach), device=device)
        return pixel_grid(rows, columns, device).expand(batch, -1, -1, -1)

    def no_flow(self) -> torch.Tensor:
        """Zero displacement, ``(B, 2, h, w)``."""
        return torch.zeros_like(self._origin())

    def expected_flow(self) -> torch.Tensor:
        """Mean displacement under the softmax over each plane, ``(B, 2, h, w)`` in cells."""
        plane = self.planes[0][:, 0]
        chance = plane.flatten(1).softmax(1).view_as(plane)
        columns = torch.arange(plane.shape[2], device=plane.device, dtype=plane.dtype)
        rows = torch.arange(plane.shape[1], device=plane.device, dtype=plane.dtype)
        mean_column = (chance.sum(1) * columns).sum(1)
        mean_row = (chance.sum(2) * rows).sum(1)
        mean = torch.stack([mean_column, mean_row], dim=1)
        batch, h, w = self.shape
        return mean.view(batch, h, w, 2).permute(0, 3, 1, 2) - self._origin()

    def lookup(self, flow: torch.Tensor) -> torch.Tensor:
        """Read the costs in a window around a flow.

        Parameters
        ----------
        flow : torch.Tensor, shape (B, 2, h, w)
            Displacement in cells.

        Returns
        -------
        torch.Tensor, shape (B, planes (2 radius + 1)^2, h, w)
            Costs; zero outside a plane.
        """
        batch, rows, columns = self.shape
        center = (flow.float() + self._origin()).permute(0, 2, 3, 1).reshape(-1, 2, 1, 1)
        side = 2 * self.radius + 1
        window = pixel_grid(side, side, flow.device) - self.radius
        costs = []
        for level, plane in enumerate(self.planes):
            # Average pooling moves the centres of cells: position p of the finest plane is
            # (p + 0.5) / 2^level - 0.5 of a coarser one.
            coarse_center = center / 2**level + (0.5 / 2**level - 0.5)
            window_costs = sample(plane, coarse_center, "zeros", offset=window)
            costs.append(window_costs.view(batch, rows, columns, -1))
        return torch.cat(costs, dim=-1).permute(0, 3, 1, 2)


def _compare_nearby(
    first: torch.Tensor, second: torch.Tensor, reach: int, sharpness: torch.Tensor
) -> torch.Tensor:
    """Planes of nearby displacements, ``(B h w, 2, 2 reach + 1, 2 reach + 1)``."""
    rows, columns = first.shape[-2:]
    # Features last: the sum then runs over contiguous memory, four times faster.
    reference = _unit_features(first).movedim(1, -1).contiguous()
    padded = F.pad(_unit_features(second), [reach] * 4).movedim(1, -1).contiguous()
    side = 2 * reach + 1
    products = [
        (reference * padded[:, j : j + rows, i : i + columns]).sum(-1)
        for j in range(side)
        for i in range(side)
    ]
    plane = sharpness.exp() * torch.stack(products, dim=1)
    chips = F.avg_pool2d(plane, CHIP, 1, CHIP // 2)
    planes = torch.stack([chips, plane], dim=1)
    return planes.permute(0, 3, 4, 1, 2).reshape(-1, 2, side, side)


def _unit_features(features: torch.Tensor) -> torch.Tensor:
    """Features minus their mean over the image, scaled to unit length in each cell."""
    mean = features.float().mean((2, 3), keepdim=True)
    return F.normalize(features.float() - mean, dim=1)


def _compare_all_pairs(
    first: torch.Tensor, second: torch.Tensor, levels: int
) -> list[torch.Tensor]:
    """Planes of all cells from fine to coarse, each ``(B h w, 1, h / 2^level, w / 2^level)``."""
    _, features, rows, columns = first.shape
    products = torch.einsum("bchw,bcij->bhwij", first, second).reshape(-1, 1, rows, columns)
    planes = [products.float() / features**0.5]
    for _ in range(levels - 1):
        planes.append(F.avg_pool2d(planes[-1], 2))
    return planes
