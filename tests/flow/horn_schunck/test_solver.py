"""The solver: known motion, missing data, and the paper's equations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from texture_pairs import move_texture

from gdiv.flow.horn_schunck.median import median_filter
from gdiv.flow.horn_schunck.solver import PAPER, QUADRATIC, Settings, solve_horn_schunck
from gdiv.images.textures import fractal_texture

CLEAN = replace(QUADRATIC, weight=1, median=1)
INNER = (slice(10, -10),) * 2


def mean_error(estimate, flow):
    """Mean distance between two flows in pixels, excluding the rim."""
    return np.hypot(*(np.stack(estimate) - flow))[INNER].mean()


def test_masked_elements_are_no_data():
    """The masked values would mislead the solver."""
    flow = np.array([1.0, -0.5], np.float32)[:, None, None]
    reference, secondary = move_texture(flow)
    hidden = np.zeros(reference.shape, bool)
    hidden[40:60, 40:60] = True
    void = np.where(hidden, np.nan, reference)
    masked = np.ma.masked_array(np.where(hidden, 1e4, reference), hidden)
    expected = solve_horn_schunck(void, secondary, CLEAN)
    assert np.array_equal(solve_horn_schunck(masked, secondary, CLEAN), expected)


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, -3.0), (0.3, -0.7), (7.25, 4.5)])
def test_the_solver_recovers_a_shift(shift):
    """`u` (along columns) and `v` (along rows) are accurate to a thirtieth of a pixel."""
    flow = np.asarray(shift, np.float32)[:, None, None]
    u, v = solve_horn_schunck(*move_texture(flow), CLEAN)
    assert mean_error((u, v), flow) < 0.033
    assert np.median(u) == pytest.approx(shift[0], abs=0.02) and np.median(v) == pytest.approx(
        shift[1], abs=0.02
    )


def test_the_solver_recovers_smooth_motion(clean_pairs):
    assert (
        np.mean([mean_error(solve_horn_schunck(*pair, CLEAN), flow) for pair, flow in clean_pairs])
        < 0.1
    )
    assert (
        np.mean([mean_error(solve_horn_schunck(*pair), flow) for pair, flow in clean_pairs]) < 0.2
    )


def test_a_velocity_ramp_is_recovered_without_bias():
    """Neither interpolation nor smoothness biases velocity that grows along the glacier."""
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
    flow = np.stack([0.03 * (x - 64) + 2, 0.02 * (y - 64)])
    u, v = solve_horn_schunck(*move_texture(flow), CLEAN)
    for result, true in zip((u, v), flow, strict=True):
        slope = np.polyfit(true[INNER].ravel(), result[INNER].ravel(), 1)[0]
        assert slope == pytest.approx(1, abs=0.01)


def test_changes_of_brightness_hardly_affect_local_contrast(clean_pairs):
    """A gain, a smooth shading and an offset leave local contrast unchanged, unlike brightness."""
    pair, flow = clean_pairs[0]
    y, x = np.mgrid[0:128, 0:128] / 128
    changed = (pair[1] * (0.6 + 0.8 * x) + 3 * y).astype(np.float32)
    contrast = mean_error(solve_horn_schunck(pair[0], changed), flow)
    brightness = mean_error(
        solve_horn_schunck(pair[0], changed, replace(QUADRATIC, feature="brightness")), flow
    )
    assert contrast < 0.3 and contrast < 0.3 * brightness


def test_the_flow_does_not_depend_on_the_scale_of_brightness(clean_pairs):
    pair, _ = clean_pairs[0]
    plain = np.stack(solve_horn_schunck(*pair))
    for gain, offset in ((1e-7, 0), (1e-4, 0.2), (3000, 8000)):
        assert np.abs(np.stack(solve_horn_schunck(*(gain * pair + offset))) - plain).max() < 0.02
    high = pair.astype(np.float64) + 1e6
    assert np.abs(np.stack(solve_horn_schunck(*high)) - plain).max() < 0.02


def test_pixels_without_data_have_no_influence(clean_pairs):
    pair, flow = clean_pairs[1]
    hole = pair.copy()
    hole[1, 50:70, 50:70] = np.nan
    filled = np.where(np.isnan(hole), np.float32(1000), hole)
    u, v = solve_horn_schunck(*hole)
    wrong, _ = solve_horn_schunck(*filled)
    assert np.isfinite(u).all() and np.isfinite(v).all()
    ring = (slice(40, 80), slice(40, 80))
    assert np.hypot(u - flow[0], v - flow[1])[ring].mean() < 0.5
    assert np.abs(wrong - flow[0])[ring].mean() > 2 * np.abs(u - flow[0])[ring].mean()
    assert not np.any(solve_horn_schunck(np.full((64, 64), np.nan), np.full((64, 64), np.nan)))


@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (7, 3), (17, 16), (33, 61), (65, 130), (96, 41)])
def test_images_of_any_size_are_solved(shape):
    image = fractal_texture(160, 1.5, 3)[: shape[0], : shape[1]]
    u, v = solve_horn_schunck(image, image)
    assert u.shape == v.shape == shape and np.abs(u).max() < 1e-3 and np.abs(v).max() < 1e-3


def test_infinite_and_fill_values_count_as_no_data(clean_pairs):
    pair, _ = clean_pairs[1]
    hole = pair.copy()
    hole[1, 50:70, 50:70] = np.nan
    expected = np.stack(solve_horn_schunck(*hole))
    for fill in (np.inf, -np.inf, -3.4e38):
        filled = np.where(np.isnan(hole), np.float32(fill), hole)
        assert np.array_equal(np.stack(solve_horn_schunck(*filled)), expected)
    field = np.ones((20, 20), np.float32)
    field[3, 3] = np.inf
    assert np.array_equal(median_filter(field, 9), np.ones((20, 20)))


def test_arrays_of_any_type_and_layout_are_accepted(clean_pairs):
    counts = np.round(3000 + 500 * clean_pairs[2][0]).astype(np.uint16)
    plain = np.stack(solve_horn_schunck(*counts.astype(np.float32)))
    for pair in (
        counts,
        counts.astype(np.float64),
        counts.astype(">i4"),
        np.asfortranarray(counts),
        np.repeat(np.repeat(counts, 2, 1), 2, 2)[:, ::2, ::2],
        [image[::-1, ::-1].copy()[::-1, ::-1] for image in counts],
    ):
        assert np.abs(np.stack(solve_horn_schunck(*pair)) - plain).max() < 1e-3


def test_invalid_input_raises_an_error_that_names_it():
    image = np.zeros((32, 32), np.float32)
    with pytest.raises(ValueError, match=r"the same .H, W. shape, got .32, 32. and .32, 31."):
        solve_horn_schunck(image, image[:, :-1])
    with pytest.raises(ValueError, match="the same .H, W. shape"):
        solve_horn_schunck(image[None], image[None])
    with pytest.raises(ValueError, match="at least 2 x 2"):
        solve_horn_schunck(image[:1], image[:1])
    with pytest.raises(ValueError, match="mask's shape"):
        solve_horn_schunck(image, image, mask=np.ones((4, 4), bool))
    with pytest.raises(ValueError, match="contrast, sobel, brightness"):
        replace(QUADRATIC, feature="colour")
    with pytest.raises(ValueError, match="5 or 7 taps"):
        Settings(taps=3)
    with pytest.raises(ValueError, match="weight above 0"):
        Settings(weight=0)
    with pytest.raises(ValueError, match="odd window"):
        median_filter(image, 4)
    with pytest.raises(ValueError, match="odd window"):
        Settings(median=4)
    with pytest.raises(ValueError, match="sigma must be above 0"):
        Settings(sigma=0)


def keys_kernel(t):
    """Bicubic kernel of Keys with a = -1/2, at distance `t`."""
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def read_bicubic(image, x, y):
    """Sample `image` at `(x, y)`, and return the mask of positions in the frame."""
    height, width = image.shape
    out, inside = np.zeros(x.shape), np.zeros(x.shape, bool)
    for index in np.ndindex(x.shape):
        px, py = x[index], y[index]
        inside[index] = 0 <= px <= width - 1 and 0 <= py <= height - 1
        px, py = np.clip(px, 0, width - 1), np.clip(py, 0, height - 1)
        for j in range(int(py) - 1, int(py) + 3):
            for i in range(int(px) - 1, int(px) + 3):
                value = image[np.clip(j, 0, height - 1), np.clip(i, 0, width - 1)]
                out[index] += keys_kernel(px - i) * keys_kernel(py - j) * value
    return out, inside


def solve_by_equations(reference, secondary):
    """Solve the equations of the paper, written as simply as possible.

    3 levels, 2 warps, 400 Jacobi steps, half-warps, 7 taps, Sobel magnitude, and a 9 x 9 median in
    every warp.
    """

    def prepare(image):
        magnitude = (
            np.hypot(ndimage.sobel(image, 1, mode="mirror"), ndimage.sobel(image, 0, mode="mirror"))
            / 8
        )
        return (magnitude - magnitude.mean()) / magnitude.std()

    def halve(image):
        def blur(field):
            return ndimage.gaussian_filter(field, 1, mode="constant", truncate=3)

        smooth = blur(image) / blur(np.ones_like(image))
        return (smooth[::2, ::2] + smooth[1::2, ::2] + smooth[::2, 1::2] + smooth[1::2, 1::2]) / 4

    def double(field):
        positions = [(np.arange(2 * side) - 0.5) / 2 for side in field.shape]
        return 2 * ndimage.map_coordinates(
            field, np.meshgrid(*positions, indexing="ij"), order=1, mode="nearest"
        )

    def slope(image, axis):
        return ndimage.correlate1d(
            image, np.array([-1, 9, -45, 0, 45, -9, 1]) / 60, axis, mode="nearest"
        )

    def mean(field):
        padded = np.pad(field, 1, mode="reflect")
        return (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4

    pyramid = [tuple(prepare(image.astype(float)) for image in (reference, secondary))]
    for _ in range(2):
        pyramid.append(tuple(halve(image) for image in pyramid[-1]))
    u = v = np.zeros(pyramid[-1][0].shape)
    for first, second in pyramid[::-1]:
        if u.shape != first.shape:
            u, v = double(u), double(v)
        y, x = np.mgrid[: first.shape[0], : first.shape[1]]
        for _ in range(2):
            one, first_visible = read_bicubic(first, x - u / 2, y - v / 2)
            two, second_visible = read_bicubic(second, x + u / 2, y + v / 2)
            ix, iy = slope((one + two) / 2, 1), slope((one + two) / 2, 0)
            it = two - one - ix * u - iy * v
            for _ in range(400):
                mean_u, mean_v = mean(u), mean(v)
                step = (
                    (first_visible & second_visible)
                    * (ix * mean_u + iy * mean_v + it)
                    / (PAPER.weight + ix**2 + iy**2)
                )
                u, v = mean_u - ix * step, mean_v - iy * step
            u, v = (
                ndimage.generic_filter(
                    part,
                    lambda w: np.nanquantile(w, 0.5, method="lower"),
                    9,
                    mode="constant",
                    cval=np.nan,
                )
                for part in (u, v)
            )
    return u, v


def test_the_paper_setting_agrees_with_its_equations():
    y, x = np.mgrid[0:64, 0:72] / 64
    flow = np.zeros((2, 128, 128), np.float32)
    flow[:, :64, :72] = 1.5 + x * y, 0.5 - y
    pair = [image[:64, :72] for image in move_texture(flow)]
    u, v = solve_horn_schunck(*pair, PAPER)
    slow_u, slow_v = solve_by_equations(*pair)
    assert np.hypot(slow_u - flow[0, :64, :72], slow_v - flow[1, :64, :72])[INNER].mean() < 0.3
    assert max(np.abs(u - slow_u).max(), np.abs(v - slow_v).max()) < 0.01
