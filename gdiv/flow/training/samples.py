"""Training samples cut on demand from images in memory or on the GPU, and mixtures of sources.

Tiles are never stored. When the images are rotated or mirrored, the vectors are as well.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from gdiv.flow.training.loop import Draw
from gdiv.flow.training.scores import Sample
from gdiv.flow.training.tiles import SETS, Tile

__all__ = ["Mixture", "Samples", "rotate", "split_samples"]


class Samples:
    """Tiles as pairs and flows, for `gdiv.flow.training.loop.train_network`.

    Parameters
    ----------
    images : ndarray, shape (scene, H, W) or (scene, C, H, W)
        Brightness on any scale, float32; NaN is no data.
    scenes : sequence of (int, int)
        Numbers of the reference and the secondary scene of each pair.
    labels : ndarray, shape (pair, 2, H, W)
        Displacement in pixels; NaN where it is unknown or should not be learned.
    tiles : list of Tile
        Tiles to cut, from `gdiv.flow.training.tiles.list_tiles`.
    size : int
        Side of a tile, in pixels.
    seed : int, optional
        Seed of the order in which tiles are drawn.
    device : str, optional
        Device on which images and labels are stored and samples are cut.
    """

    def __init__(
        self,
        images: npt.NDArray[np.float32],
        scenes: Sequence[tuple[int, int]],
        labels: npt.NDArray[np.float32],
        tiles: list[Tile],
        size: int,
        seed: int = 0,
        device: str = "cpu",
    ):
        self.images = torch.from_numpy(images).to(device)
        self.labels = torch.from_numpy(labels).to(device)
        self.scenes = scenes
        self.tiles = tiles
        self.size = size
        self.seed = seed

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self.tiles)

    def __getitem__(self, index: int) -> Sample:
        """Cut one tile: the pair ``(2 C, size, size)`` and the flow ``(2, size, size)``."""
        pair, flow = self._cut(index)
        return pair.cpu().numpy(), flow.cpu().numpy()

    def spread(self, count: int) -> list[Sample]:
        """Cut tiles that are evenly spaced in the list.

        Parameters
        ----------
        count : int
            Approximate number of tiles.

        Returns
        -------
        list of (pair, flow)
            One sample per tile.
        """
        step = max(1, len(self) // count)
        return [self[index] for index in range(0, len(self), step)]

    def with_labels(self, labels: npt.NDArray[np.float32]) -> "Samples":
        """Replace the labels, and keep the images and tiles.

        Parameters
        ----------
        labels : ndarray, shape (pair, 2, H, W)
            New displacement in pixels.

        Returns
        -------
        Samples
            New samples of the same tiles.
        """
        images = self.images.cpu().numpy()
        return Samples(images, self.scenes, labels, self.tiles, self.size, self.seed)

    def _cut(self, index: int, mirrored: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and flow of one tile, rotated."""
        tile = self.tiles[index]
        rows = slice(tile.row, tile.row + self.size)
        columns = slice(tile.column, tile.column + self.size)
        images = [self.images[scene][..., rows, columns] for scene in self.scenes[tile.pair]]
        flow = self.labels[tile.pair][..., rows, columns]
        return rotate(torch.stack(images).flatten(0, -3), flow, tile.turns, mirrored)

    def draw(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw samples of an endless shuffled sequence, of which half are mirrored.

        Parameters
        ----------
        numbers : sequence of int
            Numbers of the samples; the result depends only on them and the seed.

        Returns
        -------
        pairs : torch.Tensor, shape (B, 2 C, size, size)
            Reference and secondary of each sample.
        flows : torch.Tensor, shape (B, 2, size, size)
            Displacement in pixels.
        """
        samples = []
        for number in numbers:
            epoch, position = divmod(number, len(self.tiles))
            rng = np.random.default_rng([self.seed, epoch])
            order = rng.permutation(len(self.tiles))
            mirrored = rng.random(len(self.tiles)) < 0.5
            samples.append(self._cut(int(order[position]), bool(mirrored[position])))
        return _stack(samples)


def split_samples(
    images: npt.NDArray[np.float32],
    scenes: Sequence[tuple[int, int]],
    labels: npt.NDArray[np.float32],
    splits: Mapping[str, list[Tile]],
    size: int,
    seed: int = 0,
) -> dict[str, dict[str, Samples]]:
    """Make samples from the tiles of each split and set.

    Parameters
    ----------
    images : ndarray, shape (scene, H, W) or (scene, C, H, W)
        Brightness, as for `Samples`.
    scenes : sequence of (int, int)
        Numbers of the reference and the secondary scene of each pair.
    labels : ndarray, shape (pair, 2, H, W)
        Displacement in pixels.
    splits : mapping of str to list of Tile
        Tiles by split, from `gdiv.flow.training.tiles.all_splits`.
    size : int
        Side of a tile, in pixels.
    seed : int, optional
        Seed of the order in which tiles are drawn.

    Returns
    -------
    dict of str to dict of str to Samples
        Samples by split and by set: ``"train"``, ``"validation"``, ``"test"``.
    """
    return {
        split: {
            part: Samples(
                images, scenes, labels, [tile for tile in tiles if tile.set == part], size, seed
            )
            for part in SETS
        }
        for split, tiles in splits.items()
    }


class Mixture:
    """Samples from several sources, each with a fixed number of samples per batch.

    Parameters
    ----------
    sources : list of (callable, int)
        Functions that draw samples by number, and the number of samples per batch from each. Each
        function is called with its own consecutive numbers.
    """

    def __init__(self, sources: list[tuple[Draw, int]]):
        self.sources = sources
        self.slots = [
            (source, position)
            for source, (_, count) in enumerate(sources)
            for position in range(count)
        ]

    def __call__(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw samples by number; the number determines the source.

        Parameters
        ----------
        numbers : sequence of int
            Numbers of the samples.

        Returns
        -------
        pairs : torch.Tensor, shape (B, 2 C, H, W)
        flows : torch.Tensor, shape (B, 2, H, W)
        """
        # For each source: the numbers to draw, and their positions in the requested batch.
        requests: dict[int, dict[int, int]] = {}
        for index, number in enumerate(numbers):
            batch, slot = divmod(number, len(self.slots))
            source, position = self.slots[slot]
            own_number = batch * self.sources[source][1] + position
            requests.setdefault(source, {})[index] = own_number
        samples: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for source, own_numbers in requests.items():
            draw = self.sources[source][0]
            pairs, flows = draw(list(own_numbers.values()))
            samples |= zip(own_numbers, zip(pairs, flows, strict=True), strict=True)
        return _stack([samples[index] for index in range(len(numbers))])


def rotate(
    pair: torch.Tensor, flow: torch.Tensor, turns: int, mirrored: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror images and their flow left to right, then rotate them counter-clockwise.

    Parameters
    ----------
    pair : torch.Tensor, shape (C, H, W)
        Images.
    flow : torch.Tensor, shape (2, H, W)
        Displacement in pixels.
    turns : int
        Quarter turns. One turn rotates a displacement to the right into an upward one.
    mirrored : bool, optional
        Mirror before rotating.

    Returns
    -------
    pair : torch.Tensor, shape (C, H, W) or (C, W, H)
        The rotated images.
    flow : torch.Tensor, shape (2, H, W) or (2, W, H)
        The rotated displacement; its components are rotated as well.
    """
    if mirrored:
        pair = pair.flip(-1)
        flow = flow.flip(-1) * flow.new_tensor([-1, 1]).view(2, 1, 1)
    pair = torch.rot90(pair, turns, dims=(1, 2))
    flow = torch.rot90(flow, turns, dims=(1, 2))
    for _ in range(turns % 4):
        flow = torch.stack([flow[1], -flow[0]])
    return pair.contiguous(), flow.contiguous()


def _stack(
    samples: list[tuple[torch.Tensor, torch.Tensor]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples as one batch."""
    pairs, flows = zip(*samples, strict=True)
    return torch.stack(pairs), torch.stack(flows)
