"""A network and training pairs small enough for tests."""

import torch

from gdiv.flow.raft import network as raft
from gdiv.flow.training.renderer import PairRenderer, fractal_textures

TINY = raft.RaftConfig(narrow=8, features=16, hidden=16, fine=4, reach=2, radius=1, iterations=2)
TEXTURES = fractal_textures(4, 3)


def make_network():
    """Make an untrained network, always with the same weights."""
    torch.manual_seed(0)
    return raft.Raft(TINY)


def make_renderer(size=64, reach=3, seed=2, difficulty=0.0):
    """Make a renderer of training pairs; without degradation by default."""
    return PairRenderer(TEXTURES, size, reach, seed, difficulty)
