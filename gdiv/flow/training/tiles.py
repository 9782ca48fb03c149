"""Lists of training tiles, and their division into training, validation and test.

A tile is an index and never stored: a pair, a window and a number of quarter turns.
`gdiv.flow.training.samples` cuts its pixels.
"""

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import numpy as np

from gdiv.images.arrays import Mask

__all__ = ["SETS", "SPLITS", "Tile", "all_splits", "largest_tile_size", "list_tiles"]

SETS = ("train", "validation", "test")
SPLITS = ("random", "space", "date")
#: Fraction held out for test, and fraction of the remainder held out for validation. A random split
#: then has the counts of the paper: 14,871 for training, 1,653 for validation and 1,836 for test.
HELD_OUT = 0.1
#: Minimum fraction of glacier in a tile.
MIN_ICE = 0.05
#: Distance between tiles, as a fraction of their side; gives the number of tiles in the paper.
TILE_STEP = Fraction(5, 16)
#: Quarter turns of a window.
TURNS = 4
#: Smallest side that `largest_tile_size` tries, in pixels.
MIN_TILE_SIZE = 48
#: Tile sizes are multiples of this many pixels, as the network pads its images to them.
TILE_SIZE_STEP = 8
#: Minimum number of remaining windows, relative to the maximum over all held-out choices.
MIN_REMAINING_FRACTION = 0.5
#: One in this many scenes is held out for validation, and as many for test.
HELD_OUT_SCENES = 4
#: Random divisions of the scenes that are compared.
DIVISIONS = 300

#: Upper left corner of a tile, (row, column).
Window: TypeAlias = tuple[int, int]


class Tile(NamedTuple):
    """Index of one sample.

    Attributes
    ----------
    pair : int
        Number of the pair.
    row : int
        Row of the upper left corner of the window.
    column : int
        Column of the upper left corner.
    turns : int
        Quarter turns, counter-clockwise.
    set : {"train", "validation", "test"}
        Set that the sample belongs to.
    """

    pair: int
    row: int
    column: int
    turns: int
    set: str


def list_tiles(
    scenes: Sequence[tuple[int, int]],
    glacier: Mask,
    size: int,
    split: str,
    seed: int = 0,
) -> list[Tile]:
    """List the tiles of all pairs that are at least 5 % glacier.

    Windows are spaced by 5/16 of their side, and each is used in four rotations. For windows of 256
    pixels and the outline of the twin of Mer de Glace, this gives 108 tiles per pair and 18,360 for
    170 pairs, as in the paper.

    Parameters
    ----------
    scenes : sequence of (int, int)
        Numbers of the reference and the secondary scene of each pair.
    glacier : ndarray of bool, shape (H, W)
        True on the glacier.
    size : int
        Side of a tile, in pixels.
    split : {"random", "space", "date"}
        Method of dividing tiles into sets. "random" assigns any tile to any set, so that tiles of
        different sets show the same ice; the paper does not state its split. "space" holds out one
        window rich in ice for test and one for validation, and drops every window that overlaps
        either, so that no pixel is in two sets. "date" assigns scenes to sets and drops pairs
        whose scenes are of two sets, so that no scene is in two sets.
    seed : int, optional
        Seed of the random choices.

    Returns
    -------
    list of Tile
        All tiles with their sets.

    Raises
    ------
    ValueError
        For an unknown split, a tile larger than the image, or a set that would be empty.

    Examples
    --------
    >>> glacier = np.ones((200, 200), bool)
    >>> tiles = list_tiles([(0, 1)], glacier, 64, "space")
    >>> tiles[0]
    Tile(pair=0, row=0, column=0, turns=0, set='validation')
    >>> {name: sum(tile.set == name for tile in tiles) for name in SETS}
    {'train': 128, 'validation': 4, 'test': 4}
    """
    height, width = glacier.shape
    if size > min(height, width):
        raise ValueError(
            f"a tile of {size} pixels does not fit into images of {height} x {width}; "
            "take a smaller tile"
        )
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose from: {', '.join(SPLITS)}")
    ice = _ice_fractions(glacier, size)
    windows = [window for window, fraction in ice.items() if fraction >= MIN_ICE]
    rng = np.random.default_rng(seed)
    if split == "random":
        tiles = _split_randomly(len(scenes), windows, rng)
    elif split == "space":
        window_sets = _hold_out_windows(windows, ice, size)
        tiles = [
            Tile(pair, *window, turns, window_sets[window])
            for pair in range(len(scenes))
            for window in windows
            for turns in range(TURNS)
            if window in window_sets
        ]
    else:
        pair_sets = _hold_out_scenes(scenes, rng)
        tiles = [
            Tile(pair, *window, turns, name)
            for pair, name in sorted(pair_sets.items())
            for window in windows
            for turns in range(TURNS)
        ]
    if empty := [name for name in SETS if not any(tile.set == name for tile in tiles)]:
        advice = "take more scenes" if split == "date" else "take a smaller tile"
        raise ValueError(
            f"no tile of {size} pixels is left for {', '.join(empty)} under the {split} split; "
            f"{advice}"
        )
    return tiles


def largest_tile_size(scenes: Sequence[tuple[int, int]], glacier: Mask, size: int) -> int:
    """Find the largest tile size for which a split by space leaves no set empty.

    Images with coarse pixels, such as Landsat's, are small and need smaller tiles.

    Parameters
    ----------
    scenes : sequence of (int, int)
        Numbers of the reference and the secondary scene of each pair.
    glacier : ndarray of bool, shape (H, W)
        True on the glacier.
    size : int
        Largest side to try, in pixels; it is reduced in steps of 8.

    Returns
    -------
    int
        Pixels.

    Raises
    ------
    ValueError
        If even tiles of 48 pixels leave a set empty.
    """
    for side in range(size, MIN_TILE_SIZE, -TILE_SIZE_STEP):
        try:
            list_tiles(scenes, glacier, side, "space")
            return side
        except ValueError:
            continue
    list_tiles(scenes, glacier, MIN_TILE_SIZE, "space")
    return MIN_TILE_SIZE


def all_splits(
    scenes: Sequence[tuple[int, int]], glacier: Mask, size: int, seed: int = 0
) -> dict[str, list[Tile]]:
    """List the tiles of every split.

    Parameters
    ----------
    scenes : sequence of (int, int)
        Numbers of the reference and the secondary scene of each pair.
    glacier : ndarray of bool, shape (H, W)
        True on the glacier.
    size : int
        Side of a tile, in pixels.
    seed : int, optional
        Seed of the random choices.

    Returns
    -------
    dict of str to list of Tile
        Tiles by split. The split by date is missing if there are too few scenes for it.

    Raises
    ------
    ValueError
        If the random split or the split by space leaves a set empty.
    """
    splits = {name: list_tiles(scenes, glacier, size, name, seed) for name in ("random", "space")}
    with suppress(ValueError):
        splits["date"] = list_tiles(scenes, glacier, size, "date", seed)
    return splits


def _ice_fractions(glacier: Mask, size: int) -> dict[Window, float]:
    """Glacier fraction of each window; the last row and column of windows touch the edge."""
    step = max(int(size * TILE_STEP), 1)
    rows, columns = (
        sorted({*range(0, side - size + 1, step), side - size}) for side in glacier.shape
    )
    return {
        (row, column): glacier[row : row + size, column : column + size].mean()
        for row in rows
        for column in columns
    }


def _split_randomly(pairs: int, windows: list[Window], rng: np.random.Generator) -> list[Tile]:
    """All tiles, each assigned to a set at random."""
    count = pairs * len(windows) * TURNS
    # Rounding up, and choosing test before validation, gives the counts of the paper.
    test = int(np.ceil(count * HELD_OUT))
    validation = int(np.ceil((count - test) * HELD_OUT))
    train = count - test - validation
    sets = iter(rng.permutation(np.repeat(SETS, (train, validation, test))))
    return [
        Tile(pair, *window, turns, str(next(sets)))
        for pair in range(pairs)
        for window in windows
        for turns in range(TURNS)
    ]


def _hold_out_windows(
    windows: list[Window], ice: dict[Window, float], size: int
) -> dict[Window, str]:
    """Assign windows to sets: one for validation, one for test, and the rest for training.

    The two held-out windows do not overlap, and windows that overlap either are dropped. Among the
    choices that leave at least half of the maximum number of training windows, the function takes
    the one that maximises the ice in the poorer held-out window. The result is empty if there is
    no valid choice.
    """
    corners = np.array(windows, int).reshape(-1, 2)
    fraction = np.array([ice[window] for window in windows])
    disjoint = (np.abs(corners[:, None] - corners[None]) >= size).any(-1)
    # For every two disjoint windows: the windows that overlap neither of them.
    counts = disjoint.astype(np.float32)
    left = np.where(disjoint, counts @ counts, 0)
    if not left.any():
        return {}
    poorer = np.minimum(fraction[:, None], fraction[None])
    allowed = (left > 0) & (left >= left.max() * MIN_REMAINING_FRACTION)
    best = np.where(allowed, poorer, -1).argmax()
    validation, test = np.unravel_index(best, left.shape)
    if fraction[validation] > fraction[test]:
        validation, test = test, validation
    training = disjoint[validation] & disjoint[test]
    sets = {windows[validation]: "validation", windows[test]: "test"}
    return sets | {window: "train" for window, free in zip(windows, training, strict=True) if free}


def _hold_out_scenes(scenes: Sequence[tuple[int, int]], rng: np.random.Generator) -> dict[int, str]:
    """Assign pairs to sets by random divisions of the scenes, a quarter each for the held-out sets.

    Among the divisions that leave no set empty, the function takes the one with most training
    pairs. The result is empty if there is none.
    """
    best: dict[int, str] = {}
    for _ in range(DIVISIONS):
        sets = _divide_scenes(scenes, rng)
        pairs = {
            number: sets[reference]
            for number, (reference, secondary) in enumerate(scenes)
            if sets[reference] == sets[secondary]
        }
        trained = list(pairs.values()).count("train")
        if set(pairs.values()) == set(SETS) and trained > list(best.values()).count("train"):
            best = pairs
    return best


def _divide_scenes(scenes: Sequence[tuple[int, int]], rng: np.random.Generator) -> dict[int, str]:
    """Set of each scene; references and secondaries are divided independently."""
    sets: dict[int, str] = {}
    for end in (0, 1):
        order = rng.permutation(sorted({pair[end] for pair in scenes}))
        held_out = max(len(order) // HELD_OUT_SCENES, 1)
        train = max(len(order) - 2 * held_out, 0)
        names = ["test"] * held_out + ["validation"] * held_out + ["train"] * train
        # A scene that occurs both as a secondary and as a reference keeps its set.
        for scene, name in zip(order, names, strict=False):
            sets.setdefault(int(scene), name)
    return sets
