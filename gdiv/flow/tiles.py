"""Training samples cut on the fly from images held in memory: no tile is ever stored.

A tile is an index: which pair, which window, how many quarter turns. Turning the images turns the
vectors too.
"""

from typing import NamedTuple

import numpy as np


class Tile(NamedTuple):
    """One sample. `set` is `train`, `validation` or `test`."""

    pair: int
    row: int
    column: int
    turns: int
    set: str


SHARES = {"train": 0.81, "validation": 0.09, "test": 0.10}  # the paper's 14,871 / 1,653 / 1,836


def list_tiles(
    pairs: int, glacier: np.ndarray, size: int, split: str, seed: int = 0, least_ice: float = 0.15
) -> list[Tile]:
    """All tiles of `pairs` pairs, half overlapping, four turns each, that hold at least `least_ice` glacier.

    Parameters
    ----------
    glacier
        bool `(H, W)`.
    split
        `random`: any tile to any set, as in the paper; tiles of different sets then show the same ice.
        `space`: one window is held out for validation and one for test, and every window that overlaps either is
        left out of training, so that no pixel is in two sets.

    Raises
    ------
    ValueError
        For an unknown split, a tile larger than the image, or a set that would be empty.
    """
    height, width = glacier.shape
    if size > min(height, width):
        raise ValueError(f"a tile of {size} pixels does not fit into images of {height} x {width}; take a smaller tile")
    if split not in ("random", "space"):
        raise ValueError(f"no split {split!r}; there are: random, space")
    rows, columns = (sorted({*range(0, n - size + 1, size // 2), n - size}) for n in glacier.shape)
    windows = [(r, c) for r in rows for c in columns if glacier[r : r + size, c : c + size].mean() >= least_ice]
    names = list(SHARES)
    if split == "space":
        sets = _apart(windows, size)
        tiles = [Tile(p, r, c, k, name) for p in range(pairs) for (r, c), name in sets.items() for k in range(4)]
    else:
        rng = np.random.default_rng(seed)
        every = [(p, r, c, k) for p in range(pairs) for r, c in windows for k in range(4)]
        sets = np.repeat(names, np.diff([0, *(np.cumsum(list(SHARES.values())) * len(every)).round().astype(int)]))
        tiles = [Tile(*tile, str(name)) for tile, name in zip(every, rng.permutation(sets), strict=True)]
    if empty := [name for name in names if not any(tile.set == name for tile in tiles)]:
        raise ValueError(
            f"no tile of {size} pixels is left for {', '.join(empty)} under the {split} split; take a smaller tile"
        )
    return tiles


def _apart(windows, size):
    """A window for validation and one for test that overlap neither each other nor any window left for training.

    Of all such couples the one that leaves most training windows; empty where there is none.
    """
    corners = np.array(windows, int).reshape(-1, 2)
    apart = (np.abs(corners[:, None] - corners[None]) >= size).any(-1)
    left = np.where(apart, apart.astype(int) @ apart.astype(int).T, 0)
    if not left.any():
        return {}
    validation, test = np.unravel_index(left.argmax(), left.shape)
    training = apart[validation] & apart[test]
    sets = {windows[validation]: "validation", windows[test]: "test"}
    return sets | {window: "train" for window, free in zip(windows, training, strict=True) if free}


class Samples:
    """Tiles as `(pair (2, size, size), flow (2, size, size))`, for `gdiv.flow.train.train`.

    Parameters
    ----------
    images
        Local contrast of the scenes, `(scene, H, W)` float32, NaN no data.
    scenes
        `(reference, secondary)` scene indices of each pair.
    labels
        `(pair, 2, H, W)` displacement in pixels, NaN where unknown or not to be learned.
    """

    def __init__(
        self,
        images: np.ndarray,
        scenes: list[tuple[int, int]],
        labels: np.ndarray,
        tiles: list[Tile],
        size: int,
        seed: int = 0,
    ):
        self.images, self.scenes, self.labels, self.tiles, self.size, self.seed = (
            images,
            scenes,
            labels,
            tiles,
            size,
            seed,
        )

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        tile = self.tiles[index]
        window = (slice(tile.row, tile.row + self.size), slice(tile.column, tile.column + self.size))
        pair = np.stack([self.images[scene][window] for scene in self.scenes[tile.pair]])
        return turn(pair, self.labels[tile.pair][:, window[0], window[1]], tile.turns)

    def draw(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Sample `number` of an endless, shuffled sequence; a pure function of the seed and the number."""
        epoch, place = divmod(number, len(self.tiles))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.tiles))
        return self[int(order[place])]


def turn(pair: np.ndarray, flow: np.ndarray, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and flow after `turns` quarter turns counter-clockwise: a step right becomes a step up."""
    pair, flow = (np.rot90(array, turns, axes=(1, 2)) for array in (pair, flow))
    for _ in range(turns % 4):
        flow = np.stack([flow[1], -flow[0]])
    return np.ascontiguousarray(pair), np.ascontiguousarray(flow)
