"""Pairs of a texture and the same texture moved by a known displacement."""

import numpy as np
from scipy import ndimage

from gdiv.images.sampling import invert_flow
from gdiv.images.textures import fractal_texture, random_flow


def shift_texture(u, v, size=160):
    """Return a texture and itself moved by whole pixels, `u` right and `v` down."""
    texture = fractal_texture(256, 1.3, 3)
    reference = texture[40 : 40 + size, 40 : 40 + size]
    return reference, texture[40 - v : 40 - v + size, 40 - u : 40 - u + size]


def move_texture(flow, seed=0, size=128):
    """Return a texture and the same texture moved exactly by a `(2, H, W)` flow, with splines."""
    spline = ndimage.spline_filter(fractal_texture(256, 1.5, seed), mode="grid-wrap")
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="xy")).astype(np.float32)
    origins = invert_flow(np.broadcast_to(flow, grid.shape).astype(np.float32))
    return [
        ndimage.map_coordinates(
            spline, points[::-1] + 40, order=3, mode="grid-wrap", prefilter=False
        ).astype(np.float32)
        for points in (grid, origins)
    ]


def make_clean_pairs():
    """Make four `(pair, flow)`: smooth motion, and tongues between stable banks."""
    flows = [random_flow((128, 128), 6, np.random.default_rng([7, i])) for i in range(4)]
    return [(np.stack(move_texture(flow, seed)), flow) for seed, flow in enumerate(flows)]
