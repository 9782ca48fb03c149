"""Training samples cut on the fly from images held in memory or on the GPU: no tile is ever stored.

A tile is an index: which pair, which window, how many quarter turns, mirrored or not. Turning or mirroring the
images does the same to the vectors.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch


class Tile(NamedTuple):
    """One sample. `set` is `train`, `validation` or `test`."""

    pair: int
    row: int
    column: int
    turns: int
    set: str


SETS = ("train", "validation", "test")
HELD_OUT = 0.1  # for test, and of the rest for validation: the paper's 14,871 / 1,653 / 1,836
MIN_ICE = 0.05  # share of a tile
MIN_TILE_SIZE = 48  # pixels a side
SPLITS = ("random", "space", "date")


def list_tiles(
    scenes: Sequence[tuple[int, int]],
    glacier: np.ndarray,
    size: int,
    split: str,
    seed: int = 0,
) -> list[Tile]:
    """All tiles of the pairs, 5/16 of a side apart, four turns each, that hold at least a twentieth of glacier.

    With tiles of 256 pixels and the outline of the twin of Mer de Glace these are 108 per pair, and
    18,360 for 170 pairs, which is the paper's count.

    Parameters
    ----------
    scenes
        `(reference, secondary)` scene indices of each pair.
    glacier
        bool `(H, W)`.
    split
        `random`: any tile to any set; tiles of different sets then show the same ice. The paper does not say how it
        splits.
        `space`: a window rich in ice is held out for test and another for validation, and every window that overlaps
        either is left out of training, so that no pixel is in two sets.
        `date`: scenes are dealt to the sets, and pairs whose scenes are of two sets are left out, so that no scene
        is in two sets.

    Raises
    ------
    ValueError
        For an unknown split, a tile larger than the image, or a set that would be empty.
    """
    height, width = glacier.shape
    if size > min(height, width):
        raise ValueError(
            f"a tile of {size} pixels does not fit into images of {height} x {width}; take a smaller tile"
        )
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; there are: {', '.join(SPLITS)}")
    rows, columns = (
        sorted({*range(0, n - size + 1, max(size * 5 // 16, 1)), n - size}) for n in glacier.shape
    )
    ice = {(r, c): glacier[r : r + size, c : c + size].mean() for r in rows for c in columns}
    windows = [window for window, share in ice.items() if share >= MIN_ICE]
    rng = np.random.default_rng(seed)
    every = [(p, r, c, k) for p in range(len(scenes)) for r, c in windows for k in range(4)]
    if split == "random":
        # Rounded up, test before validation: the paper's counts.
        test = int(np.ceil(len(every) * HELD_OUT))
        validation = int(np.ceil((len(every) - test) * HELD_OUT))
        counts = len(every) - test - validation, validation, test
        sets = rng.permutation(np.repeat(SETS, counts))
        tiles = [Tile(*tile, str(name)) for tile, name in zip(every, sets, strict=True)]
    else:
        of = (
            _hold_out_windows(windows, ice, size)
            if split == "space"
            else _hold_out_scenes(scenes, rng)
        )
        sets = [of.get((tile[1], tile[2]) if split == "space" else tile[0]) for tile in every]
        tiles = [Tile(*tile, name) for tile, name in zip(every, sets, strict=True) if name]
    if empty := [name for name in SETS if not any(tile.set == name for tile in tiles)]:
        cure = "take more scenes" if split == "date" else "take a smaller tile"
        raise ValueError(
            f"no tile of {size} pixels is left for {', '.join(empty)} under the {split} split; {cure}"
        )
    return tiles


def largest_tile_size(scenes: Sequence[tuple[int, int]], glacier: np.ndarray, size: int) -> int:
    """The largest side up to `size`, a multiple of 8, with which a split by space leaves every set a tile.

    Coarse pixels, such as Landsat's, make small images.

    Raises
    ------
    ValueError
        If even tiles of 48 pixels leave a set empty.
    """
    for side in range(size, MIN_TILE_SIZE, -8):
        try:
            list_tiles(scenes, glacier, side, "space")
            return side
        except ValueError:
            continue
    list_tiles(scenes, glacier, MIN_TILE_SIZE, "space")
    return MIN_TILE_SIZE


def all_splits(scenes, glacier: np.ndarray, size: int, seed: int = 0) -> dict[str, list[Tile]]:
    """`list_tiles` by the name of the split; the one by date is missing where there are too few scenes for it."""
    found = {name: list_tiles(scenes, glacier, size, name, seed) for name in ("random", "space")}
    try:
        return found | {"date": list_tiles(scenes, glacier, size, "date", seed)}
    except ValueError:
        return found


def _hold_out_windows(windows, ice, size):
    """Sets by window: one for validation and one for test that overlap neither each other nor any left for training.

    Of the couples that leave at least half of the windows that any couple leaves, the one whose poorer window has most
    ice; empty where there is none.
    """
    corners, share = (
        np.array(windows, int).reshape(-1, 2),
        np.array([ice[window] for window in windows]),
    )
    apart = (np.abs(corners[:, None] - corners[None]) >= size).any(-1)
    left = np.where(apart, apart.astype(np.float32) @ apart.astype(np.float32), 0)
    if not left.any():
        return {}
    worth = np.where(
        (left > 0) & (left >= left.max() / 2), np.minimum(share[:, None], share[None]), -1
    )
    validation, test = np.unravel_index(worth.argmax(), left.shape)
    if share[validation] > share[test]:
        validation, test = test, validation
    training = apart[validation] & apart[test]
    sets = {windows[validation]: "validation", windows[test]: "test"}
    return sets | {window: "train" for window, free in zip(windows, training, strict=True) if free}


def _hold_out_scenes(scenes, rng, tries=300):
    """Sets by pair: scenes of each end are dealt at random, one in four to validation and to test.

    Of some dealings the one that gives every set a pair and training most; empty where none does.
    """
    best = {}
    for _ in range(tries):
        sets = {}
        for end in (0, 1):
            found = rng.permutation(sorted({pair[end] for pair in scenes}))
            held = max(len(found) // 4, 1)
            dealt = (
                ["test"] * held + ["validation"] * held + ["train"] * max(len(found) - 2 * held, 0)
            )
            # A scene that ends one pair and begins another stays in its set.
            for scene, name in zip(found, dealt, strict=False):
                sets.setdefault(int(scene), name)
        pairs = {i: sets[a] for i, (a, b) in enumerate(scenes) if sets[a] == sets[b]}
        trained = list(pairs.values()).count("train")
        if set(pairs.values()) == set(SETS) and trained > list(best.values()).count("train"):
            best = pairs
    return best


class Samples:
    """Tiles as pairs and flows, for `gdiv.flow.training.loop.train`.

    Parameters
    ----------
    images
        The scenes, `(scene, H, W)` or `(scene, C, H, W)` float32 on any scale, NaN no data.
    scenes
        `(reference, secondary)` scene indices of each pair.
    labels
        `(pair, 2, H, W)` displacement in pixels, NaN where unknown or not to be learned.
    device
        Where images and labels are kept, and where samples are cut.
    """

    def __init__(
        self,
        images: np.ndarray,
        scenes: list[tuple[int, int]],
        labels: np.ndarray,
        tiles: list[Tile],
        size: int,
        seed: int = 0,
        device: str = "cpu",
    ):
        self.images, self.labels = (
            torch.from_numpy(array).to(device) for array in (images, labels)
        )
        self.scenes, self.tiles, self.size, self.seed = scenes, tiles, size, seed

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Tile `index` as `(pair (2 C, size, size), flow (2, size, size))`."""
        return tuple(part.cpu().numpy() for part in self._cut(index))

    def spread(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """About `count` of the samples, evenly over all."""
        return [self[index] for index in range(0, len(self), max(1, len(self) // count))]

    def _cut(self, index, mirrored=False):
        tile = self.tiles[index]
        window = (
            ...,
            slice(tile.row, tile.row + self.size),
            slice(tile.column, tile.column + self.size),
        )
        pair = torch.stack(
            [self.images[scene][window] for scene in self.scenes[tile.pair]]
        ).flatten(0, -3)
        return rotate(pair, self.labels[tile.pair][window], tile.turns, mirrored)

    def draw(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples of an endless, shuffled sequence, half of them mirrored: a pure function of seed and numbers."""
        found = []
        for number in numbers:
            epoch, place = divmod(number, len(self.tiles))
            rng = np.random.default_rng([self.seed, epoch])
            order, mirrored = rng.permutation(len(self.tiles)), rng.random(len(self.tiles)) < 0.5
            found.append(self._cut(int(order[place]), bool(mirrored[place])))
        return tuple(torch.stack(part) for part in zip(*found, strict=True))


class Mixture:
    """Samples from several sources; of every batch each gives its share."""

    def __init__(self, sources: list[tuple[Callable, int]]):
        self.sources = sources
        self.slots = [
            (which, own) for which, (_, share) in enumerate(sources) for own in range(share)
        ]

    def __call__(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        asked = {}  # of each source its own numbers, without gaps, and for which samples
        for place, number in enumerate(numbers):
            batch, slot = divmod(number, len(self.slots))
            which, own = self.slots[slot]
            asked.setdefault(which, []).append((batch * self.sources[which][1] + own, place))
        found = [None] * len(numbers)
        for which, wanted in asked.items():
            parts = self.sources[which][0]([number for number, _ in wanted])
            for (_, place), *sample in zip(wanted, *parts, strict=True):
                found[place] = sample
        return tuple(torch.stack(part) for part in zip(*found, strict=True))


def rotate(
    pair: torch.Tensor, flow: torch.Tensor, turns: int, mirrored: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and flow, mirrored left to right and then turned counter-clockwise by quarters: right becomes up."""
    if mirrored:
        pair, flow = pair.flip(-1), flow.flip(-1) * flow.new_tensor([-1, 1]).view(2, 1, 1)
    pair, flow = (torch.rot90(array, turns, dims=(1, 2)) for array in (pair, flow))
    for _ in range(turns % 4):
        flow = torch.stack([flow[1], -flow[0]])
    return pair.contiguous(), flow.contiguous()
