"""Robust penalties preserve margins and narrow ice, and measure large displacements."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from texture_pairs import move_texture

from gdiv.flow.horn_schunck.solver import DEFAULT, QUADRATIC, solve_horn_schunck

SIDE = 160
ROWS = np.arange(SIDE)[:, None] + np.zeros(SIDE)


def tongue(half_width, speed):
    """Plug flow along columns beside stable ground."""
    moving = np.abs(ROWS - SIDE / 2) <= half_width
    return moving, np.stack([np.where(moving, speed, 0.0), np.zeros_like(ROWS)])


@pytest.mark.parametrize("speed", [0.02, 0.3, 2.0, 14.0, 30.0, 60.0])
def test_a_shift_is_found_from_hundredths_to_sixty_pixels(speed):
    size = 160 + 2 * int(speed)
    pair = move_texture(np.array([speed, 0.0])[:, None, None], size=size)
    u, v = solve_horn_schunck(*pair)
    inner = (slice(16, -16), slice(16, -16 - int(speed)))
    assert np.median(np.abs(u[inner] - speed)) < max(0.02, 0.002 * speed)
    assert np.median(np.abs(v[inner])) < 0.02


@pytest.mark.parametrize(("half_width", "lost"), [(4, 0.3), (8, 0.05), (16, 0.03)])
def test_a_tongue_keeps_its_speed(half_width, lost):
    moving, flow = tongue(half_width, 4.0)
    pair = move_texture(flow, size=SIDE)
    u, _ = solve_horn_schunck(*pair)
    middle = moving & (np.abs(ROWS - SIDE / 2) <= half_width - 2)
    inside = (slice(None), slice(20, -20))
    assert u[inside][middle[inside]].mean() > (1 - lost) * 4
    quadratic, _ = solve_horn_schunck(*pair, QUADRATIC)
    assert u[inside][middle[inside]].mean() > quadratic[inside][middle[inside]].mean()


def test_a_step_is_located_correctly():
    moving, flow = tongue(20, 3.0)
    u, _ = solve_horn_schunck(*move_texture(flow, size=SIDE))
    inside = (slice(None), slice(20, -20))
    wrong = ((u > 1.5) != moving)[inside]
    beside = ndimage.distance_transform_edt(moving) + ndimage.distance_transform_edt(~moving)
    # Two margins, each of which may be off by one pixel.
    assert wrong[beside[inside] > 2].mean() < 0.002
    assert wrong[beside[inside] <= 2].mean() < 0.5


def test_swapped_images_reverse_the_motion_and_a_mirror_mirrors_it():
    pair = move_texture(np.array([2.4, -1.1])[:, None, None], size=128)
    inner = (slice(12, -12),) * 2
    u, v = (part[inner] for part in solve_horn_schunck(*pair))
    back = [part[inner] for part in solve_horn_schunck(pair[1], pair[0])]
    assert np.abs(np.median(u + back[0])) < 0.01 and np.abs(np.median(v + back[1])) < 0.01
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in pair]
    other = [part[:, ::-1][inner] for part in solve_horn_schunck(*mirrored)]
    assert np.abs(np.median(u + other[0])) < 0.01 and np.abs(np.median(v - other[1])) < 0.01
    turned = [np.ascontiguousarray(np.rot90(image)) for image in pair]
    other = [np.rot90(part, -1)[inner] for part in solve_horn_schunck(*turned)]
    assert np.abs(np.median(v + other[0])) < 0.01 or np.abs(np.median(v - other[0])) < 0.01


def test_gain_and_offset_change_nothing():
    pair = move_texture(np.array([1.3, 0.4])[:, None, None], size=96)
    plain = np.stack(solve_horn_schunck(*pair))
    changed = np.stack(solve_horn_schunck(pair[0], 3 * pair[1] + 20))
    assert np.quantile(np.abs(changed - plain), 0.99) < 0.05


def test_a_motion_beyond_the_reach_is_not_found():
    pair = move_texture(np.array([30.0, 0.0])[:, None, None], size=160)
    settings = replace(DEFAULT, reach=4.0)
    u, _ = solve_horn_schunck(*pair, settings)
    assert abs(np.median(u) - 30) > 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"penalty": "cubic"}, "robust, quadratic"),
        ({"reach": -1}, "reach must be at least 0"),
        ({"slopes": ()}, "slopes above 0"),
        ({"feature": "sobel"}, "needs feature='contrast'"),
    ],
)
def test_incompatible_settings_are_rejected(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(DEFAULT, **changes)
