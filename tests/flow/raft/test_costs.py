"""The cost volume."""

import torch

from gdiv.flow.raft.costs import CostVolume


def test_local_and_full_cost_volumes_have_the_same_maximum():
    torch.manual_seed(1)
    second = torch.randn(1, 16, 12, 14)
    # 1 row down, 2 columns left: first(x) = second(x + flow).
    first = torch.roll(second, (-1, 2), dims=(2, 3))
    for reach in (3, 0):
        costs = CostVolume(first, second, reach, 3, 1, torch.tensor(2.7))
        plane = costs.lookup(torch.zeros(1, 2, 12, 14))[0, -49:, 5, 6]
        row, column = divmod(int(plane.argmax()), 7)
        assert (column - 3, row - 3) == (-2, 1)
