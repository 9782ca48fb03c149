"""Signs, axes, units and pixel centres, as `gdiv/__init__.py` states them."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage

import gdiv
from gdiv.flow.training.renderer import PairRenderer, fractal_textures
from gdiv.flow.training.samples import rotate
from gdiv.images import tensors
from gdiv.images.sampling import invert_flow
from gdiv.images.textures import fractal_texture
from gdiv.velocity import annual

#: All that claim to find motion.
MATCHERS = [name for name in gdiv.list_matchers() if name not in ("zero", "still")]
#: Accepted error of the median of a shift of whole pixels.
TOLERANCE = {"raft": 0.35, "phase-correlation": 0.3}


def shifted(u, v, size=160):
    """A texture and the same moved by whole pixels, u right and v down."""
    texture = fractal_texture(256, 1.3, 3)
    reference = texture[40 : 40 + size, 40 : 40 + size]
    return reference, texture[40 - v : 40 - v + size, 40 - u : 40 - u + size]


@pytest.mark.parametrize("name", MATCHERS)
def test_every_matcher_finds_a_known_shift_with_its_sign(name):
    reference, secondary = shifted(3, -2)
    found = gdiv.match_images(name, reference, secondary)
    inner = (slice(24, -24),) * 2
    tolerance = TOLERANCE.get(name, 0.1)
    assert np.median(found.u[inner]) == pytest.approx(3, abs=tolerance)
    assert np.median(found.v[inner]) == pytest.approx(-2, abs=tolerance)
    assert found.u.dtype == found.v.dtype == found.quality.dtype == np.float32
    assert found.quality.min() >= 0 and found.quality.max() <= 1
    assert np.median(found.quality[inner]) > 0.9


@pytest.mark.parametrize("name", MATCHERS)
def test_no_data_stays_no_data_and_does_not_spread(name):
    reference, secondary = shifted(2, 1)
    hole = reference.copy()
    hole[60:80, 60:80] = np.nan
    found = gdiv.match_images(name, hole, secondary)
    assert np.isnan(found.u[60:80, 60:80]).all() and (found.quality[60:80, 60:80] == 0).all()
    assert np.isfinite(found.u[24:40, 24:-24]).all()


def test_unknown_matcher_lists_what_exists():
    with pytest.raises(ValueError, match="correlation, dis, farneback, horn-schunck"):
        gdiv.match_images("optical-flow", *shifted(1, 1))


def test_images_of_different_shape_are_refused():
    reference, secondary = shifted(1, 1)
    with pytest.raises(ValueError, match="one .H, W. shape"):
        gdiv.match_images("dis", reference, secondary[:-1])


def test_zero_flow_is_zero():
    found = gdiv.match_images("zero", *shifted(3, 2))
    known = np.isfinite(found.u)
    assert known.mean() > 0.95 and not found.u[known].any() and (found.quality[known] == 1).all()


def test_velocity_is_metres_a_year_east_and_north():
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


def test_turns_and_mirrors_turn_the_vectors():
    reference, secondary = shifted(3, -2)
    flow = np.stack([np.full_like(reference, 3), np.full_like(reference, -2)])
    for turns in range(4):
        for mirrored in (False, True):
            pair, turned = rotate(
                *map(torch.from_numpy, (np.stack([reference, secondary]), flow)), turns, mirrored
            )
            found = gdiv.match_images("dis", *pair.numpy())
            assert np.nanmedian(found.u) == pytest.approx(float(turned[0].mean()), abs=0.1)
            assert np.nanmedian(found.v) == pytest.approx(float(turned[1].mean()), abs=0.1)
    pair, flow = torch.from_numpy(np.stack([reference, secondary])), torch.from_numpy(flow)
    assert rotate(pair, flow, 1)[1][:, 0, 0].tolist() == [-2, -3]  # a step right becomes a step up
    assert rotate(pair, flow, 0, mirrored=True)[1][:, 0, 0].tolist() == [-3, -2]


def test_synthetic_flow_is_exact():
    ((_, flow),) = PairRenderer(fractal_textures(4, 5), 64, 6, seed=5, difficulty=0).samples(1)
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(64)))
    for points in (invert_flow(flow), tensors.invert_flow(torch.from_numpy(flow)[None])[0].numpy()):
        there = np.stack(
            [ndimage.map_coordinates(part, points[::-1], order=1, mode="nearest") for part in flow]
        )
        assert np.abs(points + there - grid).max() < 0.02


def test_coordinates_are_pixel_centres(found):
    grid, masks = found["grid"], found["masks"]
    left, top = grid.affine.c, grid.affine.f
    assert float(masks.x[0]) == left + 5 and float(masks.y[0]) == top - 5
    assert masks.y[0] > masks.y[-1]
