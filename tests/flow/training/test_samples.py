"""Cut, rotate and mix training samples."""

import numpy as np
import torch

from gdiv.flow.training import tiles
from gdiv.flow.training.samples import Mixture, Samples, rotate


def test_samples_are_repeatable_and_cover_all_tiles():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 200, 200)).astype(np.float32)
    labels = rng.normal(size=(1, 2, 200, 200)).astype(np.float32)
    listed = tiles.list_tiles([(0, 1)], np.ones((200, 200), bool), 64, "random")
    samples = Samples(images, [(0, 1)], labels, listed, 64, seed=3)
    pair, _ = samples[1]
    tile = listed[1]
    window = images[0, tile.row : tile.row + 64, tile.column : tile.column + 64]
    assert tile.turns == 1 and np.array_equal(pair[0], np.rot90(window))
    assert all(
        torch.equal(a, b) for a, b in zip(samples.draw([17, 3]), samples.draw([17, 3]), strict=True)
    )
    drawn = samples.draw(range(len(listed)))[0]
    # Each tile occurs once, mirrored or not: its sorted values identify it.
    assert {float(p[0].sort().values.sum()) for p in drawn.flatten(2).sort(2).values[:, :, :7]} == {
        float(
            torch.from_numpy(samples[n][0]).flatten(1).sort(1).values[:, :7][0].sort().values.sum()
        )
        for n in range(len(listed))
    }


def test_samples_of_a_rotated_scene_are_rotated_samples():
    """Cutting, rotating and mirroring commute with a rotation of the scene."""
    rng = np.random.default_rng(1)
    images = torch.from_numpy(rng.normal(size=(2, 96, 96)).astype(np.float32))
    labels = torch.from_numpy(rng.normal(size=(2, 96, 96)).astype(np.float32))
    turned = rotate(images, labels, 1)
    whole = Samples(
        images.numpy(), [(0, 1)], labels[None].numpy(), [tiles.Tile(0, 10, 30, 2, "train")], 40
    )
    # A quarter turn takes row r, column c of a window to row 96 - 40 - c, column r.
    other = Samples(
        turned[0].numpy(),
        [(0, 1)],
        turned[1][None].numpy(),
        [tiles.Tile(0, 96 - 40 - 30, 10, 1, "train")],
        40,
    )
    for one, two in zip(whole[0], other[0], strict=True):
        assert np.array_equal(one, two)


def test_a_mixture_draws_the_stated_number_from_each_source():
    def source(value):
        return lambda numbers: (
            torch.full((len(numbers), 2), value),
            torch.tensor([[float(n)] for n in numbers]),
        )

    mixed = Mixture([(source(1.0), 5), (source(2.0), 3)])
    values, numbers = mixed(range(16))
    assert values[:, 0].tolist() == ([1.0] * 5 + [2.0] * 3) * 2
    assert numbers[:5, 0].tolist() == [0, 1, 2, 3, 4] and numbers[8:13, 0].tolist() == [
        5,
        6,
        7,
        8,
        9,
    ]
    assert numbers[5:8, 0].tolist() == [0, 1, 2] and numbers[13:, 0].tolist() == [3, 4, 5]
    assert mixed([5, 0])[0][:, 0].tolist() == [2.0, 1.0]
    nested = Mixture([(source(1.0), 5), (Mixture([(source(2.0), 1), (source(3.0), 1)]), 3)])
    drawn = nested(range(80))[0][:, 0]
    assert [(drawn == value).sum() for value in (1, 2, 3)] == [50, 15, 15]
