"""Signs, axes, units and pixel centres that rooms share."""

import numpy as np
import pytest
import torch
import xarray as xr
from texture_pairs import shift_texture

import gdiv
from gdiv.flow.training.samples import rotate
from gdiv.velocity import annual


def test_velocity_is_in_metres_per_year_east_and_north():
    pixels = {"u": 2.0, "v": 3.0, "quality": 1.0}
    displacement = xr.Dataset(
        {
            n: (("pair", "y", "x"), np.full((1, 2, 2), value, np.float32))
            for n, value in pixels.items()
        }
    )
    displacement = displacement.assign_coords(years=("pair", [0.5])).assign_attrs(spacing=10.0)
    velocity = annual.to_velocity(displacement)
    assert float(velocity.vx[0, 0, 0]) == pytest.approx(40)
    assert float(velocity.vy[0, 0, 0]) == pytest.approx(-60)  # rows count down, north is up
    assert velocity.vx.attrs["units"] == "meter/year"


def test_rotation_and_mirroring_of_images_rotate_the_vectors():
    reference, secondary = shift_texture(3, -2)
    flow = np.stack([np.full_like(reference, 3), np.full_like(reference, -2)])
    for turns in range(4):
        for mirrored in (False, True):
            pair, turned = rotate(
                *map(torch.from_numpy, (np.stack([reference, secondary]), flow)), turns, mirrored
            )
            result = gdiv.match_images("dis", *pair.numpy())
            assert np.nanmedian(result.u) == pytest.approx(float(turned[0].mean()), abs=0.1)
            assert np.nanmedian(result.v) == pytest.approx(float(turned[1].mean()), abs=0.1)
    pair, flow = torch.from_numpy(np.stack([reference, secondary])), torch.from_numpy(flow)
    # A step to the right becomes a step up.
    assert rotate(pair, flow, 1)[1][:, 0, 0].tolist() == [-2, -3]
    assert rotate(pair, flow, 0, mirrored=True)[1][:, 0, 0].tolist() == [-3, -2]


def test_coordinates_are_pixel_centres(twin):
    grid, masks = twin["grid"], twin["masks"]
    left, top = grid.affine.c, grid.affine.f
    assert float(masks.x[0]) == left + 5 and float(masks.y[0]) == top - 5
    assert masks.y[0] > masks.y[-1]
